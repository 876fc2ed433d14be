/* SPDX-License-Identifier: Apache-2.0 */
#include "meet/visits.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"

#define RETRY_MIN (250 * BK_MS)
#define RETRY_MAX (15 * BK_SEC)
enum { OPENINGS_BURST = 20, OPENINGS_A_MINUTE = 12 };

#define STEADY (10 * BK_SEC) /* a box that lasted so long is followed by another one at once */

static void drop(struct bk_visit **at)
{
	struct bk_visit *v = *at;

	*at = NULL;
	if (!v)
		return;
	bk_assert(v != v->of->now && v != v->of->next);
	v->box.ops->close(v->box.box);
	free(v);
}

/* 0, 0.25, 0.5, 1 ... 15 s, each a quarter more or less, so that not everybody comes at once. */
static void retry_later(struct bk_visits *s)
{
	bk_dur d = 0;

	if (s->tries)
		d = s->tries > 6 ? RETRY_MAX : bk_time_min(RETRY_MAX, RETRY_MIN << (s->tries - 1));
	if (d)
		d += d / 4 - (bk_dur)randombytes_uniform((uint32_t)(d / BK_MS / 2 + 1)) * BK_MS;
	s->tries++;
	bk_timer_start(s->retry, d);
}

static int open_visit(struct bk_visits *s, struct bk_visit **ret_visit)
{
	struct bk_visit *v = calloc(1, sizeof(*v));
	int err = v ? 0 : BK_E_NOMEM;

	if (!err) {
		v->of = s;
		v->since = bk_loop_now(s->loop);
		v->box.ops = &s->ops;
		err = s->ops.open(s->mailbox, s->loop, s->events, v, &v->box.box);
	}
	if (err < 0)
		free(v);
	else
		*ret_visit = v;
	return err;
}

int bk_visits_open(struct bk_visits *s)
{
	bk_assert(!s->now && !s->next);
	return open_visit(s, &s->now);
}

void bk_visits_open_next(struct bk_visits *s)
{
	bk_time now = bk_loop_now(s->loop);

	drop(&s->next);
	bk_timer_stop(s->retry);
	if (!bk_rate_take(&s->openings, 1, now))
		bk_timer_start(s->retry, bk_rate_wait(&s->openings, 1, now));
	else if (open_visit(s, &s->next) < 0)
		retry_later(s);
	else
		s->on_next(s->arg, s->next);
}

static void on_retry(void *arg)
{
	struct bk_visits *s = arg;

	if (!s->next)
		bk_visits_open_next(s);
}

void bk_visits_move(struct bk_visits *s)
{
	bk_assert(s->next);
	drop(&s->now);
	s->now = s->next;
	s->next = NULL;
	s->now->since = bk_loop_now(s->loop);
}

void bk_visits_stay(struct bk_visits *s)
{
	drop(&s->next);
}

void bk_visits_lose(struct bk_visits *s, struct bk_visit *v, bool wants_another)
{
	bk_assert(v == s->now || v == s->next);
	if (v == s->now && bk_loop_now(s->loop) - v->since >= STEADY)
		s->tries = 0;
	drop(v == s->now ? &s->now : &s->next);
	if (!s->next && wants_another && s->ops.rejoin)
		retry_later(s);
}

/* --- how we look from outside --- */

void bk_visit_gather(struct bk_visit *v, struct bk_self *self)
{
	struct bk_mailbox_view view = bk_box_view(&v->box);

	v->has_gathered = true;
	v->has_stun = view.stun_len;
	bk_self_gather(self, &view);
}

void bk_visit_gather_more(struct bk_visit *v, struct bk_self *self)
{
	struct bk_mailbox_view view = bk_box_view(&v->box);

	if (!v->has_gathered) {
		bk_visit_gather(v, self);
		return;
	}
	v->has_stun = view.stun_len;
	bk_self_gather_more(self, &view);
}

void bk_visit_look_at_flows(struct bk_visit *v, const struct bk_self *self)
{
	struct bk_mailbox_view view = bk_box_view(&v->box);

	if (bk_self_wants_flows(self, &view))
		v->box.ops->probe_flows(v->box.box, false);
}

bool bk_visit_owes_round(const struct bk_visit *v)
{
	return v && v->has_round && !v->box.ops->is_mail_taken(v->box.box);
}

const char *bk_visits_place(const struct bk_visits *s)
{
	return s->ops.name(s->mailbox);
}

int bk_visits_init(struct bk_visits *s, struct bk_loop *loop, const struct bk_mailbox *mailbox,
	const struct bk_mailbox_events *events, void (*on_next)(void *arg, struct bk_visit *v), void *arg)
{
	int err = bk_box_take_ops(mailbox->ops, &s->ops);

	s->loop = loop;
	bk_rate_init(&s->openings, OPENINGS_A_MINUTE / 60.0, OPENINGS_BURST, bk_loop_now(loop));
	s->mailbox = mailbox->arg;
	s->events = events;
	s->on_next = on_next;
	s->arg = arg;
	return err < 0 ? err : bk_timer_new(loop, on_retry, s, &s->retry);
}

void bk_visits_done(struct bk_visits *s)
{
	drop(&s->now);
	drop(&s->next);
	bk_timer_free(s->retry);
	s->retry = NULL;
}
