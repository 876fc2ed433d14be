/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/say.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void what_is_quoted_cannot_command_the_terminal(void **state)
{
	static const struct quoted {
		const char *typed, *shown;
	} table[] = {
		{"plain", "plain"}, {"\033[2J\033]0;mine\a", "?[2J?]0;mine?"},
		{"a\r\nbodkin lab: all is well", "a??bodkin lab: all is well"},
		{"\xc2\x9b\x31m", "?1m"}, /* C1, as UTF-8 */
		{"\x9b\x31m", "?1m"},     /* and as it is */
		{"\xe2\x80\xaegnp.exe", "?gnp.exe"},
		{"caf\xc3\xa9", "caf?"}, /* the C locale has no such letter */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char want[128], got[128] = "";
		int ends[2], kept = dup(STDERR_FILENO);

		assert_int_equal(pipe(ends), 0);
		dup2(ends[1], STDERR_FILENO);
		bk_lab_say(0, "what is '%s'?", table[i].typed);
		dup2(kept, STDERR_FILENO);
		assert_true(read(ends[0], got, sizeof(got) - 1) > 0);
		close(ends[0]);
		close(ends[1]);
		close(kept);
		snprintf(want, sizeof(want), "bodkin lab: what is '%s'?\n", table[i].shown);
		assert_string_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_quoted_cannot_command_the_terminal)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
