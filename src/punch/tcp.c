/* SPDX-License-Identifier: Apache-2.0 */

/* Carries out a plan over TCP: connects, again and again, until one connection is proven or the budget ends
 * (Ford, Srisuresh, Kegel 2005 section 4; RFC 5128 section 3.3). Two SYNs that cross between the NATs make
 * one connection (RFC 9293 section 3.5); one that does not cross is refused, or gets no answer, and is sent
 * afresh.
 *
 * The shared port ought never to be without a socket, since the own kernel resets a SYN that finds none. Two
 * sockets with the same four-tuple cannot coexist, so: an unanswered try is closed and opened afresh in one
 * go; a refused one rests for its gap, which costs nothing, for the refusal that ended the try has also ended
 * the flow in the own NAT, and no SYN of the peer comes through until the next one leaves. A listener in that
 * gap would be worse than nothing (see plan_listener in rows.c).
 *
 * It refuses to choose between connections: that is the owner's, who alone can prove them. */

#include "punch/tcp.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/actions.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"

enum {
	TRIES_MAX = 512,  /* of one attempt, where the budget is long */
	ACCEPTED_MAX = 8, /* unproven connections from the listener at a time */
	AT_ONCE_MAX = 32, /* ports of one attempt, each from a socket of its own */
	ROWS_MAX = BK_PLAN_ATTEMPTS_MAX + AT_ONCE_MAX,
	PORT_MIN = 1024,
	ACTIONS_MAX =
		160, /* one call makes at most a close and a connect for each row, closes for the rest, a
			      listen, a report */
};

#define PROOF_MAX (2 * BK_SEC)  /* an unproven connection holds up its attempt, and the end, no longer */
#define GAP_MAX   (500 * BK_MS) /* of a target that does nothing but refuse */

enum state {
	WAITING,    /* for its beginning */
	CONNECTING, /* until the try's timeout */
	RESTING,    /* until the next try */
	PROVING,    /* reported; until the verdict */
	STOPPED,
};

static const char *const state_names[] = {
	[WAITING] = "waiting",
	[CONNECTING] = "connecting",
	[RESTING] = "resting",
	[PROVING] = "proving",
	[STOPPED] = "stopped",
};

/* One of the plan's, or one port of it where several are tried at the same time. */
struct attempt {
	size_t of, port; /* of the plan's attempts; of its ports */
	enum state state;
	uint32_t id;           /* of the socket while CONNECTING or PROVING, else 0 */
	bk_time wake;          /* when the state ends by itself */
	struct bk_addr remote; /* of the latest try */
	unsigned refusals;     /* one after the other */
	bk_time full_from;     /* SYNs before that are to open the own filter alone */
	bool is_opening;       /* the latest try is one of those */
	struct bk_attempt_stats stats;
};

struct accepted {
	uint32_t id; /* 0: free */
	bk_time wake;
};

struct bk_punch_tcp {
	struct bk_actions actions; /* first: next_action is the queue's */
	struct bk_punch_tcp_opts opts;
	struct bk_rng rng;
	struct attempt attempts[ROWS_MAX];
	size_t attempts_len;
	struct accepted accepted[ACCEPTED_MAX];
	struct bk_action slots[ACTIONS_MAX];
	uint32_t next_id, listener;
	bk_time start, end;
	bool is_ending, is_done; /* no new tries; reported done */
};

static void push(struct bk_punch_tcp *e, const struct bk_action *a)
{
	bool fits = bk_actions_push(&e->actions, a);

	bk_assert(fits);
}

static void push_close(struct bk_punch_tcp *e, uint32_t id)
{
	push(e, &(struct bk_action){.type = BK_ACT_TCP_CLOSE, .id = id});
}

static const struct bk_attempt *plan_of(const struct bk_punch_tcp *e, const struct attempt *a)
{
	return &e->opts.plan.attempts[a->of];
}

static const struct bk_addr *shared_addr(const struct bk_punch_tcp *e, const struct bk_attempt *plan)
{
	bool is_named = plan->is_from_shared6 && e->opts.shared6.family;

	return !is_named && e->opts.shared.family == plan->remote.family ? &e->opts.shared : &e->opts.shared6;
}

static void set_state(struct attempt *a, enum state state, bk_time wake)
{
	char remote[BK_ADDR_STR_MAX];

	bk_assert(a->state != STOPPED || state == STOPPED); /* what has ended does not begin again */
	bk_assert((state != CONNECTING && state != PROVING) || a->id != 0);
	bk_log_trace("punch", "%s: %s -> %s, try %u", bk_addr_to_str(&a->remote, remote),
		state_names[a->state], state_names[state], a->stats.tries);
	a->state = state;
	a->wake = wake;
	if (state != CONNECTING && state != PROVING)
		a->id = 0;
}

