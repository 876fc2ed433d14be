/* SPDX-License-Identifier: Apache-2.0 */
/* Meeting, and meeting again. The first round is the acquaintance's. From then on the mailbox is kept while
 * the session lasts, and opened again, with growing patience, when it is lost. The meeting's secret is all
 * that it needs to put the two together, so it need not remember anything. A round begins when a side asks
 * for it, over a box of its own making; the mailbox gives both the round's token, and each introduces itself
 * as soon as it is ready. A box that is lost before the two have met is replaced in the same way, and the
 * acquaintance goes on at the next one. Nothing here waits for an answer that may be lost: a side that comes again by
 * another box begins another round. */
#include "meet/meet.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/rate.h"
#include "meet/acquaint.h"
#include "meet/exchange.h"
#include "meet/patience.h"
#include "meet/visits.h"
#include "net/ending.h"

/* More than a seeker races (path/seeker.c): only a mailbox that makes them up comes so far. */
enum { ROUNDS_BURST = 20, ROUNDS_A_MINUTE = 12 };

#define YOUNG     (1 * BK_SEC)  /* one that is being made since then is as good as another one */
#define WRONG_MAX (10 * BK_SEC) /* who cannot open our first introduction says so by then */

struct bk_meet {
	struct bk_loop *loop;
	const struct bk_meet_events *events;
	void *arg;
	struct bk_self self;
	struct bk_pairing pairing;
	struct bk_acquaint *acquaint;
	bool is_met;
	bool needs_port; /* TCP may be punched: an introduction wants a port that nobody has used */
	struct bk_visits visits;
	uint64_t rejoins;
	struct bk_rate
		rounds; /* that the mailbox tells of: each has us introduce ourselves, and ask how we look */
	bool is_asking; /* until the next round is complete */
	bool is_gone;   /* the other side, by its own word */
	bk_time began;
	struct bk_exchange round;
	struct bk_patience patience; /* before introducing ourselves */
	struct bk_meeting meeting;
	struct bk_ending ending;
};

static struct bk_meet *meet_of(const struct bk_visit *v)
{
	return v->of->arg;
}

static void on_failed(void *arg, int error, const char *text)
{
	struct bk_meet *m = arg;

	bk_ending_set(&m->ending, error, "%s", text);
}

static void tell_end(void *arg)
{
	struct bk_meet *m = arg;

	m->events->on_end(m->arg, m->ending.error, m->ending.text);
}

static void say(struct bk_meet *m, int verbosity, const char *text)
{
	if (!m->ending.is_set && m->events->on_note)
		m->events->on_note(m->arg, verbosity, text);
}

/* Who comes by this box: for the round that is under way, or to ask for one, or just to be there. */
static void rejoin(struct bk_meet *m, struct bk_visit *v, bool asks)
{
	struct bk_mailbox_rejoin j = {
		.side = m->pairing.is_initiator ? 0 : 1, .number = ++m->rejoins, .asks = asks};

	memcpy(j.secret, m->pairing.meeting, sizeof(j.secret));
	if (m->round.is_open)
		memcpy(j.token, m->round.token, sizeof(j.token));
	memcpy(v->token, j.token, sizeof(v->token));
	if (v->box.ops->rejoin)
		v->box.ops->rejoin(v->box.box, &j); /* when it fails the box's end tells */
	sodium_memzero(&j, sizeof(j));
}

static void on_next(void *arg, struct bk_visit *v)
{
	struct bk_meet *m = arg;

	if (m->is_met)
		rejoin(m, v, m->is_asking);
}

/* With v, whatever it was made for is to be tried again. */
static void lose(struct bk_meet *m, struct bk_visit *v)
{
	if (v == m->visits.now && bk_visit_owes_round(v) && !m->round.is_open)
		m->is_asking = true;
	bk_visits_lose(&m->visits, v, !m->is_gone);
}

/* --- rounds --- */

/* Both introductions are known: what the race needs is put together, and the shared port is free for it. */
static void complete(struct bk_meet *m)
{
	struct bk_mailbox_view view = bk_box_view(&m->visits.now->box);

	bk_assert(m->pairing.is_keyed);
	bk_patience_reset(&m->patience);
	m->visits.ops.yield_port(m->visits.now->box.box);
	m->visits.now->is_used = true;
	bk_meeting_complete(&m->meeting, &view, bk_loop_now(m->loop));
}

