/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/error.h"
#include "portmap/web.h"

static struct bk_web_answer answer;

static int read_text(const char *text, bool is_end)
{
	bk_web_answer_init(&answer);
	answer.len = strlen(text);
	memcpy(answer.bytes, text, answer.len);
	return bk_web_answer_read(&answer, is_end);
}

static void a_place_is_an_address_and_a_path(void **state)
{
	struct bk_web_place p;
	struct bk_addr at = bk_addr_v4(10, 0, 0, 1, 5000);
	char url[BK_WEB_PATH_MAX + 32] = "http://10.0.0.1/";

	(void)state;
	assert_int_equal(bk_web_place_read("http://10.0.0.1:5000/a/b?c", &p), 0);
	assert_true(bk_addr_equal(&p.at, &at));
	assert_string_equal(p.path, "/a/b?c");
	assert_int_equal(bk_web_place_read("http://10.0.0.1", &p), 0);
	assert_int_equal(p.at.port, 80);
	assert_string_equal(p.path, "/");
	assert_int_equal(bk_web_place_read("https://10.0.0.1/", &p), BK_E_MALFORMED);
	assert_int_equal(bk_web_place_read("http://router/", &p), BK_E_MALFORMED);
	assert_int_equal(bk_web_place_read("http://10.0.0.1/a\r\nHost: b", &p), BK_E_MALFORMED);
	memset(url + strlen(url), 'a', BK_WEB_PATH_MAX);
	assert_int_equal(bk_web_place_read(url, &p), BK_E_TOO_BIG);
}

static void only_the_router_itself_is_believed(void **state)
{
	const struct bk_addr router = bk_addr_v4(10, 0, 0, 1, 0);

	(void)state;
	assert_true(bk_web_is_at("http://10.0.0.1:5000/rootDesc.xml", &router));
	assert_true(bk_web_is_at("http://10.0.0.1/x", &router));
	assert_false(bk_web_is_at("http://10.0.0.10:5000/x", &router));
	assert_false(bk_web_is_at("http://10.0.0.2:5000/x", &router));
	assert_false(bk_web_is_at("http://10.0.0.1@evil.example/x", &router));
	assert_false(bk_web_is_at("http://10.0.0.1:5000@evil.example/x", &router));
	assert_false(bk_web_is_at("file:///etc/passwd", &router));
	assert_false(bk_web_is_at("", &router));
	assert_false(bk_web_is_at(NULL, &router));
}

static void a_body_ends_where_its_length_or_the_connection_does(void **state)
{
	(void)state;
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\ncontent-LENGTH: 4\r\n\r\n<a/>more", false), 0);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, "<a/>");
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<a/>", false), BK_E_AGAIN);
	assert_int_equal(read_text("HTTP/1.0 500 Oh\n\n<a/>", false), BK_E_AGAIN);
	assert_int_equal(read_text("HTTP/1.0 500 Oh\n\n<a/>", true), 0);
	assert_int_equal(answer.status, 500);
	assert_string_equal(answer.body, "<a/>");
}

static void chunks_are_joined(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "4\r\n<a/>\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";

	(void)state;
	assert_int_equal(read_text(text, false), 0);
	assert_string_equal(answer.body, "<a/>0123456789");
	assert_int_equal(answer.body_len, 14);
	for (size_t n = 0; n < sizeof(text) - 6; n++) {
		bk_web_answer_init(&answer);
		memcpy(answer.bytes, text, n);
		answer.len = n;
		assert_int_equal(bk_web_answer_read(&answer, false), BK_E_AGAIN);
	}
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", false),
		BK_E_MALFORMED);
}

/* Byte by byte, as a slow router sends; what was read is gone at once. */
static int drip(const char *text, size_t len, size_t head_len)
{
	int err = BK_E_AGAIN;

	bk_web_answer_init(&answer);
	for (size_t i = 0; i < len && err == BK_E_AGAIN; i++) {
		answer.bytes[answer.len++] = text[i];
		err = bk_web_answer_read(&answer, false);
		if (text[i] == '\n' && i + 1 < head_len)
			memset(answer.bytes, '\r', i + 1);
	}
	return err;
}

static void no_byte_is_read_twice_however_few_come_at_a_time(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nC: d\r\n\r\n";
	static char text[BK_WEB_ANSWER_MAX];
	size_t len = sizeof(head) - 1, chunks = 0;
	clock_t begun = clock();

	(void)state;
	memcpy(text, head, len);
	for (; len + 16 < sizeof(text); len += 6, chunks++)
		memcpy(text + len, "1\r\nx\r\n", 6);
	memcpy(text + len, "0\r\n\r\n", 5);
	assert_int_equal(drip(text, len + 5, sizeof(head) - 1), 0);
	assert_true(answer.status == 200 && answer.body_len == chunks && chunks > 10000);
	assert_int_equal(strspn(answer.body, "x"), chunks);
	assert_true(clock() - begun < CLOCKS_PER_SEC); /* tens of seconds, if each byte has all read anew */
}

static void what_is_more_than_the_most_is_refused_before_it_came(void **state)
{
	(void)state;
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\n", false),
		BK_E_TOO_BIG);
	assert_int_equal(
		read_text(
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", false),
		BK_E_TOO_BIG);
	bk_web_answer_init(&answer);
	memset(answer.bytes, 'A', BK_WEB_ANSWER_MAX);
	answer.len = BK_WEB_ANSWER_MAX;
	assert_int_equal(bk_web_answer_read(&answer, false), BK_E_TOO_BIG);
}

static void what_is_no_answer_is_none(void **state)
{
	(void)state;
	assert_int_equal(read_text("", true), BK_E_MALFORMED);
	assert_int_equal(read_text("SSH-2.0-x\r\n\r\n", false), BK_E_MALFORMED);
	assert_int_equal(read_text("HTTP/1.1 x\r\n\r\n", false), BK_E_MALFORMED);
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", true), BK_E_MALFORMED);
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", false), BK_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_an_address_and_a_path),
		cmocka_unit_test(only_the_router_itself_is_believed),
		cmocka_unit_test(a_body_ends_where_its_length_or_the_connection_does),
		cmocka_unit_test(chunks_are_joined),
		cmocka_unit_test(no_byte_is_read_twice_however_few_come_at_a_time),
		cmocka_unit_test(what_is_more_than_the_most_is_refused_before_it_came),
		cmocka_unit_test(what_is_no_answer_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
