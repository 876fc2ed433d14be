/* SPDX-License-Identifier: Apache-2.0 */
/* The carrier. Session frames go to the link that has its turn as they are; RESUME and ACK stand between
 * them, only at frame boundaries, and a frame that a link broke off in is completed as REST, so that every
 * link can be read by itself. Received is counted in whole delivered bytes: half a header that was on its way
 * when a link died is asked for again. What comes on a link that has not its turn is skipped. */
#include "stream/carrier.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/turn.h"
#include "stream/leg.h"
#include "stream/retain.h"
#include "wire/cursor.h"
#include "wire/frame.h"

enum {
	UNSENT_HIGH = 512 * 1024, /* above it write says "not now" */
	URGENT_SLACK = 64 * 1024, /* of the ceiling, kept for control frames */
	ACK_EVERY = 512 * 1024,
	PIECES_MAX = 8,
	RESUME_LEN = BK_STREAM_ID_LEN + 8 + 8,
	ACK_LEN = 8,
};

#define ACK_DELAY (20 * BK_MS)

_Static_assert(PIECES_MAX >= BK_SFRAME_PAYLOAD_MAX / BK_RETAIN_CHUNK + 2, "a frame is sent in one call");

struct bk_carrier {
	struct bk_loop *loop;
	const struct bk_carrier_user *user;
	void *user_arg;
	const struct bk_stream_events *events;
	void *arg;
	struct bk_stream_opts opts;
	struct bk_leg *active; /* what carries */
	struct bk_leg *spare;  /* the relay that it replaced, for a while */
	struct bk_leg *coming; /* following side: attached, and the peer has not moved to it yet */
	uint64_t turn;         /* grows with every move */
	unsigned links;
	/* out */
	struct bk_retain *retain;
	uint64_t sent; /* the highest position that was ever sent */
	uint64_t resent;
	bool may_send; /* the peer's RESUME of this turn came, or it is the first link */
	bool wants_write, is_closing;
	/* in */
	uint64_t received, told; /* told: what the peer knows of it */
	bool owes_ack;
	uint32_t session_left; /* of the session frame being read */
	struct bk_timer *ack_timer;
	struct bk_timer *cooler; /* the spare goes */
	struct bk_turn ender;    /* closing without a link below */
};

static void acknowledged(struct bk_carrier *c, uint64_t to)
{
	if (to > bk_retain_start(c->retain))
		bk_retain_release(c->retain, to);
}

static void send_ack(struct bk_carrier *c)
{
	uint8_t payload[ACK_LEN];
	struct bk_writer w;

	bk_writer_init(&w, payload, sizeof(payload));
	bk_write_u64(&w, c->received);
	if (bk_leg_send(c->active, BK_SFRAME_ACK, payload, sizeof(payload)) < 0)
		return;
	c->told = c->received;
	c->owes_ack = false;
	bk_timer_stop(c->ack_timer);
}

static void send_resume(struct bk_carrier *c)
{
	uint8_t payload[RESUME_LEN];
	struct bk_writer w;

	bk_writer_init(&w, payload, sizeof(payload));
	bk_write_bytes(&w, c->opts.id, sizeof(c->opts.id));
	bk_write_u64(&w, c->received);
	bk_write_u64(&w, c->turn);
	bk_leg_send(c->active, BK_SFRAME_RESUME, payload, sizeof(payload));
	c->told = c->received;
}

/* One frame, or the rest of one. Taken whole or not at all. */
static int send_frame(struct bk_carrier *c)
{
	struct bk_sframe rest = {.type = BK_SFRAME_REST};
	struct bk_slice slices[1 + PIECES_MAX];
	uint8_t head[BK_SFRAME_HEADER_LEN];
	bool is_rest;
	int n = bk_retain_peek(c->retain, slices + 1, PIECES_MAX, &is_rest), err;

	for (int i = 1; i <= n; i++)
		rest.length += (uint32_t)slices[i].len;
	if (is_rest) {
		bk_sframe_encode(&rest, head);
		slices[0] = (struct bk_slice){NULL, head, sizeof(head)};
	}
	err = bk_link_lend(bk_leg_link(c->active), slices + !is_rest, n + is_rest);
	if (err < 0)
		return err;
	bk_retain_pass(c->retain);
	c->sent = bk_retain_next(c->retain) > c->sent ? bk_retain_next(c->retain) : c->sent;
	return 0;
}

