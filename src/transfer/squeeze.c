/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/squeeze.h"

enum {
	FIRST_LOOK = 64 << 10, /* what the first piece gives says whether to go on */
	LOOK = 1 << 20,
	TRUST_MIN = 3 << 20, /* more than what is swallowed */
	TRUST_MAX = 48 << 20,
	STRETCH_MAX = 64 << 20,
	REST_MIN = 4 << 20,
	REST_MAX = 256 << 20,
	MEASURE = 2 << 20, /* room comes in steps */
};

#define MEASURE_TIME (100 * BK_MS) /* of a slow network */
#define GIVES        0.9           /* what is not shorter than that is not worth it */
#define AHEAD        1.25          /* packing is to be faster than the network by that */
#define IDLE         0.8           /* of the time there is nothing to do: time to try harder */
#define BEHIND       0.2           /* of the time is waited where the network is the slower one */

void bk_squeeze_init(struct bk_squeeze *q)
{
	*q = (struct bk_squeeze){.is_packing = true, .trust = TRUST_MIN, .next_rest = REST_MIN};
}

static void begin_stretch(struct bk_squeeze *q, bool is_packing)
{
	q->is_packing = is_packing;
	q->raw = q->sent = q->look_raw = q->look_sent = 0;
	q->waited = q->worked = 0;
}

static double rate(uint64_t bytes, bk_dur time)
{
	return (double)bytes * (double)BK_SEC / (double)(time > 0 ? time : 1);
}

/* It gives too little. */
static void rest(struct bk_squeeze *q)
{
	q->rest = q->next_rest;
	q->next_rest = q->next_rest < REST_MAX ? 2 * q->next_rest : REST_MAX;
	begin_stretch(q, false);
}

static void judge_packing(struct bk_squeeze *q)
{
	if (q->look_raw < (q->raw == q->look_raw ? FIRST_LOOK : LOOK))
		return;
	q->pace = rate(q->raw, q->worked);
	if ((double)q->look_sent > GIVES * (double)q->look_raw) {
		rest(q);
		return;
	}
	q->look_raw = q->look_sent = 0;
	if (q->sent < q->trust && q->raw < STRETCH_MAX)
		return;
	q->next_rest = REST_MIN;
	if ((double)q->waited > BEHIND * (double)(q->waited + q->worked)) {
		if ((double)q->waited > IDLE * (double)(q->waited + q->worked) && q->effort < BK_PACKED_HARD)
			q->effort++;
		begin_stretch(q, true);
		return;
	}
	if (q->effort == BK_PACKED_LIGHT)
		q->trust = q->trust < TRUST_MAX ? 2 * q->trust : TRUST_MAX;
	begin_stretch(q, q->effort != BK_PACKED_LIGHT);
	q->effort = BK_PACKED_LIGHT;
}

/* From the first wait on: what was swallowed before says nothing. */
static void judge_network(struct bk_squeeze *q)
{
	bk_dur time = q->waited + q->worked;

	if (!q->waited) {
		begin_stretch(q, false);
		return;
	}
	if (q->raw < MEASURE && time < MEASURE_TIME)
		return;
	begin_stretch(q, (double)q->waited > BEHIND * (double)time && q->pace > AHEAD * rate(q->raw, time));
}

void bk_squeeze_note(struct bk_squeeze *q, uint64_t raw, uint64_t sent, bk_dur waited, bk_dur worked)
{
	if (q->rest) {
		q->rest -= raw < q->rest ? raw : q->rest;
		return;
	}
	q->raw += raw;
	q->sent += sent;
	q->look_raw += raw;
	q->look_sent += sent;
	q->waited += waited;
	q->worked += worked;
	if (q->is_packing)
		judge_packing(q);
	else
		judge_network(q);
}
