/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers: the loop fills one with orders while the thread carries out the other's, and the thread swaps them
 * when it is done. So both keep their memory, and the lock is held for a copy at the longest. */
#include "transfer/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/loan.h"
#include "net/thread.h"
#include "transfer/writing.h"

enum {
	FULL = 1 << 20,
	ORDERS_MAX = 32 << 20, /* one delivery of the channel may come on top of what is full */
	HOLE_COST = 64,        /* zero bytes that are as much work as one that is written */
};

#define BATCH_TIME BK_SEC /* so long a complete file may wait for others when nothing comes */

enum kind {
	ORDER_READ,
	ORDER_FOLDER,
	ORDER_BEGIN,
	ORDER_PASS,
	ORDER_WRITE,
	ORDER_HOLE,
	ORDER_END,
	ORDER_FINISH
};

struct order {
	enum kind kind;
	size_t entry, len; /* len bytes follow, but of a hole, and where they are kept where they are */
	uint64_t passed;
	struct bk_loan *loan;
	const uint8_t *data; /* in it */
};

struct work {
	struct bk_buf orders; /* under the lock, like the flags */
	size_t holes;         /* bytes of them in the orders */
	size_t kept;          /* bytes that stand elsewhere */
	bool is_stopping, is_waited_for, is_read, is_over;
	/* the thread's, until it is over */
	struct bk_buf at_hand;
	struct bk_writing files;
};

struct bk_writer {
	struct bk_thread *thread;
	struct work *work;
};

/* --- on the thread --- */

static int carry_out(struct work *w, const struct order *o, const uint8_t *data)
{
	switch (o->kind) {
	case ORDER_READ:
		return bk_writing_read(&w->files);
	case ORDER_PASS:
		return bk_writing_pass(&w->files, o->passed);
	case ORDER_FOLDER:
		return bk_writing_make_folder(&w->files, o->entry);
	case ORDER_BEGIN:
		return bk_writing_begin(&w->files, o->entry);
	case ORDER_WRITE:
		return bk_writing_write(&w->files, data, o->len);
	case ORDER_HOLE:
		return bk_writing_hole(&w->files, o->len);
	case ORDER_END:
		return bk_writing_end(&w->files, data);
	case ORDER_FINISH:
		return bk_writing_finish(&w->files);
	}
	return 0;
}

static size_t following(const struct order *o)
{
	return o->kind == ORDER_HOLE || o->loan ? 0 : o->len;
}

static int carry_out_all(struct work *w)
{
	int err = 0;

	while (w->at_hand.len && err >= 0) {
		struct order o;

		memcpy(&o, bk_buf_head(&w->at_hand), sizeof(o));
		err = carry_out(w, &o, o.loan ? o.data : bk_buf_head(&w->at_hand) + sizeof(o));
		bk_loan_unref(o.loan);
		bk_buf_consume(&w->at_hand, sizeof(o) + following(&o));
	}
	return err;
}

/* Nobody carries them out. */
static void drop(struct bk_buf *orders)
{
	while (orders->len) {
		struct order o;

		memcpy(&o, bk_buf_head(orders), sizeof(o));
		bk_loan_unref(o.loan);
		bk_buf_consume(orders, sizeof(o) + following(&o));
	}
	bk_buf_done(orders);
}

static void swap(struct bk_thread *t, struct work *w)
{
	struct bk_buf orders = w->orders;

	w->orders = w->at_hand;
	w->at_hand = orders;
	w->holes = w->kept = 0;
	if (w->is_waited_for)
		bk_thread_ring(t);
	w->is_waited_for = false;
}

/* With the lock held, which it lets go of meanwhile. */
static void work_on(struct bk_thread *t, struct work *w)
{
	bool is_idle = !w->orders.len && !bk_thread_wait(t, -1, w->files.batch.len ? BATCH_TIME : 0);

	swap(t, w);
	bk_thread_unlock(t);
	(void)carry_out_all(w);
	if (is_idle)
		(void)bk_writing_land(&w->files);
	bk_thread_lock(t);
	if (w->files.has_read && !w->is_read) {
		w->is_read = true;
		bk_thread_ring(t);
	}
}

static void run(struct bk_thread *t, void *arg)
{
	struct work *w = arg;

	bk_thread_lock(t);
	while (!w->files.error && !w->files.is_finished && !w->is_stopping && !bk_thread_is_left(t))
		work_on(t, w);
	swap(t, w);
	bk_thread_unlock(t);
	if (!w->files.error)
		(void)carry_out_all(w);
	bk_writing_leave(&w->files);
	bk_thread_lock(t);
	if (!w->files.error && !w->files.is_finished)
		(void)bk_writing_fail(&w->files, BK_E_CANCELLED, "cancelled");
	w->is_over = true;
	bk_thread_ring(t);
	bk_thread_unlock(t);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	bk_writing_done(&w->files);
	bk_store_free(w->files.store);
	drop(&w->orders);
	drop(&w->at_hand);
	free(w);
}

