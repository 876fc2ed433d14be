/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exclusions.h"

#include <stdio.h>
#include <string.h>

#include <bodkin/error.h>

#define SEND  BK_CLI_CMD_SEND
#define RECV  BK_CLI_CMD_RECV
#define CHAT  BK_CLI_CMD_CHAT
#define PING  BK_CLI_CMD_PING
#define MEETS (SEND | RECV | CHAT | PING)

static const char to_stdout[] = "-o -", argument[] = "CODE", path[] = "PATH";

/* Each as it is typed: an option, perhaps with its value, or what stands without one. */
static const struct {
	unsigned commands;
	const char *a, *b, *why;
} rows[] = {
	{SEND, "--text", path, "a text goes alone; send the files by themselves"},
	{SEND, "--to", "--code", "who has the name needs no code"},
	{SEND, "--to", "--copies", "the one is for who has the name, the other for who comes with a code"},
	{SEND, "--to", "--keep", "the one is for who has the name, the other for who comes with a code"},
	{SEND, "--to", "--qr", "who has the name is called, and has nothing to scan"},
	{SEND, "--to", "--words", "who has the name needs no code"},
	{SEND, "--keep", "--copies", "the one has no end, the other one has"},
	{SEND, "--code", "--words", "a code that is given has the words that it has"},
	{RECV, to_stdout, "--json", "both want standard output"},
	{RECV, to_stdout, "--daemon", "the one is for one transfer, the other needs a folder for many"},
	{RECV, to_stdout, "--conflict", "what is passed on has no name that could exist"},
	{RECV, to_stdout, "--overwrite", "what is passed on has no name that could exist"},
	{RECV, to_stdout, "--forget-parts", "standard output keeps no parts"},
	{RECV, "--daemon", argument, "a code is for one transfer, and who sends to a device needs none"},
	{RECV, "--daemon", "--words", "who sends to a device needs no code"},
	{RECV, "--daemon", "--forget-parts", "the one receives, the other receives nothing"},
	{RECV, "--forget-parts", argument, "the one receives nothing"},
	{RECV, "--overwrite", "--conflict", "the one is short for '--conflict overwrite'"},
	{CHAT, "--new-room", "--room", "the one makes an invite, the other joins who has one"},
	{CHAT, "--new-room", argument, "the one makes an invite, a code is for two"},
	{CHAT, "--new-room", "--words", "an invite has seven words"},
	{CHAT, "--room", "--words", "an invite has seven words"},
	{RECV | CHAT | PING, argument, "--words", "a code that is given has the words that it has"},
	{PING, "--plain", "--transport udp", "the plain dialect has TCP alone"},
	{PING, "--plain", "--path relay", "the plain dialect has no relay"},
	{MEETS | BK_CLI_CMD_DEVICES, "--no-lan", "--peer", "the one forbids what the other looks at"},
	{MEETS | BK_CLI_CMD_DEVICES, "--no-lan", "--interface", "the one forbids what the other looks at"},
};

enum { ROWS_LEN = sizeof(rows) / sizeof(rows[0]), NAME_MAX = 32 };

/* "transport" of "--transport udp"; its value, or NULL. The name of what stands without an option is empty. */
static const char *split(const char *typed, char name[NAME_MAX])
{
	size_t n;

	*name = 0;
	if (typed == argument || typed == path)
		return NULL;
	if (typed == to_stdout)
		typed = "--output -";
	n = strcspn(typed + 2, " ");
	snprintf(name, NAME_MAX, "%.*s", (int)n, typed + 2);
	return typed[2 + n] ? typed + 2 + n + 1 : NULL;
}

static bool is_there(const struct bk_cli_options *o, const char *typed)
{
	char name[NAME_MAX];
	const char *value = split(typed, name);

	return *name ? bk_cli_options_has(o, name, value) : o->args_len > 0;
}

int bk_cli_exclusions_check(
	const struct bk_cli_options *o, enum bk_cli_command_bit command, char ret_text[BK_CLI_TEXT_MAX])
{
	for (size_t i = 0; i < ROWS_LEN; i++) {
		if (!(rows[i].commands & command) || !is_there(o, rows[i].a) || !is_there(o, rows[i].b))
			continue;
		snprintf(ret_text, BK_CLI_TEXT_MAX, "%s and %s do not go together: %s", rows[i].a, rows[i].b,
			rows[i].why);
		return BK_E_INVALID;
	}
	return 0;
}

/* Is this line of the file what stands in the table? */
static bool is_line(const char *typed, const char *name, const char *value)
{
	char wanted_name[NAME_MAX];
	const char *wanted = split(typed, wanted_name);

	return *wanted_name && !strcmp(name, wanted_name) && (!wanted || !strcmp(value, wanted));
}

bool bk_cli_exclusions_bar(
	const struct bk_cli_options *o, enum bk_cli_command_bit command, const char *name, const char *value)
{
	struct bk_cli_options typed = *o;

	typed.given = o->typed; /* two lines of the file that do not go together are a fault of the file */
	for (size_t i = 0; i < ROWS_LEN; i++) {
		if (!(rows[i].commands & command))
			continue;
		if ((is_line(rows[i].a, name, value) && is_there(&typed, rows[i].b)) ||
			(is_line(rows[i].b, name, value) && is_there(&typed, rows[i].a)))
			return true;
	}
	return false;
}
