/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_COMMAND_H
#define BK_CLI_COMMAND_H

#include "cli/options.h"
#include "cli/report.h"

/* The commands, one file each. `run` gets options that are read and completed and returns the exit code;
 * `run_raw` gets its words as they are and parses them itself. */
struct bk_cli_command {
	const char *name;
	const char *act;     /* for "cannot ACT: ..." */
	const char *usage;   /* behind "bodkin NAME " */
	const char *summary; /* one line */
	const char *about;   /* for `bodkin help NAME` */
	enum bk_cli_command_bit bit;
	int (*run)(struct bk_cli_options *o, struct bk_cli_report *r);
	int (*run_raw)(int argc, char **argv);
};

extern const struct bk_cli_command bk_cli_cmd_serve, bk_cli_cmd_send, bk_cli_cmd_recv, bk_cli_cmd_nat,
	bk_cli_cmd_lab, bk_cli_cmd_ping, bk_cli_cmd_chat, bk_cli_cmd_devices;

#endif
