/* SPDX-License-Identifier: Apache-2.0 */

/* The planner: asks each row of a method what it tries, and says how long the whole may last. A pure function
 * of two introductions, so both sides know each other's plan without talking. */

#include "punch/plan.h"

#include <stdio.h>

#include "punch/target.h"
#include "punch/technique.h"

#define RTT_MAX      (1 * BK_SEC) /* of one side to the server; a larger claim is not believed */
#define SHORT_RTT    (12 * BK_MS)
#define WAIT_MAX     (5 * BK_SEC)  /* an agreed instant further away is a mistake or a trick */
#define TRY_MARGIN   (100 * BK_MS) /* for what the peer may be late */
#define BRIEF_BUDGET (300 * BK_MS) /* and two round trips: for host candidates alone */
#define START_MARGIN (6 * BK_MS)   /* to compute and to wake up */

static bk_dur believable_rtt(bk_dur rtt)
{
	if (rtt < 0)
		return 0;
	return rtt < RTT_MAX ? rtt : RTT_MAX;
}

/* The path between the two is not longer than the way over the server, usually. */
bk_dur bk_plan_path_rtt(const struct bk_pair *pair)
{
	return believable_rtt(pair->own->server_rtt) + believable_rtt(pair->peer->server_rtt);
}

bk_dur bk_plan_try_timeout(const struct bk_pair *pair)
{
	return TRY_MARGIN + bk_plan_path_rtt(pair) * 5 / 4;
}

/* Within a few milliseconds a busy machine may not have sent its opener. */
bool bk_plan_is_short(const struct bk_intro *own, const struct bk_intro *peer)
{
	return bk_time_max(own->server_rtt, peer->server_rtt) < SHORT_RTT;
}

bk_time bk_plan_believed(bk_time start, bk_time now)
{
	return bk_time_min(bk_time_max(start, now), now + WAIT_MAX);
}

static bool are_equal_ports(const struct bk_ports *a, const struct bk_ports *b)
{
	return a->len == b->len && (a->len == 0 || (a->first == b->first && a->step == b->step));
}

void bk_plan_add(struct bk_plan *p, const struct bk_attempt *a)
{
	for (size_t i = 0; i < p->attempts_len; i++) {
		const struct bk_attempt *b = &p->attempts[i];

		if (bk_addr_equal(&b->remote, &a->remote) && are_equal_ports(&b->ports, &a->ports) &&
			b->is_from_shared_port == a->is_from_shared_port)
			return;
	}
	if (p->attempts_len < BK_PLAN_ATTEMPTS_MAX)
		p->attempts[p->attempts_len++] = *a;
}

static void ask_rows(const struct bk_pair *pair, struct bk_plan *p)
{
	for (const struct bk_technique *const *row = p->rows; *row; row++) {
		size_t first = p->attempts_len;

		if ((*row)->method != p->method || !bk_method_is_wanted(p->method, pair->choice))
			continue;
		p->is_hopeful |= (*row)->fits && (*row)->fits(*row, pair);
		(*row)->plan(*row, pair, p);
		bk_punch_target_sift(pair, p, first);
	}
}

/* The whole budget where a technique fits, a brief one where only addresses of the machine can answer, none
 * where neither side will try anything. */
static bk_dur choose_budget(const struct bk_pair *pair, const struct bk_plan *p)
{
	const struct bk_pair turned = {.own = pair->peer,
		.peer = pair->own,
		.relay = pair->relay,
		.choice = pair->choice,
		.is_turned = true};
	struct bk_plan mirror = {.rows = p->rows, .method = p->method};

	if (p->is_hopeful)
		return BK_PLAN_BUDGET;
	ask_rows(&turned, &mirror);
	return p->attempts_len + mirror.attempts_len ? BRIEF_BUDGET + 2 * bk_plan_path_rtt(pair) : 0;
}

void bk_plan_make(const struct bk_pair *pair, const struct bk_technique *const *rows,
	const struct bk_method *method, struct bk_plan *ret_plan)
{
	struct bk_plan p = {.rows = rows, .method = method};

	ask_rows(pair, &p);
	p.budget = choose_budget(pair, &p);
	*ret_plan = p;
}

int64_t bk_plan_start_instant(int64_t server_now, bk_dur own_rtt, bk_dur peer_rtt)
{
	bk_dur rtt = bk_time_max(believable_rtt(own_rtt), believable_rtt(peer_rtt));

	return server_now + rtt * 3 / 2 + START_MARGIN;
}

const char *bk_plan_attempt_to_str(const struct bk_plan *p, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	char remote[BK_ADDR_STR_MAX], more[96] = "", from[32] = "any port";
	const struct bk_attempt *a = &p->attempts[i];
	struct bk_addr first;

	if (i >= p->attempts_len) {
		snprintf(out, BK_PLAN_TEXT_MAX, "none");
		return out;
	}
	first = bk_attempt_remote(a, 0);
	if (a->probes)
		snprintf(more, sizeof(more), " and at most %u of %u ports, %d apart", a->probes - 1u,
			a->ports.len, a->ports.step);
	else if (a->ports.len > 1)
		snprintf(
			more, sizeof(more), " and %u more ports, %d apart", a->ports.len - 1u, a->ports.step);
	if (a->sockets)
		snprintf(from, sizeof(from), "%u fresh ports", a->sockets);
	else if (a->is_from_shared_port)
		snprintf(from, sizeof(from), "the shared port");
	snprintf(out, BK_PLAN_TEXT_MAX, "%s %s%s from %s %s", a->technique->name,
		bk_addr_to_str(&first, remote), more, from,
		a->is_request    ? "at once, for the own NAT to see"
		: a->is_at_start ? "at the agreed instant"
				 : "at once");
	return out;
}
