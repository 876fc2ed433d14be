/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bar.h"
#include "cli/human.h"

static void sizes_have_three_digits_and_the_next_unit_in_time(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} rows[] = {
		{0, "0 bytes"},
		{1, "1 byte"},
		{999, "999 bytes"},
		{1000, "1.00 kB"},
		{1500, "1.50 kB"},
		{12345, "12.3 kB"},
		{99949, "99.9 kB"},
		{99950, "100 kB"},
		{999499, "999 kB"},
		{999500, "1.00 MB"},
		{100000000, "100 MB"},
		{1073741824, "1.07 GB"},
		{UINT64_MAX, "18.4 EB"},
	};
	char out[BK_CLI_HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(bk_cli_human_bytes(rows[i].bytes, out), rows[i].want);
}

static void durations_read_like_speech(void **state)
{
	static const struct {
		double seconds;
		const char *want, *left;
	} rows[] = {
		{0, "0.0 ms", "0:00"},
		{0.004, "4.0 ms", "0:00"},
		{0.05, "50 ms", "0:00"},
		{1.24, "1.2 s", "0:01"},
		{12, "12 s", "0:12"},
		{59.6, "1 min 0 s", "1:00"},
		{185, "3 min 5 s", "3:05"},
		{7500, "2 h 5 min", "2:05:00"},
		{1e12, "277777777 h 46 min", "99:59:59"},
	};
	char out[BK_CLI_HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(bk_cli_human_seconds(rows[i].seconds, out), rows[i].want);
		assert_string_equal(bk_cli_human_left(rows[i].seconds, out), rows[i].left);
	}
}

static size_t columns_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void the_bar_fits_any_window(void **state)
{
	(void)state;
	for (unsigned columns = 0; columns < 400; columns++)
		for (unsigned percent = 0; percent <= 110; percent += 5)
			for (int utf8 = 0; utf8 < 2; utf8++) {
				struct bk_cli_bar bar = {.bytes = percent * 10000000ull,
					.total = 1000000000,
					.rate = 1e6,
					.columns = columns,
					.is_utf8 = utf8};
				char out[BK_CLI_BAR_MAX];
				size_t n = bk_cli_bar_format(&bar, out);

				assert_int_equal(n, columns_of(out));
				/* ^C, which the terminal writes behind it, does not wrap either */
				assert_true(n + 2 < columns || n <= 1);
			}
}

static void a_bar_without_a_path_has_no_rate(void **state)
{
	char out[BK_CLI_BAR_MAX];

	(void)state;
	for (unsigned columns = 1; columns <= 200; columns++)
		for (unsigned i = 0; i < 8; i++) {
			struct bk_cli_bar bar = {.bytes = 45000000,
				.total = 100000000,
				.rate = 5e6,
				.columns = columns,
				.file = "photos/one",
				.number = 3,
				.files = i & 4 ? 12 : 1,
				.is_lost = true,
				.is_endless = i & 1,
				.is_limited = i & 2};

			assert_true(bk_cli_bar_format(&bar, out) <= (columns > 3 ? columns - 3 : 1));
			assert_null(strstr(out, "/s"));
			assert_null(strstr(out, "left"));
			if (columns > 30)
				assert_non_null(strstr(out, "path lost"));
			if (columns > 70)
				assert_non_null(strstr(out, "path lost, looking for another"));
		}
}

static void the_bar_tells_all_where_there_is_room(void **state)
{
	struct bk_cli_bar bar = {.bytes = 45000000, .total = 100000000, .rate = 5e6, .columns = 80};
	char out[BK_CLI_BAR_MAX];

	(void)state;
	bk_cli_bar_format(&bar, out);
	assert_string_equal(
		out, " 45% [############---------------]   45.0 MB of 100 MB  5.00 MB/s   0:11 left");
	bar.columns = 40;
	bk_cli_bar_format(&bar, out);
	assert_null(strstr(out, "of"));
	assert_non_null(strstr(out, "left"));
	bar.bytes = bar.total = 0;
	bk_cli_bar_format(&bar, out);
	assert_memory_equal(out, "100%", 4);
}

