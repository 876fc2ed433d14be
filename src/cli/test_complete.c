/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char more[64], choices[64];

static void a_word_is_completed_as_far_as_it_is_clear(void **state)
{
	static const char *const words[] = {"/send", "/sell", "/quit", NULL};
	static const struct {
		const char *typed, *more, *choices;
	} rows[] = {
		{"/q", "uit ", ""},
		{"/s", "e", ""},
		{"/se", "", "/send  /sell"},
		{"/send", " ", ""},
		{"/x", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bk_cli_complete_word(rows[i].typed, words, more, sizeof(more), choices, sizeof(choices));
		assert_string_equal(more, rows[i].more);
		assert_string_equal(choices, rows[i].choices);
	}
}

static void touch(const char *folder, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void a_path_is_completed_in_its_folder(void **state)
{
	char root[] = "/tmp/bodkin-test-XXXXXX", typed[128], command[64];
	static const struct {
		const char *typed, *more, *choices;
	} rows[] = {
		{"no", "tes.txt", ""},
		{"d", "ocs/", ""},
		{"gr", "\xc3\xbcn", ""},
		{"gr\xc3\xbcn", "", "gr\xc3\xbcn\xc3\xa4  gr\xc3\xbcn\xc3\xb6"}, /* not half a character */
		{".h", "idden", ""},
		{"ev", "", ""}, /* a name that would drive the terminal is not typed for anybody */
		{"nothere/x", "", ""},
	};

	(void)state;
	assert_non_null(mkdtemp(root));
	touch(root, "notes.txt");
	touch(root, "gr\xc3\xbcn\xc3\xa4");
	touch(root, "gr\xc3\xbcn\xc3\xb6");
	touch(root, ".hidden");
	touch(root, "evil\033[2J");
	snprintf(typed, sizeof(typed), "%s/docs", root);
	assert_int_equal(mkdir(typed, 0700), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(typed, sizeof(typed), "%s/%s", root, rows[i].typed);
		bk_cli_complete_path(typed, more, sizeof(more), choices, sizeof(choices));
		if (strcmp(more, rows[i].more) != 0)
			fail_msg("row %zu: '%s'", i, more);
		if (rows[i].choices[0]) /* in the folder's order */
			assert_int_equal(strlen(choices), strlen(rows[i].choices));
		else
			assert_string_equal(choices, "");
	}
	assert_int_equal(setenv("HOME", root, 1), 0);
	bk_cli_complete_path("~/no", more, sizeof(more), choices, sizeof(choices));
	assert_string_equal(more, "tes.txt");
	assert_int_equal(chdir(root), 0);
	bk_cli_complete_path("no", more, sizeof(more), choices, sizeof(choices));
	assert_string_equal(more, "tes.txt");
	snprintf(command, sizeof(command), "rm -r '%s'", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_is_completed_as_far_as_it_is_clear),
		cmocka_unit_test(a_path_is_completed_in_its_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
