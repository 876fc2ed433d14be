/* SPDX-License-Identifier: Apache-2.0 */
/* How many guesses a code for several has: the arithmetic that stands in watchword.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "meet/watchword.h"

/* One that waits under the code of the share; it is shown. */
static void wait_with(struct bk_watchword *w, struct bk_watchword_share *share, const char *wish, int words)
{
	const struct bk_session_opts opts = {.code_wish = wish, .code_words = words};
	char code[BK_CODE_STR_MAX], text[BK_WATCHWORD_TEXT_MAX];

	assert_int_equal(bk_watchword_init(w, &opts, true, share), 0);
	assert_int_equal(bk_watchword_prepare(w), 0);
	assert_true(bk_watchword_take_number(w, bk_watchword_number(w) ? bk_watchword_number(w) : 7));
	bk_watchword_show(w, code, text);
}

/* Guesses at codes for several until nothing takes the place of the last one: how many, and at how many codes. Each
 * guess meets another watchword. */
static unsigned guess_all(const char *wish, int words, unsigned *ret_codes)
{
	struct bk_watchword_share share = {0};
	struct bk_watchword w;
	char text[BK_WATCHWORD_TEXT_MAX], before[BK_CODE_STR_MAX];
	unsigned n = 0;

	*ret_codes = 1;
	for (;;) {
		wait_with(&w, &share, wish, words);
		strcpy(before, w.code.password);
		bk_watchword_guessed(&w);
		n++;
		if (bk_watchword_stays(&w, BK_E_WRONG_CODE, text))
			continue;
		if (!bk_watchword_may_renew(&w))
			return n;
		bk_watchword_spend(&w, BK_E_WRONG_CODE);
		assert_int_equal(bk_watchword_prepare(&w), 0);
		assert_string_not_equal(w.code.password, before);
		++*ret_codes;
	}
}

static void a_code_for_several_has_as_many_guesses_as_its_words_bear(void **state)
{
	static const struct {
		const char *wish;
		int words;
		unsigned guesses, codes;
	} rows[] = {
		{NULL, 0, 64, 4},
		{NULL, 5, 64, 4},
		{NULL, 2, 4, 1},
		{"7-blue-whale", 0, 4, 1},
		{"7-blue-whale-song", 0, 16, 1},
	};
	unsigned codes;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(guess_all(rows[i].wish, rows[i].words, &codes), rows[i].guesses);
		assert_int_equal(codes, rows[i].codes);
	}
}

static void the_next_one_waits_under_the_same_code(void **state)
{
	struct bk_watchword_share share = {0};
	struct bk_watchword first, second;

	(void)state;
	wait_with(&first, &share, NULL, 0);
	wait_with(&second, &share, NULL, 0);
	assert_int_equal(second.code.nameplate, first.code.nameplate);
	assert_string_equal(second.code.password, first.code.password);
	bk_watchword_spend(&second, BK_E_EXISTS); /* somebody else has the number */
	wait_with(&first, &share, NULL, 0);
	assert_string_not_equal(first.code.password, second.code.password);
}

static void a_claim_without_an_answer_is_no_guess(void **state)
{
	struct bk_watchword_share share = {0};
	struct bk_watchword w;
	char text[BK_WATCHWORD_TEXT_MAX];

	(void)state;
	wait_with(&w, &share, NULL, 0);
	for (int i = 0; i < 100; i++)
		assert_true(bk_watchword_stays(&w, BK_E_TIMEOUT, text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_for_several_has_as_many_guesses_as_its_words_bear),
		cmocka_unit_test(the_next_one_waits_under_the_same_code),
		cmocka_unit_test(a_claim_without_an_answer_is_no_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
