/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers: the loop fills one with orders while the thread carries out the other's, and the thread swaps them
 * when it is done. So both keep their memory, and the lock is held for a copy at the longest. */
#include "transfer/writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/thread.h"
#include "transfer/made.h"

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
	size_t entry, len; /* len bytes follow, but of a hole */
	uint64_t passed;
};

struct work {
	struct bk_store *store;
	unsigned modes;
	struct bk_buf orders; /* under the lock, like the flags */
	size_t holes;         /* bytes of them in the orders */
	bool is_stopping, is_waited_for, is_read, is_over;
	/* the thread's, until it is over */
	struct bk_buf at_hand;
	struct bk_batch batch;
	struct bk_digest *digest;
	size_t current;
	uint32_t noted;                     /* its row in the journal */
	size_t whole;                       /* so many came */
	char left[BK_PART_MAX];             /* the part that stays */
	const struct bk_here_row *standing; /* the current one has its name already */
	int from; /* what has it is copied from there, since it is to be changed; -1 */
	uint64_t passed;
	struct bk_made made;
	bool has_noted, has_folders, has_read, is_finished;
	int error;
	char text[BK_TRANSFER_TEXT_MAX];
};

struct bk_writer {
	struct bk_thread *thread;
	struct work *work;
};

void bk_store_free(struct bk_store *s)
{
	if (!s)
		return;
	bk_here_done(&s->here);
	bk_sink_free(s->sink);
	bk_picks_done(&s->picks);
	bk_file_list_done(&s->list);
	free(s);
}

/* --- on the thread --- */

/* The first failure stays. */
static int fail(struct work *w, int err, const char *text)
{
	if (!w->error) {
		w->error = err;
		snprintf(w->text, sizeof(w->text), "%s", text);
	}
	return err;
}

static int land(struct work *w)
{
	int err;

	bk_journal_flush(w->store->here.journal);
	err = w->batch.len ? bk_batch_land(&w->batch) : 0;

	return err < 0 ? fail(w, err, w->batch.text) : 0;
}

static const struct bk_file_entry *current_entry(const struct work *w)
{
	return &w->store->list.entries[w->current];
}

static uint32_t note(struct work *w, size_t entry, unsigned number)
{
	struct bk_store *s = w->store;
	const struct bk_file_entry *e = &s->list.entries[entry];
	const struct bk_journal_row row = {.path = e->path,
		.name = bk_picks_name(&s->picks, entry),
		.size = e->size,
		.mtime = e->mtime,
		.number = number,
		.is_stream = e->is_stream,
		.is_folder = e->is_folder};

	if (!s->here.journal && !w->has_noted)
		s->here.journal = bk_journal_new(bk_sink_folder(s->sink), bk_journal_identity(&s->list));
	w->has_noted = true;
	return bk_journal_begin(s->here.journal, &row);
}

static int make_folder(struct work *w, size_t entry)
{
	const struct bk_here_row *row = bk_here_row(&w->store->here, entry);
	bool is_new = false;
	int err = bk_made_add(&w->made, w->store->sink, &w->store->list, entry, row, &is_new);

	w->has_folders = true;
	if (err == BK_E_NOMEM)
		return fail(w, err, bk_error_text(err));
	if (err < 0)
		return fail(w, err, bk_sink_text(w->store->sink));
	if (is_new)
		(void)note(w, entry, 0);
	return 0;
}

static void leave_folders(struct work *w)
{
	bk_made_leave(&w->made, w->store->sink, &w->store->list, w->is_finished);
}

/* Long names are cut for their parts, so that many files may want the same one: those before make room. */
static int begin_anew(struct work *w)
{
	struct bk_sink *sink = w->store->sink;
	const char *name = bk_picks_name(&w->store->picks, w->current);
	int err;

	if (w->batch.has_parts_name && (err = land(w)) < 0)
		return err;
	err = bk_sink_begin(sink, current_entry(w), name);
	if (err == BK_E_EXISTS && w->batch.len) {
		err = land(w);
		if (err >= 0)
			err = bk_sink_begin(sink, current_entry(w), name);
	}
	if (err == BK_E_EXISTS)
		err = BK_E_FILE;
	if (err < 0)
		return fail(w, err, bk_sink_text(sink));
	w->noted = note(w, w->current, bk_sink_part_number(sink));
	return 0;
}