static uint64_t unsent(const struct bk_carrier *c)
{
	return bk_retain_end(c->retain) - bk_retain_next(c->retain);
}

/* Gives the link its turn's bytes, frame by frame, with an ACK between two where one is due. */
static void pump(struct bk_carrier *c)
{
	while (c->active && c->may_send) {
		if (c->owes_ack)
			send_ack(c);
		if (!unsent(c) || send_frame(c) < 0)
			break;
	}
	if (c->is_closing && c->active && !unsent(c))
		bk_link_close(bk_leg_link(c->active));
}

static void on_ack_timer(void *arg)
{
	struct bk_carrier *c = arg;

	c->owes_ack = c->received != c->told;
	if (c->active && c->owes_ack)
		pump(c);
}

static void count_received(struct bk_carrier *c, size_t n)
{
	c->received += n;
	if (c->received - c->told >= ACK_EVERY)
		c->owes_ack = true;
	else if (c->received - c->told == n)
		bk_timer_start(c->ack_timer, ACK_DELAY);
}

/* --- which link it is --- */

static void drop(struct bk_leg **leg)
{
	struct bk_leg *gone = *leg;

	*leg = NULL;
	bk_leg_free(gone);
}

static void forget(struct bk_carrier *c, struct bk_leg *leg)
{
	if (c->spare == leg)
		c->spare = NULL;
	if (c->coming == leg)
		c->coming = NULL;
}

/* The turn is set already. A relay that was in use stays behind as the spare; anything else goes. */
static void move_to(struct bk_carrier *c, struct bk_leg *leg)
{
	struct bk_leg *before = c->active != leg ? c->active : NULL;

	forget(c, leg);
	bk_assert(leg != c->spare && leg != c->coming);
	c->active = leg;
	c->may_send = false;
	if (before && bk_leg_is_relay(before) && !bk_leg_is_relay(leg)) {
		drop(&c->spare);
		c->spare = before;
		bk_timer_start(c->cooler, BK_CARRIER_WARM);
	} else {
		drop(&before);
	}
	send_resume(c);
}

static void propose(struct bk_carrier *c, struct bk_leg *leg)
{
	c->turn++;
	move_to(c, leg);
}

static void fall_back(struct bk_carrier *c, int error, const char *text)
{
	if (c->events->on_fell_back)
		c->events->on_fell_back(c->arg, error, text);
}

static void on_leg_end(void *arg, struct bk_leg *leg, int error, const char *text)
{
	struct bk_carrier *c = arg;
	bool was_active = c->active == leg, was_coming = c->coming == leg;

	if (was_active) {
		c->active = NULL;
		c->may_send = false;
	}
	forget(c, leg);
	if (was_active && error == BK_E_EOF) /* the peer closed in order: there is no other way to it */
		drop(&c->spare);
	if (was_active && !c->is_closing && c->spare)
		propose(c, c->spare);
	if (was_active && c->is_closing)
		bk_turn_ask(&c->ender);
	else if ((was_active || was_coming) && c->active)
		fall_back(c, error, text);
	else if (was_active || was_coming) /* a link that is coming may yet be taken */
		if (!c->coming)
			c->events->on_lost(c->arg, error, text);
	drop(&leg);
}

static void on_cooler(void *arg)
{
	struct bk_carrier *c = arg;

	drop(&c->spare);
}

/* Takes up what the peer has not got. Returns how much of it was sent before. */
static uint64_t take_up(struct bk_carrier *c, uint64_t received)
{
	uint64_t next = bk_retain_next(c->retain), resent = next > received ? next - received : 0;

	acknowledged(c, received);
	if (c->may_send) /* the first link: it need not wait */
		return 0;
	bk_retain_rewind(c->retain);
	c->resent += resent;
	c->may_send = true;
	return resent;
}

