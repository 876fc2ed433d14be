/* SPDX-License-Identifier: Apache-2.0 */
#include "group/summons.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "group/chain.h"

#define TOO_LONG "0123456789012345678901234567890123456789012345678901234567890123"

static void what_is_told_is_read_as_it_was_meant(void **state)
{
	static const struct {
		const char *purpose, *code;
	} rows[] = {{"files", "7-tulip-anchor"}, {"ping", ""}, {"a/1-b", "x y~"},
		{"01234567890123456789012345678901",
			TOO_LONG "012345678901234567890123456789012345678901234567890123456789012"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[BK_SUMMONS_LEN_MAX];
		struct bk_summons said, heard;
		struct bk_writer w;

		assert_int_equal(bk_summons_of(rows[i].purpose, rows[i].code, &said), 0);
		bk_writer_init(&w, bytes, sizeof(bytes));
		bk_summons_write(&w, &said);
		assert_int_equal(w.error, 0);
		assert_int_equal(bk_summons_read(bytes, bk_writer_len(&w), &heard), 0);
		assert_string_equal(heard.purpose, rows[i].purpose);
		assert_string_equal(heard.code, rows[i].code);
		for (size_t n = 0; n < bk_writer_len(&w); n++)
			assert_int_equal(bk_summons_read(bytes, n, &heard), BK_E_MALFORMED);
	}
}

static void what_cannot_be_meant_is_neither_told_nor_read(void **state)
{
	static const char *const purposes[] = {"", "Files", "a b", "\x1b", TOO_LONG};
	static const char *const codes[] = {"\n", "\x7f", "\xc3\xa4", TOO_LONG TOO_LONG};
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {{"", 0}, {"\1a", 2}, {"\0\0", 2}, {"\1a\0x", 4}, {"\1A\0", 3}, {"\1\0\0", 3},
		{"\1a\1\n", 4}, {"\1a\2b\0", 5}, {"\377a\0", 3}};
	struct bk_summons s;

	(void)state;
	for (size_t i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++)
		assert_int_equal(bk_summons_of(purposes[i], "7-a-b", &s), BK_E_INVALID);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_int_equal(bk_summons_of("files", codes[i], &s), BK_E_INVALID);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bk_summons_read(rows[i].bytes, rows[i].len, &s), BK_E_MALFORMED);
}

/* --- a call that is too late --- */

struct caller {
	uint32_t unsent;
	int error;
};

static void on_unsent(void *arg, uint32_t ticket, int error)
{
	struct caller *p = arg;

	p->unsent = ticket;
	p->error = error;
}

static void one_that_could_not_go_out_for_a_minute_does_not_any_more(void **state)
{
	static const struct bk_chain_events events = {.on_unsent = on_unsent};
	static const uint8_t life[BK_GROUP_LIFE_LEN] = {1};
	static const struct bk_group_keys keys;
	struct caller caller = {0};
	struct bk_signer signer;
	const struct bk_chain_opts opts = {.keys = &keys,
		.signer = &signer,
		.name = "anna",
		.sitting = 1,
		.events = &events,
		.arg = &caller};
	struct bk_summons s;
	struct bk_chain *c;
	const uint8_t *post;
	uint32_t ticket, sent;
	size_t len;

	(void)state;
	crypto_sign_keypair(signer.key, signer.secret);
	assert_int_equal(bk_chain_new(&opts, &c), 0);
	assert_int_equal(bk_summons_of("files", "7-tulip-anchor", &s), 0);
	assert_int_equal(bk_chain_call(c, signer.key, &s, 100 * BK_SEC, 0, &ticket), 0);
	bk_chain_on_time(c, 159 * BK_SEC);
	assert_int_equal(caller.unsent, 0);
	bk_chain_on_time(c, 161 * BK_SEC);
	assert_int_equal(caller.unsent, ticket);
	assert_int_equal(caller.error, BK_E_TIMEOUT);
	assert_int_equal(bk_chain_begin(c, life, 0, 0), 0);
	assert_int_equal(bk_chain_next_post(c, 161 * BK_SEC, &sent, &post, &len), 0);
	assert_int_equal(bk_chain_call(c, signer.key, &s, 161 * BK_SEC, 0, &ticket), 0);
	assert_int_equal(bk_chain_next_post(c, 162 * BK_SEC, &sent, &post, &len), 1);
	assert_int_equal(sent, ticket);
	bk_chain_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_is_read_as_it_was_meant),
		cmocka_unit_test(what_cannot_be_meant_is_neither_told_nor_read),
		cmocka_unit_test(one_that_could_not_go_out_for_a_minute_does_not_any_more),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("summons", tests, NULL, NULL);
}
