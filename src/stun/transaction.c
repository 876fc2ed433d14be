/* SPDX-License-Identifier: Apache-2.0 */

/* When to send a request over UDP again: RFC 8489 section 6.2.1, with an interval of the caller's choice (the
 * RFC's 500 ms is for clients that know nothing of the path). It does not know what is sent, nor where. */
#include "stun/transaction.h"

#include <string.h>

enum { LAST_WAIT = 16 };

/* Room for a path that is a little slower than it was. */
enum { ADAPT_FACTOR = 3 };
#define ADAPT_MIN (10 * BK_MS)

struct bk_stun_id bk_stun_id_draw(struct bk_rng *rng)
{
	const uint64_t chance[2] = {bk_rng_next(rng), bk_rng_next(rng)};
	struct bk_stun_id id;

	memcpy(id.bytes, chance, sizeof(id.bytes));
	return id;
}

void bk_stun_transaction_init(struct bk_stun_transaction *t, const struct bk_stun_id *id, bk_dur rto,
	bk_dur rto_max, int sent_max, bk_dur wait_max, bk_time now)
{
	*t = (struct bk_stun_transaction){
		.id = *id,
		.rto = rto,
		.rto_max = rto_max,
		.wait_max = bk_time_min(wait_max, LAST_WAIT * rto),
		.next = now,
		.over_at = BK_NEVER,
		.sent_max = sent_max,
	};
}

void bk_stun_transaction_adapt(struct bk_stun_transaction *t, bk_dur rtt)
{
	bk_dur rto = ADAPT_FACTOR * rtt + ADAPT_MIN;

	t->rto = bk_time_min(t->rto, rto);
	t->rto_max = bk_time_min(t->rto_max, 2 * rto);
	t->wait_max = bk_time_min(t->wait_max, rto);
	if (t->sent && t->next != BK_NEVER)
		t->next = bk_time_min(t->next, t->last_sent + rto);
	if (t->over_at != BK_NEVER)
		t->over_at = bk_time_min(t->over_at, t->last_sent + t->wait_max);
}

bool bk_stun_transaction_is_due(struct bk_stun_transaction *t, bk_time now)
{
	if (now < t->next)
		return false;
	t->sent++;
	t->last_sent = now;
	t->next = bk_time_add(now, t->rto);
	t->rto = bk_time_min(2 * t->rto, t->rto_max);
	if (t->sent >= t->sent_max) {
		t->next = BK_NEVER;
		t->over_at = bk_time_add(now, t->wait_max);
	}
	return true;
}

bk_time bk_stun_transaction_next_wake(const struct bk_stun_transaction *t)
{
	return bk_time_min(t->next, t->over_at);
}

bool bk_stun_transaction_is_over(const struct bk_stun_transaction *t, bk_time now)
{
	return now >= t->over_at;
}
