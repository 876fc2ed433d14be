/* SPDX-License-Identifier: Apache-2.0 */
/* A ping is a rally over a way. What the peer chose is made harmless before it is told on. */
#include "apps/ping.h"

#include <stdio.h>
#include <stdlib.h>

#include "apps/ping_way.h"
#include "base/error.h"
#include "wire/text.h"

enum { SHOWN_MAX = 128 };

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

static const struct bk_rally_ops rally_ops = {
	.send = rally_send, .on_pong = rally_pong, .on_enough = rally_enough};

/* --- what the way tells --- */

void bk_ping_on_code(struct bk_ping *p, const char *code)
{
	p->has_code = true;
	p->events.on_code(p->arg, code);
}

static const char *harmless(char out[SHOWN_MAX], const char *text)
{
	snprintf(out, SHOWN_MAX, "%s", text ? text : "");
	bk_text_sanitize(out);
	return out;
}

void bk_ping_on_peer(struct bk_ping *p, const struct bk_peer *peer)
{
	char id[SHOWN_MAX], name[SHOWN_MAX], nat[SHOWN_MAX];
	const struct bk_peer safe = {.id = harmless(id, peer->id),
		.name = harmless(name, peer->name),
		.nat = harmless(nat, peer->nat)};

	p->has_peer = true;
	p->events.on_peer(p->arg, &safe);
}

void bk_ping_on_open(struct bk_ping *p, bool is_first)
{
	if (p->is_closing || p->has_started)
		return;
	p->has_started = true;
	bk_rally_start(&p->rally, is_first);
}

void bk_ping_on_message(struct bk_ping *p, const void *json, size_t n)
{
	int err = p->is_closing ? 0 : bk_rally_take(&p->rally, json, n);

	if (err < 0)
		bk_ping_fail(p, err, "the other side sent what is no hello message");
}

void bk_ping_fail(struct bk_ping *p, int error, const char *text)
{
	if (p->is_closing)
		return;
	p->is_closing = true;
	p->error = error;
	snprintf(p->text, sizeof(p->text), "%s: %s", text, bk_error_text(error));
	bk_rally_stop(&p->rally, true);
	p->ops->close(p->way, error);
}

void bk_ping_end(struct bk_ping *p, int error, const char *text)
{
	struct bk_call_failure failure = {.has_code = p->has_code, .has_peer = p->has_peer};
	struct bk_rally_result result;

	if (p->is_over)
		return;
	p->is_over = true;
	failure.error = p->error ? p->error : p->is_closing ? 0 : error;
	failure.text = p->error ? p->text : text;
	bk_rally_stop(&p->rally, failure.error != 0);
	bk_rally_get(&p->rally, &result);
	p->events.on_end(p->arg, &result, failure.error ? &failure : NULL);
}

/* --- life --- */

static void explain(int error, const struct bk_ping_opts *o, char text[BK_TRANSFER_TEXT_MAX])
{
	if (error == BK_E_INVALID && o->session)
		snprintf(text, BK_TRANSFER_TEXT_MAX,
			"cannot ping: server '%s'%s%s%s cannot be read; a server is HOST[:PORT][#PIN], a "
			"code "
			"is like 7-tulip-anchor",
			o->session->server, o->session->code ? " or code '" : "",
			o->session->code ? o->session->code : "", o->session->code ? "'" : "");
	else if (error == BK_E_INVALID)
		snprintf(text, BK_TRANSFER_TEXT_MAX,
			"cannot ping: server '%s' or an id cannot be read; a server is HOST[:PORT], an id 1 "
			"to "
			"64 bytes",
			o->plain->server);
	else
		snprintf(text, BK_TRANSFER_TEXT_MAX, "cannot ping: %s", bk_error_text(error));
}

int bk_ping_new(struct bk_loop *loop, const struct bk_ping_opts *opts, const struct bk_ping_events *events,
	void *arg, struct bk_ping **ret_ping, char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_ping *p = calloc(1, sizeof(*p));
	int err = BK_E_NOMEM;

	if (p) {
		*p = (struct bk_ping){.loop = loop, .opts = *opts, .events = *events, .arg = arg};
		err = bk_rally_init(&p->rally, loop, &rally_ops, p);
		p->rally.count = opts->count;
		p->rally.interval = opts->interval_ns;
		p->ops = opts->session ? &bk_ping_session_ops : &bk_ping_plain_ops;
		if (!err)
			err = opts->session ? bk_ping_session_new(p, &p->way) : bk_ping_plain_new(p, &p->way);
		if (!err)
			err = p->ops->start(p->way);
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
	p->ops->free(p->way);
	bk_rally_done(&p->rally);
	free(p);
}
