/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_LOOP_H
#define BK_NET_LOOP_H

#include <stdatomic.h>

#include <bodkin/loop.h>

#include "base/list.h"
#include "net/post.h"

/* The inside of struct bk_loop, for the files of net/ that make it. */
struct event_base;

struct bk_loop {
	struct event_base *base;
	struct bk_list asked, turning; /* turns for the end of this turn, and those whose end it is */
	struct bk_door door;
	struct bk_watch *door_watch;
	atomic_bool is_stopping;
	bool is_running;
};

static inline bool bk_loop_is_stopping(struct bk_loop *loop)
{
	return atomic_load_explicit(&loop->is_stopping, memory_order_relaxed);
}

bool bk_loop_has_turns(const struct bk_loop *loop);
void bk_loop_take_turns(struct bk_loop *loop);

#endif