static int go_on(struct work *w, const struct bk_here_row *row)
{
	struct bk_sink *sink = w->store->sink;
	const struct bk_file_entry *e = current_entry(w);
	int err = bk_sink_go_on(sink, e, bk_picks_name(&w->store->picks, w->current),
		row->name ? row->name : e->path, row->number);

	w->noted = row->noted;
	return err < 0 ? fail(w, err, bk_sink_text(sink)) : 0;
}

/* A part of something else; and an empty one, which was made and not noted yet when its maker was killed. */
static void remove_useless(struct work *w, const struct bk_here_row *row)
{
	const char *leaf, *path = current_entry(w)->path;
	int dir = bk_sink_aim(w->store->sink, row && row->name ? row->name : path, &leaf);
	struct stat st;

	if (dir >= 0 && (row || (bk_part_find(dir, leaf, 0, &st) && !st.st_size)))
		bk_part_remove(dir, leaf, row ? row->number : 0);
}

static int begin(struct work *w, size_t entry)
{
	const struct bk_here_row *row = bk_here_row(&w->store->here, entry);

	w->current = entry;
	bk_digest_reset(w->digest);
	w->standing = row && row->place == BK_HERE_NAMED ? row : NULL;
	w->passed = 0;
	if (w->standing)
		return 0;
	if (row && row->place == BK_HERE_PART)
		return go_on(w, row);
	if (row || w->store->here.was_begun)
		remove_useless(w, row);
	return begin_anew(w);
}

static void on_passed(void *arg, const void *data, size_t n)
{
	bk_digest_update(((struct work *)arg)->digest, data, n);
}

static int pass(struct work *w, uint64_t n)
{
	int err = 0;

	w->passed += n;
	if (!w->standing || w->from >= 0)
		err = bk_sink_pass(w->store->sink, w->from, n, on_passed, w);
	return err < 0 ? fail(w, err, bk_sink_text(w->store->sink)) : 0;
}

