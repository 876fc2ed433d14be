/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin ping`: is there a path, which one, and how long does it take? */
#include "cli/command.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/code.h>

#include "apps/ping.h"
#include "cli/by_name.h"
#include "cli/exit.h"

enum { SERVER_MAX = 512 };

static const double interval_min = 0.001, interval_max = 3600;

struct command {
	struct bk_cli_frame frame;
	struct bk_cli_by_name by_name;
	const char *name; /* of the device that is asked; NULL: by code */
	struct bk_plain_client_opts plain;
	struct bk_ping *ping;
	char server[SERVER_MAX]; /* without a pin, for the plain dialect */
	bool was_stopped;        /* by the user */
};

/* As ping(8) does: as many digits as say something. */
static int digits_of(double ms)
{
	return ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0;
}

static void on_pong(void *arg, uint64_t number, double rtt_ms)
{
	struct command *c = arg;
	struct bk_cli_report *r = c->frame.report;

	bk_cli_report_event(r, BK_CLI_CHATTER, "pong",
		json_pack("{s:I, s:f}", "number", (json_int_t)number, "rtt_ms", rtt_ms));
	bk_cli_report_say(r, BK_CLI_CHATTER, "hello from %s: number=%llu time=%.*f ms", bk_cli_report_whom(r),
		(unsigned long long)number, digits_of(rtt_ms), rtt_ms);
}

static void report_result(struct bk_cli_report *r, const struct bk_rally_result *a)
{
	double loss = a->sent ? 100.0 * (double)(a->sent - a->answered) / (double)a->sent : 0;

	bk_cli_report_event(r, BK_CLI_VERDICT, "done",
		json_pack("{s:I, s:f, s:n, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "bytes", (json_int_t)0,
			"seconds", a->seconds, "digest", "sent", (json_int_t)a->sent, "received",
			(json_int_t)a->answered, "loss_percent", loss, "min_ms", a->min_ms, "avg_ms",
			a->avg_ms, "max_ms", a->max_ms, "mdev_ms", a->mdev_ms));
	if (r->is_json || (r->is_quiet && !a->sent))
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
	return c->frame.options->count && a->answered >= (uint64_t)c->frame.options->count;
}

static void on_end(void *arg, const struct bk_rally_result *result, const struct bk_call_failure *failure)
{
	struct command *c = arg;
	struct bk_cli_report *r = c->frame.report;

	if (!failure && !c->was_stopped && !has_all_answers(c, result))
		bk_cli_report_say(r, BK_CLI_VERDICT, "%s left", bk_cli_report_whom(r));
	if (*r->peer && (result->sent || !failure))
		report_result(r, result);
	bk_cli_frame_end(&c->frame, failure);
}

static void stop(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	c->was_stopped = true;
	if (c->ping)
		bk_ping_stop(c->ping);
	else
		bk_loop_stop(f->loop);
}

static void done(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	bk_ping_free(c->ping);
	bk_cli_by_name_done(&c->by_name);
}

/* --- options --- */

static int refuse(char text[BK_CLI_TEXT_MAX], const char *what, const char *value, const char *why)
{
	snprintf(text, BK_CLI_TEXT_MAX, "cannot ping: %s '%.200s' %s; try 'bodkin help ping'", what, value,
		why);
	return BK_E_INVALID;
}

static int read_interval(const char *s, int64_t *ret_ns, char text[BK_CLI_TEXT_MAX])
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
static int read_plain(struct command *c, const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
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

static int check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	if (o->id && !o->plain)
		return refuse(text, "--id", o->id, "is for --plain");
	return 0;
}

static int start_ping(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	const struct bk_cli_options *o = f->options;
	const struct bk_ping_events events = {
		.news = bk_cli_frame_news, .on_pong = on_pong, .on_end = on_end};
	struct bk_ping_opts opts = {.count = (uint64_t)o->count};
	int err = read_interval(o->interval, &opts.interval_ns, text);

	_Static_assert((int)BK_CLI_TEXT_MAX >= (int)BK_PING_TEXT_MAX, "room for either sentence");
	if (err >= 0 && o->plain)
		err = read_plain(c, o, text);
	if (err < 0)
		return err;
	opts.session = o->plain ? NULL : &f->session;
	opts.plain = o->plain ? &c->plain : NULL;
	return bk_ping_new(f->loop, &opts, &events, c, &c->ping, text);
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	const struct bk_cli_by_name_opts opts = {.name = c->name,
		.purpose = "ping",
		.needs = BK_DEVICE_ANSWERS,
		.lacks = "there, but does not answer",
		.on_found = start_ping};
	int64_t interval;
	int err = read_interval(f->options->interval, &interval, text);

	if (err < 0 || !c->name)
		return err < 0 ? err : start_ping(f, text);
	return bk_cli_by_name_start(&c->by_name, f, &opts, text);
}

/* What is no code is the name of a device; where there are none, and it has a number in front, what is wrong with the
 * code is said. */
static int take_name(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char why[BK_CODE_TEXT_MAX], more[BK_CLI_TEXT_MAX];
	int err;

	if (o->plain || o->args_len != 1 || bk_code_check(o->args[0], why) >= 0)
		return 0;
	err = bk_cli_by_name_init(&c->by_name, o, more);
	if (err < 0 && strspn(o->args[0], "0123456789"))
		return 0;
	if (err < 0) {
		snprintf(text, BK_CLI_TEXT_MAX, "cannot ping: %.200s; and for a device: %.250s", why, more);
		return BK_E_INVALID;
	}
	c->name = o->args[0];
	o->args_len = 0;
	return 0;
}

static int run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {
		.command = BK_CLI_CMD_PING,
		.act = "ping",
		.other = "ping",
		.before_code = "",
		.after_code = "",
		.takes_plain = true,
		.takes_code = true,
		.check = check,
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct command c = {0};
	char text[BK_CLI_TEXT_MAX];

	if (take_name(&c, o, text) < 0) {
		bk_cli_report_error(r, BK_E_INVALID, text);
		return BK_CLI_EXIT_USAGE;
	}
	return bk_cli_frame_run(&c.frame, &ops, o, r);
}

const struct bk_cli_command bk_cli_cmd_ping = {
	.name = "ping",
	.act = "ping",
	.usage = "[CODE | NAME] [-c COUNT] [-i SECONDS] [OPTION]...",
	.summary = "see the path to another machine and its round trip",
	.about =
		"Both sides run it. Without CODE it prints one; the "
		"other side comes with it, and the two say hello\n"
		"to each other, with numbers that rise in turn, until "
		"Ctrl-C or COUNT answers. NAME is one of your devices ('bodkin help devices'), which answers by itself.\n"
		"With --plain the other\n"
		"side may be any program that speaks the plain "
		"dialect, CODE is its id, and nothing is encrypted.",
	.bit = BK_CLI_CMD_PING,
	.run = run,
};
