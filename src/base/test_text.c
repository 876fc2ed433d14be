/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/text.h"

static void what_harms_is_refused_what_hides_is_shown_and_the_rest_passes(void **state)
{
	static const struct {
		const char *in, *out;
		bool is_plain;
	} rows[] = {
		{"plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
			"plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", true},
		{"a\tb\nc\x1b[2J\x7f", "a?b?c?[2J?", false},
		{"\xc2\x85\xc2\xa0", "?\xc2\xa0", false},
		{"x\xe2\x80\xaetxt.exe", "x?txt.exe", false},
		{"\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\xa8", "???", false},
		/* marks of Arabic and Hebrew */
		{"\xd7\xa9\xe2\x80\x8f.txt \xe2\x80\x8e \xd8\x9c",
			"\xd7\xa9\xe2\x80\x8f.txt \xe2\x80\x8e \xd8\x9c", true},
		{"a\xe2\x80\x8b\xe2\x80\xa6", "a?\xe2\x80\xa6", true}, /* zero-width space */
		{"\xf3\xa0\x81\xa1\xf3\xa0\x81\xbf.", "??.", true},    /* tags */
		{"a\xef\xbb\xbf\xc2\xad", "a??", true},
		/* joiners: where they join, and where they only hide */
		{"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", true},
		{"a\xe2\x80\x8d"
		 "b\xe2\x80\x8c",
			"a?b?", true},
		/* no UTF-8: raw C1, cut, too long, surrogate */
		{"a\x9b"
		 "2J\xc3",
			"a?2J?", true},
		{"\xc0\xaf\xed\xa0\x80", "?????", true},
		{"", "", true},
	};
	char s[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(s, rows[i].in);
		if (bk_text_is_plain(s) != rows[i].is_plain)
			fail_msg("row %zu", i);
		bk_text_sanitize(s);
		assert_string_equal(s, rows[i].out);
		assert_true(bk_text_is_plain(s));
	}
}

static void text_of_several_lines_keeps_its_newlines_and_tabs_and_nothing_else(void **state)
{
	char s[] = "a\tb\n\nc\rd\x1b[2J\v\x07\xe2\x80\xae.\n";

	(void)state;
	bk_text_sanitize_lines(s);
	assert_string_equal(s, "a\tb\n\nc?d?[2J???.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_several_lines_keeps_its_newlines_and_tabs_and_nothing_else),
		cmocka_unit_test(what_harms_is_refused_what_hides_is_shown_and_the_rest_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
