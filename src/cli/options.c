/* SPDX-License-Identifier: Apache-2.0 */
/* One table for all options. What an option means is its command's business; here is only how it is
 * written. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/error.h>

#include "base/text.h"
#include "cli/amount.h"

#define MEETS  (BK_CLI_CMD_SEND | BK_CLI_CMD_RECV | BK_CLI_CMD_PING | BK_CLI_CMD_CHAT)
#define CLIENT (MEETS | BK_CLI_CMD_DEVICES)
#define ALL    (BK_CLI_CMD_SERVE | BK_CLI_CMD_NAT | CLIENT)

enum kind {
	KIND_FLAG,
	KIND_COUNT,
	KIND_TEXT,
	KIND_OPTIONAL,
	KIND_CHOICE, /* from here on there is a value */
	KIND_NUMBER,
	KIND_SIZE,
	KIND_RATE,
	KIND_NAMES
};

struct row {
	const char *name;
	char letter;
	enum kind kind;
	size_t offset;
	unsigned commands;
	const char *value; /* how the help names it; of a choice: the choices, with | between */
	long min, max;
	const char *help;
};

#define AT(member) offsetof(struct bk_cli_options, member)

static const struct row rows[] = {
	{"server", 's', KIND_TEXT, AT(server), CLIENT | BK_CLI_CMD_NAT, "HOST[:PORT][#PIN]", 0, 0,
		"the server both sides meet at (else $BODKIN_SERVER, else the config file, else none: two "
		"machines meet on the local network)"},
	{"peer", 0, KIND_TEXT, AT(peer), CLIENT, "HOST[:PORT]", 0, 0, "ask this machine for the code, too"},
	{"interface", 0, KIND_TEXT, AT(interface), CLIENT, "NAME[,NAME]", 0, 0,
		"the networks of this machine to look on (all but those of containers)"},
	{"no-lan", 0, KIND_FLAG, AT(no_lan), CLIENT, NULL, 0, 0,
		"meet at the server alone, not on the local network"},
	{"no-port-mapping", 0, KIND_FLAG, AT(no_port_mapping), CLIENT | BK_CLI_CMD_SERVE | BK_CLI_CMD_NAT,
		NULL, 0, 0, "do not ask the router of this network for ports"},
	{"polite", 0, KIND_FLAG, AT(polite), CLIENT, NULL, 0, 0,
		"do not guess ports, which takes many packets"},
	{"to", 0, KIND_TEXT, AT(to), BK_CLI_CMD_SEND, "NAME", 0, 0,
		"to that one of your devices, without a code"},
	{"qr", 0, KIND_FLAG, AT(qr), BK_CLI_CMD_SEND, NULL, 0, 0,
		"draw the line for the other machine, to be scanned"},
	{"text", 0, KIND_TEXT, AT(text), BK_CLI_CMD_SEND, "TEXT", 0, 0, "say this, instead of sending files"},
	{"exclude", 0, KIND_NAMES, AT(exclude), BK_CLI_CMD_SEND, "PATTERN", 0, 0,
		"leave out what is called so in folders ('*.o'); repeat for more"},
	{"links", 0, KIND_CHOICE, AT(links), BK_CLI_CMD_SEND, "keep|follow|skip", 0, 0,
		"what becomes of links in folders (keep: those that lead to what is sent with them)"},
	{"compress", 0, KIND_CHOICE, AT(compress), BK_CLI_CMD_SEND, "auto|off", 0, 0,
		"pack files on their way (auto: while the network is slower than that, and it gives)"},
	{"watch", 0, KIND_FLAG, AT(watch), BK_CLI_CMD_DEVICES, NULL, 0, 0,
		"a live list, until Ctrl-C; this device is listed meanwhile"},
	{"replace", 0, KIND_FLAG, AT(replace), BK_CLI_CMD_DEVICES, NULL, 0, 0,
		"new, join: leave the group that this machine is in"},
	{"code", 0, KIND_TEXT, AT(code), BK_CLI_CMD_SEND, "CODE", 0, 0,
		"use this code: join who made it, or make it"},
	{"copies", 0, KIND_NUMBER, AT(copies), BK_CLI_CMD_SEND, "N", 1, 1000000,
		"to so many, by one code, each at his own speed"},
	{"keep", 0, KIND_FLAG, AT(keep), BK_CLI_CMD_SEND, NULL, 0, 0,
		"to as many as come with the code, until Ctrl-C"},
	{"words", 0, KIND_NUMBER, AT(words), MEETS, "N", 2, 16, "words in a made code (2; for several 3)"},
	{"count", 'c', KIND_NUMBER, AT(count), BK_CLI_CMD_PING, "COUNT", 1, 1000000000,
		"end after so many answers (never)"},
	{"interval", 'i', KIND_TEXT, AT(interval), BK_CLI_CMD_PING, "SECONDS", 0, 0,
		"between two messages (1; the side that answers: at once)"},
	{"id", 0, KIND_TEXT, AT(id), BK_CLI_CMD_PING, "ID", 0, 0,
		"what we are called in the plain dialect (made by chance)"},
	{"output", 'o', KIND_TEXT, AT(output), BK_CLI_CMD_RECV | BK_CLI_CMD_CHAT, "DIR", 0, 0,
		"the folder to write into (.); recv: - is standard output"},
	{"yes", 'y', KIND_FLAG, AT(yes), BK_CLI_CMD_RECV, NULL, 0, 0, "take what is offered without asking"},
	{"conflict", 0, KIND_CHOICE, AT(conflict), BK_CLI_CMD_RECV, "ask|fail|skip|overwrite|rename", 0, 0,
		"what becomes of files that exist (ask)"},
	{"overwrite", 0, KIND_FLAG, AT(overwrite), BK_CLI_CMD_RECV, NULL, 0, 0,
		"the same as --conflict overwrite"},
	{"hidden", 0, KIND_FLAG, AT(hidden), BK_CLI_CMD_RECV, NULL, 0, 0,
		"take hidden files (.NAME) also where nobody is asked"},
	{"executable", 0, KIND_FLAG, AT(executable), BK_CLI_CMD_RECV, NULL, 0, 0,
		"keep x bits also where nobody is asked"},
	{"forget-parts", 0, KIND_FLAG, AT(forget_parts), BK_CLI_CMD_RECV, NULL, 0, 0,
		"receive nothing: remove what transfers that broke off left in the folder"},
	{"max-size", 0, KIND_SIZE, AT(max_size), BK_CLI_CMD_RECV, "SIZE", 0, 0,
		"take no more than this (500K, 10M, 1.5G)"},
	{"limit", 0, KIND_RATE, AT(limit), BK_CLI_CMD_SEND | BK_CLI_CMD_RECV, "RATE", 0, 0,
		"no more bytes a second than this (500K, 2M, 2M/s)"},
	{"daemon", 0, KIND_FLAG, AT(daemon), BK_CLI_CMD_RECV, NULL, 0, 0,
		"stay, and take what one's own devices send (bodkin devices)"},
	{"from", 0, KIND_NAMES, AT(from), BK_CLI_CMD_RECV, "NAME", 0, 0,
		"with --daemon: take from this device without asking; repeat for more"},
	{"lifetime", 0, KIND_FLAG, AT(lifetime), BK_CLI_CMD_NAT, NULL, 0, 0,
		"also how long an idle mapping lives (takes up to five minutes)"},
	{"new-room", 0, KIND_FLAG, AT(new_room), BK_CLI_CMD_CHAT, NULL, 0, 0,
		"make a room for many, and print its invite"},
	{"room", 0, KIND_OPTIONAL, AT(room), BK_CLI_CMD_CHAT, "[NAME|INVITE]", 0, 0,
		"join a room: a remembered one, or whose invite it is (else it is asked for, and not shown)"},
	{"remember", 0, KIND_TEXT, AT(remember), BK_CLI_CMD_CHAT, "NAME", 0, 0,
		"keep the room's invite under this name, for --room NAME"},
	{"name", 0, KIND_TEXT, AT(name), CLIENT, "NAME", 0, 0,
		"shown to the other person; what this device is called (the host's name)"},
	{"listen", 'l', KIND_TEXT, AT(listen), BK_CLI_CMD_SERVE, "[ADDR]:PORT", 0, 0,
		"where to listen (every address, port 15005; port 0: any free one)"},
	{"alt-port", 0, KIND_NUMBER, AT(alt_port), BK_CLI_CMD_SERVE, "PORT", 0, 65535,
		"the second port (PORT + 1)"},
	{"alt-addr", 0, KIND_TEXT, AT(alt_addr), BK_CLI_CMD_SERVE, "ADDR", 0, 0,
		"a second address of this machine, for better NAT tests"},
	{"state", 0, KIND_TEXT, AT(state), BK_CLI_CMD_SERVE, "DIR", 0, 0,
		"where the server's key is kept ($XDG_STATE_HOME/bodkin)"},
	{"show", 0, KIND_FLAG, AT(show), BK_CLI_CMD_SERVE, NULL, 0, 0,
		"only print pin and address of the server that keeps its key there"},
	{"token", 0, KIND_TEXT, AT(token), ALL, "FILE", 0, 0,
		"the secret that clients of a closed server present"},
	{"plain", 0, KIND_FLAG, AT(plain), ALL, NULL, 0, 0,
		"no encryption: the plain dialect (ping: instead of TLS; serve: beside it)"},
	{"transport", 0, KIND_CHOICE, AT(transport), CLIENT, "auto|udp|tcp", 0, 0, "force a transport"},
	{"path", 0, KIND_CHOICE, AT(path), CLIENT, "auto|direct|relay", 0, 0, "force a kind of path"},
	{"loop", 0, KIND_CHOICE, AT(loop), ALL, "auto|epoll|poll|select", 0, 0, "force an event loop"},
	{"timeout", 0, KIND_NUMBER, AT(timeout), MEETS, "SECONDS", 0, 1000000,
		"how long to wait for the other side (0: no limit)"},
	{"json", 0, KIND_FLAG, AT(json), ALL, NULL, 0, 0, "one JSON object a line on standard output"},
	{"quiet", 'q', KIND_FLAG, AT(quiet), ALL, NULL, 0, 0, "only what is indispensable"},
	{"verbose", 'v', KIND_COUNT, AT(verbosity), ALL, NULL, 0, 0, "say what happens; repeat for more"},
	{"help", 'h', KIND_FLAG, AT(help), ALL, NULL, 0, 0, "this text"},
};

