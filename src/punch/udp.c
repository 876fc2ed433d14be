/* SPDX-License-Identifier: Apache-2.0 */

/* Carries out a plan over UDP (RFC 5128 section 3.3; RFC 8445 in spirit). Both sides send to each other from
 * the sockets whose mapped addresses they told; each packet opens the own NAT for the peer's.
 *
 * A path is proven by an answer to a request of ours, from the very address that it went to. A request proves
 * only that the peer wrote it at some time: it is answered and its source probed, whether listed or not, but
 * moves nothing. With a single target the first probe nominates already; otherwise the controlling side
 * waits a moment for a better path than the first. It refuses to remember more than its tables hold, and to
 * answer strangers. */

#include "punch/udp.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/rate.h"
#include "base/rng.h"
#include "nat/profile.h"
#include "punch/probe.h"
#include "punch/udp_guess.h"
#include "punch/udp_mouth.h"
#include "punch/udp_schedule.h"
#include "punch/udp_target.h"

enum {
	PROBES_MAX = 96,    /* to one target */
	OPENERS = 2,        /* the second in case the first was lost on the way to the own router */
	LATE_STEPS = 6,     /* towards another nomination, after the first */
	FRESH_STEPS = 5,    /* a schedule that has come no further needs no new start */
	TRIGGERS_MAX = 4,   /* how often hearing the peer starts a target's schedule again */
	ANSWERS_BURST = 64, /* to addresses without a place in the table */
	ANSWERS_PER_SECOND = 200,
};

_Static_assert((int)BK_PLAN_ATTEMPTS_MAX < (int)BK_PUNCH_UDP_TARGETS_MAX, "whom we hear finds a place");

#define GAP_OPENER  (20 * BK_MS)
#define GAP_TRIGGER (2 * BK_MS)
#define WAIT_BETTER (5 * BK_MS)   /* or a quarter of the round trip */
#define WAIT_ANSWER (300 * BK_MS) /* or four round trips: then another proven path is nominated */

struct bk_punch_udp {
	struct bk_udp_mouth mouth; /* first: next_action is its queue's */
	struct bk_rng rng;
	uint64_t tie_breaker;
	struct bk_plan plan;
	bool is_controlling, has_socket6;
	uint8_t opener_ttl;
	struct bk_udp_targets targets;
	struct bk_udp_guess guess;    /* by which many ways may come about at once */
	struct bk_udp_target *chosen; /* as controlling: requests to it nominate */
	struct bk_udp_target *winner;
	uint32_t number;                /* of the nomination that we make, or follow */
	bk_time choose_at;              /* a proven path waits until then for a better one */
	bk_time chosen_until;           /* for the answer to its nomination */
	struct bk_udp_target *complete; /* its nomination was answered; a request of the peer's may follow */
	bk_time complete_until;
	bk_time end;
	bool is_done;
	struct bk_probe_memory recent;
	struct bk_rate answers; /* to strangers who hold a copied request */
	struct bk_punch_udp_stats stats;
};

static uint32_t socket_of(const struct bk_addr *a)
{
	return a->family == 6 ? BK_PUNCH_UDP_SOCKET6 : BK_PUNCH_UDP_SOCKET4;
}

static void schedule_next(struct bk_punch_udp *e, struct bk_udp_target *t, bk_time now)
{
	bk_time next;

	if (t->sent >= PROBES_MAX || (e->winner && t->step > LATE_STEPS)) {
		bk_udp_target_set_state(t, BK_UDP_STOPPED, BK_NEVER);
	} else if (now < t->full_from) {
		next = t->sent < OPENERS ? now + GAP_OPENER : t->full_from;
		bk_udp_target_set_state(t, BK_UDP_OPENING, bk_time_min(next, t->full_from));
	} else {
		bk_udp_target_set_state(t, t->is_proven ? BK_UDP_PROVEN : BK_UDP_PROBING,
			now + bk_udp_gap(t->step++, &e->rng));
	}
}

