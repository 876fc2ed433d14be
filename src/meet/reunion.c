/* SPDX-License-Identifier: Apache-2.0 */
/* Meeting again. The control connection is kept while the session lasts, and made again, with growing
 * patience, when it is lost. The meeting's secret is all that the server needs to put the two together, so
 * it need not remember anything. A round begins when a side asks for it, over a connection of its own making;
 * the server gives both the round's token, each introduces itself as soon as it is ready, in no order, and
 * whoever has sent its introduction and opened the other one is done. An introduction belongs to the token's
 * round and is newer than any before it, or it does not open. Nothing here waits for an answer that may be
 * lost: a side that comes again by another connection begins another round. */
#include "meet/reunion.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "punch/plan.h"

enum { ID_BYTES = 8, TEXT_MAX = 512 };

#define RETRY_MIN (250 * BK_MS)
#define RETRY_MAX (15 * BK_SEC)
#define STEADY    (10 * BK_SEC) /* a connection that lasted so long is followed by another one at once */
#define YOUNG     (1 * BK_SEC)  /* one that is being made since then is as good as another one */
#define START_MAX (5 * BK_SEC)  /* a later instant than this is not believed */
#define WRONG_MAX (10 * BK_SEC) /* who cannot open our first introduction says so by then */

struct conn {
	struct bk_reunion *of;
	struct bk_rdv *rdv;
	bk_time since;
	bool is_ready;
	bool is_used;                     /* its port has been punched from */
	bool has_round;                   /* one was completed over it */
	uint8_t token[BK_RDV_SECRET_LEN]; /* of the round that it is in */
};

struct round {
	bool is_open, is_introduced, has_peer;
	uint8_t token[BK_RDV_SECRET_LEN];
	struct bk_intro own, peer;
	bk_time introduce_by; /* with or without the NAT's answers; BK_NEVER: as soon as they are asked for */
};

struct bk_reunion {
	struct bk_loop *loop;
	const struct bk_reunion_events *events;
	void *arg;
	char *server, *token, *known_servers;
	struct bk_pin pin; /* the server's, when the two met */
	struct bk_pairing *pairing;
	struct bk_self *self;
	bool needs_port;
	struct conn *now, *next; /* the one that stands; the one being made. Either may be NULL */
	uint64_t rejoins;
	unsigned tries;
	bool is_asking; /* until the next round is complete */
	bool is_gone;   /* the other side, by its own word */
	bk_time began;
	struct round round;
	bk_dur peer_rtt;
	struct bk_meeting met;
	struct bk_timer *retry, *mapping;
};

bk_time bk_meeting_start(const struct bk_meeting *g, int64_t clock_offset)
{
	int64_t start = bk_time_max(g->own.start, g->peer.start);

	if (__builtin_sub_overflow(start, clock_offset, &start))
		return g->introduced;
	return bk_time_max(g->introduced, bk_time_min(start, g->introduced + START_MAX));
}

static bool is_same(const uint8_t a[BK_RDV_SECRET_LEN], const uint8_t b[BK_RDV_SECRET_LEN])
{
	return memcmp(a, b, BK_RDV_SECRET_LEN) == 0;
}

/* ---- connections ---- */

static void drop(struct conn **at)
{
	struct conn *c = *at;

	*at = NULL;
	if (!c)
		return;
	bk_rdv_free(c->rdv);
	free(c);
}

/* 0, 0.25, 0.5, 1 ... 15 s, each a quarter more or less, so that not everybody comes at once. */
static void retry_later(struct bk_reunion *r)
{
	bk_dur d = 0;

	if (r->tries)
		d = r->tries > 6 ? RETRY_MAX : bk_time_min(RETRY_MAX, RETRY_MIN << (r->tries - 1));
	if (d)
		d += d / 4 - (bk_dur)randombytes_uniform((uint32_t)(d / BK_MS / 2 + 1)) * BK_MS;
	r->tries++;
	bk_timer_start(r->retry, d);
}