/* Who is asking, or in a round, will tell it anyhow. */
static void consider_news(struct bk_meet *m)
{
	char text[BK_OPENING_TEXT_MAX];

	if (m->is_met && bk_self_explain_opened(&m->self, &m->meeting.own, text))
		say(m, 1, text);
	if (m->is_met && !m->is_asking && !m->round.is_open && !m->ending.is_set && m->events->on_news &&
		bk_self_has_news(&m->self, &m->meeting.own, &m->meeting.peer))
		m->events->on_news(m->arg);
}

static void complete_round(struct bk_meet *m)
{
	bk_exchange_close(&m->round, &m->meeting);
	complete(m);
	m->visits.now->has_round = true;
	m->is_asking = false;
	m->visits.tries = 0;
	if (!m->ending.is_set)
		m->events->on_met(m->arg);
	consider_news(m);
}

static bool may_introduce(const struct bk_meet *m)
{
	return m->round.is_open && !m->round.is_introduced && m->visits.now && m->visits.now->is_ready &&
	       !m->visits.next && bk_exchange_is(&m->round, m->visits.now->token);
}

static void maybe_introduce(struct bk_meet *m, bool may_wait)
{
	struct bk_mailbox_view view;

	if (!may_introduce(m))
		return;
	view = bk_box_view(&m->visits.now->box);
	if (!bk_patience_is_over(&m->patience, may_wait ? bk_self_wait(&m->self, &view) : 0))
		return;
	if (bk_exchange_introduce(
		    &m->round, &m->visits.now->box, bk_loop_now(m->loop), m->meeting.peer.server_rtt) == 0 &&
		bk_exchange_is_complete(&m->round))
		complete_round(m);
}

static void on_patience_over(void *arg)
{
	maybe_introduce(arg, false);
}

/* Early, so that nothing waits for it; the mailbox looks once. Nobody needs it who has met, and wants no round. */
static void look_at_flows(struct bk_meet *m, struct bk_visit *v)
{
	if (v && (!m->is_met || m->is_asking || m->round.is_open))
		bk_visit_look_at_flows(v, &m->self);
}

/* Into the round by this box, if its port is as good as new; else by another one. */
static void enter(struct bk_meet *m, struct bk_visit *v)
{
	if (m->visits.next || bk_exchange_is(&m->round, v->token))
		return;
	if (v->is_used && m->needs_port) {
		bk_visits_open_next(&m->visits);
		return;
	}
	rejoin(m, v, false);
	if (v->is_used || !v->has_gathered)
		bk_visit_gather(v, &m->self);
	m->visits.ops.probe_flows(v->box.box, true);
	m->visits.ops.measure_clock(v->box.box);
	maybe_introduce(m, true);
}

/* --- the first one --- */

static void on_known(void *arg)
{
	struct bk_meet *m = arg;

	complete(m);
	memcpy(m->meeting.name, m->pairing.meeting, sizeof(m->meeting.name));
	m->is_met = true;
	bk_visits_stay(&m->visits);
	m->began = m->visits.now->since = bk_loop_now(m->loop);
	rejoin(m, m->visits.now, false);
	m->events->on_met(m->arg);
	consider_news(m);
}

static void on_waiting(void *arg, const char *text)
{
	say(arg, 0, text);
}

static const struct bk_acquaint_events acquaint_events = {
	.on_known = on_known,
	.on_failed = on_failed,
	.on_waiting = on_waiting,
};

/* Before the two have met: at this box from now on, or not at all. */
static void settle(struct bk_meet *m, struct bk_visit *v)
{
	if (v == m->visits.next && !bk_acquaint_may_move(m->acquaint)) {
		bk_visits_stay(&m->visits);
		return;
	}
	if (v == m->visits.next)
		bk_visits_move(&m->visits);
	bk_visit_gather_more(v, &m->self);
	bk_acquaint_begin(m->acquaint, &v->box);
}

/* Before the two have met. While another box stands, one that was being made matters less. */
static void lose_early(struct bk_meet *m, struct bk_visit *v, int error, const char *text)
{
	if (v == m->visits.next && m->visits.now)
		bk_log_debug("meet", "%s", text);
	else if (!bk_acquaint_lost(m->acquaint, error, text))
		return;
	lose(m, v);
}

/* --- what the mailbox says --- */

static void come_back(struct bk_meet *m, struct bk_visit *v)
{
	char text[BK_ENDING_TEXT_MAX];

	bk_assert(v == m->visits.next);
	if (!m->visits.now) {
		snprintf(text, sizeof(text), "back at %s", bk_visits_place(&m->visits));
		say(m, 1, text);
	}
	if (bk_visit_owes_round(m->visits.now) && !m->is_asking && !m->round.is_open) {
		m->is_asking = true;
		rejoin(m, v, true);
	}
	bk_visits_move(&m->visits);
	bk_patience_reset(&m->patience);
}

