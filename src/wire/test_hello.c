/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void a_hello_is_written_field_for_field(void **state)
{
	static const char expected[] = "{\"type\":\"PeerHelloMessage\",\"content\":\"hello\",\"number\":7}";
	const struct bk_hello h = {.content = "hello", .number = 7};
	struct bk_hello again;
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, BK_HELLO_MESSAGE_MAX);
	assert_int_equal(bk_hello_encode(&out, &h), 0);
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(bk_buf_head(&out), expected, out.len);
	assert_int_equal(bk_hello_decode(bk_buf_head(&out), out.len, &again), 0);
	assert_string_equal(again.content, "hello");
	assert_int_equal(again.number, 7);
	bk_buf_done(&out);
}

static void what_cannot_be_said_is_an_error(void **state)
{
	const struct bk_hello rows[] = {
		{.content = "\xff", .number = 1}, {.number = (uint64_t)INT64_MAX + 1}};
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, BK_HELLO_MESSAGE_MAX);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bk_hello_encode(&out, &rows[i]), BK_E_INVALID);
	assert_int_equal(out.len, 0);
	bk_buf_done(&out);
}

#define HELLO(content, number) "{\"type\":\"PeerHelloMessage\",\"content\":" content ",\"number\":" number "}"

static void only_a_hello_is_one(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} rows[] = {
		{HELLO("\"\"", "0"), 0},
		{HELLO("null", "1"), 0},
		{HELLO("\"x\"", "9223372036854775807"), 0},
		{"{\"number\":3,\"more\":[1],\"type\":\"PeerHelloMessage\"}", 0},
		{"{\"type\":\"PeerInfoMessage\"}", BK_E_PROTOCOL},
		{"{\"type\":\"peerhellomessage\",\"content\":\"\",\"number\":1}", BK_E_PROTOCOL},
		{HELLO("\"x\"", "9223372036854775808"), BK_E_MALFORMED},
		{HELLO("\"x\"", "-1"), BK_E_MALFORMED},
		{HELLO("\"x\"", "1.5"), BK_E_MALFORMED},
		{HELLO("\"x\"", "\"1\""), BK_E_MALFORMED},
		{HELLO("\"x\"", "null"), BK_E_MALFORMED},
		{HELLO("5", "1"), BK_E_MALFORMED},
		{HELLO("\"\xff\"", "1"), BK_E_MALFORMED},
		{HELLO("\"x\"", "1") "x", BK_E_MALFORMED},
		{"{\"type\":\"PeerHelloMessage\",\"number\":1,\"number\":2}", BK_E_MALFORMED},
		{"{\"content\":\"\",\"number\":1}", BK_E_MALFORMED},
		{"[]", BK_E_MALFORMED},
		{"", BK_E_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_hello h = {.number = 42};
		int err = bk_hello_decode(rows[i].text, strlen(rows[i].text), &h);

		if (err != rows[i].expected)
			fail_msg("'%s' gives %s", rows[i].text, bk_error_name(err));
		if (err)
			assert_int_equal(h.number, 42);
	}
}

static void content_is_harmless_to_show(void **state)
{
	static const char text[] = HELLO("\"a\\u001b[2J\\u202eb\"", "1");
	struct bk_hello h;

	(void)state;
	assert_int_equal(bk_hello_decode(text, strlen(text), &h), 0);
	assert_string_equal(h.content, "a?[2J?b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_is_written_field_for_field),
		cmocka_unit_test(what_cannot_be_said_is_an_error),
		cmocka_unit_test(only_a_hello_is_one),
		cmocka_unit_test(content_is_harmless_to_show),
	};

	return cmocka_run_group_tests_name("hello", tests, NULL, NULL);
}