/* Half to one and a half of d: with a fixed grid two sides can miss each other for ever. */
static bk_dur jitter(struct bk_punch_tcp *e, bk_dur d)
{
	return d / 2 + bk_rng_range(&e->rng, 0, d);
}

/* It stays until it is time for a full one, or the peer's SYN is here. */
static void open_filter(struct bk_punch_tcp *e, struct attempt *a)
{
	const struct bk_attempt *plan = plan_of(e, a);
	struct bk_action act = {.type = BK_ACT_TCP_CONNECT, .ttl = e->opts.opener_ttl};

	act.remote = a->remote;
	act.local = *shared_addr(e, plan);
	act.id = a->id = e->next_id++;
	a->is_opening = true;
	set_state(a, CONNECTING, a->full_from);
	push(e, &act);
}

/* Each try of a set of ports goes to the next one of them. */
static void begin_try(struct bk_punch_tcp *e, struct attempt *a, bk_time now)
{
	const struct bk_attempt *plan = plan_of(e, a);
	struct bk_action act = {.type = BK_ACT_TCP_CONNECT};

	if (now < a->full_from) {
		open_filter(e, a);
		return;
	}
	a->is_opening = false;
	if (a->stats.tries >= (plan->tries ? plan->tries : TRIES_MAX)) {
		set_state(a, STOPPED, BK_NEVER);
		return;
	}
	if (!plan->probes)
		a->port = a->stats.tries % bk_attempt_len(plan);
	act.remote = a->remote = bk_attempt_remote(plan, a->port);
	if (a->stats.tries++ == 0)
		a->stats.first_try = now;
	if (plan->is_from_shared_port)
		act.local = *shared_addr(e, plan);
	act.id = a->id = e->next_id++;
	set_state(a, CONNECTING, now + plan->try_timeout + bk_rng_range(&e->rng, 0, plan->try_timeout / 4));
	push(e, &act);
}

static void close_listener(struct bk_punch_tcp *e)
{
	if (e->listener != 0)
		push_close(e, e->listener);
	e->listener = 0;
}

/* Once, twice, three times the gap and so on: whoever does nothing but refuse is asked ever more seldom. */
static bk_dur gap(struct bk_punch_tcp *e, const struct attempt *a)
{
	const struct bk_attempt *plan = plan_of(e, a);
	unsigned times = a->refusals > plan->eager ? a->refusals - plan->eager : 1;

	return jitter(e, bk_time_min(plan->retry_gap * times, GAP_MAX));
}

static void rest(struct bk_punch_tcp *e, struct attempt *a, bk_time now)
{
	if (e->is_ending)
		set_state(a, STOPPED, BK_NEVER);
	else
		set_state(a, RESTING, now + gap(e, a));
}

static bool awaits_verdict(const struct bk_punch_tcp *e)
{
	for (size_t i = 0; i < e->attempts_len; i++) {
		if (e->attempts[i].state == PROVING)
			return true;
	}
	for (size_t i = 0; i < ACCEPTED_MAX; i++) {
		if (e->accepted[i].id != 0)
			return true;
	}
	return false;
}

static void maybe_done(struct bk_punch_tcp *e)
{
	if (!e->is_ending || e->is_done || awaits_verdict(e))
		return;
	bk_assert(e->listener == 0);
	e->is_done = true;
	push(e, &(struct bk_action){.type = BK_ACT_REPORT, .report = BK_REPORT_DONE});
}

/* No more tries: what has not connected is closed; what awaits its verdict may still win. */
static void end_tries(struct bk_punch_tcp *e)
{
	if (e->is_ending)
		return;
	e->is_ending = true;
	close_listener(e);
	for (size_t i = 0; i < e->attempts_len; i++) {
		struct attempt *a = &e->attempts[i];

		if (a->state == CONNECTING)
			push_close(e, a->id);
		if (a->state != PROVING)
			set_state(a, STOPPED, BK_NEVER);
	}
}

static void on_wake(struct bk_punch_tcp *e, struct attempt *a, bk_time now)
{
	switch (a->state) {
	case WAITING:
	case RESTING:
		begin_try(e, a, now);
		break;
	case CONNECTING:
		a->stats.timed_out += !a->is_opening;
		push_close(e, a->id);
		begin_try(e, a, now);
		break;
	case PROVING:
		rest(e, a, now);
		break;
	case STOPPED:
		break;
	}
}

static void on_time(void *engine, bk_time now)
{
	struct bk_punch_tcp *e = engine;

	if (now >= e->end)
		end_tries(e);
	for (size_t i = 0; i < e->attempts_len; i++) {
		if (now >= e->attempts[i].wake)
			on_wake(e, &e->attempts[i], now);
	}
	for (size_t i = 0; i < ACCEPTED_MAX; i++) {
		if (e->accepted[i].id != 0 && now >= e->accepted[i].wake)
			e->accepted[i].id = 0;
	}
	maybe_done(e);
}

