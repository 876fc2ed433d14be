/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static struct bk_group_msg messages[] = {
	{.type = BK_GROUP_JOIN,
		.id = {1, 2},
		.life = {3},
		.number = 7,
		.bytes = (const uint8_t *)"card",
		.len = 4},
	{.type = BK_GROUP_CARD, .bytes = (const uint8_t *)"c", .len = 1},
	{.type = BK_GROUP_POST, .ticket = 9, .bytes = (const uint8_t *)"post", .len = 4},
	{.type = BK_GROUP_LEAVE},
	{.type = BK_GROUP_JOINED, .life = {9}, .member = 4, .oldest = 5, .number = 104},
	{.type = BK_GROUP_ROSTER, .is_last = true},
	{.type = BK_GROUP_CAME, .member = 8, .bytes = (const uint8_t *)"card", .len = 4},
	{.type = BK_GROUP_GONE, .member = INT64_MAX, .code = "peer-vanished"},
	{.type = BK_GROUP_SAID, .number = 3, .bytes = (const uint8_t *)"", .len = 0},
	{.type = BK_GROUP_DENIED,
		.type_denied = BK_GROUP_POST,
		.ticket = 9,
		.wait_ms = 50,
		.code = "rate-limited"},
	{.type = BK_GROUP_ENDED, .code = "too-slow"},
};

static void every_message_reads_back(void **state)
{
	struct bk_buf entries, out;

	(void)state;
	bk_buf_init(&entries, BK_GROUP_ROSTER_MAX);
	assert_int_equal(bk_group_entry_append(&entries, 1, "one", 3), 0);
	assert_int_equal(bk_group_entry_append(&entries, 2, "", 0), 0);
	messages[5].bytes = bk_buf_head(&entries);
	messages[5].len = entries.len;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct bk_group_msg back;

		bk_buf_init(&out, BK_GROUP_MSG_MAX);
		assert_int_equal(bk_group_encode(&out, &messages[i]), 0);
		assert_int_equal(bk_group_decode(bk_buf_head(&out), out.len, &back), 0);
		assert_int_equal(back.len, messages[i].len);
		if (back.len)
			assert_memory_equal(back.bytes, messages[i].bytes, back.len);
		back.bytes = messages[i].bytes;
		assert_memory_equal(back.id, messages[i].id, sizeof(back.id));
		assert_memory_equal(back.life, messages[i].life, sizeof(back.life));
		assert_true(back.member == messages[i].member && back.number == messages[i].number &&
			    back.oldest == messages[i].oldest);
		assert_true(back.ticket == messages[i].ticket && back.wait_ms == messages[i].wait_ms);
		assert_true(
			back.is_last == messages[i].is_last && back.type_denied == messages[i].type_denied);
		assert_string_equal(back.code, messages[i].code);
		for (size_t n = 0; n < out.len && messages[i].type == BK_GROUP_JOINED; n++)
			assert_int_equal(bk_group_decode(bk_buf_head(&out), n, &back), BK_E_TRUNCATED);
		bk_buf_done(&out);
	}
	bk_buf_done(&entries);
}

static void a_roster_is_read_entry_by_entry(void **state)
{
	struct bk_buf entries;
	const uint8_t *at, *card;
	size_t left, len;
	uint64_t member;

	(void)state;
	bk_buf_init(&entries, BK_GROUP_ROSTER_MAX);
	assert_int_equal(bk_group_entry_append(&entries, 5, "one", 3), 0);
	assert_int_equal(bk_group_entry_append(&entries, 6, "", 0), 0);
	at = bk_buf_head(&entries);
	left = entries.len;
	assert_true(bk_group_entry_next(&at, &left, &member, &card, &len));
	assert_true(member == 5 && len == 3 && !memcmp(card, "one", 3));
	assert_true(bk_group_entry_next(&at, &left, &member, &card, &len));
	assert_true(member == 6 && len == 0);
	assert_false(bk_group_entry_next(&at, &left, &member, &card, &len));
	bk_buf_done(&entries);
}

