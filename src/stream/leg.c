/* SPDX-License-Identifier: Apache-2.0 */
/* A link as the carrier sees it. Every frame delimits itself, so a leg that carries nothing at the moment
 * keeps its place in the stream of frames, whatever the others do. It refuses frames that are too long for
 * what they say, and a peer that asks for life signs without end. */
#include "stream/leg.h"

#include <stdlib.h>
#include <string.h>

#include <bodkin/loop.h>

#include "base/error.h"
#include "base/hold.h"
#include "net/turn.h"
#include "stream/intake.h"

struct bk_leg {
	struct bk_loop *loop;
	struct bk_link *link;
	const struct bk_leg_events *events;
	void *arg;
	struct bk_leg_memory memory;
	bool is_relay;
	struct bk_intake in;
	uint8_t payload[BK_LEG_CONTROL_MAX]; /* of a control frame */
	/* signs of life */
	struct bk_timer *timer;
	bk_time heard, second;  /* second: when the count of pongs began */
	bk_dur idle, ask_after; /* so much silence */
	unsigned pongs;
	bool is_waiting, is_last_chance;
	unsigned unanswered; /* PINGs; the answers come in their order */
	bk_time timed;       /* when the one that is answered next was sent; 0: not known */
	bk_dur round_trip;
	bool is_measured;
	struct bk_turn ender; /* for an error of our own */
	int failing;
	struct bk_hold hold;
};

static void end(struct bk_leg *leg, int error, const char *text)
{
	bk_timer_stop(leg->timer);
	leg->events->on_end(leg->arg, leg, error, text);
}

/* A link that takes no control frame is of no use, and mostly ends by itself. One that is closing ends in order:
 * what was written before still goes. */
int bk_leg_send(struct bk_leg *leg, uint8_t type, const uint8_t *payload, size_t n)
{
	const struct bk_sframe f = {.type = type, .length = (uint32_t)n};
	uint8_t bytes[BK_SFRAME_HEADER_LEN + BK_LEG_CONTROL_MAX];
	int err;

	bk_sframe_encode(&f, bytes);
	if (n)
		memcpy(bytes + BK_SFRAME_HEADER_LEN, payload, n);
	err = bk_link_write(leg->link, &(struct iovec){bytes, BK_SFRAME_HEADER_LEN + n}, 1, true);
	if (err < 0 && err != BK_E_EOF && !leg->failing)
		bk_leg_fail(leg, err);
	return err;
}

/* --- signs of life --- */

static void watch(struct bk_leg *leg, bk_dur ask_after)
{
	leg->ask_after = ask_after;
	if (leg->link->ops->is_alert)
		bk_timer_stop(leg->timer);
	else
		bk_timer_start(leg->timer, ask_after);
}

static bk_dur patience(const struct bk_leg *leg)
{
	return bk_time_min(bk_time_max(2 * leg->round_trip, BK_LEG_PATIENCE), BK_LEG_PATIENCE_MAX);
}

/* Believes a longer one at once, and a shorter one by half. */
static void measure(struct bk_leg *leg)
{
	bk_dur took = bk_loop_now(leg->loop) - leg->timed;

	if (!leg->unanswered)
		return;
	leg->unanswered--;
	if (leg->timed)
		leg->round_trip = leg->is_measured ? bk_time_max(took, (leg->round_trip + took) / 2) : took;
	leg->is_measured = true;
	leg->timed = 0;
}

void bk_leg_ask(struct bk_leg *leg)
{
	if (leg->is_waiting || leg->failing)
		return;
	leg->is_waiting = true;
	leg->is_last_chance = false;
	if (!leg->unanswered++)
		leg->timed = bk_loop_now(leg->loop);
	bk_leg_send(leg, BK_SFRAME_PING, NULL, 0);
	bk_timer_start(leg->timer, patience(leg));
}

void bk_leg_fail(struct bk_leg *leg, int error)
{
	leg->failing = error;
	bk_timer_stop(leg->timer);
	bk_turn_ask(&leg->ender);
}

static void on_ender(void *arg)
{
	struct bk_leg *leg = arg;

	end(leg, leg->failing, bk_error_text(leg->failing));
}

static void on_timer(void *arg)
{
	struct bk_leg *leg = arg;
	bk_dur quiet = bk_loop_now(leg->loop) - leg->heard;

	if (!leg->is_waiting && quiet < leg->ask_after) {
		bk_timer_start(leg->timer, leg->ask_after - quiet);
	} else if (!leg->is_waiting) {
		bk_leg_ask(leg);
	} else if (leg->is_last_chance) {
		end(leg, BK_E_TIMEOUT, bk_error_text(BK_E_TIMEOUT));
	} else { /* the answer may stand in the socket, and we were asleep */
		leg->is_last_chance = true;
		bk_timer_start(leg->timer, patience(leg) / 4);
	}
}

static void hear(struct bk_leg *leg)
{
	leg->heard = bk_loop_now(leg->loop);
	if (!leg->is_waiting || leg->failing)
		return;
	leg->is_waiting = false;
	watch(leg, bk_time_min(2 * leg->ask_after, leg->idle));
}

/* Payload came, or the peer acknowledged some: if there is no more of it all of a sudden, that is worth a
 * question. */