enum { HELP_LEFT = 30, HELP_COLUMNS = 79, NEXT_STEP_MAX = 64 };

enum { ROWS_LEN = sizeof(rows) / sizeof(rows[0]) };

static int refuse(char text[BK_CLI_TEXT_MAX], const struct row *row, const char *value)
{
	if (row->kind == KIND_NUMBER)
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%s' is not a number from %ld to %ld", row->name, value,
			row->min, row->max);
	else if (row->kind == KIND_SIZE)
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%.100s' is not a size such as 500K, 10M or 1.5G",
			row->name, value);
	else if (row->kind == KIND_RATE)
		snprintf(text, BK_CLI_TEXT_MAX,
			"--%s '%.100s' is not a rate such as 500K, 1.5M or 2M/s, in bytes a second",
			row->name, value);
	else
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%s' is not one of %s", row->name, value,
			row->kind == KIND_CHOICE ? row->value : "yes|no");
	return BK_E_INVALID;
}

/* What a script wanted to say stood in a variable that is not set: whatever we took it for would be a guess. */
static int refuse_empty(char text[BK_CLI_TEXT_MAX], const struct row *row)
{
	snprintf(text, BK_CLI_TEXT_MAX, "--%s is empty; give it %s, or leave it out", row->name,
		row->value                ? row->value
		: row->kind == KIND_COUNT ? "a number"
					  : "yes or no");
	return BK_E_INVALID;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *at = choices; n;) {
		size_t len = strcspn(at, "|");

		if (len == n && !memcmp(at, value, n))
			return true;
		if (!at[len])
			return false;
		at += len + 1;
	}
	return false;
}