static bk_time next_wake(const void *engine)
{
	const struct bk_punch_tcp *e = engine;
	bk_time wake = e->is_ending ? BK_NEVER : e->end;

	for (size_t i = 0; i < e->attempts_len; i++)
		wake = bk_time_min(wake, e->attempts[i].wake);
	for (size_t i = 0; i < ACCEPTED_MAX; i++) {
		if (e->accepted[i].id != 0)
			wake = bk_time_min(wake, e->accepted[i].wake);
	}
	return wake;
}

static struct attempt *find_attempt(struct bk_punch_tcp *e, uint32_t id)
{
	for (size_t i = 0; id != 0 && i < e->attempts_len; i++) {
		if (e->attempts[i].id == id)
			return &e->attempts[i];
	}
	return NULL;
}

static void on_connected(void *engine, uint32_t id, bk_time now)
{
	struct bk_punch_tcp *e = engine;
	struct attempt *a = find_attempt(e, id);

	if (!a || a->state != CONNECTING)
		return;
	a->stats.connected++;
	set_state(a, PROVING, now + PROOF_MAX);
	push(e, &(struct bk_action){
			.type = BK_ACT_REPORT,
			.id = id,
			.remote = a->remote,
			.report = (int)a->of,
		});
}

static void count_failure(struct bk_attempt_stats *s, int error)
{
	switch (error) {
	case BK_E_REFUSED:
		s->refused++;
		break;
	case BK_E_RESET:
		s->reset++;
		break;
	case BK_E_TIMEOUT:
		s->timed_out++;
		break;
	case BK_E_UNREACHABLE:
		s->unreachable++;
		break;
	default:
		s->other++;
		break;
	}
}

/* What another try cannot change. BK_E_ADDRESS is not among them: it is also what the kernel says while an
 * older socket still holds the four-tuple. */
static bool is_permanent(int error)
{
	return error == BK_E_INVALID || error == BK_E_ACCESS || error == BK_E_UNSUPPORTED;
}

/* Something on the way, or the peer itself, said no. */
static bool is_answer(int error)
{
	return error == BK_E_REFUSED || error == BK_E_RESET || error == BK_E_UNREACHABLE;
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	struct bk_punch_tcp *e = engine;
	struct attempt *a = find_attempt(e, id);

	if (id != 0 && id == e->listener) {
		bk_log_warn("punch", "cannot listen on the shared port: %s", bk_error_text(error));
		e->listener = 0;
		return;
	}
	if (!a || a->state != CONNECTING)
		return;
	if (a->is_opening) { /* it does not hold here */
		a->full_from = bk_time_min(a->full_from, bk_time_max(e->start, now));
		set_state(a, RESTING, a->full_from);
		return;
	}
	count_failure(&a->stats, error);
	a->refusals += is_answer(error);
	if (e->opts.plan.is_listener_brief && is_answer(error) && plan_of(e, a)->is_from_shared_port)
		close_listener(e);
	if (is_permanent(error))
		set_state(a, STOPPED, BK_NEVER);
	else
		rest(e, a, now);
}

static uint32_t on_accepted(void *engine, uint32_t id, const struct bk_addr *from, bk_time now)
{
	struct bk_punch_tcp *e = engine;

	if (id == 0 || id != e->listener)
		return 0;
	for (size_t i = 0; i < ACCEPTED_MAX; i++) {
		struct accepted *c = &e->accepted[i];

		if (c->id != 0)
			continue;
		*c = (struct accepted){.id = e->next_id++, .wake = now + PROOF_MAX};
		push(e, &(struct bk_action){
				.type = BK_ACT_REPORT,
				.id = c->id,
				.remote = *from,
				.report = BK_REPORT_ACCEPTED,
			});
		return c->id;
	}
	return 0;
}

const struct bk_engine_ops bk_punch_tcp_ops = {
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_accepted = on_accepted,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = bk_actions_next,
};

static void add_stats(struct bk_attempt_stats *sum, const struct bk_attempt_stats *s)
{
	sum->tries += s->tries;
	sum->refused += s->refused;
	sum->reset += s->reset;
	sum->timed_out += s->timed_out;
	sum->unreachable += s->unreachable;
	sum->other += s->other;
	sum->connected += s->connected;
	sum->first_try = bk_time_min(sum->first_try, s->first_try);
}

void bk_punch_tcp_stats(const struct bk_punch_tcp *e, size_t attempt, struct bk_attempt_stats *ret_stats)
{
	*ret_stats = (struct bk_attempt_stats){.first_try = BK_NEVER};
	for (size_t i = 0; i < e->attempts_len; i++) {
		if (e->attempts[i].of == attempt)
			add_stats(ret_stats, &e->attempts[i].stats);
	}
}

