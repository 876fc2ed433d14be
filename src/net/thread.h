/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_THREAD_H
#define BK_NET_THREAD_H

#include <bodkin/loop.h>
#include <stdbool.h>

#include "base/time.h"

/* A thread beside the loop for work that goes on: a disk takes longer than others wait for a sign of life. Thread
 * and owner share one piece of work under one lock, and wake each other; whoever lets go last frees it, so that
 * letting go never waits for a disk. */
struct bk_thread;

struct bk_thread_ops {
	void (*run)(struct bk_thread *t, void *work); /* on the thread, which takes no signals; once */
	void (*free)(void *work);                     /* on whichever thread lets go last */
};

/* fn comes from the loop after bk_thread_ring; it may free the thread. On failure the work stays the caller's.
 * BK_E_NOMEM, or what the system says. */
int bk_thread_new(struct bk_loop *loop, const struct bk_thread_ops *ops, void *work, void (*fn)(void *arg),
	void *arg, struct bk_thread **ret_thread);
/* After it fn never comes, and the loop may go; bk_thread_is_left says so to the thread. NULL is fine. */
void bk_thread_free(struct bk_thread *t);

/* Owner, who has no loop meanwhile: waits so long for a ring: has it come? fn comes all the same. */
bool bk_thread_await(struct bk_thread *t, bk_dur time);

void bk_thread_lock(struct bk_thread *t);
void bk_thread_unlock(struct bk_thread *t);

/* The rest with the lock held. Owner: wakes the thread. */
void bk_thread_nudge(struct bk_thread *t);

/* Thread: asks for fn; asked again before it comes is once. */
void bk_thread_ring(struct bk_thread *t);
/* Thread: lets go of the lock until nudged, left, fd (-1: none) is readable, or the time is over (0: never);
 * false: it is over. */
bool bk_thread_wait(struct bk_thread *t, int fd, bk_dur time);
/* Thread: likewise until nudged, left, or fd takes something (or never will again), which is true. */
bool bk_thread_wait_room(struct bk_thread *t, int fd);
bool bk_thread_is_left(const struct bk_thread *t);

#endif
