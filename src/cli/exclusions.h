/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_EXCLUSIONS_H
#define BK_CLI_EXCLUSIONS_H

#include "cli/options.h"

/* What does not go together, of every command in one table: two that are both there are refused by name, so that
 * neither is silently without effect. */
int bk_cli_exclusions_check(
	const struct bk_cli_options *o, enum bk_cli_command_bit command, char ret_text[BK_CLI_TEXT_MAX]);

/* Nothing is typed but what this mode takes (names with blanks between) and how it is told. */
int bk_cli_exclusions_only(const struct bk_cli_options *o, const char *mode, const char *takes,
	const char *why, char ret_text[BK_CLI_TEXT_MAX]);

/* A line of the config file that does not go with what stands on the command line is meant for the other times. */
bool bk_cli_exclusions_bar(
	const struct bk_cli_options *o, enum bk_cli_command_bit command, const char *name, const char *value);

#endif
