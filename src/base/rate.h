/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_RATE_H
#define BK_BASE_RATE_H

#include <stdbool.h>

#include "base/time.h"

/* Token bucket: at most `burst` at once and `per_second` in the long run. */
struct bk_rate {
	double tokens, burst, per_second;
	double debt; /* no deeper; as much as a burst, unless its owner says otherwise */
	bk_time last;
};

static inline void bk_rate_init(struct bk_rate *r, double per_second, double burst, bk_time now)
{
	*r = (struct bk_rate){
		.tokens = burst, .burst = burst, .per_second = per_second, .debt = burst, .last = now};
}

static inline double bk_rate_tokens(const struct bk_rate *r, bk_time now)
{
	double tokens = r->tokens;

	if (now > r->last)
		tokens += (double)(now - r->last) / (double)BK_SEC * r->per_second;
	return tokens < r->burst ? tokens : r->burst;
}

/* How long until n tokens are there, if nobody takes one; 0: they are. n is at most `burst`. */
static inline bk_dur bk_rate_wait(const struct bk_rate *r, double n, bk_time now)
{
	double missing = n - bk_rate_tokens(r, now);

	return missing > 0 ? (bk_dur)(missing / r->per_second * (double)BK_SEC) + 1 : 0;
}

/* Gives n tokens, or takes them, whether they are there or not. */
static inline void bk_rate_move(struct bk_rate *r, double n, bk_time now)
{
	r->tokens = bk_rate_tokens(r, now) + n;
	if (now > r->last)
		r->last = now;
	if (r->tokens > r->burst)
		r->tokens = r->burst;
	if (r->tokens < -r->debt)
		r->tokens = -r->debt;
}

/* Takes n tokens if they are there; false means over the limit, and nothing is taken. */
static inline bool bk_rate_take(struct bk_rate *r, double n, bk_time now)
{
	bool has = bk_rate_tokens(r, now) >= n;

	bk_rate_move(r, has ? -n : 0, now);
	return has;
}

#endif
