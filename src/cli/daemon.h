/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_DAEMON_H
#define BK_CLI_DAEMON_H

#include "cli/options.h"
#include "cli/report.h"

/* `bodkin recv --daemon`: stays with one's own devices and takes what they send. Returns the exit code. */
int bk_cli_daemon_run(const struct bk_cli_options *o, struct bk_cli_report *r);

#endif
