/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/code.h"

/* Whether one insertion, deletion or change of a letter makes b of a (or they are the same). */
static bool is_near(const char *a, const char *b)
{
	size_t head = 0, la = strlen(a), lb = strlen(b);

	while (a[head] && a[head] == b[head])
		head++;
	if (la == lb)
		return !a[head] || !strcmp(a + head + 1, b + head + 1);
	if (la + 1 == lb)
		return !strcmp(a + head, b + head + 1);
	return la == lb + 1 && !strcmp(a + head + 1, b + head);
}

static void list_has_1024_words_and_no_near_twins(void **state)
{
	(void)state;
	assert_null(bk_code_word(1024));
	for (size_t i = 0; i < 1024; i++) {
		const char *w = bk_code_word(i);

		assert_in_range(strlen(w), 4, 8);
		assert_int_equal(strspn(w, "abcdefghijklmnopqrstuvwxyz"), strlen(w));
		for (size_t k = 0; k < i; k++)
			if (is_near(w, bk_code_word(k)))
				fail_msg("%s and %s", w, bk_code_word(k));
	}
	assert_true(is_near("tulip", "tulips") && is_near("tulip", "ulip") && is_near("tulip", "turip"));
	assert_false(is_near("tulip", "trip"));
}

static void made_codes_read_back_and_differ(void **state)
{
	struct bk_code a, b, back;
	char text[BK_CODE_STR_MAX];
	int same = 0;

	(void)state;
	for (int words = BK_CODE_WORDS_MIN; words <= BK_CODE_WORDS_MAX; words++) {
		for (int i = 0; i < 20; i++) {
			int dashes = 0;

			assert_int_equal(bk_code_make(BK_NAMEPLATE_MAX, words, &a), 0);
			assert_int_equal(bk_code_make(BK_NAMEPLATE_MAX, words, &b), 0);
			same += !strcmp(a.password, b.password);
			for (const char *p = a.password; *p; p++)
				dashes += *p == '-';
			assert_int_equal(dashes, words - 1);
			assert_int_equal(bk_code_from_str(bk_code_to_str(&a, text), &back), 0);
			assert_int_equal(back.nameplate, BK_NAMEPLATE_MAX);
			assert_string_equal(back.password, a.password);
		}
	}
	assert_in_range(same, 0, 1);
	assert_int_equal(bk_code_make(7, 1, &a), BK_E_INVALID);
	assert_int_equal(bk_code_make(7, 17, &a), BK_E_INVALID);
	assert_int_equal(bk_code_make(0, 2, &a), BK_E_INVALID);
	assert_int_equal(bk_code_make(BK_NAMEPLATE_MAX + 1, 2, &a), BK_E_INVALID);
}

static void what_people_type_is_normalised(void **state)
{
	static const struct {
		const char *typed, *means;
	} rows[] = {
		{"7-tulip-anchor", "7-tulip-anchor"},
		{"7-Tulip-ANCHOR", "7-tulip-anchor"},
		{"  7 tulip anchor\n", "7-tulip-anchor"},
		{"7_tulip__anchor", "7-tulip-anchor"},
		{"7 -- tulip - anchor -", "7-tulip-anchor"},
		{"-7-tulip-anchor", "7-tulip-anchor"},
		{"007-tulip-anchor", "7-tulip-anchor"},
		{"9999999-secret99", "9999999-secret99"},
		{"12-34-56", "12-34-56"},
	};
	char text[BK_CODE_STR_MAX];
	struct bk_code code;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_code_from_str(rows[i].typed, &code), 0);
		assert_string_equal(bk_code_to_str(&code, text), rows[i].means);
	}
}

static void what_is_no_code_is_malformed(void **state)
{
	static const char *const rows[] = {"", " ", "7", "7-", "7 - ", "tulip-anchor", "-", "7tulip",
		"0-tulip", "12345678-tulip", "+7-tulip", "7-tulip!", "7-tul\x01ip", "7-t\xc3\xbclip",
		"7-tulip/anchor", "7.tulip"};
	struct bk_code code = {.nameplate = 5};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bk_code_from_str(rows[i], &code), BK_E_MALFORMED);
	for (size_t n = 1; n < sizeof(longest) - 3; n++) {
		char text[BK_CODE_STR_MAX];

		memset(longest, 'a', sizeof(longest));
		memcpy(longest, "7-", 2);
		longest[2 + n] = '\0';
		if (bk_code_from_str(longest, &code) == 0)
			assert_string_equal(bk_code_to_str(&code, text), longest);
		else
			assert_true(n > 140);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_has_1024_words_and_no_near_twins),
		cmocka_unit_test(made_codes_read_back_and_differ),
		cmocka_unit_test(what_people_type_is_normalised),
		cmocka_unit_test(what_is_no_code_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
