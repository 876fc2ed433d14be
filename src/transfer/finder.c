/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/finder.h"

#include <stdlib.h>

#include "base/error.h"
#include "net/thread.h"

struct work {
	struct bk_store *store;
	int error;
};

struct bk_finder {
	struct bk_thread *thread;
	struct work *work;
};

static void run(struct bk_thread *t, void *arg)
{
	struct work *w = arg;
	struct bk_store *s = w->store;

	w->error = bk_here_find(&s->here, s->sink, &s->list, &s->picks);
	bk_thread_lock(t);
	bk_thread_ring(t);
	bk_thread_unlock(t);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	bk_store_free(w->store);
	free(w);
}

static const struct bk_thread_ops ops = {.run = run, .free = free_work};

int bk_finder_new(struct bk_loop *loop, struct bk_store *store, void (*fn)(void *arg), void *arg,
	struct bk_finder **ret_finder)
{
	struct bk_finder *f = calloc(1, sizeof(*f));
	struct work *w = calloc(1, sizeof(*w));
	int err = BK_E_NOMEM;

	if (f && w) {
		w->store = store;
		f->work = w;
		err = bk_thread_new(loop, &ops, w, fn, arg, &f->thread);
	}
	if (err < 0) {
		free(w);
		free(f);
		return err;
	}
	*ret_finder = f;
	return 0;
}

/* The thread's last word was under the lock, before fn came. */
int bk_finder_end(struct bk_finder *f)
{
	int err;

	bk_thread_lock(f->thread);
	err = f->work->error;
	f->work->store = NULL;
	bk_thread_unlock(f->thread);
	return err;
}

void bk_finder_free(struct bk_finder *f)
{
	if (!f)
		return;
	bk_thread_free(f->thread);
	free(f);
}
