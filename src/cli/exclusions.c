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
	{SEND, "--text", "--exclude", "a text has no files to leave out"},
	{SEND, "--text", "--links", "a text has no links"},
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
	{PING, "--plain", "--words", "the plain dialect has ids, and no codes"},
	{PING, "--plain", "--peer", "the plain dialect is spoken with a server"},
	{PING, "--plain", "--interface", "the plain dialect is spoken with a server"},
	{MEETS | BK_CLI_CMD_DEVICES, "--no-lan", "--peer", "the one forbids what the other looks at"},
	{MEETS | BK_CLI_CMD_DEVICES, "--no-lan", "--interface", "the one forbids what the other looks at"},
	{MEETS | BK_CLI_CMD_DEVICES, "--path relay", "--peer", "who wants the relay shows nobody an address"},
	{MEETS | BK_CLI_CMD_DEVICES, "--path relay", "--interface",
		"who wants the relay shows nobody an address"},
};

/* What does one small thing takes little, and everything takes how it is told. */
static const struct {
	const char *option;
	unsigned commands;
	const char *takes, *why;
} modes[] = {
	{"--forget-parts", RECV, "forget-parts output", "the one removes what is left, and receives nothing"},
	{"--show", BK_CLI_CMD_SERVE, "show state listen", "the one prints what is kept, and serves nobody"},
};

static const char *const always[] = {"json", "quiet", "verbose", "help"};

enum {
	ROWS_LEN = sizeof(rows) / sizeof(rows[0]),
	MODES_LEN = sizeof(modes) / sizeof(modes[0]),
	NAME_MAX = 32
};

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
	for (size_t i = 0; i < MODES_LEN; i++)
		if (modes[i].commands & command && is_there(o, modes[i].option) &&
			bk_cli_exclusions_only(o, modes[i].option, modes[i].takes, modes[i].why, ret_text) <
				0)
			return BK_E_INVALID;
	return 0;
}

static bool is_in(const char *words, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = words; (at = strstr(at, name)); at += n)
		if ((at == words || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

static bool is_always(const char *name)
{
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (!strcmp(always[i], name))
			return true;
	return false;
}

int bk_cli_exclusions_only(const struct bk_cli_options *o, const char *mode, const char *takes,
	const char *why, char ret_text[BK_CLI_TEXT_MAX])
{
	size_t at = 0;
	const char *name;

	while ((name = bk_cli_options_next_typed(o, &at))) {
		if (is_always(name) || is_in(takes, name))
			continue;
		snprintf(ret_text, BK_CLI_TEXT_MAX, "%s and --%s do not go together: %s", mode, name, why);
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
