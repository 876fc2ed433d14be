/* SPDX-License-Identifier: Apache-2.0 */
#include "net/timer.h"

#include <stdlib.h>

#include "base/assert.h"
#include "net/loop.h"

struct bk_timer {
	struct bk_wake wake;
	struct bk_loop *loop;
	bk_timer_fn fn;
	void *arg;
};

int bk_timer_new(struct bk_loop *loop, bk_timer_fn fn, void *arg, struct bk_timer **ret_timer)
{
	struct bk_timer *t = calloc(1, sizeof(*t));

	bk_assert(fn);
	if (!t || bk_wakes_reserve(&loop->timers.wakes, loop->timers.count + 1) < 0) {
		free(t);
		return BK_E_NOMEM;
	}
	loop->timers.count++;
	t->loop = loop;
	t->fn = fn;
	t->arg = arg;
	*ret_timer = t;
	return 0;
}

void bk_timer_start(struct bk_timer *t, int64_t delay_ns)
{
	bk_time at = bk_time_add(bk_loop_clock(), delay_ns > 0 ? delay_ns : 0);

	bk_wakes_remove(&t->loop->timers.wakes, &t->wake);
	bk_wakes_set(&t->loop->timers.wakes, &t->wake, at);
	if (bk_wakes_first(&t->loop->timers.wakes) == &t->wake)
		bk_loop_nudge(t->loop);
}

void bk_timer_stop(struct bk_timer *t)
{
	bk_wakes_remove(&t->loop->timers.wakes, &t->wake);
}

void bk_timer_free(struct bk_timer *t)
{
	if (!t)
		return;
	bk_timer_stop(t);
	bk_assert(t->loop->timers.count > 0);
	t->loop->timers.count--;
	free(t);
}

bk_time bk_timers_next(const struct bk_timers *timers)
{
	const struct bk_wake *first = bk_wakes_first(&timers->wakes);

	return first ? first->at : BK_NEVER;
}

/* A timer that starts anew is due later than now, so this ends. */
void bk_timers_run(struct bk_loop *loop)
{
	struct bk_wakes *wakes = &loop->timers.wakes;
	struct bk_wake *first = bk_wakes_first(wakes);
	bk_time now = first ? bk_loop_clock() : 0;

	for (; first && first->at <= now && !bk_loop_is_stopping(loop); first = bk_wakes_first(wakes)) {
		struct bk_timer *t = bk_container_of(first, struct bk_timer, wake);

		bk_wakes_remove(wakes, first);
		t->fn(t->arg);
	}
}
