/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of the plain dialect. All sockets share one local port, the one whose mapping the other side
 * was told about. A connection that "is expected to fail" is left trying while we listen: its SYN opens our
 * NAT, and when the peer's SYN comes to the same pair of addresses and ports, the two are a simultaneous open
 * (RFC 9293 section 3.5, figure 8). A listener alone would answer with another initial sequence number, which
 * NATs that follow sequence numbers drop.
 *
 * A connection that is answered with a refusal is tried again almost at once with jitter, one that is not
 * answered with a fresh socket after a time that doubles; no socket is missed between two tries. Only the
 * peer's address may come in. */
#include "plain/strategy.h"

#include <stdlib.h>

#include "base/actions.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/text.h"

#define DELAY_BEFORE_CONNECT (3 * BK_SEC) /* of the dialect */
#define RETRY_SOON           (10 * BK_MS)
#define RETRY_LATER          (100 * BK_MS)
#define ANSWER_FIRST         (250 * BK_MS) /* Linux alone would wait a second for its next SYN */
#define ANSWER_LAST          (4 * BK_SEC)

enum {
	SOON_MAX = 50,   /* refusals that are answered quickly: a router answers, the SYNs must cross */
	CLASHES_MAX = 5, /* in a row: the listener holds half a connection that will never be whole */
	ACTIONS_MAX = 8,
};

struct bk_strategy {
	struct bk_actions actions; /* first: next_action is the queue's */
	struct bk_strategy_opts opts;
	struct bk_rng rng;
	uint32_t last_id, listener, attempt;
	bool wants_listener, wants_attempt; /* the attempt is due at `retry_at` */
	bool is_over;
	unsigned refusals, clashes;
	bk_dur patience; /* with an unanswered attempt */
	bk_time deadline, retry_at, relisten_at, abandon_at;
	struct bk_action slots[ACTIONS_MAX];
};

static const char *const action_names[] = {
	[BK_PLAIN_LISTEN] = "Listen",
	[BK_PLAIN_CONNECT] = "Connect",
	[BK_PLAIN_TRY_AND_LISTEN] = "TryAndListen",
	[BK_PLAIN_DELAY_CONNECT] = "DelayConnect",
	[BK_PLAIN_TRY_AND_REPORT] = "TryAndReport",
	[BK_PLAIN_STANDBY] = "Standby",
};

enum bk_plain_action bk_plain_action_from_str(const char *s)
{
	size_t i = bk_text_index(action_names, BK_PLAIN_STANDBY + 1, s);

	return i <= BK_PLAIN_STANDBY ? (enum bk_plain_action)i : BK_PLAIN_NO_STRATEGY;
}

static bk_dur jitter(struct bk_strategy *s, bk_dur d)
{
	return bk_rng_range(&s->rng, d / 2, d + d / 2);
}

/* Every event is followed by a drain, and causes at most a few actions. */
static void push(struct bk_strategy *s, enum bk_action_type type, uint32_t id, int report)
{
	const struct bk_action a = {
		.type = type, .id = id, .local = s->opts.local, .remote = s->opts.peer, .report = report};

	bool fits = bk_actions_push(&s->actions, &a);

	bk_assert(fits);
}

static bool is_trying(const struct bk_strategy *s)
{
	return s->opts.action == BK_PLAIN_TRY_AND_LISTEN || s->opts.action == BK_PLAIN_TRY_AND_REPORT;
}

/* --- sockets --- */

static void start_attempt(struct bk_strategy *s, bk_time now)
{
	s->wants_attempt = false;
	s->attempt = ++s->last_id;
	push(s, BK_ACT_TCP_CONNECT, s->attempt, 0);
	/* The try stays: the kernel repeats its SYN, and the peer's finds it there. */
	s->abandon_at = is_trying(s) ? BK_NEVER : bk_time_add(now, s->patience);
	if (s->patience < ANSWER_LAST)
		s->patience *= 2;
}

static void start_listening(struct bk_strategy *s)
{
	s->wants_listener = false;
	s->listener = ++s->last_id;
	push(s, BK_ACT_TCP_LISTEN, s->listener, 0);
}

static void stop_listening(struct bk_strategy *s)
{
	if (s->listener)
		push(s, BK_ACT_TCP_CLOSE, s->listener, 0);
	s->listener = 0;
	s->wants_listener = false;
}

static void try_again_at(struct bk_strategy *s, bk_time at)
{
	s->wants_attempt = true;
	s->retry_at = at;
}

