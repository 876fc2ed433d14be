/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_CONFIG_H
#define BK_CLI_CONFIG_H

#include "cli/options.h"

/* $XDG_CONFIG_HOME/bodkin/config.ini: `name = value` with the names of the long options, lines that begin
 * with
 * '#' or ';' are comments (a '#' further on belongs to the value: it starts a pin). What stands under [send],
 * [recv] or [serve] is for that command; what stands before the first section is for all. */

/* Fills in what the command line left open: first from $BODKIN_SERVER, then from the file. No file is fine.
 * 1 with a sentence: there is one that cannot be read (somebody else's home), or a section of it is
 * none, so that was left out. BK_E_INVALID with
 * a sentence for a file that cannot be understood. */
int bk_cli_config_apply(
	struct bk_cli_options *o, enum bk_cli_command_bit command, char ret_text[BK_CLI_TEXT_MAX]);

#endif
