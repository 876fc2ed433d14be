/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sheet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <locale.h>
#include <string.h>

static void make(struct bk_cli_sheet *s, unsigned columns, const char *text, size_t cursor, size_t rows_max)
{
	struct bk_cli_editor e;

	bk_cli_editor_init(&e);
	bk_cli_editor_insert(&e, text);
	if (cursor <= e.len)
		e.cursor = cursor;
	bk_cli_sheet_begin(s, columns);
	bk_cli_sheet_add_text(s, "> ", &e, rows_max);
	bk_cli_editor_done(&e);
}

static const struct {
	unsigned columns;
	const char *text;
	size_t cursor;
	const char *rows[4];
	size_t cursor_row;
	unsigned cursor_column;
} width_rows[] = {
	{20, "", 9, {"> "}, 0, 2},
	{20, "abc", 9, {"> abc"}, 0, 5},
	{20, "abc", 1, {"> abc"}, 0, 3},
	/* 17 fit beside the prompt, and the last column stays free */
	{20, "0123456789abcdefg", 99, {"> 0123456789abcdefg"}, 0, 19},
	{20, "0123456789abcdefgh", 99, {"> 0123456789abcdefg", "  h"}, 1, 3},
	{20, "0123456789abcdefgh", 17, {"> 0123456789abcdefg", "  h"}, 1, 2},
	{20, "a\nb\n", 99, {"> a", "  b", "  "}, 2, 2},
	{20, "a\n\nb", 2, {"> a", "  ", "  b"}, 1, 2},
	{20, "a\tb", 99, {"> a    b"}, 0, 8},
	/* wide ones do not straddle; what stands upon another takes no column */
	{20, "0123456789abcdef\xe6\xbc\xa2", 99, {"> 0123456789abcdef", "  \xe6\xbc\xa2"}, 1, 4},
	{20, "0123456789abcde\xe6\xbc\xa2", 99, {"> 0123456789abcde\xe6\xbc\xa2"}, 0, 19},
	{20, "0123456789abcdefge\xcc\x81", 99, {"> 0123456789abcdefg", "  e\xcc\x81"}, 1, 3},
	{20, "0123456789abcdefe\xcc\x81", 99, {"> 0123456789abcdefe\xcc\x81"}, 0, 19},
	{20,
		"\xf0\x9f\xa6\x80"
		"b",
		1,
		{"> \xf0\x9f\xa6\x80"
		 "b"},
		0, 4},
	/* what shows nothing is a question mark, one column wide */
	{20,
		"a\xe2\x80\x8b"
		"b",
		99, {"> a?b"}, 0, 5},
	/* a window that has no room for a prompt */
	{9, "0123456789", 99, {"01234567", "89"}, 1, 2},
	{1, "0123456789", 99, {"0123456", "789"}, 1, 3},
};

static void a_text_takes_the_rows_that_its_widths_need(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(width_rows) / sizeof(width_rows[0]); i++) {
		struct bk_cli_sheet s;

		make(&s, width_rows[i].columns, width_rows[i].text, width_rows[i].cursor, 10);
		for (size_t k = 0; k < s.len; k++)
			if (!width_rows[i].rows[k] || strcmp(s.rows[k].text, width_rows[i].rows[k]) != 0)
				fail_msg("row %zu: '%s'", i, s.rows[k].text);
		if ((s.len < 4 && width_rows[i].rows[s.len]) || s.cursor_row != width_rows[i].cursor_row ||
			s.cursor_column != width_rows[i].cursor_column)
			fail_msg("row %zu: %zu width_rows, cursor %zu %u", i, s.len, s.cursor_row,
				s.cursor_column);
		bk_cli_sheet_done(&s);
	}
}

static void of_a_long_text_the_rows_around_the_cursor_are_shown(void **state)
{
	static const struct {
		size_t cursor;
		const char *first, *last;
		size_t cursor_row;
	} rows[] = {
		{0, "> 0", "  4", 0},
		{2, "> 0", "  4", 1},
		{4, "> 0", "  4", 2},
		{10, "  3", "  7", 2},
		{99, "  5", "  9", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_cli_sheet s;

		make(&s, 80, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9", rows[i].cursor, 5);
		assert_int_equal(s.len, 5);
		assert_string_equal(s.rows[0].text, rows[i].first);
		assert_string_equal(s.rows[4].text, rows[i].last);
		assert_int_equal(s.cursor_row, rows[i].cursor_row);
		bk_cli_sheet_done(&s);
	}
}

static void what_is_drawn_is_erased_also_in_a_narrower_window(void **state)
{
	struct bk_cli_sheet s;
	char *text;

	(void)state;
	bk_cli_sheet_begin(&s, 20);
	assert_null(bk_cli_sheet_draw(&s));
	assert_null(bk_cli_sheet_erase(&s, 20));
	make(&s, 20, "0123456789abcdefgh", 17, 10);
	text = bk_cli_sheet_draw(&s);
	assert_string_equal(text, "> 0123456789abcdefg\r\n  h\r\033[2C");
	free(text);
	text = bk_cli_sheet_erase(&s, 20);
	assert_string_equal(text, "\r\033[1A\033[J");
	free(text);
	text = bk_cli_sheet_erase(&s, 10); /* the first row takes two there */
	assert_string_equal(text, "\r\033[2A\033[J");
	free(text);
	bk_cli_sheet_done(&s);
	make(&s, 20, "0123456789abcdefgh", 0, 10);
	text = bk_cli_sheet_draw(&s);
	assert_string_equal(text, "> 0123456789abcdefg\r\n  h\033[1A\r\033[2C");
	free(text);
	bk_cli_sheet_done(&s);
}

static void rows_are_cut_to_the_window_and_bounded_in_number(void **state)
{
	struct bk_cli_editor e;
	struct bk_cli_sheet s;

	(void)state;
	bk_cli_editor_init(&e);
	bk_cli_sheet_begin(&s, 20);
	bk_cli_sheet_add(&s, "a\033[2J\xe6\xbc\xa2");
	assert_string_equal(s.rows[0].text, "a?[2J\xe6\xbc\xa2");
	assert_int_equal(s.rows[0].width, 7);
	for (int i = 0; i < 2 * BK_CLI_SHEET_ROWS_MAX; i++)
		bk_cli_sheet_add(&s, "the quick brown fox jumps over the lazy dog");
	assert_int_equal(s.len, BK_CLI_SHEET_ROWS_MAX);
	assert_string_equal(s.rows[1].text, "the quic...lazy dog");
	bk_cli_sheet_add_text(&s, "> ", &e, 10);
	assert_int_equal(s.len, BK_CLI_SHEET_ROWS_MAX);
	bk_cli_sheet_done(&s);
	bk_cli_editor_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_takes_the_rows_that_its_widths_need),
		cmocka_unit_test(of_a_long_text_the_rows_around_the_cursor_are_shown),
		cmocka_unit_test(what_is_drawn_is_erased_also_in_a_narrower_window),
		cmocka_unit_test(rows_are_cut_to_the_window_and_bounded_in_number),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
