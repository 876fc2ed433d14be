/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_table.h"

#include <string.h>

#define MEETS  (BK_CLI_CMD_SEND | BK_CLI_CMD_RECV | BK_CLI_CMD_PING | BK_CLI_CMD_CHAT)
#define CLIENT (MEETS | BK_CLI_CMD_DEVICES)
#define ALL    (BK_CLI_CMD_SERVE | BK_CLI_CMD_NAT | CLIENT)

#define AT(member) offsetof(struct bk_cli_options, member)

static const struct bk_cli_option rows[] = {
	{"server", 's', BK_CLI_OPTION_TEXT, AT(server), CLIENT | BK_CLI_CMD_NAT, "HOST[:PORT][#PIN]", 0, 0,
		"the server both sides meet at (else $BODKIN_SERVER, else the config file, else none: two "
		"machines meet on the local network)"},
	{"peer", 0, BK_CLI_OPTION_TEXT, AT(peer), CLIENT, "HOST[:PORT]", 0, 0,
		"ask this machine for the code, too"},
	{"interface", 0, BK_CLI_OPTION_TEXT, AT(interface), CLIENT, "NAME[,NAME]", 0, 0,
		"the networks of this machine to look on (all but those of containers)"},
	{"no-lan", 0, BK_CLI_OPTION_FLAG, AT(no_lan), CLIENT, NULL, 0, 0,
		"meet at the server alone, not on the local network"},
	{"no-port-mapping", 0, BK_CLI_OPTION_FLAG, AT(no_port_mapping),
		CLIENT | BK_CLI_CMD_SERVE | BK_CLI_CMD_NAT, NULL, 0, 0,
		"do not ask the router of this network for ports"},
	{"polite", 0, BK_CLI_OPTION_FLAG, AT(polite), CLIENT, NULL, 0, 0,
		"do not guess ports, which takes many packets"},
	{"to", 0, BK_CLI_OPTION_TEXT, AT(to), BK_CLI_CMD_SEND, "NAME", 0, 0,
		"to that one of your devices, without a code"},
	{"qr", 0, BK_CLI_OPTION_FLAG, AT(qr), BK_CLI_CMD_SEND, NULL, 0, 0,
		"draw the line for the other machine, to be scanned"},
	{"text", 0, BK_CLI_OPTION_TEXT, AT(text), BK_CLI_CMD_SEND, "TEXT", 0, 0,
		"say this, instead of sending files"},
	{"exclude", 0, BK_CLI_OPTION_NAMES, AT(exclude), BK_CLI_CMD_SEND, "PATTERN", 0, 0,
		"leave out what is called so in folders ('*.o'); repeat for more"},
	{"links", 0, BK_CLI_OPTION_CHOICE, AT(links), BK_CLI_CMD_SEND, "keep|follow|skip", 0, 0,
		"what becomes of links in folders (keep: those that lead to what is sent with them)"},
	{"compress", 0, BK_CLI_OPTION_CHOICE, AT(compress), BK_CLI_CMD_SEND, "auto|off", 0, 0,
		"pack files on their way (auto: while the network is slower than that, and it gives)"},
	{"watch", 0, BK_CLI_OPTION_FLAG, AT(watch), BK_CLI_CMD_DEVICES, NULL, 0, 0,
		"a live list, until Ctrl-C; this device is listed meanwhile"},
	{"replace", 0, BK_CLI_OPTION_FLAG, AT(replace), BK_CLI_CMD_DEVICES, NULL, 0, 0,
		"new, join: leave the group that this machine is in"},
	{"code", 0, BK_CLI_OPTION_TEXT, AT(code), BK_CLI_CMD_SEND, "CODE", 0, 0,
		"use this code: join who made it, or make it"},
	{"copies", 0, BK_CLI_OPTION_NUMBER, AT(copies), BK_CLI_CMD_SEND, "N", 1, 1000000,
		"to so many, by one code, each at his own speed"},
	{"keep", 0, BK_CLI_OPTION_FLAG, AT(keep), BK_CLI_CMD_SEND, NULL, 0, 0,
		"to as many as come with the code, until Ctrl-C"},
	{"words", 0, BK_CLI_OPTION_NUMBER, AT(words), MEETS, "N", 2, 16,
		"words in a made code (2; for several 3)"},
	{"count", 'c', BK_CLI_OPTION_NUMBER, AT(count), BK_CLI_CMD_PING, "COUNT", 1, 1000000000,
		"end after so many answers (never)"},
	{"interval", 'i', BK_CLI_OPTION_TEXT, AT(interval), BK_CLI_CMD_PING, "SECONDS", 0, 0,
		"between two messages (1; the side that answers: at once)"},
	{"id", 0, BK_CLI_OPTION_TEXT, AT(id), BK_CLI_CMD_PING, "ID", 0, 0,
		"what we are called in the plain dialect (made by chance)"},
	{"output", 'o', BK_CLI_OPTION_TEXT, AT(output), BK_CLI_CMD_RECV | BK_CLI_CMD_CHAT, "DIR", 0, 0,
		"the folder to write into (.); recv: - is standard output; chat: at a terminal alone"},
	{"yes", 'y', BK_CLI_OPTION_FLAG, AT(yes), BK_CLI_CMD_RECV, NULL, 0, 0,
		"take what is offered without asking"},
	{"conflict", 0, BK_CLI_OPTION_CHOICE, AT(conflict), BK_CLI_CMD_RECV, "ask|fail|skip|overwrite|rename",
		0, 0, "what becomes of files that exist (ask)"},
	{"overwrite", 0, BK_CLI_OPTION_FLAG, AT(overwrite), BK_CLI_CMD_RECV, NULL, 0, 0,
		"the same as --conflict overwrite"},
	{"hidden", 0, BK_CLI_OPTION_FLAG, AT(hidden), BK_CLI_CMD_RECV, NULL, 0, 0,
		"take hidden files (.NAME) also where nobody is asked"},
	{"executable", 0, BK_CLI_OPTION_FLAG, AT(executable), BK_CLI_CMD_RECV, NULL, 0, 0,
		"keep x bits also where nobody is asked"},
	{"forget-parts", 0, BK_CLI_OPTION_FLAG, AT(forget_parts), BK_CLI_CMD_RECV, NULL, 0, 0,
		"receive nothing: remove what transfers that broke off left in the folder"},
	{"max-size", 0, BK_CLI_OPTION_SIZE, AT(max_size), BK_CLI_CMD_RECV, "SIZE", 0, 0,
		"take no more than this (500K, 10M, 1.5G)"},
	{"limit", 0, BK_CLI_OPTION_RATE, AT(limit), BK_CLI_CMD_SEND | BK_CLI_CMD_RECV, "RATE", 0, 0,
		"no more bytes a second than this (500K, 2M, 2M/s)"},
	{"daemon", 0, BK_CLI_OPTION_FLAG, AT(daemon), BK_CLI_CMD_RECV, NULL, 0, 0,
		"stay, and take what one's own devices send (bodkin devices)"},
	{"from", 0, BK_CLI_OPTION_NAMES, AT(from), BK_CLI_CMD_RECV, "NAME", 0, 0,
		"with --daemon: take from this device without asking; repeat for more"},
	{"lifetime", 0, BK_CLI_OPTION_FLAG, AT(lifetime), BK_CLI_CMD_NAT, NULL, 0, 0,
		"also how long an idle mapping lives (takes up to five minutes)"},
	{"new-room", 0, BK_CLI_OPTION_FLAG, AT(new_room), BK_CLI_CMD_CHAT, NULL, 0, 0,
		"make a room for many, and print its invite"},
	{"room", 0, BK_CLI_OPTION_OPTIONAL, AT(room), BK_CLI_CMD_CHAT, "[NAME|INVITE]", 0, 0,
		"join a room: a remembered one, or whose invite it is (else it is asked for, and not shown)"},
	{"remember", 0, BK_CLI_OPTION_TEXT, AT(remember), BK_CLI_CMD_CHAT, "NAME", 0, 0,
		"keep the room's invite under this name, for --room NAME"},
	{"name", 0, BK_CLI_OPTION_TEXT, AT(name), CLIENT, "NAME", 0, 0,
		"shown to the other person; what this device is called (the host's name)"},
	{"listen", 'l', BK_CLI_OPTION_TEXT, AT(listen), BK_CLI_CMD_SERVE, "[ADDR]:PORT", 0, 0,
		"where to listen (every address, port 15005; port 0: any free one)"},
	{"alt-port", 0, BK_CLI_OPTION_NUMBER, AT(alt_port), BK_CLI_CMD_SERVE, "PORT", 0, 65535,
		"the second port (PORT + 1)"},
	{"alt-addr", 0, BK_CLI_OPTION_TEXT, AT(alt_addr), BK_CLI_CMD_SERVE, "ADDR", 0, 0,
		"a second address of this machine, for better NAT tests"},
	{"state", 0, BK_CLI_OPTION_TEXT, AT(state), BK_CLI_CMD_SERVE, "DIR", 0, 0,
		"where the server's key is kept ($XDG_STATE_HOME/bodkin)"},
	{"show", 0, BK_CLI_OPTION_FLAG, AT(show), BK_CLI_CMD_SERVE, NULL, 0, 0,
		"only print pin and address of the server that keeps its key there"},
	{"token", 0, BK_CLI_OPTION_TEXT, AT(token), ALL, "FILE", 0, 0,
		"the secret that clients of a closed server present"},
	{"plain", 0, BK_CLI_OPTION_FLAG, AT(plain), ALL, NULL, 0, 0,
		"no encryption: the plain dialect (ping: instead of TLS; serve: beside it)"},
	{"transport", 0, BK_CLI_OPTION_CHOICE, AT(transport), CLIENT, "auto|udp|tcp", 0, 0,
		"force a transport"},
	{"path", 0, BK_CLI_OPTION_CHOICE, AT(path), CLIENT, "auto|direct|relay", 0, 0,
		"force a kind of path"},
	{"loop", 0, BK_CLI_OPTION_CHOICE, AT(loop), ALL, "auto|epoll|poll|select", 0, 0,
		"force an event loop"},
	{"timeout", 0, BK_CLI_OPTION_NUMBER, AT(timeout), MEETS, "SECONDS", 0, 1000000,
		"how long to wait for the other side (0: no limit)"},
	{"json", 0, BK_CLI_OPTION_FLAG, AT(json), ALL, NULL, 0, 0,
		"one JSON object a line on standard output"},
	{"quiet", 'q', BK_CLI_OPTION_FLAG, AT(quiet), ALL, NULL, 0, 0, "only what is indispensable"},
	{"verbose", 'v', BK_CLI_OPTION_COUNT, AT(verbosity), ALL, NULL, 0, 0,
		"say what happens; repeat for more"},
	{"help", 'h', BK_CLI_OPTION_FLAG, AT(help), ALL, NULL, 0, 0, "this text"},
};

