/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_PATIENCE_H
#define BK_MEET_PATIENCE_H

#include <bodkin/loop.h>

#include "base/time.h"

/* How long introducing ourselves waits for what the NAT's answers may still tell: a short time, which never
 * grows. */
struct bk_patience {
	struct bk_loop *loop;
	struct bk_timer *timer;
	bk_time until;
};

/* fn is called from the loop when it is over. */
static inline int bk_patience_init(
	struct bk_patience *p, struct bk_loop *loop, void (*fn)(void *arg), void *arg)
{
	p->loop = loop;
	p->until = BK_NEVER;
	return bk_timer_new(loop, fn, arg, &p->timer);
}

/* Begins anew. */
static inline void bk_patience_reset(struct bk_patience *p)
{
	p->until = BK_NEVER;
	bk_timer_stop(p->timer);
}

/* Is it over, when `wait` more from now on would be worth it? */
static inline bool bk_patience_is_over(struct bk_patience *p, bk_dur wait)
{
	bk_time now = bk_loop_now(p->loop);

	p->until = bk_time_min(p->until, bk_time_add(now, wait));
	if (p->until > now)
		bk_timer_start(p->timer, p->until - now);
	else
		bk_timer_stop(p->timer);
	return p->until <= now;
}

static inline void bk_patience_done(struct bk_patience *p)
{
	bk_timer_free(p->timer);
	p->timer = NULL;
}

#endif