static int set_number(const struct row *row, long *place, const char *value, char text[BK_CLI_TEXT_MAX])
{
	char *end;
	long v;

	errno = 0;
	v = strtol(value, &end, 10);
	if (errno || end == value || *end || v < row->min || v > row->max)
		return refuse(text, row, value);
	*place = v;
	return 0;
}

/* A flag on the command line has no value. */
static int set_flag(const struct row *row, bool *place, const char *value, char text[BK_CLI_TEXT_MAX])
{
	if (!value || !strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "1"))
		*place = true;
	else if (strcmp(value, "no") != 0 && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return refuse(text, row, value);
	return 0;
}

/* Repeated on the command line, a number in the file. */
static int set_count(const struct row *row, int *place, const char *value, char text[BK_CLI_TEXT_MAX])
{
	if (value && (value[0] < '0' || value[0] > '9' || value[1])) {
		snprintf(
			text, BK_CLI_TEXT_MAX, "--%s '%.100s' is not a number from 0 to 9", row->name, value);
		return BK_E_INVALID;
	}
	*place = value ? value[0] - '0' : *place + 1;
	return 0;
}

static int add_name(
	const struct row *row, struct bk_cli_names *place, const char *value, char text[BK_CLI_TEXT_MAX])
{
	if (place->len == BK_CLI_NAMES_MAX) {
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%.100s' is one too many", row->name, value);
		return BK_E_INVALID;
	}
	place->items[place->len++] = value;
	return 0;
}

static int set_row(
	struct bk_cli_options *o, const struct row *row, const char *value, char text[BK_CLI_TEXT_MAX])
{
	void *place = (char *)o + row->offset;
	int err;

