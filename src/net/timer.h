/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_TIMER_H
#define BK_NET_TIMER_H

#include "base/wakes.h"

/* The timers of a loop, the earliest first. */
struct bk_loop;

struct bk_timers {
	struct bk_wakes wakes;
	size_t count; /* timers made, each of which has its room */
};

bk_time bk_timers_next(const struct bk_timers *timers); /* BK_NEVER: none */
void bk_timers_run(struct bk_loop *loop);               /* those that are due */

#endif
