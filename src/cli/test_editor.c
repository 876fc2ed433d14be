/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/editor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <locale.h>
#include <string.h>

#define LEFT  "\033[D"
#define UP    "\033[A"
#define DOWN  "\033[B"
#define HOME  "\001"
#define LAST  "\005"
#define BACK  "\177"
#define PASTE "\033[200~"
#define DONE  "\033[201~"

static enum bk_cli_editor_news type(struct bk_cli_editor *e, const char *keys)
{
	enum bk_cli_editor_news news = BK_CLI_EDITOR_NOTHING;

	for (; *keys; keys++) {
		news = bk_cli_editor_key(e, *keys);
		if (news == BK_CLI_EDITOR_ENTER)
			free(bk_cli_editor_take(e));
	}
	return news;
}

static const struct {
	const char *keys, *text;
} key_rows[] = {
	{"plain", "plain"},
	{"gr\xc3\xbc\xc3\x9f" BACK, "gr\xc3\xbc"},
	{"ac" LEFT "b", "abc"},
	{"ac\033ODb", "abc"},
	{"bc" HOME "a" LAST "d", "abcd"},
	{"abc" LEFT LEFT "\033[3~", "ac"},
	{"abc" LEFT LEFT "\004", "ac"},
	{"one two three\027", "one two "},
	{"one two three\027\027x", "one x"},
	{"one two\033b\013", "one "},
	{"one two\033b\013" HOME "\031", "twoone "},
	{"one two\025three", "three"},
	{"one two\033[1;5D\033[1;5Dx", "xone two"},
	{"one-two\033\177", "one-"},
	/* what stands upon a character goes and moves with it; a joined family is one */
	{"e\xcc\x81" BACK, ""},
	{"xe\xcc\x81" LEFT "y", "xye\xcc\x81"},
	{"a\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7" BACK, "a"},
	{"a\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7" LEFT "b",
		"ab\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7"},
	{BACK LEFT "\033[3~\027\025\013" UP DOWN "\031", ""},
	/* controls, C1, and what turns a text around do not get in; a cut character does not either */
	{"a\007\xc2\x9b\xe2\x80\xae"
	 "b",
		"ab"},
	{"a\xff\xc3(b", "a(b"},
	/* sequences that mean nothing are swallowed whole */
	{"a\033[15~\033[1;2P\033OPb\033[?1;2c", "ab"},
	{"a\033[11111111111111111111111111b", "a11111111111b"},
	{"a\033\033[Db", "ba"},
	/* several lines */
	{"a\033\rb", "a\nb"},
	{PASTE "a\rb\nc\r\nd\te" DONE "f", "a\nb\nc\nd\tef"},
	{PASTE "a\001\025\033[D\033[Ab" DONE, "ab"},
	{PASTE "\r" DONE "\033[200~" DONE, "\n"},
	/* history: older, newer, and what was typed before one looked back */
	{"one\rtwo\rdraft" UP, "two"},
	{"one\rtwo\rdraft" UP UP UP, "one"},
	{"one\rtwo\rdraft" UP UP DOWN DOWN DOWN, "draft"},
	{"one\rone\r" UP UP, "one"},
	{"one\rtwo\r" UP "!\r" UP, "two!"},
};

static void keys_become_a_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(key_rows) / sizeof(key_rows[0]); i++) {
		struct bk_cli_editor e;
		char *text;

		bk_cli_editor_init(&e);
		type(&e, key_rows[i].keys);
		e.cursor = e.len;
		text = bk_cli_editor_head(&e);
		assert_int_equal(e.bytes, strlen(text));
		if (strcmp(text, key_rows[i].text) != 0)
			fail_msg("row %zu: '%s', not '%s'", i, text, key_rows[i].text);
		free(text);
		bk_cli_editor_done(&e);
	}
}

static void keys_that_are_no_text_are_news(void **state)
{
	static const struct {
		const char *keys;
		enum bk_cli_editor_news news;
	} rows[] = {
		{"a", BK_CLI_EDITOR_CHANGED},
		{"\xc3", BK_CLI_EDITOR_NOTHING},
		{"\r", BK_CLI_EDITOR_ENTER},
		{"\n", BK_CLI_EDITOR_ENTER},
		{"\t", BK_CLI_EDITOR_TAB},
		{"\004", BK_CLI_EDITOR_END},
		{"a\004", BK_CLI_EDITOR_CHANGED},
		{"\014", BK_CLI_EDITOR_REDRAW},
		{"\033", BK_CLI_EDITOR_NOTHING},
		{"\033[", BK_CLI_EDITOR_NOTHING},
		{"\033[Z", BK_CLI_EDITOR_NOTHING},
		{PASTE "\r", BK_CLI_EDITOR_CHANGED},
		{PASTE "\t", BK_CLI_EDITOR_CHANGED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_cli_editor e;

		bk_cli_editor_init(&e);
		if (type(&e, rows[i].keys) != rows[i].news)
			fail_msg("row %zu", i);
		bk_cli_editor_done(&e);
	}
}

static void a_text_stays_below_what_can_be_said(void **state)
{
	struct bk_cli_editor e;
	char *text;

	(void)state;
	bk_cli_editor_init(&e);
	for (int i = 0; i < 70000; i++)
		bk_cli_editor_key(&e, i % 1000 ? 'x' : ' ');
	type(&e, "\xe2\x82\xac");
	assert_int_equal(e.bytes, BK_CLI_EDITOR_BYTES_MAX);
	type(&e, BACK "\xc3\xa9" BACK "\xc3\xa9");
	assert_int_equal(e.bytes, BK_CLI_EDITOR_BYTES_MAX);
	text = bk_cli_editor_take(&e);
	assert_int_equal(strlen(text), BK_CLI_EDITOR_BYTES_MAX);
	assert_int_equal(e.len, 0);
	free(text);
	for (int i = 0; i < 3 * BK_CLI_EDITOR_HISTORY_MAX; i++) {
		bk_cli_editor_key(&e, (char)('a' + i % 26));
		free(bk_cli_editor_take(&e));
	}
	assert_int_equal(e.history_len, BK_CLI_EDITOR_HISTORY_MAX);
	bk_cli_editor_done(&e);
}

static void a_locale_that_knows_nothing_of_charsets_takes_nothing_away(void **state)
{
	struct bk_cli_editor e;
	char *text;

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C"));
	bk_cli_editor_init(&e);
	type(&e, "gr\xc3\xbc\xc3\x9f"
		 "e \xe6\xbc\xa2\xf0\x9f\xa6\x80");
	text = bk_cli_editor_take(&e);
	assert_string_equal(text, "gr\xc3\xbc\xc3\x9f"
				  "e \xe6\xbc\xa2\xf0\x9f\xa6\x80");
	free(text);
	bk_cli_editor_done(&e);
	setlocale(LC_CTYPE, "C.UTF-8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_become_a_text),
		cmocka_unit_test(keys_that_are_no_text_are_news),
		cmocka_unit_test(a_locale_that_knows_nothing_of_charsets_takes_nothing_away),
		cmocka_unit_test(a_text_stays_below_what_can_be_said),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