static void lines_break_at_blanks_and_nowhere_else(void **state)
{
	static const struct {
		const char *text;
		unsigned columns;
		const char *want;
	} rows[] = {
		{"one two three\n", 80, "one two three\n"},
		{"one two three\n", 7, "one two\nthree\n"},
		{"one two three\n", 6, "one\ntwo\nthree\n"},
		{"one two three\n", 0, "one two three\n"},
		{"  a name that  is\nlong\n", 8, "  a name\nthat  is\nlong\n"},
		{"say \033[1mbold words\033[0m now", 14, "say \033[1mbold words\033[0m\nnow"},
		{"type: do\x1fthis\x1fnow ", 11, "type:\ndo this now "},
		{"type: do\x1fthis\x1fnow here", 10, "type: do this now\nhere"},
		{"abcdefghijkl m n", 5, "abcdefghijkl m\nn"},
		{"", 5, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", rows[i].text);
		bk_cli_human_wrap(text, rows[i].columns);
		assert_string_equal(text, rows[i].want);
	}
}

static void no_row_of_what_others_say_looks_like_a_line(void **state)
{
	static const struct {
		const char *text;
		unsigned at, columns;
		const char *folded;
	} rows[] = {
		{"as it is", 6, 0, "as it is"},
		{"a\nb\tc", 6, 0, "a\n  b    c"},
		{"one two three", 6, 14, "one two\n  three"},
		{"one  two", 6, 10, "one \n  two"},
		{"xxxxxxxx12:03 anna: yes", 2, 10, "xxxxxxxx\n  12:03\n  anna:\n  yes"},
		{"\346\274\242\346\274\242\346\274\242", 5, 8, "\346\274\242\n  \346\274\242\346\274\242"},
		{"", 6, 10, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *folded = bk_cli_human_fold(rows[i].text, rows[i].at, rows[i].columns);

		assert_string_equal(folded, rows[i].folded);
		free(folded);
	}
}

static void what_has_no_end_shows_amount_and_rate_and_no_share(void **state)
{
	struct bk_cli_bar bar = {.bytes = 12345678, .is_endless = true, .rate = 5000000, .columns = 80};
	char out[BK_CLI_BAR_MAX];

	(void)state;
	assert_int_equal(bk_cli_bar_format(&bar, out), 20);
	assert_string_equal(out, "  12.3 MB  5.00 MB/s");
	bar.columns = 14;
	bk_cli_bar_format(&bar, out);
	assert_string_equal(out, "12.3 MB");
}

static void of_several_files_it_says_which_where_there_is_room(void **state)
{
	static const struct {
		unsigned columns;
		const char *want;
	} rows[] = {
		{20, " 50% [###---]"},
		{30, " 50% [#####------]    7/200"},
		{50, " 50% [####----]  5.00 MB/s   0:01 left    7/200"},
		{80, " 50% [#######--------]  5.00 MB/s   0:01 left    7/200 photos/a ...icture.jpg"},
	};
	struct bk_cli_bar bar = {.bytes = 5000000,
		.total = 10000000,
		.rate = 5000000,
		.file = "photos/a long name of a picture.jpg",
		.number = 7,
		.files = 200};
	char out[BK_CLI_BAR_MAX];

	(void)state;
	for (bar.columns = 6; bar.columns <= 200; bar.columns++) {
		assert_true(bk_cli_bar_format(&bar, out) + 3 <= bar.columns);
		if (bar.columns >= 45)
			assert_non_null(strstr(out, "    7/200"));
	}
	assert_non_null(
		strstr(out, " 5.00 MB of 10.0 MB  5.00 MB/s   0:01 left    7/200 photos/a long name of a p"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bar.columns = rows[i].columns;
		bk_cli_bar_format(&bar, out);
		assert_string_equal(out, rows[i].want);
	}
	bar.is_endless = true;
	bar.columns = 50;
	bk_cli_bar_format(&bar, out);
	assert_string_equal(out, "  5.00 MB  5.00 MB/s    7/200 photos/...ure.jpg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_several_files_it_says_which_where_there_is_room),
		cmocka_unit_test(what_has_no_end_shows_amount_and_rate_and_no_share),
		cmocka_unit_test(no_row_of_what_others_say_looks_like_a_line),
		cmocka_unit_test(sizes_have_three_digits_and_the_next_unit_in_time),
		cmocka_unit_test(durations_read_like_speech),
		cmocka_unit_test(lines_break_at_blanks_and_nowhere_else),
		cmocka_unit_test(the_bar_fits_any_window),
		cmocka_unit_test(a_bar_without_a_path_has_no_rate),
		cmocka_unit_test(the_bar_tells_all_where_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
