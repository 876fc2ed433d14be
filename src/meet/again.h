/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_AGAIN_H
#define BK_MEET_AGAIN_H

#include <bodkin/loop.h>

/* What is asked of a mailbox once more, later and later: 1, 2, 4, 8, 15, 15 ... s. Embedded in its acquaintance. */
struct bk_again {
	struct bk_timer *timer;
	unsigned refusals;
	unsigned missed; /* joining: how often the maker was */
};

enum { BK_AGAIN_MISSES_MAX = 7 }; /* a minute, as it is asked */

/* fn asks; it is called from the loop. */
int bk_again_init(struct bk_again *a, struct bk_loop *loop, void (*fn)(void *arg), void *arg);
void bk_again_done(struct bk_again *a); /* fine on a zeroed one */

void bk_again_at_once(struct bk_again *a);
void bk_again_later(struct bk_again *a); /* it was refused */
void bk_again_stop(struct bk_again *a);
/* Joining: the maker was missed. However that was, by its own or by the server's doing, it has an end. */
bool bk_again_may_miss(struct bk_again *a);
/* Will it perhaps be otherwise by trying again? */
bool bk_again_helps(int error);

#endif
