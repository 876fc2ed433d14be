/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "secure/code.h"

static void made_codes_pass_however_they_are_typed(void **state)
{
	char text[BK_CODE_TEXT_MAX], typed[BK_CODE_STR_MAX];
	struct bk_code code;

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(bk_code_make(7, 2 + i % 15, &code), 0);
		assert_int_equal(bk_code_check(bk_code_to_str(&code, typed), text), 0);
		assert_string_equal(text, "");
	}
	assert_int_equal(bk_code_check(" 7 Tulip ANCHOR\n", text), 0);
}

static void a_slip_is_found_and_the_word_that_was_meant(void **state)
{
	static const struct {
		const char *typed, *said;
	} rows[] = {
		{"7-wawe-tulip", "did you mean 'wave'?"},
		{"7-tulip-wavee", "did you mean 'wave'?"},
		{"7-tulip-ancohr", "did you mean 'anchor'?"},
		{"7-tulip-ankor", "did you mean 'anchor'?"},
		{"7-tuilp-ancho", "did you mean 'tulip'?"},
		{"7-tulip-xyzzy", "'xyzzy' in the code is not a word"},
		{"7-tulip-anchor-tre", "did you mean 'tree'?"},
		{"7-tulip", "one word, 'tulip'"},
		{"7-tulip-", "one word, 'tulip'"},
		{"48-tulp", "one word, 'tulp'"},
		{"7-foo", "one word, 'foo', and needs two or more; is the rest missing?"},
		{"7-1234", "one word, '1234'"},
		{"7-tulipanchor", "did you mean 'tulip-anchor'"},
		{"7 TulipAnchor", "did you mean 'tulip-anchor'"},
		{"7", "has words behind its number"},
		{"7-", "has words behind its number"},
		{"tulip-anchor", "begins with its number"},
		{"", "has a number and words"},
		{"7-tulip!", "letters and digits"},
	};
	char text[BK_CODE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_code_check(rows[i].typed, text), BK_E_MALFORMED);
		if (!strstr(text, rows[i].said))
			fail_msg("%s: %s", rows[i].typed, text);
	}
}

static void codes_that_people_thought_of_pass(void **state)
{
	static const char *const rows[] = {"9999999-secret99", "12-34-56", "5-correct-horsebattery",
		"77-wrong-words", "1-a-b", "3-myverylongpasswordthatnobodyguesses"};
	char text[BK_CODE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bk_code_check(rows[i], text) < 0)
			fail_msg("%s: %s", rows[i], text);
}

/* Every letter of every word, dropped, doubled or changed: nothing of it may use a code up. */
static void every_slip_of_one_letter_is_found(void **state)
{
	char text[BK_CODE_TEXT_MAX], typed[64];
	const char *word;

	(void)state;
	for (size_t i = 0; (word = bk_code_word(i)); i++) {
		for (int at = 0; word[at]; at++) {
			snprintf(typed, sizeof(typed), "7-%.*s%s-tulip", at, word, word + at + 1);
			assert_int_equal(bk_code_check(typed, text), BK_E_MALFORMED);
			snprintf(typed, sizeof(typed), "7-tulip-%.*sx%s", at, word, word + at);
			assert_int_equal(bk_code_check(typed, text), BK_E_MALFORMED);
			if (!strstr(text, "did you mean '"))
				fail_msg("%s: %s", typed, text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_codes_pass_however_they_are_typed),
		cmocka_unit_test(a_slip_is_found_and_the_word_that_was_meant),
		cmocka_unit_test(codes_that_people_thought_of_pass),
		cmocka_unit_test(every_slip_of_one_letter_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
