/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/writing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* The first failure stays. */
int bk_writing_fail(struct bk_writing *w, int err, const char *text)
{
	if (!w->error) {
		w->error = err;
		snprintf(w->text, sizeof(w->text), "%s", text);
	}
	return err;
}

int bk_writing_land(struct bk_writing *w)
{
	int err;

	bk_journal_flush(w->store->here.journal);
	err = w->batch.len ? bk_batch_land(&w->batch, w->store->here.journal) : 0;

	return err < 0 ? bk_writing_fail(w, err, w->batch.text) : 0;
}

static const struct bk_file_entry *current_entry(const struct bk_writing *w)
{
	return &w->store->list.entries[w->current];
}

static uint32_t note(struct bk_writing *w, size_t entry, unsigned number, uint64_t birth)
{
	struct bk_store *s = w->store;
	const struct bk_file_entry *e = &s->list.entries[entry];
	const struct bk_journal_row row = {.path = e->path,
		.name = bk_picks_name(&s->picks, entry),
		.size = e->size,
		.mtime = e->mtime,
		.number = number,
		.birth = birth,
		.is_stream = e->is_stream,
		.is_folder = e->is_folder};

	if (!s->here.journal && !w->has_noted)
		s->here.journal = bk_journal_new(bk_sink_folder(s->sink), bk_journal_identity(&s->list));
	w->has_noted = true;
	return bk_journal_begin(s->here.journal, &row);
}

int bk_writing_make_folder(struct bk_writing *w, size_t entry)
{
	const struct bk_here_row *row = bk_here_row(&w->store->here, entry);
	bool is_new = false;
	int err = bk_made_add(&w->made, w->store->sink, &w->store->list, entry, row, &is_new);

	w->has_folders = true;
	if (err == BK_E_NOMEM)
		return bk_writing_fail(w, err, bk_error_text(err));
	if (err < 0)
		return bk_writing_fail(w, err, bk_sink_text(w->store->sink));
	if (is_new)
		(void)note(w, entry, 0, bk_sink_folder_birth(w->store->sink, &w->store->list.entries[entry]));
	return 0;
}

static void leave_folders(struct bk_writing *w)
{
	bk_made_leave(&w->made, w->store->sink, &w->store->list, w->is_finished);
}

/* Long names are cut for their parts, so that many files may want the same one: those before make room. */
static int begin_anew(struct bk_writing *w)
{
	struct bk_sink *sink = w->store->sink;
	const char *name = bk_picks_name(&w->store->picks, w->current);
	int err;

	if (w->batch.has_parts_name && (err = bk_writing_land(w)) < 0)
		return err;
	err = bk_sink_begin(sink, current_entry(w), name);
	if (err == BK_E_EXISTS && w->batch.len) {
		err = bk_writing_land(w);
		if (err >= 0)
			err = bk_sink_begin(sink, current_entry(w), name);
	}
	if (err == BK_E_EXISTS)
		err = BK_E_FILE;
	if (err < 0)
		return bk_writing_fail(w, err, bk_sink_text(sink));
	w->noted = note(w, w->current, bk_sink_part_number(sink), bk_sink_birth(sink));
	return 0;
}

static int go_on(struct bk_writing *w, const struct bk_here_row *row)
{
	struct bk_sink *sink = w->store->sink;
	const struct bk_file_entry *e = current_entry(w);
	const struct bk_here_more *more = bk_here_more(&w->store->here, row);
	int err = bk_sink_go_on(sink, e, bk_picks_name(&w->store->picks, w->current),
		more->name ? more->name : e->path, more->number, more->birth);

	w->noted = row->noted;
	return err < 0 ? bk_writing_fail(w, err, bk_sink_text(sink)) : 0;
}

