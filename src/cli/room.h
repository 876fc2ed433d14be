/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ROOM_H
#define BK_CLI_ROOM_H

#include "cli/options.h"
#include "cli/report.h"

/* `bodkin chat --room` and `--new-room`: many talk, at terminals, or as a filter, where each line of standard input is
 * said to all, each line of standard output is the name of who said it, a tab, and a line of what was said, and nothing
 * else stands there. Returns the exit code. */
int bk_cli_room_run(struct bk_cli_options *o, struct bk_cli_report *r);

#endif
