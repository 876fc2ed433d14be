/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_OPTIONS_H
#define BK_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The options of every command from one table: command line, config file and help text. The command line wins
 * over the environment, the environment over the config file. */
enum { BK_CLI_TEXT_MAX = 512, BK_CLI_OPTIONS_OWNED_MAX = 32 };

enum bk_cli_command_bit {
	BK_CLI_CMD_SERVE = 1,
	BK_CLI_CMD_SEND = 2,
	BK_CLI_CMD_RECV = 4,
	BK_CLI_CMD_NAT = 8,
	BK_CLI_CMD_PING = 16,
	BK_CLI_CMD_CHAT = 32,
	BK_CLI_CMD_DEVICES = 64
};

/* What an option says that may be given more than once. */
enum { BK_CLI_NAMES_MAX = 32 };

struct bk_cli_names {
	const char *items[BK_CLI_NAMES_MAX];
	size_t len;
};

struct bk_cli_options {
	bool json, quiet, help, plain, yes, forget_parts, overwrite, hidden, executable, lifetime, show,
		no_lan, no_port_mapping, polite, watch, replace, daemon, new_room, keep, qr;
	int verbosity;
	const char *server, *transport, *path, *loop, *name, *code, *token, *output, *listen, *alt_addr,
		*conflict, *state, *id, *interval, *peer, *interface, *to, *remember, *links, *compress;
	const char *text;
	/* The last option whose value stood behind it as a word of its own, and what its value is called. */
	const char *last_option, *last_value, *last_value_name;
	const char *room; /* "": which one stands behind it, or is asked for */
	struct bk_cli_names from, exclude;
	long words, timeout, count, copies, alt_port; /* alt_port -1: not given */
	uint64_t max_size, limit;
	bool is_server_typed, is_from_typed; /* it stands on the command line */
	char **args;                         /* what is left: paths, a code */
	int args_len;
	uint64_t given; /* bit i: row i of the table was set */
	uint64_t typed; /* likewise, on the command line */
	char *owned[BK_CLI_OPTIONS_OWNED_MAX];
	size_t owned_len;
};

/* argv[0] is the command. BK_E_INVALID with a sentence; o may be half filled, bk_cli_options_done is due in any
 * case. */
int bk_cli_options_parse(struct bk_cli_options *o, enum bk_cli_command_bit command, int argc, char **argv,
	char ret_text[BK_CLI_TEXT_MAX]);
void bk_cli_options_done(struct bk_cli_options *o);

/* Sets what has not been set yet from `name = value`; key and value are copied. BK_E_NOT_FOUND: no command
 * has this option; BK_E_INVALID with a sentence for a bad value. An option of another command is skipped. */
int bk_cli_options_set(struct bk_cli_options *o, enum bk_cli_command_bit command, const char *name,
	const char *value, char ret_text[BK_CLI_TEXT_MAX]);

/* Is this option of the table given, and on? value: of one that takes a text or a choice, and this one; NULL: any. */
bool bk_cli_options_has(const struct bk_cli_options *o, const char *name, const char *value);

/* The next option that stands on the command line, from *at on, which moves on behind it (from 0); NULL: no more. */
const char *bk_cli_options_next_typed(const struct bk_cli_options *o, size_t *at);

bool bk_cli_options_is_typed(const struct bk_cli_options *o, const char *name); /* on the command line */

/* '-o -': standard output is where what comes goes, and nothing else does. */
bool bk_cli_options_is_to_stdout(const struct bk_cli_options *o);

/* The help lines of a command's options, on standard output. */
void bk_cli_options_print(enum bk_cli_command_bit command);

/* Words on standard output, in lines of the window, of at most 79 columns; the first stands at column `indent`
 * already. */
void bk_cli_options_wrap(const char *text, int indent);

#endif
