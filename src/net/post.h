/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_POST_H
#define BK_NET_POST_H

#include <stdatomic.h>

#include "net/turn.h"

/* A turn that any thread and any signal handler may ask for: the one way into a loop from outside. Embedded;
 * asking never fails, takes no lock and allocates nothing. */
struct bk_post {
	struct bk_turn turn;
	struct bk_post *next; /* below it on the door */
	atomic_bool is_asked;
	void (*fn)(void *arg);
	void *arg;
};

/* Where posts are left, by whomever, until the loop comes to fetch them. */
struct bk_door {
	struct bk_post *_Atomic top; /* the newest */
};

/* In the loop's thread. */
void bk_post_init(struct bk_post *p, struct bk_loop *loop, void (*fn)(void *arg), void *arg);

/* Any thread, any signal handler; errno stays. Asked twice before it ran is once; what was written before
 * asking is seen by fn. */
void bk_post_ask(struct bk_post *p);

/* In the loop's thread, when nobody asks any more. After it fn is not called. Fine on a zeroed one, twice,
 * and inside fn. */
void bk_post_done(struct bk_post *p);

/* The loop has heard its bell and asks for the turn of every post at the door. At the end what lies there is
 * dropped. */
void bk_door_fetch(struct bk_door *d);
void bk_door_done(struct bk_door *d, struct bk_loop *loop);

#endif
