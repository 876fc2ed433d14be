/* SPDX-License-Identifier: Apache-2.0 */

/* The addresses of the peer's: their states, the requests that answers may still come to, their texts, and which of
 * them is the best. When anything is sent to them is the engine's business. */

#include "punch/udp_target.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"

enum {
	LIKELY_MAX = 2,
	LIKELY_HEARD_MAX = 3,
	LIKELY_SENDINGS = 4, /* of QUIC's first packet, with the first four probes */
};

static const char *const state_names[] = {
	[BK_UDP_OPENING] = "opening",
	[BK_UDP_PROBING] = "probing",
	[BK_UDP_PROVEN] = "proven",
	[BK_UDP_NOMINATED] = "nominated",
	[BK_UDP_STOPPED] = "stopped",
};

void bk_udp_target_init(struct bk_udp_target *t, const struct bk_technique *technique,
	const struct bk_way *way, bk_time full_from, bk_time wake)
{
	*t = (struct bk_udp_target){
		.state = BK_UDP_PROBING,
		.way = *way,
		.technique = technique,
		.full_from = full_from,
		.wake = wake,
	};
}

void bk_udp_target_init_reflexive(
	struct bk_udp_target *t, const struct bk_technique *technique, const struct bk_way *from, bk_time now)
{
	bk_udp_target_init(t, technique, from, now, BK_NEVER);
	t->is_reflexive = true;
}

void bk_udp_target_set_state(struct bk_udp_target *t, enum bk_udp_state state, bk_time wake)
{
	char remote[BK_ADDR_STR_MAX];

	bk_assert(state != BK_UDP_NOMINATED || t->is_proven);
	bk_assert(state != BK_UDP_STOPPED || wake == BK_NEVER);
	if (t->state != state)
		bk_log_trace("punch", "udp %s: %s -> %s, %u sent", bk_addr_to_str(&t->way.remote, remote),
			state_names[t->state], state_names[state], t->sent);
	t->state = state;
	t->wake = wake;
}

void bk_udp_target_note_sent(
	struct bk_udp_target *t, const uint8_t tid[BK_PROBE_TID_LEN], uint32_t nomination, bk_time now)
{
	struct bk_udp_request *r = &t->requests[t->sent % BK_UDP_REQUESTS_MAX];

	*r = (struct bk_udp_request){.is_open = true, .sent = now, .nomination = nomination};
	memcpy(r->tid, tid, sizeof(r->tid));
	t->sent++;
	t->last_sent = now;
}

struct bk_udp_request *bk_udp_target_find_request(
	struct bk_udp_target *t, const uint8_t tid[BK_PROBE_TID_LEN])
{
	for (size_t i = 0; i < BK_UDP_REQUESTS_MAX; i++) {
		if (t->requests[i].is_open && !memcmp(t->requests[i].tid, tid, BK_PROBE_TID_LEN))
			return &t->requests[i];
	}
	return NULL;
}

const char *bk_udp_target_to_str(const struct bk_udp_target *t, char out[BK_PLAN_TEXT_MAX])
{
	char remote[BK_ADDR_STR_MAX], answered[64] = "no answer";

	if (t->is_proven)
		snprintf(answered, sizeof(answered), "answered in %.1f ms", bk_dur_to_ms(t->rtt));
	snprintf(out, BK_PLAN_TEXT_MAX, "%s %s%s: %u sent, %u heard, %s", t->technique->name,
		bk_addr_to_str(&t->way.remote, remote), t->is_reflexive ? " (not told)" : "", t->sent,
		t->heard, answered);
	return out;
}

/* --- all of them --- */

struct bk_udp_target *bk_udp_targets_find(struct bk_udp_targets *ts, const struct bk_way *way)
{
	for (size_t i = 0; i < ts->len; i++) {
		if (bk_way_equal(&ts->list[i].way, way))
			return &ts->list[i];
	}
	return NULL;
}

bool bk_udp_targets_has_socket(const struct bk_udp_targets *ts, uint32_t socket)
{
	for (size_t i = 0; i < ts->len; i++) {
		if (ts->list[i].way.socket == socket)
			return true;
	}
	return false;
}

struct bk_udp_target *bk_udp_targets_place(struct bk_udp_targets *ts, const struct bk_udp_target *chosen)
{
	struct bk_udp_target *oldest = NULL;

	if (ts->len < BK_PUNCH_UDP_TARGETS_MAX)
		return &ts->list[ts->len++];
	for (size_t i = 0; i < ts->len; i++) {
		struct bk_udp_target *t = &ts->list[i];

		if (t->is_reflexive && !t->is_proven && t != chosen &&
			(!oldest || t->last_heard < oldest->last_heard))
			oldest = t;
	}
	return oldest;
}

struct bk_udp_target *bk_udp_targets_best(struct bk_udp_targets *ts)
{
	struct bk_udp_target *best = NULL;

	for (size_t i = 0; i < ts->len; i++) {
		struct bk_udp_target *t = &ts->list[i];

		if (!t->is_proven || t->is_neglected || t->state == BK_UDP_STOPPED)
			continue;
		if (!best || t->technique->rank < best->technique->rank ||
			(t->technique->rank == best->technique->rank && t->rtt < best->rtt))
			best = t;
	}
	return best;
}

static struct bk_udp_target *find_unmarked(struct bk_udp_targets *ts)
{
	struct bk_udp_target *best = NULL;

	for (size_t i = 0; i < ts->len; i++) {
		struct bk_udp_target *t = &ts->list[i];

		if (!t->likely && (!best || t->technique->rank < best->technique->rank))
			best = t;
	}
	return best;
}

void bk_udp_targets_mark_likely(struct bk_udp_targets *ts)
{
	for (size_t i = 0; i < ts->len; i++) {
		if (ts->list[i].technique->is_local)
			return;
	}
	for (size_t n = 0; n < LIKELY_MAX; n++) {
		struct bk_udp_target *t = find_unmarked(ts);

		if (t)
			t->likely = LIKELY_SENDINGS;
	}
}

void bk_udp_targets_hear_likely(struct bk_udp_targets *ts, struct bk_udp_target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < ts->len; i++)
		n += ts->list[i].is_likely;
	if (!t->is_likely && n < LIKELY_HEARD_MAX)
		t->likely = LIKELY_SENDINGS;
}

bool bk_udp_targets_has_hope(const struct bk_udp_targets *ts, int rank)
{
	for (size_t i = 0; i < ts->len; i++) {
		const struct bk_udp_target *t = &ts->list[i];

		if (!t->is_proven && t->state != BK_UDP_STOPPED && t->technique->rank < rank)
			return true;
	}
	return false;
}

void bk_udp_targets_stop(struct bk_udp_targets *ts, const struct bk_udp_target *except)
{
	for (size_t i = 0; i < ts->len; i++) {
		if (&ts->list[i] != except)
			bk_udp_target_set_state(&ts->list[i], BK_UDP_STOPPED, BK_NEVER);
	}
}

void bk_udp_targets_stop_socket(struct bk_udp_targets *ts, uint32_t socket)
{
	for (size_t i = 0; i < ts->len; i++) {
		if (ts->list[i].way.socket == socket)
			bk_udp_target_set_state(&ts->list[i], BK_UDP_STOPPED, BK_NEVER);
	}
}

bk_time bk_udp_targets_wake(const struct bk_udp_targets *ts)
{
	bk_time wake = BK_NEVER;

	for (size_t i = 0; i < ts->len; i++)
		wake = bk_time_min(wake, ts->list[i].wake);
	return wake;
}