static void expect_more(struct bk_leg *leg)
{
	if (leg->ask_after == BK_LEG_STALLED || leg->is_waiting || leg->failing)
		return;
	watch(leg, BK_LEG_STALLED);
}

static int answer_ping(struct bk_leg *leg)
{
	bk_time now = bk_loop_now(leg->loop);

	if (now - leg->second >= BK_SEC) {
		leg->second = now;
		leg->pongs = 0;
	}
	if (++leg->pongs > BK_LEG_PONGS_MAX)
		return BK_E_PROTOCOL;
	bk_leg_send(leg, BK_SFRAME_PONG, leg->payload, leg->in.frame.length);
	return 0;
}

/* --- frames --- */

static bool is_control(uint8_t type)
{
	return type == BK_SFRAME_RESUME || type == BK_SFRAME_ACK || type == BK_SFRAME_PING ||
	       type == BK_SFRAME_PONG || type == BK_SFRAME_NOMINATE;
}

static int on_control(struct bk_leg *leg)
{
	const struct bk_sframe *f = &leg->in.frame;

	switch (f->type) {
	case BK_SFRAME_PING:
		return answer_ping(leg);
	case BK_SFRAME_PONG:
		measure(leg);
		return 0;
	case BK_SFRAME_RESUME:
	case BK_SFRAME_ACK:
		expect_more(leg);
		return leg->events->on_control(leg->arg, leg, f->type, leg->payload, f->length);
	default:
		return 0;
	}
}

static int on_head(struct bk_leg *leg)
{
	const struct bk_sframe *f = &leg->in.frame;

	if (!is_control(f->type))
		return leg->events->on_head(leg->arg, leg, f);
	if (f->length > BK_LEG_CONTROL_MAX)
		return BK_E_TOO_BIG;
	return f->length ? 0 : on_control(leg);
}

static int on_payload(struct bk_leg *leg, const uint8_t *data, size_t n)
{
	const struct bk_sframe *f = &leg->in.frame;

	if (is_control(f->type)) {
		memcpy(leg->payload + f->length - leg->in.left - n, data, n);
		return leg->in.left ? 0 : on_control(leg);
	}
	expect_more(leg);
	leg->events->on_payload(leg->arg, leg, data, n);
	return 0;
}

static int read_frames(struct bk_leg *leg, const uint8_t *data, size_t n)
{
	struct bk_intake_piece piece;
	int err = 1;

	while (err > 0 && !leg->hold.is_dead) {
		err = bk_intake_next(&leg->in, &data, &n, &piece);
		if (err <= 0)
			break;
		err = piece.is_head ? on_head(leg) : on_payload(leg, piece.data, piece.len);
		err = err < 0 ? err : 1;
	}
	return err;
}

/* --- the link's events --- */

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_leg *leg = arg;
	int err;

	hear(leg);
	bk_hold_enter(&leg->hold);
	err = read_frames(leg, data, n);
	if (!leg->hold.is_dead && err < 0)
		end(leg, err, bk_error_text(err));
	else if (!leg->hold.is_dead)
		leg->events->on_settled(leg->arg, leg);
	if (bk_hold_leave(&leg->hold))
		free(leg);
}

static void on_writable(void *arg)
{
	struct bk_leg *leg = arg;

	bk_hold_enter(&leg->hold);
	leg->events->on_settled(leg->arg, leg);
	if (bk_hold_leave(&leg->hold))
		free(leg);
}

static void on_link_end(void *arg, int error, const char *text)
{
	end(arg, error, text);
}

int bk_leg_new(struct bk_loop *loop, struct bk_link *link, bool is_relay, bk_dur idle,
	const struct bk_leg_events *events, void *arg, struct bk_leg **ret_leg)
{
	static const struct bk_link_events link_events = {
		.on_data = on_data, .on_writable = on_writable, .on_end = on_link_end};
	struct bk_leg *leg = calloc(1, sizeof(*leg));
	int err = leg ? bk_timer_new(loop, on_timer, leg, &leg->timer) : BK_E_NOMEM;

	if (err < 0) {
		free(leg);
		return err;
	}
	leg->loop = loop;
	leg->link = link;
	leg->is_relay = is_relay;
	leg->idle = idle;
	leg->round_trip = link->rtt_ns;
	leg->events = events;
	leg->arg = arg;
	leg->heard = bk_loop_now(loop);
	bk_turn_init(&leg->ender, loop, on_ender, leg);
	bk_link_set_events(link, &link_events, leg);
	watch(leg, leg->idle);
	*ret_leg = leg;
	return 0;
}

void bk_leg_free(struct bk_leg *leg)
{
	if (!leg)
		return;
	bk_link_free(leg->link);
	bk_timer_free(leg->timer);
	leg->timer = NULL;
	bk_turn_done(&leg->ender);
	if (bk_hold_end(&leg->hold))
		free(leg);
}

struct bk_link *bk_leg_link(struct bk_leg *leg)
{
	return leg->link;
}

bool bk_leg_is_relay(const struct bk_leg *leg)
{
	return leg->is_relay;
}

struct bk_leg_memory *bk_leg_memory(struct bk_leg *leg)
{
	return &leg->memory;
}
