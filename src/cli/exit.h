/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_EXIT_H
#define BK_CLI_EXIT_H

#include <bodkin/transfer.h>

enum bk_cli_exit {
	BK_CLI_EXIT_DONE = 0,
	BK_CLI_EXIT_FAILED = 1,
	BK_CLI_EXIT_USAGE = 2,
	BK_CLI_EXIT_SERVER = 3,
	BK_CLI_EXIT_CODE = 4,
	BK_CLI_EXIT_NO_PATH = 5,
	BK_CLI_EXIT_REFUSED = 6,
	BK_CLI_EXIT_FILE = 7,
	BK_CLI_EXIT_DECLINED = 8,
	BK_CLI_EXIT_INTERRUPTED = 130,
};

/* The exit code for the end of a transfer: the same error means another thing before and after the peer was
 * met, and on this side or the other. */
enum bk_cli_exit bk_cli_exit_of(const struct bk_call_failure *failure);

#endif
