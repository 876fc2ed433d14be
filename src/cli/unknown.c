/* SPDX-License-Identifier: Apache-2.0 */
/* In this order: what is done here in another way; what another command takes, which is not misspelt; what is cut short
 * is told whole; else what is like it. */
#include "cli/unknown.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/option_table.h"

enum { NAME_MAX = 32 };

#define SEND   BK_CLI_CMD_SEND
#define RECV   BK_CLI_CMD_RECV
#define CHAT   BK_CLI_CMD_CHAT
#define PING   BK_CLI_CMD_PING
#define SERVE  BK_CLI_CMD_SERVE
#define CLIENT (SEND | RECV | CHAT | PING | BK_CLI_CMD_DEVICES | BK_CLI_CMD_NAT)

/* What people know from other programs, or from another command of ours, and is done here in another way. */
static const struct {
	const char *name; /* "" for a letter alone */
	char letter;      /* 0: it has none */
	unsigned commands;
	const char *hint;
} habits[] = {
	{"code", 0, RECV, "the code stands without an option: bodkin recv CODE"},
	{"code", 0, CHAT, "the code stands without an option: bodkin chat CODE"},
	{"code", 0, PING, "the code stands without an option: bodkin ping CODE"},
	{"to", 0, PING, "the name stands without an option: bodkin ping NAME"},
	{"recursive", 'r', SEND, "folders go with all that is in them, without an option"},
	{"file", 'f', SEND, "files stand without an option: bodkin send FILE"},
	{"force", 'f', RECV, "--overwrite replaces files that exist"},
	{"port", 'p', SERVE, "the port stands behind --listen: bodkin serve -l :PORT"},
	{"port", 'p', CLIENT, "the port stands behind the server's name: -s HOST:PORT"},
	{"host", 0, CLIENT, "the server is named by -s HOST[:PORT][#PIN]"},
	{"daemon", 'd', SERVE,
		"it stays where it was started until it is ended; 'systemctl enable --now bodkin' keeps one"},
	{"daemon", 'd', SEND, "'bodkin send --keep' stays for all who come with the code"},
	{"", 'n', PING, "-c COUNT ends after so many answers"},
	{"", 't', CLIENT, "--timeout SECONDS says how long to wait"},
};

static bool tell_habit(
	enum bk_cli_command_bit command, const char *typed, char letter, char out[BK_CLI_UNKNOWN_MAX])
{
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
		if (!(habits[i].commands & command) ||
			(*typed ? strcmp(habits[i].name, typed) != 0 : !letter || habits[i].letter != letter))
			continue;
		snprintf(out, BK_CLI_UNKNOWN_MAX, "; %s", habits[i].hint);
		return true;
	}
	return false;
}

/* One more of a list: the first, between, or the last one. */
static void add_to_list(
	char out[BK_CLI_UNKNOWN_MAX], const char *name, bool is_first, const char *before_last, bool is_last)
{
	size_t n = strlen(out);

	snprintf(out + n, BK_CLI_UNKNOWN_MAX - n, "%s%s", is_first ? "" : is_last ? before_last : ", ", name);
}

static bool tell_whose(const char *typed, char letter, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o = *typed ? bk_cli_option_find(typed) : bk_cli_option_of_letter(letter);
	unsigned left = o ? o->commands : 0, bit, others = 0;
	const char *name;

	for (size_t i = 0; (name = bk_cli_option_command_at(i, &bit)); i++) {
		if (!(left & bit))
			continue;
		left &= ~bit;
		if (*out)
			add_to_list(out, name, !others++, " and ", !left);
		else
			snprintf(out, BK_CLI_UNKNOWN_MAX, "; 'bodkin %s' takes it%s", name,
				!left               ? ""
				: left & (left - 1) ? ", as do "
						    : ", as does ");
	}
	return o;
}

static bool begins(const struct bk_cli_option *o, enum bk_cli_command_bit command, const char *typed)
{
	return o->commands & command && !strncmp(o->name, typed, strlen(typed));
}

/* Or all that it may be. */
static bool tell_whole(enum bk_cli_command_bit command, const char *typed, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o;
	size_t left = 0, told = 0;
	char name[NAME_MAX];

	for (size_t i = 0; strlen(typed) > 1 && (o = bk_cli_option_at(i)); i++)
		left += begins(o, command, typed);
	if (!left)
		return false;
	snprintf(out, BK_CLI_UNKNOWN_MAX, "; did you mean ");
	for (size_t i = 0; (o = bk_cli_option_at(i)); i++) {
		if (!begins(o, command, typed))
			continue;
		snprintf(name, sizeof(name), "--%s", o->name);
		add_to_list(out, name, !told++, " or ", !--left);
	}
	strncat(out, "?", BK_CLI_UNKNOWN_MAX - strlen(out) - 1);
	return true;
}

static void tell_nearest(enum bk_cli_command_bit command, const char *typed, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o;
	unsigned least = 3;

	for (size_t i = 0; (o = bk_cli_option_at(i)); i++) {
		unsigned slips = o->commands & command ? bk_text_slips(typed, o->name) : BK_TEXT_SLIPS_MAX;

		if (slips >= least || slips + 1 >= strlen(o->name))
			continue;
		least = slips;
		snprintf(out, BK_CLI_UNKNOWN_MAX, "; did you mean --%s?", o->name);
	}
}

static bool tell_dash(enum bk_cli_command_bit command, const char *word, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o = word[0] && word[1] && word[2] ? bk_cli_option_find(word + 1) : NULL;

	if (!o || !(o->commands & command))
		return false;
	snprintf(out, BK_CLI_UNKNOWN_MAX, "; did you mean --%s, with two dashes?", o->name);
	return true;
}

void bk_cli_unknown_suggest(enum bk_cli_command_bit command, const char *typed, char letter, const char *word,
	char ret_text[BK_CLI_UNKNOWN_MAX])
{
	*ret_text = 0;
	if (!*typed && tell_dash(command, word, ret_text))
		return;
	if (tell_habit(command, typed, letter, ret_text) || tell_whose(typed, letter, ret_text) || !*typed ||
		tell_whole(command, typed, ret_text))
		return;
	tell_nearest(command, typed, ret_text);
}