static void on_ready(void *arg)
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);

	if (v->is_ready)
		return;
	v->is_ready = true;
	if (!m->is_met) {
		settle(m, v);
		return;
	}
	come_back(m, v);
	if (m->is_asking || m->round.is_open) /* else nobody needs to know before there is a round */
		bk_visit_gather(v, &m->self);
	maybe_introduce(m, true);
}

static void look(struct bk_meet *m)
{
	look_at_flows(m, m->visits.now);
	if (m->is_met)
		maybe_introduce(m, true);
	else
		bk_acquaint_look(m->acquaint);
}

static void on_view(void *arg)
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);

	look_at_flows(m, v);
	if (v != v->of->now)
		return;
	if ((v->has_gathered || !m->is_met) && !v->has_stun &&
		bk_box_view(&v->box).stun_len) /* it knows of some */
		bk_visit_gather(v, &m->self);
	look(m);
}

/* The box takes what we want of it along. */
static void on_early(void *arg)
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);

	look_at_flows(m, v);
	if (!m->is_met && v == m->visits.now)
		bk_acquaint_ask_early(m->acquaint, &v->box);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct bk_visit *v = arg;

	if (v == v->of->now)
		bk_acquaint_nameplate(meet_of(v)->acquaint, nameplate);
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct bk_visit *v = arg;

	if (v == v->of->now)
		bk_acquaint_claimed(meet_of(v)->acquaint, nameplate, token, left, n);
}

/* False: there were too many of late. */
static bool open_round(struct bk_meet *m, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	if (bk_exchange_is(&m->round, token))
		return true;
	if (!bk_rate_take(&m->rounds, 1, bk_loop_now(m->loop))) {
		bk_log_debug("meet", "too many rounds within a minute: this one is passed over");
		return false;
	}
	bk_patience_reset(&m->patience);
	bk_exchange_open(&m->round, token);
	return true;
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);

	if (!m->is_met || !open_round(m, token))
		return;
	if (m->round.is_open && v == m->visits.now)
		enter(m, v);
}

static void on_wrong(struct bk_meet *m)
{
	if (!m->pairing.seen && bk_loop_now(m->loop) - m->began < WRONG_MAX)
		on_failed(m, BK_E_WRONG_CODE, "wrong code: it is used up now, ask for a new one");
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);
	int kind = bk_pairing_kind(body, n);

	if (!m->is_met) {
		if (v == m->visits.now)
			bk_acquaint_mail(m->acquaint, body, n);
	} else if (kind == BK_PAIRING_WRONG) {
		on_wrong(m);
	} else if (kind == BK_PAIRING_AGAIN) {
		bk_exchange_take(&m->round, body, n);
		if (bk_exchange_is_complete(&m->round) && m->visits.now)
			complete_round(m);
	}
}

/* One that was away for too long may come back: the meeting waits for it again. */
static void wait_again(struct bk_meet *m, struct bk_visit *v)
{
	if (v != m->visits.now || m->visits.next)
		return;
	m->round.is_open = false;
	if (m->is_asking)
		bk_visits_open_next(&m->visits);
	else
		rejoin(m, v, false);
}

static void on_released(void *arg, int code)
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);

	if (!m->is_met) {
		if (v == m->visits.now)
			bk_acquaint_released(m->acquaint, code);
		return;
	}
	if (m->is_gone)
		return;
	m->is_gone = !code;
	if (code) {
		wait_again(m, v);
	} else {
		bk_timer_stop(m->visits.retry);
		bk_patience_reset(&m->patience);
		bk_visits_stay(&m->visits);
	}
	if (!m->ending.is_set && m->events->on_left)
		m->events->on_left(m->arg);
}

static void on_box_error(void *arg, int code, const char *text)
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);

	bk_log_debug("meet", "%s says: %s", bk_visits_place(&m->visits), text);
	if (!m->is_met && v == m->visits.now)
		bk_acquaint_refused(m->acquaint, code, text);
	else if (m->is_met && code != BK_E_EXISTS)
		lose(m, v);
}

static void on_box_end(void *arg, int error, const char *text)
{
	struct bk_visit *v = arg;
	struct bk_meet *m = meet_of(v);
	char note[BK_ENDING_TEXT_MAX];

	if (!m->is_met) {
		lose_early(m, v, error, text);
		return;
	}
	snprintf(note, sizeof(note), "%s%s", text, m->visits.ops.rejoin ? "; trying again" : "");
	if (v == m->visits.now && !m->is_gone)
		say(m, 1, note);
	else
		bk_log_debug("meet", "%s", note);
	lose(m, v);
}

