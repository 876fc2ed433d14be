/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_MEANT_H
#define BK_CLI_MEANT_H

#include "cli/options.h"

/* A word that stands where another kind of word belongs, by its look: a code among files, a file where a code was to
 * be, either of them taken as the value of an option. Each says what it is, and what to type instead. Pure but for the
 * names of files here. */

/* One of the paths, or all of them together, is no file and looks like a code. False: none does. */
bool bk_cli_meant_code(const struct bk_cli_options *o, char ret_text[BK_CLI_TEXT_MAX]);
/* The last of several paths is no file, and is called as somebody who is to have them: a device, or an address.
 * False: it is not. */
bool bk_cli_meant_receiver(
	const struct bk_cli_options *o, bool (*is_device)(const char *name), char ret_text[BK_CLI_TEXT_MAX]);
/* What was typed as a code is a file, or somebody's invite; or a folder stands behind it. False: it is none of that. */
bool bk_cli_meant_other(
	const struct bk_cli_options *o, enum bk_cli_command_bit command, char ret_text[BK_CLI_TEXT_MAX]);
/* There is no argument, and the last option with a value has taken what looks like one: a code, or (wants_file) a file.
 * False: it has not. */
bool bk_cli_meant_argument(const struct bk_cli_options *o, bool wants_file, char ret_text[BK_CLI_TEXT_MAX]);

#endif