static void report(struct bk_punch_udp *e, const struct bk_udp_target *t, int what)
{
	bk_udp_mouth_push(&e->mouth,
		&(struct bk_action){
			.type = BK_ACT_REPORT, .id = t->way.socket, .remote = t->way.remote, .report = what});
}

/* QUIC needs no proof of a way: its handshake is one, and takes a round trip less when it does not wait for ours. */
static void tell_likely(struct bk_punch_udp *e, struct bk_udp_target *t)
{
	if (!t->likely || e->winner || t->way.socket > BK_PUNCH_UDP_SOCKET6)
		return;
	t->likely--;
	t->is_likely = true;
	report(e, t, BK_REPORT_LIKELY);
}

static void send_probe(struct bk_punch_udp *e, struct bk_udp_target *t, bk_time now)
{
	struct bk_probe p = {
		.is_controlling = e->is_controlling,
		.tie_breaker = e->tie_breaker,
		.nomination = e->chosen == t ? e->number : 0,
	};

	bk_udp_mouth_make_tid(&e->mouth, p.tid);
	bk_udp_target_note_sent(t, p.tid, p.nomination, now);
	e->stats.probes_sent++;
	bk_udp_mouth_say(
		&e->mouth, t->way.socket, &t->way.remote, now < t->full_from ? e->opener_ttl : 0, &p);
	if (e->is_controlling && now >= t->full_from)
		tell_likely(e, t);
	schedule_next(e, t, now);
}

/* One that asks for nothing but an answer. */
static struct bk_probe plain_probe(const struct bk_punch_udp *e)
{
	return (struct bk_probe){.is_controlling = e->is_controlling, .tie_breaker = e->tie_breaker};
}

static void guess(struct bk_punch_udp *e, bk_time now)
{
	const struct bk_probe p = plain_probe(e);

	e->stats.probes_sent += bk_udp_guess_run(&e->guess, &e->mouth, &p, e->opener_ttl, &e->targets, now);
}

static void on_opened(void *engine, uint32_t id, const struct bk_addr *local, bk_time now)
{
	struct bk_punch_udp *e = engine;
	const struct bk_probe p = plain_probe(e);

	(void)local;
	(void)now;
	e->stats.probes_sent += bk_udp_fan_opened(&e->guess.fan, &e->mouth, &p, e->opener_ttl, id);
}

/* --- the end --- */

static void stop_targets(struct bk_punch_udp *e, bk_time now)
{
	bk_udp_targets_stop(&e->targets, e->winner);
	bk_udp_guess_stop(&e->guess, now);
	e->choose_at = e->chosen_until = e->complete_until = BK_NEVER;
	e->complete = NULL;
}

static void win(struct bk_punch_udp *e, struct bk_udp_target *t, bk_time now)
{
	bk_assert(t->is_proven && !e->is_done);
	e->winner = t;
	e->stats.rtt = t->rtt;
	stop_targets(e, now);
	bk_udp_target_set_state(t, BK_UDP_NOMINATED, BK_NEVER);
	report(e, t, BK_REPORT_CHOSEN);
}

static void give_up(struct bk_punch_udp *e, bk_time now)
{
	bk_assert(!e->winner && !e->is_done);
	e->is_done = true;
	stop_targets(e, now);
	bk_udp_mouth_push(&e->mouth, &(struct bk_action){.type = BK_ACT_REPORT, .report = BK_REPORT_DONE});
}

/* --- choosing, as the controlling side --- */

static void choose(struct bk_punch_udp *e, bk_time now)
{
	struct bk_udp_target *best = bk_udp_targets_best(&e->targets);

	e->choose_at = BK_NEVER;
	if (!best || best == e->chosen)
		return;
	if (e->chosen && e->chosen->is_proven)
		bk_udp_target_set_state(e->chosen, BK_UDP_PROVEN, BK_NEVER);
	e->chosen = best;
	e->number++;
	e->chosen_until = now + bk_time_max(WAIT_ANSWER, 4 * best->rtt);
	best->step = 0;
	send_probe(e, best, now);
}

