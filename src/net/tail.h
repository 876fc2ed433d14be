/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_TAIL_H
#define BK_NET_TAIL_H

#include <bodkin/loop.h>

/* What the users of a loop share and none of them owns, and what has a last word for somebody outside when they are
 * gone: a router is to have its ports back. A loop has one at most. */
struct bk_tail {
	/* From bk_loop_free, before anything: may take turns of the loop for a bounded time; frees it, and leaves
	 * nothing on the loop. */
	void (*end)(struct bk_tail *t);
};

/* NULL: there is none. */
struct bk_tail *bk_tail_of(const struct bk_loop *loop);
void bk_tail_set(struct bk_loop *loop, struct bk_tail *t);

#endif
