/* SPDX-License-Identifier: Apache-2.0 */
/* Each side sleeps on a bell of its own, which is rung only for one who sleeps: a busy pair wakes nobody. It is rung
 * when the lock is free again: whoever wakes wants it first of all, and would go back to sleep. */
#include "net/thread.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "net/bell.h"
#include "net/spawn.h"

struct bk_thread {
	pthread_mutex_t lock;
	const struct bk_thread_ops *ops;
	void *work;
	struct bk_bell to_thread, to_loop;
	bool is_asleep, is_rung, is_left, is_over; /* under the lock */
	bool owes_nudge, owes_ring;                /* likewise: who unlocks rings */
	struct bk_watch *watch;                    /* the owner's, as what follows */
	void (*fn)(void *arg);
	void *arg;
};

static void destroy(struct bk_thread *t)
{
	bk_bell_done(&t->to_thread);
	bk_bell_done(&t->to_loop);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Whoever comes second frees. */
static void let_go(struct bk_thread *t, bool *mine, const bool *others)
{
	bool is_last;

	bk_thread_lock(t);
	*mine = true;
	is_last = *others;
	bk_bell_ring(&t->to_thread); /* now: unlocked it may be gone */
	bk_thread_unlock(t);
	if (!is_last)
		return;
	t->ops->free(t->work);
	destroy(t);
}

static void *run_thread(void *arg)
{
	struct bk_thread *t = arg;

	t->ops->run(t, t->work);
	let_go(t, &t->is_over, &t->is_left);
	return NULL;
}

static void on_bell(void *arg, int fd, int events)
{
	struct bk_thread *t = arg;

	(void)fd;
	(void)events;
	bk_bell_answer(&t->to_loop);
	bk_thread_lock(t);
	t->is_rung = false;
	bk_thread_unlock(t);
	t->fn(t->arg);
}

int bk_thread_new(struct bk_loop *loop, const struct bk_thread_ops *ops, void *work, void (*fn)(void *arg),
	void *arg, struct bk_thread **ret_thread)
{
	struct bk_thread *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return BK_E_NOMEM;
	*t = (struct bk_thread){
		.ops = ops, .work = work, .fn = fn, .arg = arg, .to_thread.fd = -1, .to_loop.fd = -1};
	pthread_mutex_init(&t->lock, NULL);
	err = bk_bell_init(&t->to_thread);
	if (err >= 0)
		err = bk_bell_init(&t->to_loop);
	if (err >= 0)
		err = bk_watch_new(loop, t->to_loop.fd, on_bell, t, &t->watch);
	if (err >= 0)
		err = bk_watch_set(t->watch, BK_READABLE);
	if (err >= 0)
		err = bk_spawn(run_thread, t);
	if (err < 0) {
		bk_watch_free(t->watch);
		destroy(t);
		return err;
	}
	*ret_thread = t;
	return 0;
}

void bk_thread_free(struct bk_thread *t)
{
	if (!t)
		return;
	bk_watch_free(t->watch);
	let_go(t, &t->is_left, &t->is_over);
}

bool bk_thread_await(struct bk_thread *t, bk_dur time)
{
	struct pollfd p = {.fd = t->to_loop.fd, .events = POLLIN};

	return poll(&p, 1, (int)(time / BK_MS)) == 1;
}

void bk_thread_lock(struct bk_thread *t)
{
	pthread_mutex_lock(&t->lock);
}

void bk_thread_unlock(struct bk_thread *t)
{
	bool owes_nudge = t->owes_nudge, owes_ring = t->owes_ring;

	t->owes_nudge = t->owes_ring = false;
	pthread_mutex_unlock(&t->lock);
	if (owes_nudge)
		bk_bell_ring(&t->to_thread);
	if (owes_ring)
		bk_bell_ring(&t->to_loop);
}

void bk_thread_nudge(struct bk_thread *t)
{
	t->owes_nudge |= t->is_asleep;
	t->is_asleep = false;
}

void bk_thread_ring(struct bk_thread *t)
{
	t->owes_ring |= !t->is_rung;
	t->is_rung = true;
}

/* poll's answer; *ret_events: those of fd. */
static int sleep_on(struct bk_thread *t, int fd, short events, int ms, short *ret_events)
{
	struct pollfd p[2] = {{.fd = t->to_thread.fd, .events = POLLIN}, {.fd = fd, .events = events}};
	int n;

	t->is_asleep = true;
	bk_thread_unlock(t);
	n = poll(p, 2, ms);
	bk_thread_lock(t);
	t->is_asleep = false;
	if (p[0].revents)
		bk_bell_answer(&t->to_thread);
	*ret_events = p[1].revents;
	return n;
}

bool bk_thread_wait(struct bk_thread *t, int fd, bk_dur time)
{
	short events;

	return t->is_left || sleep_on(t, fd, POLLIN, time ? (int)(time / BK_MS) : -1, &events);
}

bool bk_thread_wait_room(struct bk_thread *t, int fd)
{
	short events = 0;

	if (!t->is_left)
		(void)sleep_on(t, fd, POLLOUT, -1, &events);
	return events;
}

bool bk_thread_is_left(const struct bk_thread *t)
{
	return t->is_left;
}