/* A part of something else. */
static void remove_useless(struct bk_writing *w, const struct bk_here_row *row)
{
	const struct bk_here_more *more = bk_here_more(&w->store->here, row);
	const char *leaf;
	int dir = bk_sink_aim(w->store->sink, more->name ? more->name : current_entry(w)->path, &leaf);

	if (dir < 0)
		return;
	bk_part_remove(dir, leaf, more->number, more->birth);
	bk_journal_gone(w->store->here.journal, row->noted);
}

/* An empty part, which was made and is not noted. */
static void remove_empty(struct bk_writing *w)
{
	const char *leaf;
	int dir = bk_sink_aim(w->store->sink, current_entry(w)->path, &leaf);
	int64_t from, to;

	if (dir < 0)
		return;
	bk_journal_times(w->store->here.journal, &from, &to);
	bk_part_remove_empty(dir, leaf, from, to);
}

int bk_writing_begin(struct bk_writing *w, size_t entry)
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
	if (row)
		remove_useless(w, row);
	else if (w->store->here.was_begun)
		remove_empty(w);
	return begin_anew(w);
}

static void on_passed(void *arg, const void *data, size_t n)
{
	bk_digest_update(((struct bk_writing *)arg)->digest, data, n);
}

int bk_writing_pass(struct bk_writing *w, uint64_t n)
{
	int err = 0;

	w->passed += n;
	if (!w->standing || w->from >= 0)
		err = bk_sink_pass(w->store->sink, w->from, n, on_passed, w);
	return err < 0 ? bk_writing_fail(w, err, bk_sink_text(w->store->sink)) : 0;
}

/* It has its name, but is not as it should be: a part is made of it. */
static int make_part_of_standing(struct bk_writing *w)
{
	const char *leaf, *name = bk_picks_name(&w->store->picks, w->current);
	int dir = bk_sink_aim(w->store->sink, name, &leaf), err;
	uint64_t n = w->passed;

	w->from = dir < 0 ? -1 : openat(dir, leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bk_picks_differ(&w->store->picks, w->current);
	err = begin_anew(w);
	if (err < 0 || w->from < 0)
		return err < 0 ? err : bk_writing_fail(w, BK_E_FILE, "what was here already is gone");
	w->passed = 0;
	return bk_writing_pass(w, n);
}

static void stop_copying(struct bk_writing *w)
{
	if (w->from >= 0)
		close(w->from);
	w->from = -1;
}

/* n bytes that differ from what is here, or are not here, come next. */
static int make_way(struct bk_writing *w, size_t n)
{
	int err = w->standing && w->from < 0 ? make_part_of_standing(w) : 0;

	if (err >= 0 && w->from >= 0)
		(void)lseek(w->from, (off_t)n, SEEK_CUR);
	return err;
}

int bk_writing_write(struct bk_writing *w, const void *data, size_t n)
{
	int err = make_way(w, n);

	if (err < 0)
		return err;
	err = bk_sink_write(w->store->sink, data, n);

	bk_digest_update(w->digest, data, n);
	return err < 0 ? bk_writing_fail(w, err, bk_sink_text(w->store->sink)) : 0;
}

int bk_writing_hole(struct bk_writing *w, size_t n)
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
	return err < 0 ? bk_writing_fail(w, err, bk_sink_text(w->store->sink)) : 0;
}

static int compare_digest(struct bk_writing *w, const uint8_t got[BK_DIGEST_LEN], const uint8_t *digest)
{
	char text[BK_TRANSFER_TEXT_MAX];

	if (memcmp(got, digest, BK_DIGEST_LEN) == 0)
		return 0;
	if (current_entry(w)->is_stream) { /* of a file the next time tells which block it is */
		bk_sink_drop(w->store->sink);
		bk_journal_gone(w->store->here.journal, w->noted);
	}
	snprintf(text, sizeof(text), "'%s' arrived damaged: %s; try again",
		bk_file_entry_shown(current_entry(w)), bk_error_text(BK_E_DIGEST));
	return bk_writing_fail(w, BK_E_DIGEST, text);
}