/* Silence: with a fresh socket, at once. */
static void abandon(struct bk_strategy *s, bk_time now)
{
	push(s, BK_ACT_TCP_CLOSE, s->attempt, 0);
	start_attempt(s, now);
}

static void conclude(struct bk_strategy *s, uint32_t winner, int report)
{
	s->is_over = true;
	s->wants_attempt = s->wants_listener = false;
	if (winner)
		push(s, BK_ACT_REPORT, winner, report);
	if (s->attempt && s->attempt != winner)
		push(s, BK_ACT_TCP_CLOSE, s->attempt, 0);
	s->attempt = 0;
	stop_listening(s);
	push(s, BK_ACT_REPORT, 0, BK_REPORT_DONE);
}

/* --- doors --- */

static void on_connected(void *engine, uint32_t id, bk_time now)
{
	struct bk_strategy *s = engine;

	(void)now;
	if (!s->is_over && id == s->attempt)
		conclude(s, id, 0);
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	struct bk_strategy *s = engine;
	bool is_clash = error == BK_E_ADDRESS || error == BK_E_ADDRESS_IN_USE;

	if (s->is_over)
		return;
	if (id == s->listener) {
		s->listener = 0;
		s->wants_listener = true;
		s->relisten_at = bk_time_add(now, RETRY_LATER);
		return;
	}
	if (id != s->attempt)
		return;
	s->attempt = 0;
	s->clashes = is_clash ? s->clashes + 1 : 0;
	if (s->clashes > CLASHES_MAX)
		stop_listening(s);
	s->refusals++;
	try_again_at(s, now + jitter(s, s->refusals <= SOON_MAX && !is_clash ? RETRY_SOON : RETRY_LATER));
}

static uint32_t on_accepted(void *engine, uint32_t id, const struct bk_addr *from, bk_time now)
{
	struct bk_strategy *s = engine;
	uint32_t winner;

	(void)now;
	if (s->is_over || id != s->listener || !bk_addr_equal_ip(from, &s->opts.peer))
		return 0;
	winner = ++s->last_id;
	conclude(s, winner, BK_REPORT_ACCEPTED);
	return winner;
}

static void on_time(void *engine, bk_time now)
{
	struct bk_strategy *s = engine;

	if (s->is_over)
		return;
	if (now >= s->deadline) {
		conclude(s, 0, 0);
		return;
	}
	/* The SYN first: it opens the way for what the listener is to hear. */
	if (s->wants_attempt && now >= s->retry_at)
		start_attempt(s, now);
	else if (s->attempt && now >= s->abandon_at)
		abandon(s, now);
	if (s->wants_listener && now >= s->relisten_at)
		start_listening(s);
}

static bk_time next_wake(const void *engine)
{
	const struct bk_strategy *s = engine;
	bk_time wake = s->deadline;

	if (s->is_over)
		return BK_NEVER;
	if (s->wants_attempt)
		wake = bk_time_min(wake, s->retry_at);
	if (s->attempt)
		wake = bk_time_min(wake, s->abandon_at);
	if (s->wants_listener)
		wake = bk_time_min(wake, s->relisten_at);
	return wake;
}

const struct bk_engine_ops bk_strategy_ops = {
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_accepted = on_accepted,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = bk_actions_next,
};

/* --- life --- */

int bk_strategy_new(const struct bk_strategy_opts *opts, bk_time now, struct bk_strategy **ret_strategy)
{
	enum bk_plain_action action = opts->action;
	struct bk_strategy *s = calloc(1, sizeof(*s));

	if (!s)
		return BK_E_NOMEM;
	*s = (struct bk_strategy){
		.opts = *opts,
		.rng = {opts->seed},
		.patience = ANSWER_FIRST,
		.deadline = bk_time_add(now, opts->budget),
		.relisten_at = now,
	};
	bk_actions_init(&s->actions, s->slots, ACTIONS_MAX);
	s->wants_listener = action == BK_PLAIN_NO_STRATEGY || action == BK_PLAIN_LISTEN || is_trying(s);
	s->wants_attempt = action != BK_PLAIN_LISTEN && action != BK_PLAIN_STANDBY;
	s->retry_at = action == BK_PLAIN_DELAY_CONNECT ? now + DELAY_BEFORE_CONNECT : now;
	*ret_strategy = s;
	return 0;
}

void bk_strategy_free(struct bk_strategy *s)
{
	free(s);
}

void bk_strategy_set_port(struct bk_strategy *s, uint16_t port, bk_time now)
{
	if (s->is_over || s->opts.action != BK_PLAIN_STANDBY || s->attempt || s->wants_attempt)
		return;
	s->opts.peer.port = port;
	try_again_at(s, now);
}
