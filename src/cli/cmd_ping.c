/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin ping`: is there a path, which one, and how long does it take? */
#include "cli/command.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ping.h"
#include "cli/client.h"
#include "cli/exit.h"
#include "cli/interrupt.h"

enum { SERVER_MAX = 512 };

static const double interval_min = 0.001, interval_max = 3600;

struct command {
	struct bk_client client;
	struct bk_interrupt interrupt;
	struct bk_report *report;
	const struct bk_options *options;
	struct bk_plain_client_opts plain;
	struct bk_ping *ping;
	char server[SERVER_MAX]; /* without a pin, for the plain dialect */
	int code;
	bool was_stopped; /* by the user */
};

static void on_code(void *arg, const char *code)
{
	struct command *c = arg;
	char other[1024];

	snprintf(other, sizeof(other), "bodkin ping %s%s%s%s%s", c->options->plain ? "--plain " : "",
		c->options->is_server_typed ? "-s " : "",
		c->options->is_server_typed ? c->options->server : "", c->options->is_server_typed ? " " : "",
		code);
	bk_report_code(c->report, code, other);
}

static void on_peer(void *arg, const struct bk_peer *peer)
{
	struct command *c = arg;

	bk_report_peer(c->report, peer);
}

static void on_path(void *arg, const struct bk_path *path)
{
	struct command *c = arg;

	bk_report_path(c->report, path);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct command *c = arg;

	bk_report_note(c->report, verbosity, text);
}

/* As ping(8) does: as many digits as say something. */
static int digits_of(double ms)
{
	return ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0;
}

static void on_pong(void *arg, uint64_t number, double rtt_ms)
{
	struct command *c = arg;
	struct bk_report *r = c->report;

	bk_report_event(r, BK_CLI_CHATTER, "pong",
		json_pack("{s:I, s:f}", "number", (json_int_t)number, "rtt_ms", rtt_ms));
	bk_report_say(r, BK_CLI_CHATTER, "hello from %s: number=%llu time=%.*f ms",
		*r->peer ? r->peer : "the other side", (unsigned long long)number, digits_of(rtt_ms), rtt_ms);
}

static void report_result(struct bk_report *r, const struct bk_rally_result *a)
{
	double loss = a->sent ? 100.0 * (double)(a->sent - a->answered) / (double)a->sent : 0;

	bk_report_event(r, BK_CLI_VERDICT, "done",
		json_pack("{s:I, s:f, s:n, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "bytes", (json_int_t)0,
			"seconds", a->seconds, "digest", "sent", (json_int_t)a->sent, "received",
			(json_int_t)a->answered, "loss_percent", loss, "min_ms", a->min_ms, "avg_ms",
			a->avg_ms, "max_ms", a->max_ms, "mdev_ms", a->mdev_ms));
	if (r->json || (r->quiet && !a->sent))
		return;
	bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT,
		"\n--- %s ping statistics ---\n%llu sent, %llu received, %.4g%% loss, time %.0f ms\n",
		*r->peer ? r->peer : "bodkin", (unsigned long long)a->sent, (unsigned long long)a->answered,
		loss, a->seconds * 1000);
	if (a->answered)
		bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT,
			"rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", a->min_ms, a->avg_ms, a->max_ms,
			a->mdev_ms);
}

static bool has_all_answers(const struct command *c, const struct bk_rally_result *a)
{
	return c->options->count && a->answered >= (uint64_t)c->options->count;
}

static void on_end(void *arg, const struct bk_rally_result *result, const struct bk_call_failure *failure)
{
	struct command *c = arg;

	if (!failure && !c->was_stopped && !has_all_answers(c, result))
		bk_report_say(c->report, BK_CLI_VERDICT, "%s left",
			*c->report->peer ? c->report->peer : "the other side");
	if (*c->report->peer && (result->sent || !failure))
		report_result(c->report, result);
	if (failure)
		bk_report_error(c->report, failure->error, failure->text);
	c->code = failure ? (int)bk_exit_of(failure) : BK_EXIT_DONE;
	bk_loop_stop(c->client.loop);
}

static const struct bk_ping_events events = {
	.news = {.on_code = on_code, .on_peer = on_peer, .on_path = on_path, .on_note = on_note},
	.on_pong = on_pong,
	.on_end = on_end,
};

static void stop(void *arg)
{
	struct command *c = arg;

	c->was_stopped = true;
	bk_ping_stop(c->ping);
}

/* --- options --- */

static int refuse(char text[BK_OPTIONS_TEXT_MAX], const char *what, const char *value, const char *why)
{
	snprintf(text, BK_OPTIONS_TEXT_MAX, "cannot ping: %s '%.200s' %s; try 'bodkin help ping'", what,
		value, why);
	return BK_E_INVALID;
}

static int read_interval(const char *s, int64_t *ret_ns, char text[BK_OPTIONS_TEXT_MAX])
{
	char *end;
	double seconds = s ? strtod(s, &end) : 0;

	*ret_ns = 0;
	if (!s)
		return 0;
	if (end == s || *end || !isfinite(seconds) || seconds < interval_min || seconds > interval_max)
		return refuse(text, "--interval", s, "is not a number of seconds from 0.001 to 3600");
	*ret_ns = (int64_t)(seconds * 1e9);
	return 0;
}

/* A pin says nothing where there is no TLS. One that was typed is refused, so that nobody believes in it. */
static int read_plain(struct command *c, const struct bk_options *o, char text[BK_OPTIONS_TEXT_MAX])
{
	if (strchr(o->server, '#') && o->is_server_typed)
		return refuse(text, "--server", o->server, "has a pin, which --plain cannot check");
	if (snprintf(c->server, sizeof(c->server), "%s", o->server) >= (int)sizeof(c->server))
		return refuse(text, "--server", o->server, "is too long");
	c->server[strcspn(c->server, "#")] = 0;
	c->plain = (struct bk_plain_client_opts){
		.server = c->server,
		.id = o->id,
		.peer_id = o->args_len ? o->args[0] : NULL,
		.wait_ns = (int64_t)o->timeout * 1000000000,
	};
	return 0;
}

static int check(const struct bk_options *o, char text[BK_OPTIONS_TEXT_MAX])
{
	if (o->args_len > 1)
		return refuse(text, "argument", o->args[1], "is too much");
	if (o->id && !o->plain)
		return refuse(text, "--id", o->id, "is for --plain");
	if (o->plain && o->transport && !strcmp(o->transport, "udp"))
		return refuse(
			text, "--transport", o->transport, "is not in the plain dialect, which has TCP");
	if (o->plain && o->path && !strcmp(o->path, "relay"))
		return refuse(text, "--path", o->path, "is not in the plain dialect, which has no relay");
	return 0;
}

static int start(struct command *c, const struct bk_options *o, char text[BK_OPTIONS_TEXT_MAX])
{
	struct bk_ping_opts opts = {.count = (uint64_t)o->count};
	int err = read_interval(o->interval, &opts.interval_ns, text);

	_Static_assert((int)BK_OPTIONS_TEXT_MAX >= (int)BK_PING_TEXT_MAX, "room for either sentence");
	if (err >= 0 && o->plain)
		err = read_plain(c, o, text);
	if (err < 0)
		return err;
	if (o->args_len)
		c->client.session.code = o->args[0];
	opts.session = o->plain ? NULL : &c->client.session;
	opts.plain = o->plain ? &c->plain : NULL;
	err = bk_ping_new(c->client.loop, &opts, &events, c, &c->ping, text);
	if (err >= 0)
		err = bk_interrupt_init(&c->interrupt, c->client.loop, stop, c);
	return err;
}

static int run(struct bk_options *o, struct bk_report *r)
{
	struct command c = {.report = r, .options = o, .code = BK_EXIT_INTERRUPTED};
	struct bk_options encrypted = *o; /* what every client command accepts */
	struct bk_call_failure failure = {0};
	char text[BK_OPTIONS_TEXT_MAX] = "";
	int err = check(o, text);

	encrypted.plain = false;
	if (err >= 0)
		err = bk_client_init(&c.client, &encrypted, "ping", text);
	if (err >= 0)
		err = start(&c, o, text);
	if (err >= 0)
		err = bk_loop_run(c.client.loop);
	if (err < 0) {
		bk_report_error(r, err, *text ? text : bk_error_text(err));
		failure.error = err;
		c.code = (int)bk_exit_of(&failure);
	}
	bk_interrupt_done(&c.interrupt);
	bk_ping_free(c.ping);
	bk_client_done(&c.client);
	return c.code;
}

const struct bk_command bk_cmd_ping = {
	.name = "ping",
	.usage = "[CODE] [-c COUNT] [-i SECONDS] [OPTION]...",
	.summary = "see the path to another machine and its round trip",
	.about = "Both sides run it. Without CODE it prints one; the other side comes with it, and the two "
		 "say "
		 "hello\n"
		 "to each other, with numbers that rise in turn, until Ctrl-C or COUNT answers. With --plain "
		 "the "
		 "other\n"
		 "side may be any program that speaks the plain dialect, CODE is its id, and nothing is "
		 "encrypted.",
	.bit = BK_CMD_PING,
	.run = run,
};