static void on_box_note(void *arg, int verbosity, const char *text)
{
	say(meet_of(arg), verbosity, text);
}

static const struct bk_mailbox_events box_events = {
	.on_ready = on_ready,
	.on_view = on_view,
	.on_nameplate = on_nameplate,
	.on_claimed = on_claimed,
	.on_mail = on_mail,
	.on_round = on_round,
	.on_released = on_released,
	.on_error = on_box_error,
	.on_end = on_box_end,
	.on_note = on_box_note,
	.on_early = on_early,
};

/* --- what the session wants --- */

int bk_meet_again(struct bk_meet *m)
{
	if (!m->is_met || m->ending.is_set || !m->visits.ops.rejoin)
		return BK_E_SERVER_GONE;
	if (m->is_gone)
		return BK_E_PEER_VANISHED;
	if (m->round.is_open && m->visits.now && bk_exchange_is(&m->round, m->visits.now->token) &&
		!m->visits.next)
		return 0;
	m->is_asking = true;
	m->visits.tries = 0;
	if (m->visits.next && bk_loop_now(m->loop) - m->visits.next->since < YOUNG)
		rejoin(m, m->visits.next, true);
	else
		bk_visits_open_next(&m->visits);
	return 0;
}

void bk_meet_address_changed(struct bk_meet *m)
{
	if (m->ending.is_set || m->is_gone || !m->visits.ops.rejoin ||
		(!m->is_met && !bk_acquaint_may_move(m->acquaint)))
		return;
	m->visits.tries = 0;
	bk_visits_open_next(&m->visits);
}

const struct bk_meeting *bk_meet_result(const struct bk_meet *m)
{
	return &m->meeting;
}

struct bk_self *bk_meet_self(struct bk_meet *m)
{
	return &m->self;
}

/* --- life --- */

static void on_self_view(void *arg)
{
	bk_self_compare_opened(&((struct bk_meet *)arg)->self);
	look(arg);
	consider_news(arg);
}

static int start_acquaintance(
	struct bk_meet *m, const struct bk_session_opts *session, struct bk_watchword_share *share)
{
	const struct bk_acquaint_opts opts = {
		.loop = m->loop,
		.session = session,
		.is_once = !m->visits.ops.rejoin,
		.is_reusable = m->visits.ops.rejoin && m->visits.ops.release,
		.share = share,
		.place = bk_visits_place(&m->visits),
		.self = &m->self,
		.pairing = &m->pairing,
		.meeting = &m->meeting,
		.on_code = m->events->on_code,
		.on_code_arg = m->arg,
	};

	return bk_acquaint_new(&opts, &acquaint_events, m, &m->acquaint);
}

int bk_meet_new(const struct bk_meet_opts *opts, const struct bk_meet_events *events, void *arg,
	struct bk_meet **ret_meet)
{
	const struct bk_session_opts *s = opts->session;
	struct bk_meet *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return BK_E_NOMEM;
	m->loop = opts->loop;
	m->events = events;
	m->arg = arg;
	m->needs_port = s->transport != BK_TRANSPORT_CHOICE_UDP && s->path != BK_PATH_CHOICE_RELAY;
	bk_rate_init(&m->rounds, ROUNDS_A_MINUTE / 60.0, ROUNDS_BURST, bk_loop_now(m->loop));
	bk_ending_init(&m->ending, m->loop, tell_end, m);
	bk_exchange_init(&m->round, &m->self, &m->pairing);
	err = bk_self_init(&m->self, m->loop, s, on_self_view, m);
	m->self.pin = opts->pin;
	if (!err)
		err = bk_visits_init(&m->visits, m->loop, &opts->mailbox, &box_events, on_next, m);
	if (!err)
		err = start_acquaintance(m, s, opts->share);
	if (!err)
		err = bk_patience_init(&m->patience, m->loop, on_patience_over, m);
	if (!err)
		err = bk_visits_open(&m->visits);
	if (err < 0) {
		bk_meet_free(m);
		return err;
	}
	*ret_meet = m;
	return 0;
}

void bk_meet_free(struct bk_meet *m)
{
	if (!m)
		return;
	if (m->visits.now && m->is_met && !m->is_gone && m->visits.ops.release)
		m->visits.ops.release(m->visits.now->box.box);
	bk_visits_done(&m->visits);
	bk_acquaint_free(m->acquaint);
	bk_self_done(&m->self);
	bk_pairing_done(&m->pairing);
	bk_patience_done(&m->patience);
	bk_ending_done(&m->ending);
	free(m);
}
