/* SPDX-License-Identifier: Apache-2.0 */
/* Two machines behind routers talk over UDP without a relay, in four steps. Learn: ask the server what this
 * machine looks like from outside. Register: get a code from the server, or come with the one that was told.
 * Punch: both send at once, so each router lets the other in. Keep alive: a byte goes there and back now and
 * then, because a router forgets a silent hole after half a minute. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/nat.h>
#include <bodkin/session.h>

#include "common.h"

#define SECOND_NS INT64_C(1000000000)

struct punch {
	struct bk_loop *loop;
	struct bk_nat_report *report;
	struct bk_session *session;
	struct bk_channel *channel;
	struct bk_timer *timer;
	const char *server, *code; /* code: NULL for the one who registers first */
	long count, interval_s;
	long number; /* of keep-alives sent */
	bool is_awaiting, failed;
	int64_t sent_at;
};

static void fail(struct punch *p, const char *text)
{
	complain("%s", text);
	p->failed = true;
	bk_loop_stop(p->loop);
}

/* --- keep alive --- */

static void send_keep_alive(void *arg)
{
	struct punch *p = arg;
	uint8_t byte = (uint8_t)(p->number + 1);

	bk_timer_start(p->timer, p->interval_s * SECOND_NS);
	if (p->is_awaiting) {
		printf("keep-alive %ld: no answer yet\n", p->number);
		return;
	}
	p->sent_at = bk_loop_now(p->loop);
	if (bk_channel_write(p->channel, &byte, 1) < 0)
		return;
	p->number++;
	p->is_awaiting = true;
}

static void on_answer(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct punch *p = arg;

	(void)channel;
	if (!p->is_awaiting || data[n - 1] != (uint8_t)p->number)
		return;
	p->is_awaiting = false;
	printf("keep-alive %ld: %.3f ms\n", p->number, (double)(bk_loop_now(p->loop) - p->sent_at) / 1e6);
	if (p->number == p->count) {
		bk_timer_stop(p->timer);
		bk_session_close(p->session, 0);
	}
}

static void on_question(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct punch *p = arg;

	(void)channel;
	bk_channel_write(p->channel, data, n);
	p->number += (long)n;
	printf("keep-alive %ld answered\n", p->number);
}

static void on_reset(struct bk_channel *channel, void *arg, int error)
{
	struct punch *p = arg;

	(void)channel;
	(void)error;
	bk_timer_stop(p->timer);
}

/* The one who came with the code asks, the other answers. */
static void on_open(struct bk_session *session, void *arg)
{
	static const struct bk_channel_events events = {.on_data = on_answer, .on_reset = on_reset};
	struct punch *p = arg;

	(void)session;
	if (!p->code)
		return;
	if (bk_channel_open(p->session, "keep-alive/1", &events, p, &p->channel) >= 0)
		send_keep_alive(p);
	else
		fail(p, "cannot open a channel");
}

static void on_channel(struct bk_session *session, void *arg, struct bk_channel *channel, const char *kind)
{
	static const struct bk_channel_events events = {.on_data = on_question, .on_reset = on_reset};
	struct punch *p = arg;

	(void)session;
	if (p->channel || strcmp(kind, "keep-alive/1") != 0)
		return;
	p->channel = channel;
	bk_channel_listen(channel, &events, p);
}

/* --- register and punch --- */

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	const struct punch *p = arg;

	(void)session;
	if (!p->code)
		printf("registered; on the other machine: udp_punch %s %s\n", p->server, code);
}

static void on_peer(struct bk_session *session, void *arg, const struct bk_peer *peer)
{
	(void)session;
	(void)arg;
	fputs("peer: ", stdout);
	print_clean(stdout, peer->name, strlen(peer->name));
	putchar('\n');
}

static void on_path(struct bk_session *session, void *arg, const struct bk_path *path)
{
	(void)session;
	(void)arg;
	printf("path: %s to %s: %s\n", path->local, path->remote, path->text);
}

static void on_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct punch *p = arg;

	(void)session;
	if (error < 0)
		fail(p, text);
	else
		bk_loop_stop(p->loop);
}

static void start_session(struct punch *p)
{
	static const struct bk_session_events events = {
		.on_code = on_code,
		.on_peer = on_peer,
		.on_path = on_path,
		.on_open = on_open,
		.on_channel = on_channel,
		.on_closed = on_closed,
	};
	const struct bk_session_opts opts = {
		.server = p->server,
		.code = p->code,
		.path = BK_PATH_CHOICE_DIRECT,
		.transport = BK_TRANSPORT_CHOICE_UDP,
	};
	char text[600];
	int err = bk_session_new(p->loop, &opts, &events, p, &p->session);

	snprintf(text, sizeof(text), "cannot use server '%s' and code '%s': %s", p->server,
		p->code ? p->code : "", bk_error_text(err));
	if (err < 0)
		fail(p, text);
}

/* --- learn --- */

static void on_learnt(struct bk_nat_report *report, void *arg, const struct bk_nat_result *result)
{
	const struct bk_nat_side *udp = &result->udp;

	(void)report;
	printf("learnt: over UDP this machine is %s, seen as %s; mapping %s, filtering %s\n", udp->type,
		*udp->public_ ? udp->public_ : "nothing", udp->mapping, udp->filtering);
	start_session(arg);
}

static void on_nothing_learnt(struct bk_nat_report *report, void *arg, int error, const char *text)
{
	(void)report;
	(void)error;
	fail(arg, text);
}

static int start(struct punch *p)
{
	static const struct bk_nat_report_events events = {
		.on_done = on_learnt, .on_failed = on_nothing_learnt};
	const struct bk_nat_report_opts opts = {.server = p->server};
	int err = bk_timer_new(p->loop, send_keep_alive, p, &p->timer);

	if (err >= 0)
		err = bk_nat_report_new(p->loop, &opts, &events, p, &p->report);
	return err;
}

/* --- the program --- */

static void on_interrupt(void *arg, int signo)
{
	struct punch *p = arg;

	(void)signo;
	p->failed = true;
	if (p->session)
		bk_session_close(p->session, BK_E_CANCELLED);
	else
		bk_loop_stop(p->loop);
}

static bool read_options(struct punch *p, int argc, char **argv)
{
	bool good = true;
	int o;

	while ((o = getopt(argc, argv, "c:i:")) != -1) {
		if (o == 'c')
			good = good && read_number(optarg, 1, 1000000, &p->count);
		else
			good = good && o == 'i' && read_number(optarg, 0, 3600, &p->interval_s);
	}
	if (!good || argc - optind < 1 || argc - optind > 2)
		return false;
	p->server = argv[optind];
	p->code = argv[optind + 1];
	return true;
}

int main(int argc, char **argv)
{
	struct punch p = {.count = 10, .interval_s = 5};
	int err;

	if (!read_options(&p, argc, argv))
		return usage("[-c COUNT] [-i SECONDS] HOST[:PORT][#PIN] [CODE]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	err = bk_loop_new(BK_LOOP_AUTO, &p.loop);
	if (err >= 0)
		err = start(&p);
	if (err < 0)
		complain("cannot ask server '%s': %s", p.server, bk_error_text(err));
	else
		err = run_loop(p.loop, on_interrupt, &p);
	bk_nat_report_free(p.report);
	bk_session_free(p.session); /* and its channel */
	bk_timer_free(p.timer);
	bk_loop_free(p.loop);
	return err < 0 || p.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