static void on_proven_controlling(struct bk_punch_udp *e, struct bk_udp_target *t, bk_time now)
{
	bk_time at = now;

	if (e->winner || (e->chosen && e->chosen->is_proven && !e->chosen->is_neglected))
		return;
	if (bk_udp_targets_has_hope(&e->targets, t->technique->rank))
		at += bk_time_max(WAIT_BETTER, t->rtt / 4);
	e->choose_at = bk_time_min(e->choose_at, at);
	if (now >= e->choose_at)
		choose(e, now);
}

/* No answer to the nomination: another proven path, if there is one, else the same again. */
static void on_chosen_late(struct bk_punch_udp *e, bk_time now)
{
	bk_assert(e->chosen);
	e->chosen_until = BK_NEVER;
	e->chosen->is_neglected = true;
	choose(e, now);
}

/* The answer to the nomination is there. The peer's proof is not, if nothing of the peer's could be answered
 * so far: it lost a probe, and sends the next in a few milliseconds. */
static void on_nominated(struct bk_punch_udp *e, struct bk_udp_target *t, bk_time now)
{
	e->choose_at = e->chosen_until = BK_NEVER;
	if (t->heard > 0) {
		win(e, t, now);
		return;
	}
	e->complete = t;
	e->complete_until = bk_time_min(e->complete_until, now + BK_UDP_WAIT_PEER);
	bk_udp_target_set_state(t, BK_UDP_PROVEN, BK_NEVER);
}

/* The only target's first probe nominates it; when the peer is heard from another address and nothing better
 * is left to try, so does the probe that goes back. That saves a round trip, and an answer is needed all the
 * same. */
static void maybe_choose_heard(struct bk_punch_udp *e, struct bk_udp_target *t)
{
	if (!e->is_controlling || e->winner || e->chosen == t || t->is_proven ||
		bk_udp_targets_has_hope(&e->targets, t->technique->rank))
		return;
	if (e->chosen && (e->chosen->is_proven || e->chosen->heard > 0))
		return;
	e->chosen = t;
	e->number++;
}

/* --- following, as the controlled side --- */

static void maybe_follow(struct bk_punch_udp *e, struct bk_udp_target *t, bk_time now)
{
	if (e->is_controlling || !t->is_proven || t->nomination <= e->number)
		return;
	e->number = t->nomination;
	win(e, t, now);
}

/* --- hearing --- */

/* By what somebody has come who was not listed. */
static const struct bk_technique *technique_of(const struct bk_punch_udp *e, const struct bk_way *from)
{
	const struct bk_technique *guessed = bk_udp_guess_technique(&e->guess, from);

	return guessed ? guessed : bk_technique_by_look(&e->plan, &from->remote);
}

static struct bk_udp_target *add_reflexive(struct bk_punch_udp *e, const struct bk_way *from, bk_time now)
{
	struct bk_udp_target *t = bk_udp_targets_place(&e->targets, e->chosen);

	if (t)
		bk_udp_target_init_reflexive(t, technique_of(e, from), from, now);
	return t;
}

/* Whoever begins QUIC, it may begin where a packet has come through. As controlling it goes with the probe back. Where
 * ports are guessed the peer may be heard from several, which are no better than a path that needs no guess. */
static void hear_likely(struct bk_punch_udp *e, struct bk_udp_target *t)
{
	if (t->is_proven || e->winner)
		return;
	if (e->guess.is_on && bk_udp_targets_has_hope(&e->targets, t->technique->rank))
		return;
	bk_udp_targets_hear_likely(&e->targets, t);
	if (!e->is_controlling && !t->is_likely)
		tell_likely(e, t);
}

