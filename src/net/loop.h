/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_LOOP_H
#define BK_NET_LOOP_H

#include <stdatomic.h>
#include <time.h>

#include <bodkin/loop.h>

#include "base/list.h"
#include "net/bell.h"
#include "net/post.h"
#include "net/tail.h"
#include "net/timer.h"

/* The inside of struct bk_loop, for the files of net/ that make it. */
struct event_base;

struct bk_loop {
	struct event_base *base;
	struct bk_timers timers;
	struct bk_list asked, turning; /* turns for the end of this turn, and those whose end it is */
	struct bk_msghub
		*msghub;      /* what its message connections share, kept by service/msghub.c; NULL: none */
	struct bk_tail *tail; /* what ends with the loop; NULL: nothing */
	struct bk_door door;  /* for posts */
	struct bk_bell bell;  /* there is something to do that no descriptor shows */
	struct bk_watch *bell_watch;
	struct bk_watch *alarm_watch;
	int alarm_fd; /* timerfd: a wait ends in time */
	int mirror;   /* for a loop around this one; -1: nobody asked */
	int signals_mirrored;
	bool is_mirrored;
	atomic_bool is_stopping;
	bool is_running;
};

static inline bk_time bk_loop_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * BK_SEC + ts.tv_nsec;
}

static inline bool bk_loop_is_stopping(struct bk_loop *loop)
{
	return atomic_load_explicit(&loop->is_stopping, memory_order_relaxed);
}

/* Between its turns a loop that is driven from outside has learnt of something to do. */
static inline void bk_loop_nudge(struct bk_loop *loop)
{
	if (loop->mirror >= 0 && !loop->is_running)
		bk_bell_ring(&loop->bell);
}

bool bk_loop_has_turns(const struct bk_loop *loop);
void bk_loop_take_turns(struct bk_loop *loop);

/* What is watched now enters the mirror; what is watched later does so by itself. */
int bk_loop_mirror_watches(struct bk_loop *loop);

#endif