/* Does the peer's turn on this link count? When both moved at the same moment, the leading side's does. */
static bool is_next(const struct bk_carrier *c, const struct bk_leg *leg, uint64_t turn)
{
	return turn > c->turn || (turn == c->turn && leg != c->active && !c->opts.is_leading);
}

static int on_resume(struct bk_carrier *c, struct bk_leg *leg, struct bk_reader *r)
{
	struct bk_leg_memory *m = bk_leg_memory(leg);
	uint8_t id[BK_STREAM_ID_LEN];
	uint64_t received, turn;
	bool was_spare = leg == c->spare;

	bk_read_bytes(r, id, sizeof(id));
	received = bk_read_u64(r);
	turn = bk_read_u64(r);
	if (r->error || memcmp(id, c->opts.id, sizeof(id)) != 0 || received > c->sent || turn <= m->turn ||
		turn > c->turn + BK_CARRIER_AHEAD_MAX || ++m->resumes > BK_CARRIER_RESUMES_MAX)
		return BK_E_PROTOCOL;
	m->turn = turn;
	if (turn < c->turn || (turn == c->turn && leg != c->active && c->opts.is_leading))
		return 0; /* we have moved on */
	if (received < bk_retain_start(c->retain))
		return BK_E_PROTOCOL;
	if (is_next(c, leg, turn)) {
		c->turn = turn;
		move_to(c, leg);
	}
	c->events->on_resumed(c->arg, take_up(c, received));
	if (was_spare)
		fall_back(c, 0, bk_error_text(0));
	return 0;
}

static bool has_turn(const struct bk_carrier *c, struct bk_leg *leg)
{
	return leg == c->active && bk_leg_memory(leg)->turn == c->turn;
}

static int on_control(void *arg, struct bk_leg *leg, uint8_t type, const uint8_t *payload, size_t n)
{
	struct bk_carrier *c = arg;
	struct bk_reader r;
	uint64_t to;

	bk_reader_init(&r, payload, n);
	if (type == BK_SFRAME_RESUME)
		return on_resume(c, leg, &r);
	to = bk_read_u64(&r);
	if (r.error)
		return BK_E_PROTOCOL;
	if (!has_turn(c, leg))
		return 0;
	if (to > bk_retain_next(c->retain))
		return BK_E_PROTOCOL;
	acknowledged(c, to);
	return 0;
}

/* --- what arrives --- */

static int on_head(void *arg, struct bk_leg *leg, const struct bk_sframe *f)
{
	struct bk_carrier *c = arg;

	if (!bk_leg_memory(leg)->turn)
		return BK_E_PROTOCOL; /* RESUME comes first */
	if (!has_turn(c, leg))
		return 0;
	if (f->type == BK_SFRAME_REST)
		return f->length == c->session_left ? 0 : BK_E_PROTOCOL;
	if (c->session_left)
		return BK_E_PROTOCOL;
	c->session_left = f->length;
	count_received(c, BK_SFRAME_HEADER_LEN);
	c->user->on_head(c->user_arg, f);
	return 0;
}

static void on_payload(void *arg, struct bk_leg *leg, const uint8_t *data, size_t n)
{
	struct bk_carrier *c = arg;

	if (!has_turn(c, leg))
		return;
	bk_assert(n <= c->session_left);
	c->session_left -= (uint32_t)n;
	count_received(c, n);
	c->user->on_payload(c->user_arg, data, n, c->session_left);
}

static void tell_writable(struct bk_carrier *c)
{
	if (!c->wants_write || c->is_closing || unsent(c) >= UNSENT_HIGH / 2 ||
		bk_retain_end(c->retain) - bk_retain_start(c->retain) > BK_CARRIER_RETAIN_MAX / 2)
		return;
	c->wants_write = false;
	c->user->on_writable(c->user_arg);
}

/* A link took a read to its end, or takes bytes again; an ACK may have made room. */
static void on_settled(void *arg, struct bk_leg *leg)
{
	struct bk_carrier *c = arg;

	if (leg != c->active)
		return;
	pump(c);
	tell_writable(c);
}

static void on_ender(void *arg)
{
	struct bk_carrier *c = arg;

	c->user->on_closed(c->user_arg);
}

/* --- what is said --- */