/* The peer's packet came through, so ours will: probe now, and a few times more. */
static void trigger(struct bk_punch_udp *e, struct bk_udp_target *t, bk_time now)
{
	if (t->is_proven || t->triggers >= TRIGGERS_MAX || t->sent >= PROBES_MAX)
		return;
	if (e->winner && t->nomination <= e->number)
		return;
	if (t->heard > 1 && t->step < FRESH_STEPS && t->wake != BK_NEVER)
		return;
	t->triggers++;
	t->step = 0;
	if (t->sent == 0 || now - t->last_sent >= GAP_TRIGGER)
		send_probe(e, t, now);
	else
		bk_udp_target_set_state(t, BK_UDP_PROBING, t->last_sent + GAP_TRIGGER);
}

/* The probe goes before the answer: the answer completes the nomination over there, and what the peer sends
 * upon that is not to be here before the answer to our probe. */
static void on_request(
	struct bk_punch_udp *e, const struct bk_probe *p, const struct bk_way *from, bk_time now)
{
	struct bk_udp_target *t = bk_udp_targets_find(&e->targets, from);
	bool replayed = bk_probe_is_replay(&e->recent, p, &from->remote);

	e->stats.probes_received++;
	e->stats.replayed += replayed;
	if (!t && !replayed && p->is_controlling != e->is_controlling)
		t = add_reflexive(e, from, now);
	if (!t || replayed) { /* moves nothing */
		if (bk_rate_take(&e->answers, 1, now))
			bk_udp_mouth_answer(&e->mouth, from->socket, p, &from->remote);
		return;
	}
	bk_udp_guess_rest(&e->guess, now);
	t->heard++;
	t->last_heard = now;
	t->full_from = bk_time_min(t->full_from, now);
	if (!e->is_controlling && p->nomination > t->nomination)
		t->nomination = p->nomination;
	maybe_choose_heard(e, t);
	hear_likely(e, t);
	trigger(e, t, now);
	bk_udp_mouth_answer(&e->mouth, from->socket, p, &from->remote);
	maybe_follow(e, t, now);
	if (e->complete == t)
		win(e, t, now);
}

/* A port that was guessed right: from now on it is a target, which was asked already. */
static struct bk_udp_target *take_hit(
	struct bk_punch_udp *e, const struct bk_probe *p, const struct bk_way *from, bk_time now)
{
	struct bk_udp_shot *shot = bk_udp_spray_find(&e->guess.spray, &from->remote, p->tid);
	struct bk_udp_target *t = bk_udp_targets_find(&e->targets, from);

	if (!shot)
		return NULL;
	shot->is_open = false;
	t = t ? t : add_reflexive(e, from, now);
	if (t)
		bk_udp_target_note_sent(t, p->tid, 0, shot->sent);
	return t;
}

static struct bk_udp_request *find_request(struct bk_punch_udp *e, const struct bk_probe *p,
	const struct bk_way *from, bk_time now, struct bk_udp_target **ret_target)
{
	struct bk_udp_target *t = bk_udp_targets_find(&e->targets, from);
	struct bk_udp_request *r = t ? bk_udp_target_find_request(t, p->tid) : NULL;

	if (!r) {
		t = take_hit(e, p, from, now);
		r = t ? bk_udp_target_find_request(t, p->tid) : NULL;
	}
	*ret_target = t;
	return r;
}

static void on_answer(
	struct bk_punch_udp *e, const struct bk_probe *p, const struct bk_way *from, bk_time now)
{
	struct bk_udp_target *t;
	struct bk_udp_request *r = find_request(e, p, from, now, &t);

	if (!r) {
		e->stats.stray++;
		return;
	}
	r->is_open = false;
	e->stats.answers_received++;
	e->stats.seen = p->seen;
	t->rtt = t->is_proven ? bk_time_min(t->rtt, now - r->sent) : now - r->sent;
	if (!t->is_proven)
		bk_udp_target_set_state(t, BK_UDP_PROVEN, e->chosen == t ? t->wake : BK_NEVER);
	t->is_proven = true;
	if (!e->is_controlling)
		maybe_follow(e, t, now);
	else if (!e->winner && e->chosen == t && r->nomination == e->number)
		on_nominated(e, t, now);
	else
		on_proven_controlling(e, t, now);
}

