/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_TURN_H
#define BK_NET_TURN_H

#include <bodkin/loop.h>

#include "base/list.h"

/* "Call me once, from the loop, at the end of this turn": after every descriptor, timer and signal that is
 * ready now has been handled. Embedded in who asks; asking never fails and allocates nothing. For what must
 * not be called from inside a call (reporting an end), and for what is worth doing once for many events
 * (sending). What is asked for inside a turn's fn runs at the end of the next turn, so that turns cannot
 * starve descriptors and timers. The loop's thread only; from others there is net/post.h. */
struct bk_turn {
	struct bk_list link;
	struct bk_loop *loop;
	void (*fn)(void *arg);
	void *arg;
};

void bk_turn_init(struct bk_turn *t, struct bk_loop *loop, void (*fn)(void *arg), void *arg);

/* Asked twice before it ran is once. Inside its own fn: once more, at the next turn. */
void bk_turn_ask(struct bk_turn *t);

/* After it fn is not called, not even when somebody asks. Fine on a zeroed one, twice, and inside fn (which
 * may also free the memory). */
void bk_turn_done(struct bk_turn *t);

#endif