static void what_is_no_message_is_refused_by_name(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int err;
	} rows[] = {
		{"", 0, BK_E_TRUNCATED},
		{"\4", 1, 0},
		{"\4x", 2, BK_E_MALFORMED}, /* nothing belongs there */
		{"\5 of a later version", 21, 0},
		{"\3\0\0\0", 4, BK_E_TRUNCATED},
		{"\x14\x80\0\0\0\0\0\0\1p", 10, BK_E_MALFORMED}, /* a number too large */
		{"\x16too-slow", 9, 0},
		{"\x16Too slow", 9, BK_E_MALFORMED},
		{"\x16"
		 "123456789012345678901234567890123",
			34, BK_E_MALFORMED},
		{"\x11\2", 2, BK_E_MALFORMED},
		{"\x11\1\0\0\0\0\0\0\0\1\0\2a", 13, BK_E_MALFORMED}, /* a card cut off */
		{"\x11\1\0\0\0\0\0\0\0\1\0\1a", 13, 0},
		{"\x11\1\xff\0\0\0\0\0\0\1\0\1a", 13, BK_E_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_group_msg m;
		char *exact =
			malloc(rows[i].len ? rows[i].len : 1); /* a sanitizer sees what is read beyond it */

		memcpy(exact, rows[i].bytes, rows[i].len);
		if (bk_group_decode(exact, rows[i].len, &m) != rows[i].err)
			fail_msg("row %zu", i);
		free(exact);
	}
}

static void each_ceiling_holds_both_ways(void **state)
{
	static uint8_t much[BK_GROUP_MSG_MAX + 1] = {BK_GROUP_CARD};
	struct bk_group_msg m = {.type = BK_GROUP_POST, .bytes = much, .len = BK_GROUP_POST_MAX};
	struct bk_buf out, entries;
	int n = 0;

	(void)state;
	bk_buf_init(&out, BK_GROUP_MSG_MAX);
	assert_int_equal(bk_group_encode(&out, &m), 0);
	assert_int_equal(bk_group_decode(bk_buf_head(&out), out.len, &m), 0);
	bk_buf_done(&out);
	bk_buf_init(&out, 2 * BK_GROUP_MSG_MAX);
	m.len = BK_GROUP_POST_MAX + 1;
	assert_int_equal(bk_group_encode(&out, &m), BK_E_TOO_BIG);
	m = (struct bk_group_msg){.type = BK_GROUP_CARD, .bytes = much, .len = BK_GROUP_CARD_MAX + 1};
	assert_int_equal(bk_group_encode(&out, &m), BK_E_TOO_BIG);
	m = (struct bk_group_msg){.type = BK_GROUP_ENDED + 1};
	assert_int_equal(bk_group_encode(&out, &m), BK_E_INVALID);
	m = (struct bk_group_msg){.type = BK_GROUP_ENDED, .code = "No!"};
	assert_int_equal(bk_group_encode(&out, &m), BK_E_INVALID);
	assert_int_equal(out.len, 0);
	assert_int_equal(bk_group_decode(much, 1 + BK_GROUP_CARD_MAX, &m), 0);
	assert_int_equal(bk_group_decode(much, 2 + BK_GROUP_CARD_MAX, &m), BK_E_TOO_BIG);
	assert_int_equal(bk_group_decode(much, sizeof(much), &m), BK_E_TOO_BIG);
	bk_buf_done(&out);
	bk_buf_init(&entries, 2 * BK_GROUP_ROSTER_MAX);
	assert_int_equal(bk_group_entry_append(&entries, 1, much, BK_GROUP_CARD_MAX + 1), BK_E_TOO_BIG);
	while (!bk_group_entry_append(&entries, 1, much, BK_GROUP_CARD_MAX))
		n++;
	assert_true(n > 60 && entries.len <= BK_GROUP_ROSTER_MAX);
	bk_buf_done(&entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_reads_back),
		cmocka_unit_test(a_roster_is_read_entry_by_entry),
		cmocka_unit_test(what_is_no_message_is_refused_by_name),
		cmocka_unit_test(each_ceiling_holds_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