static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct bk_punch_udp *e = engine;
	const struct bk_way way = {id, *from};
	struct bk_probe p;
	int err;

	if (e->is_done || from->port == 0 ||
		(id != socket_of(from) && !bk_udp_guess_may_come(&e->guess, &way)))
		return false;
	err = bk_probe_decode(&e->mouth.auth, data, len, &p);
	if (err < 0) {
		e->stats.forged += err == BK_E_UNAUTHORIZED;
		return false;
	}
	if (p.is_answer)
		on_answer(e, &p, &way, now);
	else
		on_request(e, &p, &way, now);
	return true;
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	struct bk_punch_udp *e = engine;

	(void)now;
	bk_udp_fan_gone(&e->guess.fan, id);
	bk_log_debug("punch", "UDP socket %u: %s", id, bk_error_text(error));
	bk_udp_targets_stop_socket(&e->targets, id);
}

/* Guesses end at once; whatever else is tried goes on where nobody forbade just that. */
static void on_icmp(
	void *engine, uint32_t id, const struct bk_addr *remote, const struct bk_icmp *icmp, bk_time now)
{
	const struct bk_way way = {id, *remote};
	struct bk_punch_udp *e = engine;
	struct bk_udp_target *t = bk_udp_targets_find(&e->targets, &way);

	if (e->is_done || e->winner || !bk_udp_guess_forbid(&e->guess, &way, icmp, now))
		return;
	if (t && !t->heard)
		bk_udp_target_set_state(t, BK_UDP_STOPPED, BK_NEVER);
	if (bk_udp_targets_wake(&e->targets) == BK_NEVER && !bk_udp_targets_best(&e->targets))
		give_up(e, now);
}

/* --- time --- */

static void on_time(void *engine, bk_time now)
{
	struct bk_punch_udp *e = engine;

	guess(e, now);
	if (e->is_done)
		return;
	if (!e->winner && now >= e->end) {
		give_up(e, now);
		return;
	}
	for (size_t i = 0; i < e->targets.len; i++) {
		if (now >= e->targets.list[i].wake)
			send_probe(e, &e->targets.list[i], now);
	}
	if (now >= e->choose_at)
		choose(e, now);
	if (now >= e->chosen_until)
		on_chosen_late(e, now);
	if (now >= e->complete_until)
		win(e, e->complete, now);
}

static bk_time next_wake(const void *engine)
{
	const struct bk_punch_udp *e = engine;
	bk_time wake = e->is_done || e->winner ? BK_NEVER : e->end;

	wake = bk_time_min(wake, bk_time_min(e->choose_at, e->chosen_until));
	wake = bk_time_min(wake, bk_time_min(e->complete_until, bk_udp_guess_wake(&e->guess)));
	return bk_time_min(wake, bk_udp_targets_wake(&e->targets));
}

const struct bk_engine_ops bk_punch_udp_ops = {
	.on_failed = on_failed,
	.on_opened = on_opened,
	.on_datagram = on_datagram,
	.on_icmp = on_icmp,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = bk_actions_next,
};

/* --- telling --- */

void bk_punch_udp_stats(const struct bk_punch_udp *e, struct bk_punch_udp_stats *ret_stats)
{
	*ret_stats = e->stats;
	ret_stats->targets = (unsigned)e->targets.len;
	ret_stats->forbidden_by = e->guess.forbidden_by;
}

const struct bk_udp_targets *bk_punch_udp_targets(const struct bk_punch_udp *e)
{
	return &e->targets;
}

/* --- the beginning --- */