/* Who comes by this connection: for the round that is under way, or to ask for one, or just to be there. */
static void rejoin(struct bk_reunion *r, struct conn *c, bool asks)
{
	struct bk_rdv_rejoin j = {
		.side = r->pairing->is_initiator ? 0 : 1, .number = ++r->rejoins, .asks = asks};

	memcpy(j.secret, r->pairing->meeting, sizeof(j.secret));
	if (r->round.is_open)
		memcpy(j.token, r->round.token, sizeof(j.token));
	memcpy(c->token, j.token, sizeof(c->token));
	bk_rdv_rejoin(c->rdv, &j); /* when it fails the connection's end tells */
	sodium_memzero(&j, sizeof(j));
}

/* We are through with the round, and the other side may never hear of us: our introduction went out and may
 * not have reached the server. */
static bool owes_round(const struct conn *c)
{
	return c && c->has_round && !bk_rdv_is_mail_taken(c->rdv);
}

static const struct bk_rdv_events rdv_events;

static int open_next(struct bk_reunion *r)
{
	char id[2 * ID_BYTES + 1];
	uint8_t bytes[ID_BYTES];
	const struct bk_rdv_opts opts = {.server = r->server,
		.client_id = id,
		.token = r->token,
		.known_servers = r->known_servers,
		.pin = &r->pin};
	struct conn *c = calloc(1, sizeof(*c));
	int err = c ? 0 : BK_E_NOMEM;

	drop(&r->next);
	bk_timer_stop(r->retry);
	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(id, sizeof(id), bytes, sizeof(bytes));
	if (!err)
		err = bk_rdv_new(r->loop, &opts, &rdv_events, c, &c->rdv);
	if (err < 0) {
		free(c);
		retry_later(r);
		return err;
	}
	c->of = r;
	c->since = bk_loop_now(r->loop);
	r->next = c;
	rejoin(r, c, r->is_asking);
	return 0;
}

static void on_retry(void *arg)
{
	struct bk_reunion *r = arg;

	if (!r->next)
		open_next(r);
}

/* ---- introductions ---- */

static void complete(struct bk_reunion *r)
{
	const struct bk_rdv_view *view = bk_rdv_view(r->now->rdv);
	struct bk_meeting *g = &r->met;

	bk_timer_stop(r->mapping);
	bk_rdv_yield_port(r->now->rdv);
	r->now->is_used = r->now->has_round = true;
	r->round.is_open = false;
	r->is_asking = false;
	r->tries = 0;
	r->peer_rtt = r->round.peer.server_rtt;
	g->own = r->round.own;
	g->peer = r->round.peer;
	memcpy(g->relay_token, r->round.token, sizeof(g->relay_token));
	g->introduced = bk_loop_now(r->loop);
	g->shared = view->local;
	g->server = view->server;
	g->start = bk_meeting_start(g, view->clock_offset);
	r->events->on_together(r->arg, g);
}