	if (value ? !*value : row->kind >= KIND_CHOICE)
		return refuse_empty(text, row);
	o->given |= UINT64_C(1) << (row - rows);
	switch (row->kind) {
	case KIND_FLAG:
		return set_flag(row, place, value, text);
	case KIND_COUNT:
		return set_count(row, place, value, text);
	case KIND_NUMBER:
		return set_number(row, place, value, text);
	case KIND_SIZE:
		err = bk_cli_amount_from_str(value, place);
		return err < 0 ? refuse(text, row, value) : 0;
	case KIND_RATE:
		err = bk_cli_amount_rate_from_str(value, place);
		return err < 0 ? refuse(text, row, value) : 0;
	case KIND_NAMES:
		return add_name(row, place, value, text);
	case KIND_CHOICE:
		if (!is_choice(row->value, value))
			return refuse(text, row, value);
		break;
	case KIND_TEXT:
	case KIND_OPTIONAL:
		break;
	}
	*(const char **)place = value ? value : "";
	return 0;
}

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < ROWS_LEN; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

/* What was said before wins; but names are gathered from lines of one place. */
static bool is_settled(const struct bk_cli_options *o, const struct row *row)
{
	return (row->kind == KIND_NAMES ? o->typed : o->given) >> (row - rows) & 1;
}

bool bk_cli_options_has(const struct bk_cli_options *o, const char *name, const char *value)
{
	const struct row *row = find_row(name);
	const void *place;

	if (!row || !(o->given >> (row - rows) & 1))
		return false;
	place = (const char *)o + row->offset;
	if (row->kind == KIND_FLAG)
		return *(const bool *)place;
	return !value || !strcmp(*(const char *const *)place, value);
}

bool bk_cli_options_is_to_stdout(const struct bk_cli_options *o)
{
	return o->output && !strcmp(o->output, "-");
}

int bk_cli_options_set(struct bk_cli_options *o, enum bk_cli_command_bit command, const char *name,
	const char *value, char ret_text[BK_CLI_TEXT_MAX])
{
	const struct row *row = find_row(name);
	char *copy;

	if (!row || !strcmp(name, "help"))
		return BK_E_NOT_FOUND;
	if (!(row->commands & command) || is_settled(o, row))
		return 0;
	if (o->owned_len == BK_CLI_OPTIONS_OWNED_MAX)
		return BK_E_FULL;
	copy = strdup(value);
	if (!copy)
		return BK_E_NOMEM;
	o->owned[o->owned_len++] = copy;
	return set_row(o, row, copy, ret_text);
}

static int argument_of(const struct row *row)
{
	if (row->kind == KIND_OPTIONAL)
		return optional_argument;
	return row->value ? required_argument : no_argument;
}

static void make_tables(
	enum bk_cli_command_bit command, struct option longs[ROWS_LEN + 1], char shorts[2 * ROWS_LEN + 2])
{
	size_t n = 0;

	*shorts++ = ':';
	for (size_t i = 0; i < ROWS_LEN; i++) {
		const struct row *row = &rows[i];

		if (!(row->commands & command))
			continue;
		longs[n++] = (struct option){row->name, argument_of(row), NULL, 256 + (int)i};
		if (row->letter)
			*shorts++ = row->letter;
		if (row->letter && row->value)
			*shorts++ = ':';
	}
	longs[n] = (struct option){0};
	*shorts = 0;
}

static const struct row *row_of(int c)
{
	if (c >= 256)
		return &rows[c - 256];
	for (size_t i = 0; i < ROWS_LEN; i++)
		if (rows[i].letter == c)
			return &rows[i];
	return NULL;
}

/* The option of this command that was probably meant; NULL: it is like none. */
static const char *nearest(enum bk_cli_command_bit command, const char *typed)
{
	const char *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < ROWS_LEN; i++) {
		unsigned slips =
			rows[i].commands & command ? bk_text_slips(typed, rows[i].name) : BK_TEXT_SLIPS_MAX;

		if (slips < least && slips < strlen(rows[i].name) - 1) {
			least = slips;
			best = rows[i].name;
		}
	}
	return best;
}

static const struct {
	enum bk_cli_command_bit bit;
	const char *name;
} commands[] = {{BK_CLI_CMD_SEND, "send"}, {BK_CLI_CMD_RECV, "recv"}, {BK_CLI_CMD_CHAT, "chat"},
	{BK_CLI_CMD_DEVICES, "devices"}, {BK_CLI_CMD_PING, "ping"}, {BK_CLI_CMD_NAT, "nat"},
	{BK_CLI_CMD_SERVE, "serve"}};