int bk_writing_end(struct bk_writing *w, const uint8_t *digest)
{
	bool is_standing = w->standing && w->from < 0;
	uint8_t got[BK_DIGEST_LEN];
	int err;

	stop_copying(w);
	bk_digest_get(w->digest, got);
	err = compare_digest(w, is_standing ? bk_here_digest(&w->store->here, w->standing) : got, digest);
	if (err < 0)
		return err;
	w->whole++;
	if (is_standing)
		return 0;
	err = bk_sink_close(w->store->sink, w->modes);
	if (err < 0)
		return bk_writing_fail(w, err, bk_sink_text(w->store->sink));
	bk_journal_whole(w->store->here.journal, w->noted, got);
	err = bk_batch_add(&w->batch, w->current, w->noted);
	if (err < 0)
		return bk_writing_fail(w, err, w->batch.text);
	return bk_batch_is_full(&w->batch) ? bk_writing_land(w) : 0;
}

/* When everything else stands, so that nothing is ever written through one. */
static int make_links(struct bk_writing *w)
{
	const struct bk_store *s = w->store;
	int err = 0;

	for (size_t i = 0; i < s->list.len && s->list.links && err >= 0; i++)
		if (s->list.entries[i].is_link && s->picks.rows[i].is_taken)
			err = bk_sink_make_link(s->sink, &s->list.entries[i], bk_picks_name(&s->picks, i),
				s->picks.rows[i].may_replace);
	return err < 0 ? bk_writing_fail(w, err, bk_sink_text(s->sink)) : 0;
}

int bk_writing_finish(struct bk_writing *w)
{
	struct bk_sink *sink = w->store->sink;
	int err = bk_writing_land(w);

	if (err >= 0)
		err = make_links(w);
	if (err < 0)
		return err;
	w->is_finished = true;
	leave_folders(w);
	err = w->has_folders ? bk_sink_sync_all(sink) : bk_sink_sync_folder(sink);
	return err < 0 ? bk_writing_fail(w, err, bk_sink_text(sink)) : 0;
}

/* What is less is sent again in no time; of a stream nobody has it again. */
static void leave_part(struct bk_writing *w)
{
	struct bk_sink *sink = w->store->sink;
	char part[BK_PART_MAX];

	snprintf(part, sizeof(part), "%s", bk_sink_part(sink));
	if (part[0] && bk_sink_leave(sink, current_entry(w)->is_stream ? 1 : BK_HAVE_BLOCK))
		snprintf(w->left, sizeof(w->left), "%s", part);
	else if (part[0])
		bk_journal_gone(w->store->here.journal, w->noted);
}

/* It goes when all is done, and where nothing is left that it could name. */
static void leave_journal(struct bk_writing *w)
{
	struct bk_here *h = &w->store->here;

	if (h->journal && (w->is_finished || (!w->whole && !w->left[0] && !h->rows)))
		bk_journal_remove(h->journal);
	bk_journal_free(h->journal);
	h->journal = NULL;
}

int bk_writing_read(struct bk_writing *w)
{
	bk_here_read(&w->store->here, w->store->sink, &w->store->picks);
	w->has_read = true;
	return 0;
}

void bk_writing_leave(struct bk_writing *w)
{
	stop_copying(w);
	leave_part(w);
	(void)bk_writing_land(w);
	leave_folders(w);
	leave_journal(w);
}

int bk_writing_init(struct bk_writing *w, struct bk_store *store, unsigned modes)
{
	*w = (struct bk_writing){.store = store,
		.modes = modes,
		.from = -1,
		.batch = {.sink = store->sink, .picks = &store->picks},
		.digest = bk_digest_new()};
	return w->digest ? 0 : BK_E_NOMEM;
}

void bk_writing_done(struct bk_writing *w)
{
	bk_made_done(&w->made);
	bk_batch_done(&w->batch);
	bk_digest_free(w->digest);
}
