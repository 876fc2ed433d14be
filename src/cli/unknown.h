/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_UNKNOWN_H
#define BK_CLI_UNKNOWN_H

#include "cli/options.h"

/* An option that this command has not: what was probably meant by it. */
enum { BK_CLI_UNKNOWN_MAX = 192 };

/* typed: the name without its dashes, "" for a letter, which stands in `word` as it was typed ("-timeout" has one dash
 * too few). "; did you mean --timeout?", "; 'bodkin send' takes it", or "". */
void bk_cli_unknown_suggest(enum bk_cli_command_bit command, const char *typed, char letter, const char *word,
	char ret_text[BK_CLI_UNKNOWN_MAX]);

#endif
