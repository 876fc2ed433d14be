/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_TEST_CLOCK_H
#define BK_NET_TEST_CLOCK_H

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bodkin/loop.h>

#include "base/time.h"

/* A monotonic clock that a test can push, for this program and the event library alike, so that a deadline of
 * half a minute is a matter of milliseconds. Included by one file of a test program. Visible, so that
 * libevent, a shared library, lives in the same time. */
static bk_dur clock_skew;
static bk_time clock_stopped_at; /* 0: it goes on by itself, too */
static bool is_wall_still;       /* the time of day is an instant of 2023 */

__attribute__((visibility("default"))) int clock_gettime(clockid_t which, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, which, ts);
	bk_time t;

	if (which == CLOCK_REALTIME && is_wall_still)
		*ts = (struct timespec){.tv_sec = 1700000000};
	if (ret < 0 || (which != CLOCK_MONOTONIC && which != CLOCK_MONOTONIC_COARSE))
		return ret;
	t = clock_stopped_at ? clock_stopped_at : ts->tv_sec * BK_SEC + ts->tv_nsec;
	t += __atomic_load_n(&clock_skew, __ATOMIC_RELAXED);
	ts->tv_sec = t / BK_SEC;
	ts->tv_nsec = t % BK_SEC;
	return 0;
}

static inline void test_clock_stop_wall(bool is_still)
{
	is_wall_still = is_still;
}

/* From any thread; a loop sees it when something wakes it. */
static inline void test_clock_push(bk_dur d)
{
	__atomic_add_fetch(&clock_skew, d, __ATOMIC_RELAXED);
}

/* Lets time fly in steps, so that whatever is due in between happens in its order. */
struct test_clock {
	struct bk_loop *loop;
	struct bk_timer *timer;
	bk_dur left;
	bk_time fine_until; /* small steps until then: something that is timed is under way */
};

static void on_test_clock(void *arg)
{
	struct test_clock *c = arg;
	bk_dur step = bk_loop_now(c->loop) < c->fine_until ? BK_MS : 50 * BK_MS;

	if (c->left <= 0)
		return;
	test_clock_push(step);
	c->left -= step;
	bk_timer_start(c->timer, 0);
}

/* From here on only test_clock_fly moves it, however slow the machine is: there must always be left to fly. */
static inline void test_clock_stop(struct test_clock *c)
{
	clock_stopped_at = bk_loop_now(c->loop) - clock_skew;
}

static inline void test_clock_go_on(struct test_clock *c)
{
	struct timespec ts;

	(void)c;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	test_clock_push(clock_stopped_at - (ts.tv_sec * BK_SEC + ts.tv_nsec));
	clock_stopped_at = 0;
}

static inline int test_clock_init(struct test_clock *c, struct bk_loop *loop)
{
	*c = (struct test_clock){.loop = loop};
	return bk_timer_new(loop, on_test_clock, c, &c->timer);
}

static inline void test_clock_done(struct test_clock *c)
{
	bk_timer_free(c->timer);
}

static inline void test_clock_fly(struct test_clock *c, bk_dur d)
{
	c->left += d;
	bk_timer_start(c->timer, 0);
}

#endif