/* It has its name, but is not as it should be: a part is made of it, which will replace it. */
static int make_part_of_standing(struct work *w)
{
	const char *leaf, *name = bk_picks_name(&w->store->picks, w->current);
	int dir = bk_sink_aim(w->store->sink, name, &leaf), err;
	uint64_t n = w->passed;

	w->from = dir < 0 ? -1 : openat(dir, leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	w->store->picks.rows[w->current].may_replace = true;
	err = begin_anew(w);
	if (err < 0 || w->from < 0)
		return err < 0 ? err : fail(w, BK_E_FILE, "what was here already is gone");
	w->passed = 0;
	return pass(w, n);
}

static void stop_copying(struct work *w)
{
	if (w->from >= 0)
		close(w->from);
	w->from = -1;
}

/* n bytes that differ from what is here, or are not here, come next. */
static int make_way(struct work *w, size_t n)
{
	int err = w->standing && w->from < 0 ? make_part_of_standing(w) : 0;

	if (err >= 0 && w->from >= 0)
		(void)lseek(w->from, (off_t)n, SEEK_CUR);
	return err;
}

static int write_some(struct work *w, const void *data, size_t n)
{
	int err = make_way(w, n);

	if (err < 0)
		return err;
	err = bk_sink_write(w->store->sink, data, n);

	bk_digest_update(w->digest, data, n);
	return err < 0 ? fail(w, err, bk_sink_text(w->store->sink)) : 0;
}

static int make_hole(struct work *w, size_t n)
{
	static const uint8_t zeros[64 << 10];
	int err = make_way(w, n);

	if (err < 0)
		return err;
	err = bk_sink_hole(w->store->sink, n);
	for (size_t part; n; n -= part) {
		part = n < sizeof(zeros) ? n : sizeof(zeros);
		bk_digest_update(w->digest, zeros, part);
	}
	return err < 0 ? fail(w, err, bk_sink_text(w->store->sink)) : 0;
}

static int compare_digest(struct work *w, const uint8_t got[BK_DIGEST_LEN], const uint8_t *digest)
{
	char text[BK_TRANSFER_TEXT_MAX];

	if (memcmp(got, digest, BK_DIGEST_LEN) == 0)
		return 0;
	if (current_entry(w)->is_stream) /* of a file the next time tells which block it is */
		bk_sink_drop(w->store->sink);
	snprintf(text, sizeof(text), "'%s' arrived damaged: %s; try again",
		bk_file_entry_shown(current_entry(w)), bk_error_text(BK_E_DIGEST));
	return fail(w, BK_E_DIGEST, text);
}

static int end(struct work *w, const uint8_t *digest)
{
	bool is_standing = w->standing && w->from < 0;
	uint8_t got[BK_DIGEST_LEN];
	int err;

	stop_copying(w);
	bk_digest_get(w->digest, got);
	err = compare_digest(w, is_standing ? w->standing->digest : got, digest);
	if (err < 0)
		return err;
	w->whole++;
	if (is_standing)
		return 0;
	err = bk_sink_close(w->store->sink, w->modes);
	if (err < 0)
		return fail(w, err, bk_sink_text(w->store->sink));
	bk_journal_whole(w->store->here.journal, w->noted, got);
	err = bk_batch_add(&w->batch, w->current);
	if (err < 0)
		return fail(w, err, w->batch.text);
	return bk_batch_is_full(&w->batch) ? land(w) : 0;
}

/* When everything else stands, so that nothing is ever written through one. */
static int make_links(struct work *w)
{
	const struct bk_store *s = w->store;
	int err = 0;

	for (size_t i = 0; i < s->list.len && s->list.links && err >= 0; i++)
		if (s->list.entries[i].is_link && s->picks.rows[i].is_taken)
			err = bk_sink_make_link(s->sink, &s->list.entries[i], bk_picks_name(&s->picks, i),
				s->picks.rows[i].may_replace);
	return err < 0 ? fail(w, err, bk_sink_text(s->sink)) : 0;
}

static int finish(struct work *w)
{
	struct bk_sink *sink = w->store->sink;
	int err = land(w);

	if (err >= 0)
		err = make_links(w);
	if (err < 0)
		return err;
	w->is_finished = true;
	leave_folders(w);
	err = w->has_folders ? bk_sink_sync_all(sink) : bk_sink_sync_folder(sink);
	return err < 0 ? fail(w, err, bk_sink_text(sink)) : 0;
}

/* What is less is sent again in no time; of a stream nobody has it again. */
static void leave_part(struct work *w)
{
	struct bk_sink *sink = w->store->sink;
	char part[BK_PART_MAX];

	snprintf(part, sizeof(part), "%s", bk_sink_part(sink));
	if (part[0] && bk_sink_leave(sink, current_entry(w)->is_stream ? 1 : BK_HAVE_BLOCK))
		snprintf(w->left, sizeof(w->left), "%s", part);
}

/* It goes when all is done, and where nothing is left that it could name. */
static void leave_journal(struct work *w)
{
	struct bk_here *h = &w->store->here;

	if (h->journal && (w->is_finished || (!w->whole && !w->left[0] && !h->rows)))
		bk_journal_remove(h->journal);
	bk_journal_free(h->journal);
	h->journal = NULL;
}

static int carry_out(struct work *w, const struct order *o, const uint8_t *data)
{
	switch (o->kind) {
	case ORDER_READ:
		bk_here_read(&w->store->here, w->store->sink, &w->store->picks);
		w->has_read = true;
		return 0;
	case ORDER_PASS:
		return pass(w, o->passed);
	case ORDER_FOLDER:
		return make_folder(w, o->entry);
	case ORDER_BEGIN:
		return begin(w, o->entry);
	case ORDER_WRITE:
		return write_some(w, data, o->len);
	case ORDER_HOLE:
		return make_hole(w, o->len);
	case ORDER_END:
		return end(w, data);
	case ORDER_FINISH:
		return finish(w);
	}
	return 0;
}

static int carry_out_all(struct work *w)
{
	int err = 0;

	while (w->at_hand.len && err >= 0) {
		struct order o;

		memcpy(&o, bk_buf_head(&w->at_hand), sizeof(o));
		err = carry_out(w, &o, bk_buf_head(&w->at_hand) + sizeof(o));
		bk_buf_consume(&w->at_hand, sizeof(o) + (o.kind == ORDER_HOLE ? 0 : o.len));
	}
	return err;
}

static void swap(struct bk_thread *t, struct work *w)
{
	struct bk_buf orders = w->orders;

	w->orders = w->at_hand;
	w->at_hand = orders;
	w->holes = 0;
	if (w->is_waited_for)
		bk_thread_ring(t);
	w->is_waited_for = false;
}

/* With the lock held, which it lets go of meanwhile. */
static void work_on(struct bk_thread *t, struct work *w)
{
	bool is_idle = !w->orders.len && !bk_thread_wait(t, -1, w->batch.len ? BATCH_TIME : 0);

	swap(t, w);
	bk_thread_unlock(t);
	(void)carry_out_all(w);
	if (is_idle)
		(void)land(w);
	bk_thread_lock(t);
	if (w->has_read && !w->is_read) {
		w->is_read = true;
		bk_thread_ring(t);
	}
}

static void run(struct bk_thread *t, void *arg)
{
	struct work *w = arg;

	bk_thread_lock(t);
	while (!w->error && !w->is_finished && !w->is_stopping && !bk_thread_is_left(t))
		work_on(t, w);
	swap(t, w);
	bk_thread_unlock(t);
	if (!w->error)
		(void)carry_out_all(w);
	stop_copying(w);
	leave_part(w);
	(void)land(w);
	leave_folders(w);
	leave_journal(w);
	bk_thread_lock(t);
	if (!w->error && !w->is_finished)
		(void)fail(w, BK_E_CANCELLED, "cancelled");
	w->is_over = true;
	bk_thread_ring(t);
	bk_thread_unlock(t);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	bk_made_done(&w->made);
	bk_batch_done(&w->batch);
	bk_store_free(w->store);
	bk_digest_free(w->digest);
	bk_buf_done(&w->orders);
	bk_buf_done(&w->at_hand);
	free(w);
}

static const struct bk_thread_ops ops = {.run = run, .free = free_work};

/* --- on the loop --- */

static int put(struct bk_writer *w, const struct order *o, const void *data)
{
	struct bk_buf *orders = &w->work->orders;
	size_t n = data ? o->len : 0;
	uint8_t *at;

	bk_thread_lock(w->thread);
	at = bk_buf_reserve(orders, sizeof(*o) + n);
	if (at) {
		memcpy(at, o, sizeof(*o));
		if (n)
			memcpy(at + sizeof(*o), data, n);
		bk_buf_commit(orders, sizeof(*o) + n);
		w->work->holes += o->len - n;
	}
	bk_thread_nudge(w->thread);
	bk_thread_unlock(w->thread);
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
	return put(w, &(struct order){.kind = ORDER_WRITE, .len = n}, data);
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
	is_full = w->work->orders.len + w->work->holes / HOLE_COST >= FULL;
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
	*ret_text = w->work->text;
	return w->work->error;
}

struct bk_writer_rest bk_writer_rest(const struct bk_writer *w)
{
	const struct work *k = w->work;

	return (struct bk_writer_rest){.has_any = k->whole || k->left[0],
		.part = k->left[0] ? k->left : NULL,
		.is_stream = k->left[0] && current_entry(k)->is_stream};
}

static struct work *work_new(struct bk_store *store, unsigned modes)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct work){.store = store,
		.modes = modes,
		.from = -1,
		.batch = {.sink = store->sink, .picks = &store->picks},
		.digest = bk_digest_new()};
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
		w->work = work_new(store, modes);
	if (w && w->work && w->work->digest)
		err = bk_thread_new(loop, &ops, w->work, fn, arg, &w->thread);
	if (err >= 0) {
		*ret_writer = w;
		return 0;
	}
	if (w && w->work) {
		w->work->store = NULL;
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