int bk_carrier_send(struct bk_carrier *c, const struct iovec *pieces, int pieces_len, bool urgent)
{
	uint64_t kept = bk_retain_end(c->retain) - bk_retain_start(c->retain);
	size_t total = 0;
	int err;

	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	if (c->is_closing)
		return BK_E_EOF;
	if (!urgent && (unsent(c) >= UNSENT_HIGH || kept + total > BK_CARRIER_RETAIN_MAX - URGENT_SLACK)) {
		c->wants_write = true;
		return BK_E_AGAIN;
	}
	err = bk_retain_append(c->retain, pieces, pieces_len);
	if (err < 0)
		return err;
	pump(c);
	return 0;
}

void bk_carrier_close(struct bk_carrier *c)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	if (c->active)
		pump(c);
	else
		bk_turn_ask(&c->ender);
}

/* --- life --- */

int bk_carrier_new(struct bk_loop *loop, const struct bk_stream_opts *opts,
	const struct bk_carrier_user *user, void *user_arg, const struct bk_stream_events *events, void *arg,
	struct bk_carrier **ret_carrier)
{
	struct bk_carrier *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	*c = (struct bk_carrier){.loop = loop,
		.opts = *opts,
		.user = user,
		.user_arg = user_arg,
		.events = events,
		.arg = arg};
	bk_turn_init(&c->ender, loop, on_ender, c);
	err = bk_retain_new(BK_CARRIER_RETAIN_MAX, &c->retain);
	if (!err)
		err = bk_timer_new(loop, on_ack_timer, c, &c->ack_timer);
	if (!err)
		err = bk_timer_new(loop, on_cooler, c, &c->cooler);
	if (err < 0) {
		bk_carrier_free(c);
		return err;
	}
	*ret_carrier = c;
	return 0;
}

void bk_carrier_free(struct bk_carrier *c)
{
	if (!c)
		return;
	drop(&c->active);
	drop(&c->spare);
	drop(&c->coming);
	bk_timer_free(c->ack_timer);
	bk_timer_free(c->cooler);
	bk_turn_done(&c->ender);
	bk_retain_free(c->retain);
	free(c);
}

int bk_carrier_attach(struct bk_carrier *c, struct bk_link *link, bool is_relay)
{
	static const struct bk_leg_events events = {.on_head = on_head,
		.on_payload = on_payload,
		.on_control = on_control,
		.on_settled = on_settled,
		.on_end = on_leg_end};
	struct bk_leg *leg;
	bool is_first = c->links == 0;
	bk_dur idle = c->opts.is_leading ? BK_LEG_IDLE : BK_LEG_IDLE_LATE;
	int err = bk_leg_new(c->loop, link, is_relay, idle, &events, c, &leg);

	if (err < 0)
		return err;
	c->links++;
	if (!c->opts.is_leading && !is_first) {
		drop(&c->coming);
		c->coming = leg;
		return 0;
	}
	propose(c, leg);
	c->may_send = is_first; /* at the beginning both sides know where they are */
	pump(c);
	return 0;
}

bool bk_carrier_is_attached(const struct bk_carrier *c)
{
	return c->active != NULL;
}

bool bk_carrier_has_spare(const struct bk_carrier *c)
{
	return c->spare != NULL;
}

void bk_carrier_drop(struct bk_carrier *c, int error)
{
	if (c->active)
		bk_leg_fail(c->active, error);
	if (c->coming)
		bk_leg_fail(c->coming, error);
}

void bk_carrier_drop_spare(struct bk_carrier *c)
{
	drop(&c->spare);
}

void bk_carrier_ask(struct bk_carrier *c)
{
	if (c->active)
		bk_leg_ask(c->active);
	if (c->spare)
		bk_leg_ask(c->spare);
}

void bk_carrier_get_stats(const struct bk_carrier *c, struct bk_carrier_stats *ret_stats)
{
	*ret_stats = (struct bk_carrier_stats){
		.sent = bk_retain_next(c->retain),
		.acked = bk_retain_start(c->retain),
		.received = c->received,
		.resent = c->resent,
		.turn = c->turn,
		.links = c->links,
	};
}
