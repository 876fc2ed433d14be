/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void a_message_is_a_length_a_type_a_number_and_a_text(void **state)
{
	const struct bk_chat_msg m = {BK_CHAT_TEXT, 0x0102, "h\xc3\xa9", 3};
	struct bk_chat_msg back;
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, 100);
	assert_int_equal(bk_chat_encode(&out, &m), 0);
	assert_int_equal(out.len, 16);
	assert_memory_equal(bk_buf_head(&out), "\0\0\0\x0c\1\0\0\0\0\0\0\1\2h\xc3\xa9", 16);
	assert_int_equal(bk_chat_decode(bk_buf_head(&out) + 4, 12, &back), 0);
	assert_int_equal(back.type, BK_CHAT_TEXT);
	assert_int_equal(back.number, 0x0102);
	assert_int_equal(back.len, 3);
	assert_memory_equal(back.text, "h\xc3\xa9", 3);
	bk_buf_done(&out);
}

static void what_is_no_message_is_refused_by_name(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int err;
	} rows[] = {
		{"", 0, BK_E_TRUNCATED}, {"\1\0\0\0\0\0\0\0", 8, BK_E_TRUNCATED},
		{"\1\0\0\0\0\0\0\0\1", 9, 0}, /* nothing was said, which can be said */
		{"\1\x80\0\0\0\0\0\0\1", 9, BK_E_MALFORMED}, {"\1\0\0\0\0\0\0\0\1a\0b", 12, BK_E_MALFORMED},
		{"\1\0\0\0\0\0\0\0\1\xff", 10, BK_E_MALFORMED},
		{"\1\0\0\0\0\0\0\0\1\xf0\x9f\xa6", 12, BK_E_MALFORMED},
		{"\1\0\0\0\0\0\0\0\1\xf0\x9f\xa6\x80", 13, 0}, {"\2\0\0\0\0\0\0\0\1", 9, 0},
		{"\2\0\0\0\0\0\0\0\1x", 10, BK_E_MALFORMED}, {"\3\0\0\0\0\0\0\0\0\xff", 10, BK_E_MALFORMED},
		{"\0\0\0\0\0\0\0\0\0x", 10, BK_E_MALFORMED},
		{"\4\0\0\0\0\0\0\0\0\xff", 10, 0}, /* of a later version */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_chat_msg m;
		char *exact = malloc(rows[i].len + 1); /* a sanitizer sees what is read beyond it */

		memcpy(exact, rows[i].bytes, rows[i].len);
		exact = realloc(exact, rows[i].len ? rows[i].len : 1);
		if (bk_chat_decode(exact, rows[i].len, &m) != rows[i].err)
			fail_msg("row %zu", i);
		free(exact);
	}
}

static void the_longest_text_passes_and_one_byte_more_does_not(void **state)
{
	static char text[BK_CHAT_TEXT_MAX + 1];
	struct bk_chat_msg m = {BK_CHAT_TEXT, 1, text, BK_CHAT_TEXT_MAX};
	struct bk_buf out;

	(void)state;
	memset(text, 'x', sizeof(text));
	bk_buf_init(&out, 4 + BK_CHAT_WIRE_MAX);
	assert_int_equal(bk_chat_encode(&out, &m), 0);
	assert_int_equal(bk_chat_encode(&out, &m), BK_E_FULL);
	assert_int_equal(out.len, 4 + BK_CHAT_WIRE_MAX);
	assert_int_equal(bk_chat_decode(bk_buf_head(&out) + 4, out.len - 4, &m), 0);
	assert_int_equal(bk_chat_decode(bk_buf_head(&out) + 3, out.len - 3, &m), BK_E_TOO_BIG);
	m = (struct bk_chat_msg){BK_CHAT_TEXT, 1, text, sizeof(text)};
	assert_int_equal(bk_chat_encode(&out, &m), BK_E_TOO_BIG);
	assert_int_equal(bk_chat_check("a\0b", 3), BK_E_INVALID);
	assert_int_equal(bk_chat_check(NULL, 0), 0);
	bk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_a_length_a_type_a_number_and_a_text),
		cmocka_unit_test(what_is_no_message_is_refused_by_name),
		cmocka_unit_test(the_longest_text_passes_and_one_byte_more_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
