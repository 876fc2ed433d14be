/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ADVICE_H
#define BK_CLI_ADVICE_H

#include <bodkin/call.h>

#include "cli/options.h"

/* The next step for this person after a failure, in words of this command's options; "" where there is none to give.
 * The library's sentences say what failed and where; they are told to the other side too, whose options are others.
 * has_folder: it writes into one. */
const char *bk_cli_advice(
	enum bk_cli_command_bit command, bool has_folder, const struct bk_call_failure *failure);

#endif
