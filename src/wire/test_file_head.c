/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/error.h"
#include "wire/file.h"

enum { TEXT_MAX = 512 };

static const struct bk_file_msg msgs[] = {
	{.type = BK_FILE_CONTENT},
	{.type = BK_FILE_CONTENT, .entry = UINT32_MAX, .offset = INT64_MAX},
	{.type = BK_FILE_CONTENT, .entry = 7, .offset = 4096, .hole = 65536},
	{.type = BK_FILE_DIGEST, .entry = 10, .digest = {0x01, 0x23, 0xab, 0xff}},
};

enum { MSGS = sizeof(msgs) / sizeof(msgs[0]) };

static json_t *tree_of(const struct bk_file_msg *m)
{
	if (m->type == BK_FILE_DIGEST)
		return json_pack("{s:s, s:I, s:s}", "type", "digest", "entry", (json_int_t)m->entry,
			"xxh3_128", "0123abff000000000000000000000000");
	if (m->hole)
		return json_pack("{s:s, s:I, s:I, s:I}", "type", "content", "entry", (json_int_t)m->entry,
			"offset", (json_int_t)m->offset, "hole", (json_int_t)m->hole);
	return json_pack("{s:s, s:I, s:I}", "type", "content", "entry", (json_int_t)m->entry, "offset",
		(json_int_t)m->offset);
}

static void what_is_printed_is_what_a_tree_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < MSGS; i++) {
		json_t *tree = tree_of(&msgs[i]);
		struct bk_buf got, want;

		bk_buf_init(&got, 4096);
		bk_buf_init(&want, 4096);
		assert_int_equal(bk_file_msg_encode(&got, &msgs[i], i * 1000), 0);
		assert_int_equal(bk_frame_append_json(&want, tree, "binary", NULL, i * 1000), 0);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(bk_buf_head(&got), bk_buf_head(&want), want.len);
		json_decref(tree);
		bk_buf_done(&got);
		bk_buf_done(&want);
	}
}

static void what_cannot_be_said_or_has_no_room_is_refused(void **state)
{
	struct bk_file_msg far = {.type = BK_FILE_CONTENT, .offset = UINT64_MAX};
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, 100);
	assert_int_equal(bk_file_msg_encode(&out, &far, 0), BK_E_INVALID);
	assert_int_equal(bk_file_msg_encode(&out, &msgs[0], UINT64_MAX), BK_E_INVALID);
	assert_int_equal(bk_file_msg_encode(&out, &msgs[0], 0), BK_E_FULL);
	assert_int_equal(out.len, 0);
	bk_buf_done(&out);
}

/* With a space in it only the tree reads it. */
static void compare(const char *text, size_t n)
{
	char spaced[TEXT_MAX + 1] = "{ ";
	struct bk_file_msg a = {0}, b = {0};
	int want, got = bk_file_msg_decode(text, n, 0, &a);

	memcpy(spaced + 2, text + 1, n - 1);
	want = bk_file_msg_decode(spaced, n + 1, 0, &b);
	if (got != want || a.type != b.type || a.entry != b.entry || a.offset != b.offset ||
		a.hole != b.hole || memcmp(a.digest, b.digest, sizeof(a.digest)) != 0)
		fail_msg("'%.*s': %s, but %s", (int)n, text, bk_error_name(got), bk_error_name(want));
}

static void compare_changed(char *text, size_t n)
{
	static const char bytes[] = "\"{}:,0195-+.eEaAfFg \\n\x01\x7f\xc3";

	for (size_t at = 1; at < n; at++) {
		char was = text[at];

		for (size_t i = 0; i < sizeof(bytes); i++) {
			text[at] = bytes[i];
			compare(text, n);
		}
		text[at] = was;
		compare(text, at);
	}
}

static void read_as_text_or_as_a_tree_a_header_says_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < MSGS; i++) {
		char text[TEXT_MAX];
		struct bk_buf out;
		size_t n;

		bk_buf_init(&out, 4096);
		assert_int_equal(bk_file_msg_encode(&out, &msgs[i], 0), 0);
		n = out.len - 2;
		memcpy(text, bk_buf_head(&out) + 2, n);
		compare(text, n);
		compare_changed(text, n);
		bk_buf_done(&out);
	}
}

static void numbers_beyond_their_kind_are_refused(void **state)
{
	static const char front[] =
		"{\"byteorder\":\"big\",\"content-type\":\"binary\","
		"\"content-encoding\":\"binary\",\"content-length\":0,\"type\":\"content\",";
	static const struct {
		const char *rest;
		int want;
	} rows[] = {
		{"\"entry\":4294967295,\"offset\":9223372036854775807}", 0},
		{"\"entry\":4294967296,\"offset\":0}", BK_E_MALFORMED},
		{"\"entry\":0,\"offset\":9223372036854775808}", BK_E_MALFORMED},
		{"\"entry\":0,\"offset\":18446744073709551616}", BK_E_MALFORMED},
		{"\"entry\":00,\"offset\":0}", BK_E_MALFORMED},
		{"\"entry\":,\"offset\":0}", BK_E_MALFORMED},
		{"\"entry\":0,\"offset\":0}}", BK_E_MALFORMED},
		{"\"entry\":0,\"offset\":0,\"hole\":4194305}", BK_E_TOO_BIG},
		{"\"entry\":0,\"offset\":0,\"hole\":0}", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[TEXT_MAX];
		struct bk_file_msg m;
		int n = snprintf(text, sizeof(text), "%s%s", front, rows[i].rest);

		if (bk_file_msg_decode(text, (size_t)n, 0, &m) != rows[i].want)
			fail_msg("'%s'", rows[i].rest);
		compare(text, (size_t)n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_what_a_tree_prints),
		cmocka_unit_test(what_cannot_be_said_or_has_no_room_is_refused),
		cmocka_unit_test(read_as_text_or_as_a_tree_a_header_says_the_same),
		cmocka_unit_test(numbers_beyond_their_kind_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
