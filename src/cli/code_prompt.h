/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_CODE_PROMPT_H
#define BK_CLI_CODE_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include <bodkin/group.h>

/* Asks the person at the terminal (standard input and error) for the other side's code, before any loop runs. Tab
 * completes its words, a slip is told and can be mended. Nothing of it stands in a log. */
enum { BK_CLI_CODE_MAX = 160 };

/* 0 with a code that passed bk_code_check; 1 when the person has none (an empty line); BK_E_CANCELLED (Ctrl-C,
 * Ctrl-D). */
int bk_cli_code_prompt(char ret_code[BK_CLI_CODE_MAX]);

/* The same for the invite of a group: seven words with blanks or dashes between, and nothing of them is shown but how
 * many there are: whoever reads it is a member for good. 0; BK_E_CANCELLED (Ctrl-C, Ctrl-D, an empty line). */
int bk_cli_invite_prompt(char ret_invite[BK_GROUP_INVITE_MAX]);

/* --- the line, without a terminal: for tests --- */

struct bk_cli_code_line {
	char text[BK_CLI_CODE_MAX];
	size_t len;
	size_t escape; /* bytes of an escape sequence that were skipped so far */
	/* What stands there was refused. It can be mended; but who types a digit begins a code anew. */
	bool is_refused;
	bool has_words_alone; /* no number stands before them, and none of it is shown */
	/* The whole line that the other side was shown is pasted, "bodkin recv ... CODE": of it the last word counts. */
	bool is_command, is_word_over;
};

enum bk_cli_code_key { BK_CLI_CODE_MORE, BK_CLI_CODE_ENTER, BK_CLI_CODE_CANCEL, BK_CLI_CODE_CHOICES };

/* One byte that was typed. CHOICES: Tab fits several words, which ret_choices names, cut to max. */
enum bk_cli_code_key bk_cli_code_line_take(
	struct bk_cli_code_line *l, char byte, char *ret_choices, size_t choices_max);

#endif
