/* SPDX-License-Identifier: Apache-2.0 */
/* Posts lie on a stack that is only pushed to and only emptied whole, so that neither needs a lock; the one
 * who lays the first rings. The loop turns the stack over and asks for the turn of each: from there on a post
 * is a turn like any other. */
#include "net/post.h"

#include <stdlib.h>

#include "base/assert.h"
#include "net/loop.h"

struct posted { /* by bk_loop_post */
	struct bk_post post;
	void (*fn)(void *arg);
	void *arg;
};

void bk_door_fetch(struct bk_door *d)
{
	struct bk_post *p = atomic_exchange_explicit(&d->top, NULL, memory_order_acquire);
	struct bk_post *oldest = NULL;

	while (p) {
		struct bk_post *below = p->next;

		p->next = oldest;
		oldest = p;
		p = below;
	}
	for (; oldest; oldest = oldest->next)
		bk_turn_ask(&oldest->turn);
}

static void run(void *arg)
{
	struct bk_post *p = arg;

	atomic_exchange_explicit(&p->is_asked, false, memory_order_acq_rel);
	p->fn(p->arg);
}

static void run_posted(void *arg)
{
	struct posted job = *(struct posted *)arg;

	free(arg);
	job.fn(job.arg);
}

/* Nobody but bk_loop_post leaves anything behind: everything else made from the loop has been freed. */
void bk_door_done(struct bk_door *d, struct bk_loop *loop)
{
	bk_door_fetch(d);
	bk_list_splice(&loop->turning, &loop->asked);
	bk_list_each(it, tmp, &loop->turning)
	{
		struct bk_turn *t = bk_container_of(it, struct bk_turn, link);
		struct bk_post *p = bk_container_of(t, struct bk_post, turn);

		bk_assert(t->fn == run && p->fn == run_posted);
		free(p->arg);
	}
}

void bk_post_init(struct bk_post *p, struct bk_loop *loop, void (*fn)(void *arg), void *arg)
{
	bk_assert(fn);
	bk_turn_init(&p->turn, loop, run, p);
	p->next = NULL;
	atomic_init(&p->is_asked, false);
	p->fn = fn;
	p->arg = arg;
}

void bk_post_ask(struct bk_post *p)
{
	struct bk_door *d = &p->turn.loop->door;
	struct bk_post *top;

	if (atomic_exchange_explicit(&p->is_asked, true, memory_order_acq_rel))
		return;
	top = atomic_load_explicit(&d->top, memory_order_relaxed);
	do
		p->next = top;
	while (!atomic_compare_exchange_weak_explicit(
		&d->top, &top, p, memory_order_acq_rel, memory_order_relaxed));
	if (!top)
		bk_bell_ring(&p->turn.loop->bell);
}

void bk_post_done(struct bk_post *p)
{
	if (!p->fn)
		return;
	bk_door_fetch(&p->turn.loop->door);
	bk_turn_done(&p->turn);
	p->fn = NULL;
}

int bk_loop_post(struct bk_loop *loop, void (*fn)(void *arg), void *arg)
{
	struct posted *job = malloc(sizeof(*job));

	if (!job)
		return BK_E_NOMEM;
	job->fn = fn;
	job->arg = arg;
	bk_post_init(&job->post, loop, run_posted, job);
	bk_post_ask(&job->post);
	return 0;
}
