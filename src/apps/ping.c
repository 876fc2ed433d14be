/* SPDX-License-Identifier: Apache-2.0 */
/* A ping is a rally over a way. What the peer chose is made harmless before it is told on. */
#include "apps/ping.h"

#include <stdio.h>
#include <stdlib.h>

#include "apps/ping_way.h"
#include "base/error.h"
#include "call/call.h"

_Static_assert((int)BK_PING_TEXT_MAX == (int)BK_CALL_TEXT_MAX, "one size of a sentence");

struct bk_ping {
	struct bk_loop *loop;
	struct bk_ping_events events;
	void *arg;
	const struct bk_ping_way_ops *ops;
	void *way;
	struct bk_rally rally;
	bool has_started, is_closing, is_over;
	int error; /* ours, decided before the way has ended */
	char text[BK_PING_TEXT_MAX];
};

static int rally_send(void *owner, const void *json, size_t n)
{
	struct bk_ping *p = owner;

	return p->ops->send(p->way, json, n);
}

static void rally_pong(void *owner, uint64_t number, double rtt_ms)
{
	struct bk_ping *p = owner;

	p->events.on_pong(p->arg, number, rtt_ms);
}

static void rally_enough(void *owner)
{
	bk_ping_stop(owner);
}

/* --- what the way tells --- */

static void on_open(void *owner, bool is_first)
{
	struct bk_ping *p = owner;

	if (p->is_closing || p->has_started)
		return;
	p->has_started = true;
	bk_rally_start(&p->rally, is_first);
}

static void on_fault(void *owner, int error, const char *text)
{
	struct bk_ping *p = owner;

	if (p->is_closing)
		return;
	p->is_closing = true;
	p->error = error;
	snprintf(p->text, sizeof(p->text), "%s: %s", text, bk_error_text(error));
	bk_rally_stop(&p->rally, true);
	p->ops->close(p->way, error);
}

static void rally_silence(void *owner)
{
	on_fault(owner, BK_E_TIMEOUT, "the other side is connected, but does not answer");
}

static const struct bk_rally_ops rally_ops = {
	.send = rally_send, .on_pong = rally_pong, .on_enough = rally_enough, .on_silence = rally_silence};

static void on_message(void *owner, const void *json, size_t n)
{
	struct bk_ping *p = owner;
	int err = p->is_closing ? 0 : bk_rally_take(&p->rally, json, n);

	if (err < 0)
		on_fault(p, err, "the other side sent what is no hello message");
}

static void on_end(void *owner, const struct bk_call_failure *why)
{
	struct bk_ping *p = owner;
	struct bk_call_failure failure = *why;
	struct bk_rally_result result;

	if (p->is_over)
		return;
	p->is_over = true;
	if (p->error) {
		failure.error = p->error;
		failure.text = p->text;
		failure.who = BK_CALL_WHO_HERE;
	} else if (p->is_closing) {
		failure.error = 0;
	}
	bk_rally_stop(&p->rally, failure.error != 0);
	bk_rally_get(&p->rally, &result);
	p->events.on_end(p->arg, &result, failure.error ? &failure : NULL);
}

static const struct bk_ping_way_events way_events = {
	.on_open = on_open,
	.on_message = on_message,
	.on_fault = on_fault,
	.on_finished = rally_enough,
	.on_end = on_end,
};

/* --- life --- */

static void explain(int error, const struct bk_ping_opts *o, char text[BK_PING_TEXT_MAX])
{
	text[0] = 0;
	if (o->session)
		bk_call_explain(error, "ping", o->session, text);
	else if (error == BK_E_INVALID)
		snprintf(text, BK_PING_TEXT_MAX,
			"cannot ping: server '%s' or an id cannot be read; "
			"a server is HOST[:PORT], an id 1 to 64 bytes",
			o->plain->server);
	else
		snprintf(text, BK_PING_TEXT_MAX, "cannot ping: %s", bk_error_text(error));
}

static int start(struct bk_ping *p, const struct bk_ping_opts *opts)
{
	const struct bk_ping_way_opts way = {
		.loop = p->loop,
		.ping = opts,
		.news = &p->events.news,
		.arg = p->arg,
		.events = &way_events,
		.owner = p,
	};
	int err = bk_rally_init(&p->rally, p->loop, &rally_ops, p);

	p->rally.count = opts->count;
	p->rally.interval = opts->interval_ns;
	p->ops = opts->session ? &bk_ping_session_ops : &bk_ping_plain_ops;
	if (!err)
		err = p->ops->create(&way, &p->way);
	return err < 0 ? err : p->ops->start(p->way);
}

int bk_ping_new(struct bk_loop *loop, const struct bk_ping_opts *opts, const struct bk_ping_events *events,
	void *arg, struct bk_ping **ret_ping, char ret_text[BK_PING_TEXT_MAX])
{
	struct bk_ping *p = calloc(1, sizeof(*p));
	int err = BK_E_NOMEM;

	if (p) {
		*p = (struct bk_ping){.loop = loop, .events = *events, .arg = arg};
		err = start(p, opts);
	}
	if (err < 0) {
		explain(err, opts, ret_text);
		bk_ping_free(p);
		return err;
	}
	*ret_ping = p;
	return 0;
}

void bk_ping_stop(struct bk_ping *p)
{
	if (p->is_closing || p->is_over)
		return;
	p->is_closing = true;
	bk_rally_stop(&p->rally, false);
	if (!p->has_started) {
		p->error = BK_E_CANCELLED;
		snprintf(p->text, sizeof(p->text), "%s", bk_error_text(BK_E_CANCELLED));
	}
	p->ops->close(p->way, p->error);
}

void bk_ping_free(struct bk_ping *p)
{
	if (!p)
		return;
	p->is_over = true;
	if (p->ops)
		p->ops->free(p->way);
	bk_rally_done(&p->rally);
	free(p);
}
