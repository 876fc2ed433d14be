/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/trust.h"

#define PIN_1 "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define PIN_2 "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct bk_pin pin_1 = {{1}}, pin_2 = {{2}};

static struct bk_trust *load(const char *text)
{
	struct bk_trust *t;

	assert_int_equal(bk_trust_from_text(text, strlen(text), &t), 0);
	return t;
}

static void assert_text(const struct bk_trust *t, const char *want)
{
	char *text;

	assert_int_equal(bk_trust_to_text(t, &text), 0);
	assert_string_equal(text, want);
	free(text);
}

static void names_are_known_new_or_changed(void **state)
{
	struct bk_trust *t = load("example.org:15005 " PIN_1 "\nalice " PIN_2 "\n");

	(void)state;
	assert_int_equal(bk_trust_check(t, "example.org:15005", &pin_1), BK_TRUST_KNOWN);
	assert_int_equal(bk_trust_check(t, "example.org:15005", &pin_2), BK_TRUST_CHANGED);
	assert_int_equal(bk_trust_check(t, "alice", &pin_2), BK_TRUST_KNOWN);
	assert_int_equal(bk_trust_check(t, "alic", &pin_2), BK_TRUST_NEW);
	assert_int_equal(bk_trust_check(t, "Alice", &pin_2), BK_TRUST_NEW);
	assert_int_equal(bk_trust_check(t, "", &pin_2), BK_TRUST_NEW);
	bk_trust_free(t);
	bk_trust_free(NULL);
}

static void put_adds_and_replaces_in_place(void **state)
{
	struct bk_trust *t = load("");

	(void)state;
	assert_text(t, "");
	assert_int_equal(bk_trust_put(t, "a", &pin_1), 0);
	assert_int_equal(bk_trust_put(t, "b", &pin_1), 0);
	assert_int_equal(bk_trust_put(t, "a", &pin_2), 0);
	assert_text(t, "a " PIN_2 "\nb " PIN_1 "\n");
	bk_trust_free(t);
}

static void strange_lines_are_kept_and_never_trusted(void **state)
{
	static const char text[] = "# ours\n"
				   "\n"
				   "v2 alice " PIN_1 "\n"
				   "bob " PIN_1 " since-today\n"
				   "carol\t" PIN_1 "\n"
				   "dave  " PIN_1 "\n"
				   "erin short\n"
				   "#frank " PIN_1 "\n"
				   "grace " PIN_1 "\r\n"
				   "heidi " PIN_1 "\n"
				   "heidi " PIN_2 "\n"
				   " ivan " PIN_1 "\n";
	static const char *const names[] = {
		"v2", "bob", "carol", "dave", "erin", "#frank", "frank", "grace", "ivan", "#"};
	struct bk_trust *t = load(text);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(bk_trust_check(t, names[i], &pin_1), BK_TRUST_NEW);
	assert_int_equal(bk_trust_check(t, "heidi", &pin_1), BK_TRUST_KNOWN);
	assert_int_equal(bk_trust_check(t, "heidi", &pin_2), BK_TRUST_CHANGED);
	assert_text(t, text);
	bk_trust_free(t);
}

static void names_that_would_break_a_line_are_refused(void **state)
{
	static const char *const bad[] = {"", "a b", "a\n", "\ta", "a\x7f", "#a", "a\x01"};
	struct bk_trust *t = load("x " PIN_1);
	char name[BK_TRUST_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bk_trust_put(t, bad[i], &pin_1), BK_E_INVALID);
	memset(name, 'n', sizeof(name));
	name[BK_TRUST_NAME_MAX + 1] = '\0';
	assert_int_equal(bk_trust_put(t, name, &pin_1), BK_E_INVALID);
	name[BK_TRUST_NAME_MAX] = '\0';
	assert_int_equal(bk_trust_put(t, name, &pin_1), 0);
	assert_int_equal(bk_trust_put(t, "j\xc3\xb6rg", &pin_1), 0);
	bk_trust_free(t);
}

static void table_and_lines_have_ceilings(void **state)
{
	struct bk_trust *t = load("");
	char name[32], *text = malloc(5000000);

	(void)state;
	for (int i = 0; i < BK_TRUST_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "peer%d", i);
		assert_int_equal(bk_trust_put(t, name, &pin_1), 0);
	}
	assert_int_equal(bk_trust_put(t, "one-more", &pin_1), BK_E_FULL);
	assert_int_equal(bk_trust_put(t, "peer7", &pin_2), 0);
	bk_trust_free(t);
	t = NULL;
	memset(text, '\n', 5000000);
	assert_int_equal(bk_trust_from_text(text, 5000000, &t), BK_E_TOO_BIG);
	assert_int_equal(bk_trust_from_text(text, BK_TRUST_ENTRIES_MAX + 1, &t), BK_E_FULL);
	memset(text, 'a', 5000);
	assert_int_equal(bk_trust_from_text(text, 5000, &t), BK_E_TOO_BIG);
	text[10] = '\0';
	assert_int_equal(bk_trust_from_text(text, 100, &t), BK_E_MALFORMED);
	assert_null(t);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known_new_or_changed),
		cmocka_unit_test(put_adds_and_replaces_in_place),
		cmocka_unit_test(strange_lines_are_kept_and_never_trusted),
		cmocka_unit_test(names_that_would_break_a_line_are_refused),
		cmocka_unit_test(table_and_lines_have_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
