/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/code_prompt.h"

static enum bk_cli_code_key type(struct bk_cli_code_line *l, const char *keys, char choices[400])
{
	enum bk_cli_code_key key = BK_CLI_CODE_MORE;

	for (; *keys; keys++)
		key = bk_cli_code_line_take(l, *keys, choices, 400);
	return key;
}

static void keys_make_the_line_that_was_meant(void **state)
{
	static const struct {
		const char *keys, *line;
		enum bk_cli_code_key last;
	} rows[] = {
		{"7-tulip-anchor\r", "7-tulip-anchor", BK_CLI_CODE_ENTER},
		{"7 Tulip  ANCHOR\n", "7-tulip-anchor", BK_CLI_CODE_ENTER},
		{"7-tuli\t", "7-tulip-", BK_CLI_CODE_MORE},
		{"7-tuli\tanch\t", "7-tulip-anchor", BK_CLI_CODE_MORE},
		{"7-tu\t", "7-tu", BK_CLI_CODE_CHOICES},
		{"7-snowb\t-", "7-snowball-", BK_CLI_CODE_MORE},
		{"7-qqq\t", "7-qqq", BK_CLI_CODE_MORE},
		{"7\t", "7", BK_CLI_CODE_MORE},
		{"\t", "", BK_CLI_CODE_MORE},
		{"7-a\177\177\177\177\177", "", BK_CLI_CODE_MORE},
		{"7-tulip-an\027x", "7-tulipx", BK_CLI_CODE_MORE},
		{"7-tulip\0259-", "9-", BK_CLI_CODE_MORE},
		{"7-\033[A\033[3~\033OBx", "7-x", BK_CLI_CODE_MORE},
		{"7-\303\274;b!", "7-b", BK_CLI_CODE_MORE},
		{"7-a\003", "7-a", BK_CLI_CODE_CANCEL},
		{"\004", "", BK_CLI_CODE_CANCEL},
		{"7\004", "7", BK_CLI_CODE_MORE},
		{"bodkin recv 7-tulip-anchor\r", "7-tulip-anchor", BK_CLI_CODE_ENTER},
		{"$ bodkin recv -s 192.0.2.7:15005#wPyn-7-ufi 7-Tulip-anchor \r", "7-tulip-anchor",
			BK_CLI_CODE_ENTER},
		{"bodkin recv --plain -o x\0257 tulip anchor\r", "7-tulip-anchor", BK_CLI_CODE_ENTER},
		{"bodkin-7\r", "bodkin-7", BK_CLI_CODE_ENTER},
	};
	char choices[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_cli_code_line l = {0};

		assert_int_equal(type(&l, rows[i].keys, choices), rows[i].last);
		assert_string_equal(l.text, rows[i].line);
	}
}

static void several_words_are_named(void **state)
{
	struct bk_cli_code_line l = {0};
	char choices[400];

	(void)state;
	assert_int_equal(type(&l, "7-tul\t", choices), BK_CLI_CODE_MORE);
	assert_string_equal(l.text, "7-tulip-");
	l = (struct bk_cli_code_line){0};
	assert_int_equal(type(&l, "7-wav\t", choices), BK_CLI_CODE_MORE);
	assert_string_equal(l.text, "7-wave-");
	l = (struct bk_cli_code_line){0};
	assert_int_equal(type(&l, "7-tu\t", choices), BK_CLI_CODE_CHOICES);
	assert_non_null(strstr(choices, "tuba tugboat tulip"));
	l = (struct bk_cli_code_line){0};
	assert_int_equal(type(&l, "7-s\t", choices), BK_CLI_CODE_CHOICES);
	assert_true(strlen(choices) < 400);
	assert_string_equal(choices + strlen(choices) - 3, "...");
}

static void a_flood_of_keys_stays_inside(void **state)
{
	struct bk_cli_code_line l = {0};
	char choices[400];

	(void)state;
	for (int i = 0; i < 1000; i++)
		type(&l, "ab-c\t", choices);
	assert_int_equal(l.len, BK_CLI_CODE_MAX - 1);
	assert_int_equal(strlen(l.text), l.len);
}

static void a_refused_code_is_mended_or_typed_anew(void **state)
{
	static const struct {
		const char *keys, *line;
	} rows[] = {
		{"7-tulip-anchor", "7-tulip-anchor"},
		{"\177\177\177hor", "7-tulip-anchor"},
		{"-x", "7-tulip-ancohr-x"},
	};
	char choices[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_cli_code_line l = {0};

		type(&l, "7-tulip-ancohr", choices);
		l.is_refused = true;
		type(&l, rows[i].keys, choices);
		assert_string_equal(l.text, rows[i].line);
	}
}

static void an_invite_has_words_alone(void **state)
{
	static const struct {
		const char *keys, *line;
	} rows[] = {{"tuli\tanch\tx", "tulip-anchor-x"}, {"Tulip  anchor - tulip", "tulip-anchor-tulip"}};
	struct bk_cli_code_line l;
	char choices[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		l = (struct bk_cli_code_line){.has_words_alone = true};
		type(&l, rows[i].keys, choices);
		assert_string_equal(l.text, rows[i].line);
	}
	l.is_refused = true;
	type(&l, "a", choices);
	assert_string_equal(l.text, "a"); /* what nobody sees nobody mends */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_make_the_line_that_was_meant),
		cmocka_unit_test(several_words_are_named),
		cmocka_unit_test(a_refused_code_is_mended_or_typed_anew),
		cmocka_unit_test(an_invite_has_words_alone),
		cmocka_unit_test(a_flood_of_keys_stays_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
