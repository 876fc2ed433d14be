/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_OPTION_TABLE_H
#define BK_CLI_OPTION_TABLE_H

#include "cli/options.h"

/* The options of every command, a row for each: how it is written, whose it is, where its value goes, its help. */
enum bk_cli_option_kind {
	BK_CLI_OPTION_FLAG,
	BK_CLI_OPTION_COUNT,
	BK_CLI_OPTION_TEXT,
	BK_CLI_OPTION_OPTIONAL,
	BK_CLI_OPTION_CHOICE, /* from here on there is a value */
	BK_CLI_OPTION_NUMBER,
	BK_CLI_OPTION_SIZE,
	BK_CLI_OPTION_RATE,
	BK_CLI_OPTION_NAMES
};

enum { BK_CLI_OPTION_ROWS_MAX = 64 }; /* the bits of struct bk_cli_options */

struct bk_cli_option {
	const char *name;
	char letter; /* 0: none */
	enum bk_cli_option_kind kind;
	size_t offset; /* in struct bk_cli_options */
	unsigned commands;
	const char *value; /* how the help names it; of a choice: the choices, with | between */
	long min, max;
	const char *help;
};

const struct bk_cli_option *bk_cli_option_at(size_t i); /* NULL: behind the last one */
const struct bk_cli_option *bk_cli_option_find(const char *name);
const struct bk_cli_option *bk_cli_option_of_letter(int letter);
unsigned bk_cli_option_index(const struct bk_cli_option *option);

/* The commands that have options here; NULL: behind the last one. */
const char *bk_cli_option_command_at(size_t i, unsigned *ret_bit);
/* The bit of the one of that name; 0: there is none. */
unsigned bk_cli_option_command_find(const char *name, size_t len);

#endif