enum { ROWS_LEN = sizeof(rows) / sizeof(rows[0]) };

_Static_assert((int)ROWS_LEN <= (int)BK_CLI_OPTION_ROWS_MAX, "each has a bit of its own");

const struct bk_cli_option *bk_cli_option_at(size_t i)
{
	return i < ROWS_LEN ? &rows[i] : NULL;
}

const struct bk_cli_option *bk_cli_option_find(const char *name)
{
	for (size_t i = 0; i < ROWS_LEN; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

const struct bk_cli_option *bk_cli_option_of_letter(int letter)
{
	for (size_t i = 0; letter && i < ROWS_LEN; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

unsigned bk_cli_option_index(const struct bk_cli_option *option)
{
	return (unsigned)(option - rows);
}

static const struct {
	enum bk_cli_command_bit bit;
	const char *name;
} commands[] = {{BK_CLI_CMD_SEND, "send"}, {BK_CLI_CMD_RECV, "recv"}, {BK_CLI_CMD_CHAT, "chat"},
	{BK_CLI_CMD_DEVICES, "devices"}, {BK_CLI_CMD_PING, "ping"}, {BK_CLI_CMD_NAT, "nat"},
	{BK_CLI_CMD_SERVE, "serve"}};

enum { COMMANDS_LEN = sizeof(commands) / sizeof(commands[0]) };

unsigned bk_cli_option_command_find(const char *name, size_t len)
{
	for (size_t i = 0; i < COMMANDS_LEN; i++)
		if (strlen(commands[i].name) == len && !memcmp(commands[i].name, name, len))
			return commands[i].bit;
	return 0;
}

const char *bk_cli_option_command_at(size_t i, unsigned *ret_bit)
{
	*ret_bit = i < COMMANDS_LEN ? commands[i].bit : 0;
	return i < COMMANDS_LEN ? commands[i].name : NULL;
}
