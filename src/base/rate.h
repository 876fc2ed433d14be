/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_RATE_H
#define BK_BASE_RATE_H

#include <stdbool.h>

#include "base/time.h"

/* Token bucket: at most `burst` at once and `per_second` in the long run. */
struct bk_rate {
	double tokens, burst, per_second;
	bk_time last;
};

static inline void bk_rate_init(struct bk_rate *r, double per_second, double burst, bk_time now)
{
	*r = (struct bk_rate){.tokens = burst, .burst = burst, .per_second = per_second, .last = now};
}

/* Takes n tokens if they are there; false means over the limit, and nothing is taken. */
static inline bool bk_rate_take(struct bk_rate *r, double n, bk_time now)
{
	if (now > r->last) {
		r->tokens += (double)(now - r->last) / (double)BK_SEC * r->per_second;
		r->last = now;
		if (r->tokens > r->burst)
			r->tokens = r->burst;
	}
	if (r->tokens < n)
		return false;
	r->tokens -= n;
	return true;
}

#endif
