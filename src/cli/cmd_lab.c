/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin lab`: hands its words to the laboratory, which parses them itself. */
#include "cli/command.h"

#include "lab/lab.h"

const struct bk_cli_command bk_cli_cmd_lab = {
	.name = "lab",
	.act = "raise a lab",
	.usage = "up A B [OPTION]... | exec HOST CMD... | status | down",
	.summary = "real NATs on this machine, to try things out",
	.run_raw = bk_lab_main,
};