static void begin_attempt(struct bk_punch_tcp *e, size_t of, size_t port, bk_time full_from, bk_time now)
{
	struct attempt *a = &e->attempts[e->attempts_len++];
	const struct bk_attempt *plan = &e->opts.plan.attempts[of];
	bool opens = e->opts.opener_ttl && plan->is_from_shared_port && plan->remote.family == 4 &&
		     (bk_attempt_len(plan) == 1 || plan->probes);

	*a = (struct attempt){.of = of,
		.port = port,
		.stats = {.first_try = BK_NEVER},
		.remote = bk_attempt_remote(plan, port)};
	if (!plan->is_at_start) {
		a->wake = now + plan->delay;
		return;
	}
	/* Without an opener there is nothing that could be held back for; over IPv6 the peer has none either. */
	if (!opens)
		full_from = plan->remote.family == 6 ? e->start : bk_time_min(full_from, e->start);
	a->full_from = full_from + plan->delay;
	a->wake = opens ? now : a->full_from;
}

/* Of those that are guessed beside each other: no NAT gives a lower one, and services are there. */
static bool may_be_given(const struct bk_attempt *plan, size_t port)
{
	return !plan->probes || bk_attempt_remote(plan, port).port >= PORT_MIN;
}

static void begin(struct bk_punch_tcp *e, bk_time now)
{
	const struct bk_plan *plan = &e->opts.plan;
	bk_time full_from = bk_plan_believed(e->opts.full_from ? e->opts.full_from : e->opts.start, now);

	e->start = bk_plan_believed(e->opts.start, now);
	e->end = e->start + plan->budget;
	for (size_t i = 0; i < plan->attempts_len; i++) {
		size_t at_once = plan->attempts[i].probes ? plan->attempts[i].probes : 1;

		for (size_t port = 0; port < at_once && e->attempts_len < ROWS_MAX; port++)
			if (may_be_given(&plan->attempts[i], port))
				begin_attempt(e, i, port, full_from, now);
	}
	if (plan->wants_listener) {
		e->listener = e->next_id++;
		push(e, &(struct bk_action){
				.type = BK_ACT_TCP_LISTEN, .id = e->listener, .local = e->opts.shared});
	}
	on_time(e, now);
}

int bk_punch_tcp_new(const struct bk_punch_tcp_opts *opts, bk_time now, struct bk_punch_tcp **ret_engine)
{
	struct bk_punch_tcp *e;

	if (opts->plan.attempts_len > BK_PLAN_ATTEMPTS_MAX || opts->plan.budget < 0)
		return BK_E_INVALID;
	e = calloc(1, sizeof(*e));
	if (!e)
		return BK_E_NOMEM;
	e->opts = *opts;
	e->rng.state = opts->seed;
	bk_actions_init(&e->actions, e->slots, ACTIONS_MAX);
	e->next_id = 1;
	begin(e, now);
	*ret_engine = e;
	return 0;
}

void bk_punch_tcp_free(struct bk_punch_tcp *e)
{
	free(e);
}

void bk_punch_tcp_disprove(struct bk_punch_tcp *e, uint32_t id, bk_time now)
{
	struct attempt *a = find_attempt(e, id);

	if (a && a->state == PROVING) {
		a->refusals++;
		rest(e, a, now);
	}
	for (size_t i = 0; id != 0 && i < ACCEPTED_MAX; i++) {
		if (e->accepted[i].id == id)
			e->accepted[i].id = 0;
	}
	maybe_done(e);
}

/* Who came to the listener came by what needs one; no port was guessed. */
const struct bk_technique *bk_punch_tcp_technique(const struct bk_punch_tcp *e, const struct bk_way *way)
{
	bool is_accepted = false;

	for (size_t i = 0; i < ACCEPTED_MAX; i++)
		is_accepted |= way->socket && e->accepted[i].id == way->socket;
	for (size_t i = 0; is_accepted && i < e->opts.plan.attempts_len; i++) {
		const struct bk_attempt *a = &e->opts.plan.attempts[i];

		if (!a->technique->chance && bk_addr_equal_ip(&a->remote, &way->remote))
			return a->technique;
	}
	return NULL;
}

bool bk_punch_tcp_saw(const struct bk_punch_tcp *e, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	struct bk_attempt_stats sum;
	char line[BK_PLAN_TEXT_MAX];

	if (i >= e->opts.plan.attempts_len)
		return false;
	bk_punch_tcp_stats(e, i, &sum);
	snprintf(out, BK_PLAN_TEXT_MAX,
		"saw: %.300s: %u tries, %u refused, %u reset, %u "
		"unanswered, %u unreachable, %u other, %u connected",
		bk_plan_attempt_to_str(&e->opts.plan, i, line), sum.tries, sum.refused, sum.reset,
		sum.timed_out, sum.unreachable, sum.other, sum.connected);
	return true;
}