static void add_planned(struct bk_punch_udp *e, const struct bk_attempt *a, const struct bk_addr *to,
	bk_time full_from, bk_time now)
{
	const struct bk_way way = {socket_of(to), *to};

	/* A set of ports may hold more: places are kept for whom we hear. */
	if (e->targets.len >= BK_PLAN_ATTEMPTS_MAX || bk_udp_targets_find(&e->targets, &way))
		return;
	bk_udp_target_init(&e->targets.list[e->targets.len++], a->technique, &way, full_from, now);
}

static int add_attempt(struct bk_punch_udp *e, const struct bk_attempt *a, bk_time start, bk_time now)
{
	bk_time full_from = (a->is_at_start ? start : now) + a->delay;

	if (a->remote.family == 6 && !e->has_socket6)
		return 0;
	if (bk_attempt_is_guess(a))
		return bk_udp_guess_add(&e->guess, a, full_from, now);
	for (size_t i = 0; i < bk_attempt_len(a); i++) {
		struct bk_addr to = bk_attempt_remote(a, i);

		add_planned(e, a, &to, full_from, now);
	}
	return 0;
}

/* Where it was told to be. */
static bool is_expected(const struct bk_intro *peer)
{
	return bk_nat_is_reachable(&peer->udp) || !bk_nat_is_dependent(&peer->udp);
}

static int begin(struct bk_punch_udp *e, const struct bk_punch_udp_opts *opts, bk_time now)
{
	bk_time start = bk_plan_believed(opts->start, now);
	bk_dur budget = opts->budget ? opts->budget : BK_PLAN_BUDGET;
	bk_time full_from = bk_udp_first_full(opts, start, now);
	const struct bk_plan *plan = opts->plan;
	int err = 0;

	bk_udp_guess_init(&e->guess);
	for (size_t i = 0; i < plan->attempts_len && !err; i++)
		err = add_attempt(e, &plan->attempts[i], full_from, now);
	e->end = plan->budget ? bk_time_add(start, bk_time_min(budget, plan->budget)) : now;
	e->choose_at = e->chosen_until = e->complete_until = BK_NEVER;
	if (e->is_controlling && plan->is_hopeful && is_expected(opts->peer))
		bk_udp_targets_mark_likely(&e->targets);
	if (e->is_controlling && e->targets.len == 1) {
		e->chosen = &e->targets.list[0];
		e->number = 1;
	}
	if (!err)
		on_time(e, now);
	return err;
}

int bk_punch_udp_new(const struct bk_punch_udp_opts *opts, bk_time now, struct bk_punch_udp **ret_engine)
{
	struct bk_punch_udp *e;
	int err;

	if (opts->budget < 0)
		return BK_E_INVALID;
	e = calloc(1, sizeof(*e));
	if (!e)
		return BK_E_NOMEM;
	err = bk_probe_auth_init(&e->mouth.auth, opts->own, opts->peer, opts->own_key, opts->peer_key);
	if (err < 0) {
		free(e);
		return err;
	}
	e->rng.state = opts->seed;
	bk_udp_mouth_init(&e->mouth, opts->seed);
	e->tie_breaker = opts->own->tie_breaker;
	e->is_controlling = opts->is_controlling;
	e->has_socket6 = opts->has_socket6;
	e->plan = *opts->plan;
	e->opener_ttl = opts->opener_ttl ? opts->opener_ttl : BK_PUNCH_UDP_OPENER_TTL;
	bk_rate_init(&e->answers, ANSWERS_PER_SECOND, ANSWERS_BURST, now);
	err = begin(e, opts, now);
	if (err < 0) {
		bk_punch_udp_free(e);
		return err;
	}
	*ret_engine = e;
	return 0;
}

void bk_punch_udp_free(struct bk_punch_udp *e)
{
	if (!e)
		return;
	bk_udp_guess_done(&e->guess);
	sodium_memzero(&e->mouth.auth, sizeof(e->mouth.auth));
	free(e);
}
