/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin serve`: run the server, tell people (and a service manager) how it is, log why connections end. */
#include "cli/command.h"

#include <bodkin/loop.h>
#include <bodkin/server.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "cli/descriptors.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/log.h"
#include "cli/notify.h"
#include "cli/outside.h"
#include "cli/paths.h"
#include "cli/report_server.h"
#include "cli/why.h"

enum {
	ADDRESSES_MAX = 16,
	DESCRIPTORS =
		16384, /* the server's usual ceilings: 10,000 clients, 1,000 relays of two legs, and strangers */
};

struct command {
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_cli_interrupt interrupt;
	struct bk_cli_outside outside;
	struct bk_addr listen;
	char state_dir[BK_CLI_PATHS_MAX], listen_ip[BK_ADDR_STR_MAX], *token;
	bool has_stopped, is_show;
};

static void on_stopped(void *arg)
{
	struct command *c = arg;

	c->has_stopped = true;
	bk_loop_stop(c->loop);
}

static void stop(void *arg)
{
	struct command *c = arg;

	bk_cli_notify("STOPPING=1");
	bk_server_stop(c->server, on_stopped, c);
}

static int refuse(int err, char text[BK_CLI_TEXT_MAX], const char *what, const char *value, const char *why)
{
	snprintf(text, BK_CLI_TEXT_MAX, "cannot serve: %s '%.200s': %s", what, value, why);
	return err;
}

static int refuse_argument(const char *typed, char text[BK_CLI_TEXT_MAX])
{
	struct bk_addr addr;
	char meant[BK_CLI_WHY_MAX];

	if (bk_addr_from_listen(typed, &addr) < 0)
		return refuse(
			BK_E_INVALID, text, "argument", typed, "it takes none; try 'bodkin help serve'");
	snprintf(meant, sizeof(meant), "where it listens stands behind -l; did you mean -l %.60s?", typed);
	return refuse(BK_E_INVALID, text, "argument", typed, meant);
}

/* What needs more than the table of options to be understood. */
static int read_options(struct command *c, const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char why[BK_CLI_WHY_MAX];
	struct bk_addr alt;
	int err = 0;

	if (o->listen && bk_addr_from_listen(o->listen, &c->listen) < 0)
		return refuse(BK_E_INVALID, text, "--listen", o->listen, bk_cli_why_listen(o->listen, why));
	if (o->alt_addr && bk_addr_from_ip(o->alt_addr, 0, &alt) < 0)
		return refuse(BK_E_INVALID, text, "--alt-addr", o->alt_addr, "not an IP address");
	if (c->listen.family)
		bk_addr_ip_to_str(&c->listen, c->listen_ip);
	if (o->token)
		err = bk_cli_paths_read_token(o->token, &c->token);
	if (err < 0)
		return refuse(BK_E_FILE, text, "--token", o->token,
			err == BK_E_FILE ? strerror(errno) : "its first line is empty");
	if (o->state)
		snprintf(c->state_dir, sizeof(c->state_dir), "%s", o->state);
	else
		err = bk_cli_paths_state(c->state_dir);
	if (err == BK_E_NOT_FOUND)
		snprintf(text, BK_CLI_TEXT_MAX,
			"cannot serve: there is no home, and the server's key has to be kept somewhere; "
			"give it a folder: bodkin serve --state DIR");
	return err < 0 ? BK_E_INVALID : 0;
}

/* As the server wants it: 0 is "the usual one", -1 any free one. */
static int alt_port(const struct bk_cli_options *o, bool any_port)
{
	if (o->alt_port > 0)
		return (int)o->alt_port;
	return !o->alt_port || any_port ? -1 : 0;
}

static int start(struct command *c, const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	enum bk_loop_backend backend = BK_LOOP_AUTO;
	bool any_port = o->listen && !c->listen.port;
	const struct bk_server_opts opts = {
		.listen_ip = c->listen_ip[0] ? c->listen_ip : NULL,
		.port = any_port ? -1 : c->listen.port,
		.alt_port = alt_port(o, any_port),
		.alt_ip = o->alt_addr,
		.speaks_plain = o->plain,
		.token = c->token,
		.state_dir = c->state_dir,
	};
	int err;

	if (o->loop)
		(void)bk_loop_backend_from_str(o->loop, &backend);
	if (backend != BK_LOOP_SELECT) {
		bk_cli_descriptors_raise();
		bk_cli_descriptors_reserve(DESCRIPTORS);
	}
	err = bk_loop_new(backend, &c->loop);
	if (err < 0)
		return refuse(err, text, "--loop", o->loop ? o->loop : "auto", bk_error_text(err));
	err = bk_server_new(c->loop, &opts, &c->server, text);
	if (err >= 0)
		err = bk_cli_interrupt_init(&c->interrupt, c->loop, stop, c);
	return err;
}

static void announce(const struct command *c, struct bk_cli_report *r, uint16_t port, const char *pin)
{
	struct bk_addr addrs[ADDRESSES_MAX];
	char texts[ADDRESSES_MAX][BK_ADDR_STR_MAX];
	const char *list[ADDRESSES_MAX];
	int n = bk_server_addresses(c->listen_ip[0] ? c->listen_ip : NULL, port, addrs, ADDRESSES_MAX);

	for (int i = 0; i < n; i++)
		list[i] = bk_addr_to_str(&addrs[i], texts[i]);
	if (c->is_show)
		bk_cli_report_server(r, list, (size_t)n, pin);
	else
		bk_cli_report_listening(r, list, (size_t)n, pin);
}

/* What was said at the start, for those who did not see it, or no longer do. */
static int show(struct command *c, const struct bk_cli_options *o, struct bk_cli_report *r,
	char text[BK_CLI_TEXT_MAX])
{
	char pin[BK_SERVER_PIN_MAX], why[BK_SERVER_TEXT_MAX];
	int err;

	if (o->listen && !c->listen.port)
		return refuse(BK_E_INVALID, text, "--listen", o->listen,
			"with any free port only the running server knows which");
	err = bk_server_read_pin(c->state_dir, pin, why);
	if (err < 0) {
		snprintf(text, BK_CLI_TEXT_MAX, "cannot show the server: %s%s", why,
			err == BK_E_NOT_FOUND
				? "; its first start makes it; is its folder another one? --state DIR"
				: "");
		return BK_E_FILE;
	}
	announce(c, r, c->listen.port ? c->listen.port : BK_SERVER_PORT, pin);
	return 0;
}

/* After a start that failed. */
static const char *next_step(int err, unsigned port)
{
	if (err == BK_E_FILE)
		return "; another folder: --state DIR";
	if (err == BK_E_ADDRESS_IN_USE)
		return "; does a server run here already? Other ports: -l :PORT";
	if (err == BK_E_ACCESS && port && port < 1024)
		return "; ports below 1024 are the administrator's: -l :PORT takes another one";
	if (err == BK_E_ADDRESS)
		return "; no address of this machine: 'ip address' lists them, -l :PORT takes all";
	return "";
}

/* A server for this machine, or at an address that needs no router, asks none. */
static int reach_outside(struct command *c, const struct bk_cli_options *o, struct bk_cli_report *r)
{
	bool is_for_all = !c->listen_ip[0] || bk_addr_is_any(&c->listen),
	     has_ipv6 = is_for_all && c->listen.family != 4;

	if (o->no_port_mapping || (!is_for_all && !bk_addr_is_inside(&c->listen)))
		return 0;
	return bk_cli_outside_init(&c->outside, c->loop, r, has_ipv6, bk_server_port(c->server),
		bk_server_alt_port(c->server), bk_server_pin(c->server));
}

static int serve(struct command *c, const struct bk_cli_options *o, struct bk_cli_report *r,
	char text[BK_CLI_TEXT_MAX])
{
	int err = start(c, o, text);

	if (err < 0) {
		strncat(text, next_step(err, c->listen.port), BK_CLI_TEXT_MAX - strlen(text) - 1);
		return err;
	}
	announce(c, r, bk_server_port(c->server), bk_server_pin(c->server));
	err = reach_outside(c, o, r);
	if (err < 0)
		return err;
	bk_cli_notify("READY=1");
	return bk_loop_run(c->loop);
}

static enum bk_log_level level_of(const struct bk_cli_options *o)
{
	if (o->quiet)
		return BK_LOG_WARN;
	return o->verbosity > 1 ? BK_LOG_TRACE : o->verbosity ? BK_LOG_DEBUG : BK_LOG_INFO;
}

static int exit_of(int err)
{
	if (err == BK_E_INVALID)
		return BK_CLI_EXIT_USAGE;
	return err == BK_E_FILE ? BK_CLI_EXIT_FILE : BK_CLI_EXIT_FAILED;
}

static int run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	struct command c = {.is_show = o->show};
	char text[BK_CLI_TEXT_MAX] = "";
	int err = 0, code = BK_CLI_EXIT_DONE;

	if (o->args_len)
		err = refuse_argument(o->args[0], text);
	bk_cli_log_start(level_of(o));
	if (err >= 0)
		err = read_options(&c, o, text);
	if (err >= 0)
		err = c.is_show ? show(&c, o, r, text) : serve(&c, o, r, text);
	if (err < 0) {
		bk_cli_report_error(r, err, text[0] ? text : bk_error_text(err));
		code = exit_of(err);
	} else if (!c.has_stopped && !c.is_show) {
		code = BK_CLI_EXIT_INTERRUPTED;
	}
	bk_cli_interrupt_done(&c.interrupt);
	bk_cli_outside_done(&c.outside);
	bk_server_free(c.server);
	bk_loop_free(c.loop);
	free(c.token);
	return code;
}

const struct bk_cli_command bk_cli_cmd_serve = {
	.name = "serve",
	.act = "serve",
	.usage = "[-l [ADDR]:PORT] [OPTION]... | --show",
	.summary = "run the server that both sides meet at",
	.about = "Needs no account and keeps nothing but its own "
		 "key; its pin is printed at the start. The server\n"
		 "sees neither file names nor contents, also when "
		 "it relays them. Two ports must be open, both\n"
		 "for TCP and UDP: 15005 and 15006.",
	.bit = BK_CLI_CMD_SERVE,
	.run = run,
};