enum { COMMANDS_LEN = sizeof(commands) / sizeof(commands[0]) };

unsigned bk_cli_options_command(const char *name, size_t len)
{
	for (size_t i = 0; i < COMMANDS_LEN; i++)
		if (strlen(commands[i].name) == len && !memcmp(commands[i].name, name, len))
			return commands[i].bit;
	return 0;
}

/* What another command takes is not misspelt. */
static const char *whose(const char *typed, char letter)
{
	const struct row *row = *typed ? find_row(typed) : letter ? row_of(letter) : NULL;

	for (size_t i = 0; row && i < COMMANDS_LEN; i++)
		if (row->commands & commands[i].bit)
			return commands[i].name;
	return NULL;
}

/* What was probably meant, by a name or by a letter. */
static void suggest(enum bk_cli_command_bit command, const char *typed, char letter, char out[NEXT_STEP_MAX])
{
	const char *other = whose(typed, letter), *meant = *typed ? nearest(command, typed) : NULL;

	if (other)
		snprintf(out, NEXT_STEP_MAX, "; 'bodkin %s' takes it", other);
	else if (meant)
		snprintf(out, NEXT_STEP_MAX, "; did you mean --%s?", meant);
	else
		*out = 0;
}

/* getopt's two complaints, about a short or a long option. */
static int complain(enum bk_cli_command_bit command, int c, char **argv, char text[BK_CLI_TEXT_MAX])
{
	bool is_long = !strncmp(argv[optind - 1], "--", 2) && (!optopt || optopt >= 256);
	const char letter[] = {'-', (char)optopt, 0};
	char typed[BK_TEXT_SLIPS_MAX + 2], more[NEXT_STEP_MAX];

	snprintf(typed, sizeof(typed), "%.*s", is_long ? (int)strcspn(argv[optind - 1] + 2, "=") : 0,
		is_long ? argv[optind - 1] + 2 : "");
	if (c == ':')
		snprintf(more, sizeof(more), " needs a value");
	else
		suggest(command, typed, letter[1], more);
	snprintf(text, BK_CLI_TEXT_MAX, "%s '%.200s'%s", c == ':' ? "option" : "unknown option",
		is_long ? argv[optind - 1] : letter, more);
	return BK_E_INVALID;
}

int bk_cli_options_parse(struct bk_cli_options *o, enum bk_cli_command_bit command, int argc, char **argv,
	char ret_text[BK_CLI_TEXT_MAX])
{
	struct option longs[ROWS_LEN + 1];
	char shorts[2 * ROWS_LEN + 2];
	int c, err = 0;

	*o = (struct bk_cli_options){.alt_port = -1};
	make_tables(command, longs, shorts);
	optind = 0;
	opterr = 0;
	while (err >= 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct row *row = row_of(c);

		err = row ? set_row(o, row, optarg, ret_text) : complain(command, c, argv, ret_text);
	}
	o->is_server_typed = o->server;
	o->is_from_typed = o->from.len;
	o->typed = o->given;
	o->args = argv + optind;
	o->args_len = argc - optind;
	return err;
}

void bk_cli_options_done(struct bk_cli_options *o)
{
	for (size_t i = 0; i < o->owned_len; i++)
		free(o->owned[i]);
	o->owned_len = 0;
}

void bk_cli_options_wrap(const char *text, int indent)
{
	int column = indent;

	while (*text) {
		int n = (int)strcspn(text, " \n");

		if (column > indent && column + 1 + n > HELP_COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s%.*s", column > indent ? " " : "", n, text);
		text += n;
		text += strspn(text, " \n");
	}
	putchar('\n');
}

void bk_cli_options_print(enum bk_cli_command_bit command)
{
	for (size_t i = 0; i < ROWS_LEN; i++) {
		const struct row *row = &rows[i];
		char left[64], letter[] = {'-', row->letter, ',', ' ', 0};

		if (!(row->commands & command) || (row->commands == ALL && !strcmp(row->name, "plain") &&
							  !(command & (BK_CLI_CMD_SERVE | BK_CLI_CMD_PING))))
			continue;
		snprintf(left, sizeof(left), "%s--%s%s%s", row->letter ? letter : "    ", row->name,
			row->value ? " " : "", row->value ? row->value : "");
		if (strlen(left) < HELP_LEFT - 3)
			printf("  %-*s", HELP_LEFT - 2, left);
		else
			printf("  %s\n%*s", left, HELP_LEFT, "");
		bk_cli_options_wrap(row->help, HELP_LEFT);
	}
}