static const struct bk_thread_ops ops = {.run = run, .free = free_work};

/* --- on the loop --- */

static int put(struct bk_writer *w, const struct order *o, const void *data)
{
	struct bk_buf *orders = &w->work->orders;
	size_t n = data && !o->loan ? o->len : 0;
	uint8_t *at;

	bk_thread_lock(w->thread);
	at = bk_buf_reserve(orders, sizeof(*o) + n);
	if (at) {
		memcpy(at, o, sizeof(*o));
		if (n)
			memcpy(at + sizeof(*o), data, n);
		bk_buf_commit(orders, sizeof(*o) + n);
		w->work->holes += data ? 0 : o->len;
		w->work->kept += o->loan ? o->len : 0;
	}
	bk_thread_nudge(w->thread);
	bk_thread_unlock(w->thread);
	if (!at)
		bk_loan_unref(o->loan);
	return at ? 0 : BK_E_NOMEM;
}

int bk_writer_read(struct bk_writer *w)
{
	return put(w, &(struct order){.kind = ORDER_READ}, NULL);
}

int bk_writer_pass(struct bk_writer *w, uint64_t n)
{
	return put(w, &(struct order){.kind = ORDER_PASS, .passed = n}, NULL);
}

int bk_writer_make_folder(struct bk_writer *w, size_t entry)
{
	return put(w, &(struct order){.kind = ORDER_FOLDER, .entry = entry}, NULL);
}

int bk_writer_begin(struct bk_writer *w, size_t entry)
{
	return put(w, &(struct order){.kind = ORDER_BEGIN, .entry = entry}, NULL);
}

int bk_writer_write(struct bk_writer *w, const void *data, size_t n)
{
	const struct order o = {.kind = ORDER_WRITE, .len = n, .loan = bk_loan_keep(data, n), .data = data};

	return put(w, &o, data);
}

int bk_writer_hole(struct bk_writer *w, size_t n)
{
	return put(w, &(struct order){.kind = ORDER_HOLE, .len = n}, NULL);
}

int bk_writer_end(struct bk_writer *w, const uint8_t digest[BK_DIGEST_LEN])
{
	return put(w, &(struct order){.kind = ORDER_END, .len = BK_DIGEST_LEN}, digest);
}

int bk_writer_finish(struct bk_writer *w)
{
	return put(w, &(struct order){.kind = ORDER_FINISH}, NULL);
}

void bk_writer_stop(struct bk_writer *w)
{
	bk_thread_lock(w->thread);
	w->work->is_stopping = true;
	bk_thread_nudge(w->thread);
	bk_thread_unlock(w->thread);
}

bool bk_writer_is_full(struct bk_writer *w)
{
	bool is_full;

	bk_thread_lock(w->thread);
	is_full = w->work->orders.len + w->work->kept + w->work->holes / HOLE_COST >= FULL;
	w->work->is_waited_for |= is_full;
	bk_thread_unlock(w->thread);
	return is_full;
}

bool bk_writer_is_read(struct bk_writer *w)
{
	bool is_read;

	bk_thread_lock(w->thread);
	is_read = w->work->is_read;
	bk_thread_unlock(w->thread);
	return is_read;
}

bool bk_writer_is_over(struct bk_writer *w)
{
	bool is_over;

	bk_thread_lock(w->thread);
	is_over = w->work->is_over;
	bk_thread_unlock(w->thread);
	return is_over;
}

int bk_writer_error(const struct bk_writer *w, const char **ret_text)
{
	*ret_text = w->work->files.text;
	return w->work->files.error;
}

struct bk_writer_rest bk_writer_rest(const struct bk_writer *w)
{
	const struct bk_writing *k = &w->work->files;

	return (struct bk_writer_rest){.has_any = k->whole || k->left[0],
		.part = k->left[0] ? k->left : NULL,
		.is_stream = k->left[0] && k->store->list.entries[k->current].is_stream};
}

static struct work *work_new(void)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	bk_buf_init(&w->orders, ORDERS_MAX);
	bk_buf_init(&w->at_hand, ORDERS_MAX);
	return w;
}

int bk_writer_new(struct bk_loop *loop, struct bk_store *store, unsigned modes, void (*fn)(void *arg),
	void *arg, struct bk_writer **ret_writer)
{
	struct bk_writer *w = calloc(1, sizeof(*w));
	int err = BK_E_NOMEM;

	if (w)
		w->work = work_new();
	if (w && w->work)
		err = bk_writing_init(&w->work->files, store, modes);
	if (w && w->work && err >= 0)
		err = bk_thread_new(loop, &ops, w->work, fn, arg, &w->thread);
	if (err >= 0) {
		*ret_writer = w;
		return 0;
	}
	if (w && w->work) {
		w->work->files.store = NULL;
		free_work(w->work);
	}
	free(w);
	return err;
}

void bk_writer_free(struct bk_writer *w)
{
	if (!w)
		return;
	bk_thread_free(w->thread);
	free(w);
}
