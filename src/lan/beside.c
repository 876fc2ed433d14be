/* SPDX-License-Identifier: Apache-2.0 */
/* The table. Who leaves something has a box at both, and the first claim at either closes the other one; who claims
 * goes from one to the other (quest.h). */
#include "lan/beside.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lan/beside_events.h"
#include "lan/quest.h"

/* Until the LAN goes on without a server that is slow. A code is told when it is good wherever the other side may look
 * for it: a first packet that is lost twice comes after 3 s (RFC 6298, 2.1 and 5.5). */
#define FAR_WAIT (4 * BK_SEC)

/* The server is slow: what is left now is good on the LAN first. */
static void go_on_without(struct bk_sides *b)
{
	char note[BK_SIDES_TEXT_MAX];

	snprintf(note, sizeof(note),
		"%.400s does not answer yet; until it does, looking on this network alone",
		b->far.ops->name(b->far.arg));
	bk_sides_say_note(b, -1, note);
	if (!b->hold.is_dead)
		bk_sides_go_near(b);
}

static void on_time(void *arg)
{
	struct bk_sides *b = arg;

	bk_hold_enter(&b->hold);
	if (!b->is_told_ready && bk_loop_now(b->loop) - b->born >= FAR_WAIT)
		go_on_without(b);
	if (!b->hold.is_dead)
		bk_quest_advance(b);
	if (bk_hold_leave(&b->hold))
		bk_sides_free(b);
}

static void close_box(void *box)
{
	struct bk_sides *b = box;

	bk_side_close(&b->far);
	bk_side_close(&b->near);
	bk_timer_stop(b->timer);
	sodium_memzero(&b->rejoin, sizeof(b->rejoin));
	if (bk_hold_end(&b->hold))
		bk_sides_free(b);
}

/* Two who have met at one of the two meet there again. */
static int open_sides(struct bk_sides *b)
{
	int err;

	if (b->m->is_met) {
		b->chosen = b->m->is_near ? &b->near : &b->far;
		return bk_side_open(b->chosen);
	}
	err = bk_side_open(&b->far);
	if (bk_side_open(&b->near) < 0)
		return err;
	b->number = b->m->number;
	if (b->number) /* by what comes of it we are ready, or by the server */
		bk_quest_begin(b);
	else if (!b->m->was_far_ever) /* else we come for the number that we have there */
		bk_timer_start(b->timer, FAR_WAIT);
	return 0;
}

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct bk_beside *m = arg;
	struct bk_sides *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return BK_E_NOMEM;
	*b = (struct bk_sides){.m = m,
		.loop = loop,
		.events = events,
		.heard = &bk_side_events,
		.arg = events_arg,
		.born = bk_loop_now(loop)};
	b->far = (struct bk_side){.of = b, .ops = m->far.ops, .arg = m->far.arg};
	b->near = (struct bk_side){.of = b, .ops = m->near.ops, .arg = m->near.arg};
	err = bk_timer_new(loop, on_time, b, &b->timer);
	if (!err)
		err = open_sides(b);
	if (err < 0) {
		close_box(b);
		return err;
	}
	*ret_box = b;
	return 0;
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	struct bk_side *s = bk_sides_current(box);

	if (s->box && s->ops->view)
		s->ops->view(s->box, ret_view);
}

/* Anew, after a release, at both. */
static void unchoose(struct bk_sides *b)
{
	if (!b->chosen)
		return;
	b->chosen = NULL;
	b->m->is_met = false;
	if (!b->far.box)
		bk_side_open(&b->far);
	if (!b->near.box)
		bk_side_open(&b->near);
}

static int leave(void *box, uint32_t wish, const void *body, size_t n)
{
	struct bk_sides *b = box;

	unchoose(b);
	free(b->left);
	b->left = malloc(n ? n : 1);
	if (!b->left)
		return BK_E_NOMEM;
	if (n)
		memcpy(b->left, body, n);
	b->left_len = n;
	b->number = wish;
	b->is_numbered = false;
	b->is_taken_along = b->far.is_early && !b->far.is_ready;
	if (b->far.is_ready || b->far.is_early)
		return bk_side_leave(&b->far);
	return b->near.box ? bk_side_leave(&b->near) : BK_E_SERVER_GONE;
}

static int claim(void *box, uint32_t nameplate)
{
	struct bk_sides *b = box;

	b->is_asked = true;
	b->is_far_asked = false;
	if (b->chosen &&
		b->number == nameplate) /* found while the server was being reached; it is told next */
		return 0;
	unchoose(b);
	if (nameplate != b->number || !b->far.box) {
		b->number = nameplate;
		bk_quest_begin(b);
	}
	bk_timer_start(b->timer, 0);
	return 0;
}

static int mail(void *box, const void *body, size_t n)
{
	struct bk_side *s = bk_sides_current(box);

	return s->box ? s->ops->mail(s->box, body, n) : BK_E_EOF;
}

static void release(void *box)
{
	struct bk_sides *b = box;

	if (b->chosen && b->chosen->box)
		b->chosen->ops->release(b->chosen->box);
	free(b->left);
	b->left = NULL;
	if (b->chosen)
		return;
	bk_side_close(&b->near);
	if (b->far.box)
		b->far.ops->release(b->far.box);
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	struct bk_sides *b = box;
	struct bk_side *s = b->chosen;

	if (!s) {
		s = b->far.box ? &b->far : &b->near;
		bk_side_choose(s);
		b->rejoin = *j;
		b->has_rejoin = s == &b->far;
	} else if (b->has_rejoin) {
		b->rejoin = *j;
	}
	return s->ops->rejoin(s->box, j);
}

static bool is_mail_taken(void *box)
{
	struct bk_side *s = bk_sides_current(box);

	return !s->box || s->ops->is_mail_taken(s->box);
}

static void flush(void *box, void (*fn)(void *fn_arg), void *fn_arg)
{
	struct bk_side *s = bk_sides_current(box);

	if (s->box)
		s->ops->flush(s->box, fn, fn_arg);
	else
		fn(fn_arg);
}

static void measure_clock(void *box)
{
	struct bk_side *s = bk_sides_current(box);

	if (s->box && s->is_ready)
		s->ops->measure_clock(s->box);
}

static void yield_port(void *box)
{
	struct bk_side *s = bk_sides_current(box);

	if (s->box && s->ops->yield_port)
		s->ops->yield_port(s->box);
}

static void probe_flows(void *box, bool is_latest)
{
	struct bk_side *s = bk_sides_current(box);

	if (s->box && s->ops->probe_flows)
		s->ops->probe_flows(s->box, is_latest);
}

static const char *name(void *arg)
{
	struct bk_beside *m = arg;

	return m->far.ops->name(m->far.arg);
}

const struct bk_mailbox_ops bk_beside_ops = {
	.size = sizeof(bk_beside_ops),
	.open = open_box,
	.close = close_box,
	.view = view,
	.leave = leave,
	.claim = claim,
	.mail = mail,
	.release = release,
	.rejoin = rejoin,
	.is_mail_taken = is_mail_taken,
	.flush = flush,
	.measure_clock = measure_clock,
	.yield_port = yield_port,
	.name = name,
	.probe_flows = probe_flows,
};
