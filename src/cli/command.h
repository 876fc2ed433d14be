/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_COMMAND_H
#define BK_CLI_COMMAND_H

#include "cli/options.h"
#include "cli/report.h"

/* The commands, one file each. `run` gets options that are read and completed and returns the exit code;
 * `run_raw` gets its words as they are and parses them itself. */
struct bk_command {
	const char *name;
	const char *usage;   /* behind "bodkin NAME " */
	const char *summary; /* one line */
	const char *about;   /* for `bodkin help NAME` */
	enum bk_command_bit bit;
	int (*run)(struct bk_options *o, struct bk_report *r);
	int (*run_raw)(int argc, char **argv);
};

extern const struct bk_command bk_cmd_serve, bk_cmd_send, bk_cmd_recv, bk_cmd_nat, bk_cmd_lab, bk_cmd_ping;

#endif
