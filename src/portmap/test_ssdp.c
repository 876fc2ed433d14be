/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/ssdp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/error.h"

static int read_text(const char *text, char url[BK_SSDP_URL_MAX])
{
	return bk_ssdp_read((const uint8_t *)text, strlen(text), url);
}

static void an_answer_says_where_the_device_is(void **state)
{
	static const struct {
		const char *text, *url; /* NULL: no answer */
	} rows[] = {
		{"HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: http://10.1.0.1:5000/d.xml\r\nEXT:\r\n\r\n",
			"http://10.1.0.1:5000/d.xml"},
		{"HTTP/1.0 200 OK\nlocation:http://10.1.0.1/", "http://10.1.0.1/"},
		{"HTTP/1.1 200\r\nLocation:\t http://[fe80::1]/ \r\n", "http://[fe80::1]/"},
		{"HTTP/1.1 404 Not Found\r\nLOCATION: http://10.1.0.1/\r\n\r\n", NULL},
		{"NOTIFY * HTTP/1.1\r\nLOCATION: http://10.1.0.1/\r\n\r\n", NULL},
		{"HTTP/1.1 200 OK\r\nLOCATION: http://10.1.0.1/a b\r\n\r\n", NULL},
		{"HTTP/1.1 200 OK\r\nLOCATION:\r\nX: http://10.1.0.1/\r\n\r\n", NULL},
		{"HTTP/1.1 200 OK\r\nX-LOCATION: http://10.1.0.1/\r\n\r\n", NULL},
		{"LOCATION: http://10.1.0.1/\r\n", NULL},
		{"HTTP/1.", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char url[BK_SSDP_URL_MAX] = "";

		assert_int_equal(read_text(rows[i].text, url), rows[i].url ? 0 : BK_E_MALFORMED);
		assert_string_equal(url, rows[i].url ? rows[i].url : "");
	}
}

static void an_answer_and_an_address_have_their_ceilings(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nLOCATION: ";
	char text[BK_SSDP_ANSWER_MAX + 2], url[BK_SSDP_URL_MAX];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, head, sizeof(head) - 1);
	text[sizeof(head) - 1 + BK_SSDP_URL_MAX] = '\0';
	assert_int_equal(read_text(text, url), BK_E_TOO_BIG);
	text[sizeof(head) - 1 + BK_SSDP_URL_MAX - 1] = '\0';
	assert_int_equal(read_text(text, url), 0);
	assert_int_equal(strlen(url), BK_SSDP_URL_MAX - 1);
	text[sizeof(head) - 1 + 8] = '\n';
	assert_int_equal(bk_ssdp_read((const uint8_t *)text, BK_SSDP_ANSWER_MAX, url), 0);
	assert_int_equal(bk_ssdp_read((const uint8_t *)text, BK_SSDP_ANSWER_MAX + 1, url), BK_E_TOO_BIG);
}

static void a_question_names_what_is_searched_for_and_who_hears_it(void **state)
{
	const struct bk_addr to = bk_addr_v4(239, 255, 255, 250, BK_SSDP_PORT);
	char question[BK_SSDP_QUESTION_MAX], wanted[128];
	size_t n;

	(void)state;
	for (n = 0; bk_ssdp_target(n); n++) {
		size_t len = bk_ssdp_put(bk_ssdp_target(n), &to, question);

		assert_true(len < sizeof(question) && len == strlen(question));
		assert_ptr_equal(
			strstr(question, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"), question);
		snprintf(wanted, sizeof(wanted), "\r\nST: %s\r\n", bk_ssdp_target(n));
		assert_non_null(strstr(question, wanted));
		assert_string_equal(question + len - 4, "\r\n\r\n");
	}
	assert_int_equal(n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_says_where_the_device_is),
		cmocka_unit_test(an_answer_and_an_address_have_their_ceilings),
		cmocka_unit_test(a_question_names_what_is_searched_for_and_who_hears_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