static int introduce(struct bk_reunion *r)
{
	const struct bk_rdv_view *view = bk_rdv_view(r->now->rdv);
	struct bk_buf mail;
	int err;

	bk_timer_stop(r->mapping);
	bk_self_reopen(r->self);
	r->events->describe(r->arg, view, &r->round.own);
	r->round.own.start =
		bk_plan_start_instant(bk_loop_now(r->loop) + view->clock_offset, view->rtt, r->peer_rtt);
	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	err = bk_pairing_again(r->pairing, r->round.token, &r->round.own, &mail);
	if (!err)
		err = bk_rdv_mail(r->now->rdv, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	if (!err)
		r->round.is_introduced = true;
	else
		bk_log_debug("reunion", "cannot introduce ourselves: %s", bk_error_text(err));
	return err;
}

static bool may_introduce(const struct bk_reunion *r)
{
	return r->round.is_open && !r->round.is_introduced && r->now && r->now->is_ready && !r->next &&
	       is_same(r->now->token, r->round.token);
}

/* The NAT's answers are worth a short wait, which never grows. */
static void maybe_introduce(struct bk_reunion *r, bool may_wait)
{
	bk_time now = bk_loop_now(r->loop);
	bk_dur wait;

	if (!may_introduce(r))
		return;
	wait = may_wait ? bk_self_wait(r->self, bk_rdv_view(r->now->rdv)) : 0;
	r->round.introduce_by = bk_time_min(r->round.introduce_by, bk_time_add(now, wait));
	if (r->round.introduce_by > now)
		bk_timer_start(r->mapping, r->round.introduce_by - now);
	else if (introduce(r) == 0 && r->round.has_peer)
		complete(r);
}

static void on_mapping(void *arg)
{
	maybe_introduce(arg, false);
}

void bk_reunion_look(struct bk_reunion *r)
{
	maybe_introduce(r, true);
}

/* What does not open belongs to another round, or is the server's invention: nothing happens. */
static void take_again(struct bk_reunion *r, const uint8_t *body, size_t n)
{
	struct bk_intro peer;

	if (!r->round.is_open || bk_pairing_take_again(r->pairing, r->round.token, body, n, &peer) < 0)
		return;
	r->round.peer = peer;
	r->round.has_peer = true;
	if (r->round.is_introduced && r->now)
		complete(r);
}

/* ---- what the server says ---- */

static void on_ready(void *arg)
{
	struct conn *c = arg;
	struct bk_reunion *r = c->of;

	if (c != r->next)
		return;
	if (!r->now)
		r->events->on_note(r->arg, "back at the server");
	if (owes_round(r->now) && !r->is_asking && !r->round.is_open) {
		r->is_asking = true;
		rejoin(r, c, true);
	}
	drop(&r->now);
	r->now = c;
	r->next = NULL;
	c->is_ready = true;
	c->since = bk_loop_now(r->loop);
	r->round.introduce_by = BK_NEVER;
	bk_self_gather(r->self, bk_rdv_view(c->rdv));
	maybe_introduce(r, true);
}

static void on_view(void *arg)
{
	struct conn *c = arg;

	if (c == c->of->now)
		maybe_introduce(c->of, true);
}

/* Into the round by this connection, if its port is as good as new; else by another one. */
static void enter(struct bk_reunion *r, struct conn *c)
{
	if (r->next || is_same(c->token, r->round.token))
		return;
	if (c->is_used && r->needs_port) {
		open_next(r);
		return;
	}
	rejoin(r, c, false);
	if (c->is_used)
		bk_self_gather(r->self, bk_rdv_view(c->rdv));
	bk_rdv_measure_clock(c->rdv);
	maybe_introduce(r, true);
}

static void on_relay(void *arg, const uint8_t token[BK_RDV_SECRET_LEN])
{
	struct conn *c = arg;
	struct bk_reunion *r = c->of;

	if (!is_same(token, r->round.token)) {
		bk_timer_stop(r->mapping);
		memset(&r->round, 0, sizeof(r->round));
		r->round.is_open = true;
		r->round.introduce_by = BK_NEVER;
		memcpy(r->round.token, token, sizeof(r->round.token));
	}
	if (r->round.is_open && c == r->now)
		enter(r, c);
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct conn *c = arg;
	int kind = bk_pairing_kind(body, n);

	if (kind == BK_PAIRING_AGAIN)
		take_again(c->of, body, n);
	else if (kind == BK_PAIRING_WRONG && !c->of->pairing->seen &&
		 bk_loop_now(c->of->loop) - c->of->began < WRONG_MAX)
		c->of->events->on_wrong(c->of->arg);
}

/* One that was away for too long may come back: the meeting waits for it again. */
static void on_released(void *arg, int code)
{
	struct conn *c = arg;
	struct bk_reunion *r = c->of;

	if (r->is_gone)
		return;
	if (!code) {
		r->is_gone = true;
		bk_timer_stop(r->retry);
		bk_timer_stop(r->mapping);
		drop(&r->next);
	} else if (c == r->now && !r->next) {
		r->round.is_open = false;
		if (r->is_asking)
			open_next(r);
		else
			rejoin(r, c, false);
	}
	r->events->on_left(r->arg);
}

/* With c, whatever it was made for is to be tried again. */
static void lose(struct bk_reunion *r, struct conn *c)
{
	if (c == r->now) {
		if (bk_loop_now(r->loop) - c->since >= STEADY)
			r->tries = 0;
		if (owes_round(c) && !r->round.is_open)
			r->is_asking = true;
		drop(&r->now);
	} else {
		drop(&r->next);
	}
	if (!r->next && !r->is_gone)
		retry_later(r);
}

static void on_rdv_error(void *arg, int code, const char *text)
{
	struct conn *c = arg;

	bk_log_debug("reunion", "the server says: %s", text);
	if (code != BK_E_EXISTS)
		lose(c->of, c);
}

static void on_rdv_end(void *arg, int error, const char *text)
{
	struct conn *c = arg;
	struct bk_reunion *r = c->of;
	char note[TEXT_MAX];

	(void)error;
	snprintf(note, sizeof(note), "%s; trying again", text);
	if (c == r->now && !r->is_gone)
		r->events->on_note(r->arg, note);
	else
		bk_log_debug("reunion", "%s", note);
	lose(r, c);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	(void)arg;
	(void)nameplate;
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t relay_token[BK_RDV_SECRET_LEN],
	const uint8_t *left, size_t left_len)
{
	(void)arg;
	(void)nameplate;
	(void)relay_token;
	(void)left;
	(void)left_len;
}

static const struct bk_rdv_events rdv_events = {
	.on_ready = on_ready,
	.on_view = on_view,
	.on_nameplate = on_nameplate,
	.on_claimed = on_claimed,
	.on_mail = on_mail,
	.on_relay = on_relay,
	.on_released = on_released,
	.on_error = on_rdv_error,
	.on_end = on_rdv_end,
};

/* ---- what the session wants ---- */

int bk_reunion_ask(struct bk_reunion *r)
{
	bool is_in = r->round.is_open && r->now && is_same(r->now->token, r->round.token);

	if (r->is_gone)
		return BK_E_PEER_VANISHED;
	if (is_in && !r->next)
		return 0;
	r->is_asking = true;
	r->tries = 0;
	if (r->next && bk_loop_now(r->loop) - r->next->since < YOUNG)
		rejoin(r, r->next, true);
	else
		open_next(r);
	return 0;
}

void bk_reunion_move(struct bk_reunion *r)
{
	if (r->is_gone)
		return;
	r->tries = 0;
	open_next(r);
}

/* ---- life ---- */

static int copy(const char *from, char **ret_to)
{
	*ret_to = from ? strdup(from) : NULL;
	return from && !*ret_to ? BK_E_NOMEM : 0;
}

int bk_reunion_new(const struct bk_reunion_opts *opts, const struct bk_reunion_events *events, void *arg,
	struct bk_reunion **ret_reunion)
{
	struct bk_reunion *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->loop = opts->loop;
	r->events = events;
	r->arg = arg;
	r->pairing = opts->pairing;
	r->self = opts->self;
	r->needs_port = opts->needs_port;
	err = copy(opts->server, &r->server);
	if (!err)
		err = copy(opts->token, &r->token);
	if (!err)
		err = copy(opts->known_servers, &r->known_servers);
	if (!err)
		err = bk_timer_new(r->loop, on_retry, r, &r->retry);
	if (!err)
		err = bk_timer_new(r->loop, on_mapping, r, &r->mapping);
	if (err < 0) {
		bk_reunion_free(r);
		return err;
	}
	*ret_reunion = r;
	return 0;
}

int bk_reunion_start(struct bk_reunion *r, struct bk_rdv *met_over, bk_dur peer_rtt)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		bk_rdv_free(met_over);
		return BK_E_NOMEM;
	}
	*c = (struct conn){.of = r, .rdv = met_over, .is_ready = true, .is_used = true};
	c->since = bk_loop_now(r->loop);
	r->now = c;
	r->began = c->since;
	r->peer_rtt = peer_rtt;
	r->pin = *bk_rdv_pin(met_over);
	bk_rdv_set_events(met_over, &rdv_events, c);
	rejoin(r, c, false);
	return 0;
}

void bk_reunion_free(struct bk_reunion *r)
{
	if (!r)
		return;
	if (r->now && !r->is_gone)
		bk_rdv_release(r->now->rdv);
	drop(&r->now);
	drop(&r->next);
	bk_timer_free(r->retry);
	bk_timer_free(r->mapping);
	if (r->token)
		sodium_memzero(r->token, strlen(r->token));
	free(r->server);
	free(r->token);
	free(r->known_servers);
	free(r);
}
