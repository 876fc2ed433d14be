/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/here.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/birth.h"
#include "transfer/part.h"

enum { READ_MAX = 64 << 10 };

_Static_assert(sizeof(struct bk_here_row) == 32, "there are as many as entries");
_Static_assert(BK_JOURNAL_ROWS_MAX < 1 << 22 && BK_HERE_JOURNALS_MAX <= 1 << 6, "what a row has room for");

struct search {
	struct bk_here *here;
	struct bk_sink *sink;
	const struct bk_file_list *list;
	bool is_own; /* the journal is ours, not another one */
	/* The journal that is gone over: */
	uint32_t *entries; /* number + 1 of the entry that each of its rows was taken for; 0: it was not */
	bool has_other;    /* there is something in it that is not of this offer */
	int error;
};

/* What a row leads to. */
struct found {
	struct bk_here_row row;
	struct bk_here_more more;
};

/* Under its name, and not touched since it was put there, as far as that shows. */
static bool find_named(const struct search *s, const struct bk_journal_row *row)
{
	const char *leaf;
	struct statx st;
	int dir = row->is_whole ? bk_sink_aim(s->sink, row->name, &leaf) : -1;
	int64_t then = row->mtime, now;

	if (dir < 0 || !bk_birth_look(dir, leaf, &st) || !bk_part_is_own(&st))
		return false;
	now = st.stx_mtime.tv_sec;
	return st.stx_size == row->size && now - then <= BK_BIRTH_SLACK && then - now <= BK_BIRTH_SLACK;
}

static bool find_part(const struct search *s, const struct bk_journal_row *row, uint64_t *ret_bytes)
{
	const char *leaf;
	int dir = row->is_gone ? -1 : bk_sink_aim(s->sink, row->name, &leaf);

	return dir >= 0 && bk_part_find(dir, leaf, row->number, row->birth, ret_bytes);
}

/* The very folder that was made. */
static bool find_folder(const struct search *s, const struct bk_journal_row *row)
{
	const char *leaf;
	int dir = row->birth ? bk_sink_aim(s->sink, row->name, &leaf) : -1;

	return dir >= 0 && bk_birth_at(dir, leaf) == row->birth;
}

/* What the row leads to, in a row of here. NOWHERE: to nothing. */
static struct found look(const struct search *s, const struct bk_journal_row *row)
{
	struct found found = {.row = {.is_whole = row->is_whole},
		.more = {.birth = row->birth, .size = row->size, .mtime = row->mtime, .number = row->number}};
	struct bk_here_row *r = &found.row;

	if (row->is_folder)
		r->place = find_folder(s, row) ? BK_HERE_MADE : BK_HERE_NOWHERE;
	else if (!row->is_stream && find_named(s, row)) {
		r->place = BK_HERE_NAMED;
		r->bytes = row->size;
	} else if (find_part(s, row, &r->bytes)) {
		r->place = BK_HERE_PART;
		r->bytes = r->bytes < row->size || row->is_stream ? r->bytes : row->size;
	}
	return found;
}

static struct bk_here_row *row_of(const struct search *s, const struct bk_journal_row *row)
{
	const struct bk_file_entry *e = bk_file_list_find(s->list, row->path, strlen(row->path));

	bool is_of_kind =
		e && (row->is_folder ? e->is_folder : e->is_file && !e->is_stream && !row->is_stream);

	return is_of_kind ? &s->here->rows[e - s->list->entries] : NULL;
}

/* Better than what is known of the entry so far: noted after it, under its name, or more of it. */
static bool is_better(
	const struct search *s, const struct bk_here_row *found, const struct bk_here_row *known)
{
	if (known->place == BK_HERE_NOWHERE || known->place == BK_HERE_OLD)
		return true;
	if (s->is_own && found->place != BK_HERE_OLD)
		return true;
	return known->place == BK_HERE_PART &&
	       (found->place == BK_HERE_NAMED ||
		       (found->place == BK_HERE_PART && found->bytes >= known->bytes));
}

static int grow_more(struct bk_here *h)
{
	size_t cap = h->more_cap ? 2 * h->more_cap : 16;
	struct bk_here_more *more;

	if (h->more_len < h->more_cap)
		return 0;
	if (h->more_len == BK_HERE_MORE_MAX)
		return BK_E_NOMEM;
	more = realloc(h->more, cap * sizeof(*more));
	if (!more)
		return BK_E_NOMEM;
	h->more = more;
	h->more_cap = cap;
	return 0;
}

/* What is whole, under its own name and with the time that is offered has all that it needs: that is nearly all of
 * them. So have folders in our journal. */
static bool needs_more(const struct search *s, const struct found *found, const struct bk_file_entry *e)
{
	if (found->row.place == BK_HERE_NAMED)
		return found->more.mtime != e->mtime;
	return found->row.place != BK_HERE_MADE || !s->is_own;
}

/* Instead of what is known of it so far. */
static int keep_more(struct search *s, struct found *found, const struct bk_journal_row *row,
	const struct bk_file_entry *e, size_t at)
{
	struct bk_here *h = s->here;
	bool has_name = strcmp(row->name, e->path) != 0;

	if (!has_name && !needs_more(s, found, e))
		return 0;
	if ((!at && grow_more(h) < 0) || (has_name && !(found->more.name = strdup(row->name))))
		return BK_E_NOMEM;
	if (at)
		free(h->more[at].name);
	else
		at = h->more_len++;
	h->more[at] = found->more;
	found->row.more = (uint32_t)at;
	return 0;
}

static int take(struct search *s, struct bk_here_row *known, struct found *found,
	const struct bk_journal_row *row, uint32_t noted)
{
	const size_t entry = (size_t)(known - s->here->rows);
	const struct bk_file_entry *e = &s->list->entries[entry];

	if (row->size != e->size && found->row.place == BK_HERE_NAMED)
		return 0;
	if (row->size != e->size) {
		found->row.place = BK_HERE_OLD;
		found->row.bytes = 0;
	}
	if (!is_better(s, &found->row, known))
		return 0;
	if (keep_more(s, found, row, e, known->more) < 0)
		return BK_E_NOMEM;
	found->row.noted = noted;
	found->row.is_noted = s->is_own;
	found->row.other = (uint32_t)s->here->others_len;
	*known = found->row;
	s->entries[noted] = (uint32_t)entry + 1;
	return 0;
}

static void on_row(void *arg, uint32_t number, const struct bk_journal_row *row)
{
	struct search *s = arg;
	struct found found = look(s, row);
	struct bk_here_row *known = row_of(s, row);

	if (s->error < 0 || found.row.place == BK_HERE_NOWHERE)
		return;
	if (known) {
		s->error = take(s, known, &found, row, number);
		return;
	}
	s->has_other |= found.row.place != BK_HERE_MADE;
	s->here->abandoned += found.row.place == BK_HERE_PART;
	s->here->abandoned_bytes += found.row.place == BK_HERE_PART ? found.row.bytes : 0;
}

static void on_digest(void *arg, uint32_t number, const uint8_t digest[BK_DIGEST_LEN])
{
	const struct search *s = arg;
	struct bk_here_row *r = s->entries[number] ? &s->here->rows[s->entries[number] - 1] : NULL;

	/* another row of this journal may have been better */
	if (r && r->noted == number)
		memcpy(r->digest, digest, sizeof(r->digest));
}

static int make_rows(struct bk_here *h, size_t n)
{
	if (h->rows)
		return 0;
	h->rows = calloc(n, sizeof(*h->rows));
	if (!h->rows || grow_more(h) < 0)
		return BK_E_NOMEM;
	h->len = n;
	h->more[h->more_len++] = (struct bk_here_more){0};
	return 0;
}

static int take_all(struct search *s, const struct bk_journal *j)
{
	size_t n = bk_journal_len(j);
	int err = n ? make_rows(s->here, s->list->len) : 0;

	s->has_other = false;
	s->error = 0;
	s->entries = calloc(n + 1, sizeof(*s->entries));
	if (err >= 0)
		err = s->entries ? bk_journal_each(j, on_row, on_digest, s) : BK_E_NOMEM;
	free(s->entries);
	return err < 0 ? err : s->error;
}

/* NULL: somebody writes it, or it cannot be read. */
static struct bk_journal *open_other(const struct search *s, const char *name)
{
	bool is_too_long;
	struct bk_journal *j =
		bk_journal_open(bk_sink_folder(s->sink), name, BK_JOURNAL_ROWS_MAX, &is_too_long);

	if (is_too_long && !*s->here->too_long)
		snprintf(s->here->too_long, sizeof(s->here->too_long), "%s", name);
	return j;
}

static int find_others(struct search *s)
{
	struct bk_here *h = s->here;
	size_t n;
	char **names =
		bk_journals_list(bk_sink_folder(s->sink), BK_HERE_JOURNALS_MAX, BK_HERE_JOURNALS_BYTES, &n);
	int err = names ? 0 : BK_E_NOMEM;

	for (size_t i = 0; names && i < n; i++) {
		struct bk_journal *j = err < 0 ? NULL : open_other(s, names[i]);

		free(names[i]);
		if (!j)
			continue;
		err = take_all(s, j);
		bk_journal_let_go(j);
		h->is_used_up[h->others_len] = !s->has_other;
		h->others[h->others_len++] = j;
	}
	free(names);
	return err;
}

/* What is under its name already is no conflict, nor what was begun under another name than its own. */
static int tell_picks(struct bk_here *h, struct bk_picks *picks)
{
	int err = 0;

	for (size_t i = 0; i < h->len && err >= 0; i++) {
		const struct bk_here_row *r = &h->rows[i];
		const char *name = bk_here_more(h, r)->name;
		bool is_beside = r->place == BK_HERE_PART && name && !picks->may_replace_all;

		if (r->place == BK_HERE_NAMED || is_beside)
			err = bk_picks_stand(picks, i, name);
	}
	return err;
}

int bk_here_find(
	struct bk_here *h, struct bk_sink *sink, const struct bk_file_list *list, struct bk_picks *picks)
{
	struct search s = {.here = h, .sink = sink, .list = list, .is_own = true};
	int err = 0;

	bk_buf_init(&h->digests, BK_HERE_DIGESTS_MAX);
	h->journal = bk_journal_find(bk_sink_folder(sink), bk_journal_identity(list));
	h->was_begun = h->journal;
	if (h->journal) {
		err = take_all(&s, h->journal);
		bk_journal_let_go(h->journal);
	}
	s.is_own = false;
	if (err >= 0)
		err = find_others(&s);
	return err < 0 ? err : tell_picks(h, picks);
}

void bk_here_done(struct bk_here *h)
{
	for (size_t i = 0; i < h->more_len; i++)
		free(h->more[i].name);
	free(h->more);
	free(h->rows);
	for (size_t i = 0; i < h->others_len; i++)
		bk_journal_free(h->others[i]);
	bk_journal_free(h->journal);
	bk_buf_done(&h->digests);
	*h = (struct bk_here){0};
}

uint64_t bk_here_bytes(const struct bk_here *h, const struct bk_picks *picks)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->len; i++)
		sum += picks->rows[i].is_taken ? h->rows[i].bytes : 0;
	return sum;
}

void bk_here_tell(
	const struct bk_here *h, const struct bk_picks *picks, struct bk_transfer_resume *ret_resume)
{
	*ret_resume =
		(struct bk_transfer_resume){.bytes = bk_here_bytes(h, picks), .total = bk_picks_bytes(picks)};
	for (size_t i = 0; i < h->len; i++)
		if (h->rows[i].place == BK_HERE_OLD && picks->rows[i].is_taken && !ret_resume->changed++)
			ret_resume->changed_first = bk_file_entry_shown(&picks->list->entries[i]);
}

/* --- on the thread --- */

/* In ours first: who is killed in between has it in both. */
static void take_over(struct bk_here *h, struct bk_here_row *r, const struct bk_journal_row *row)
{
	uint32_t noted = bk_journal_begin(h->journal, row);

	if (r->is_whole)
		bk_journal_whole(h->journal, noted, r->digest);
	if (r->place == BK_HERE_NAMED)
		bk_journal_gone(h->journal, noted);
	if (bk_journal_flush(h->journal))
		bk_journal_gone(h->others[r->other], r->noted);
	r->noted = noted;
	r->is_noted = true;
}

/* In our journal from here on, so that the others are needed no more. */
static void adopt(struct bk_here *h, struct bk_sink *sink, const struct bk_file_list *list)
{
	bool is_noted;

	for (size_t i = 0; i < h->len; i++) {
		struct bk_here_row *r = &h->rows[i];
		const struct bk_here_more *more = bk_here_more(h, r);
		const struct bk_file_entry *e = &list->entries[i];
		const struct bk_journal_row row = {.path = e->path,
			.name = more->name ? more->name : e->path,
			.size = r->more ? more->size : e->size,
			.mtime = r->more ? more->mtime : e->mtime,
			.number = more->number,
			.birth = more->birth,
			.is_folder = e->is_folder};

		if (r->is_noted || r->place == BK_HERE_NOWHERE)
			continue;
		if (!h->journal)
			h->journal = bk_journal_new(bk_sink_folder(sink), bk_journal_identity(list));
		take_over(h, r, &row);
	}
	is_noted = bk_journal_flush(h->journal);
	for (size_t i = 0; i < h->others_len; i++) {
		if (h->is_used_up[i] && is_noted)
			bk_journal_remove(h->others[i]);
		bk_journal_free(h->others[i]);
	}
	h->others_len = 0;
}

static size_t read_some(int fd, uint8_t *out, size_t n)
{
	size_t have = 0;
	ssize_t got = 1;

	for (; have < n && got > 0; have += got > 0 ? (size_t)got : 0)
		got = read(fd, out + have, n - have);
	return have;
}

struct digests {
	struct bk_digest *block, *all;
	uint8_t *buffer;
};

/* One block, or what there is of it. */
static size_t read_block(int fd, size_t n, const struct digests *d, uint8_t ret_digest[BK_DIGEST_LEN])
{
	size_t have = 0, got = 1;

	bk_digest_reset(d->block);
	for (; have < n && got; have += got) {
		got = read_some(fd, d->buffer, n - have < READ_MAX ? n - have : READ_MAX);
		bk_digest_update(d->block, d->buffer, got);
		bk_digest_update(d->all, d->buffer, got);
	}
	bk_digest_get(d->block, ret_digest);
	return have;
}

/* What is really there: that much. The first block's digest is told; where there are more all are kept. */
static uint64_t read_blocks(
	struct bk_here *h, int fd, uint64_t bytes, const struct digests *d, uint8_t ret_first[BK_DIGEST_LEN])
{
	uint8_t digest[BK_DIGEST_LEN];
	uint64_t have = 0;
	size_t got = BK_HAVE_BLOCK;

	bk_digest_reset(d->all);
	while (have < bytes && got == BK_HAVE_BLOCK) {
		const uint64_t left = bytes - have;

		got = read_block(fd, left < BK_HAVE_BLOCK ? (size_t)left : BK_HAVE_BLOCK, d, digest);
		if (bytes > BK_HAVE_BLOCK && got && bk_buf_append(&h->digests, digest, sizeof(digest)) < 0)
			break;
		memcpy(ret_first, digest, have ? 0 : sizeof(digest));
		have += got;
	}
	return have;
}

static int open_row(
	const struct bk_here *h, const struct bk_here_row *r, struct bk_sink *sink, const char *name)
{
	const struct bk_here_more *more = bk_here_more(h, r);
	const char *leaf;
	int dir = bk_sink_aim(sink, more->name ? more->name : name, &leaf);

	if (dir < 0)
		return -1;
	if (r->place == BK_HERE_PART)
		return bk_part_open(dir, leaf, more->number, more->birth);
	return openat(dir, leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* Somebody has made something else of it: that stays, and ours goes beside it. */
static void give_up(struct bk_here_row *r, struct bk_picks *picks, size_t i)
{
	if (r->place == BK_HERE_NAMED)
		bk_picks_fall(picks, i);
	r->place = BK_HERE_NOWHERE;
	r->bytes = 0;
}

/* False: of what is under its name it must be known that it is what was put there. */
static bool read_row(struct bk_here *h, struct bk_here_row *r, int fd, const struct digests *d, uint64_t size)
{
	const bool is_named = r->place == BK_HERE_NAMED;
	const size_t at = h->digests.len;
	uint8_t first[BK_DIGEST_LEN], all[BK_DIGEST_LEN];
	const uint64_t have = read_blocks(h, fd, r->bytes, d, first);

	bk_digest_get(d->all, all);
	if (is_named && (have != size || memcmp(all, r->digest, sizeof(all)) != 0))
		return false;
	r->bytes = have;
	if (bk_here_blocks(r) <= 1) {
		memcpy(r->digest, have ? first : all, sizeof(r->digest));
		return true;
	}
	r->digests_at = at;
	return !is_named || bk_buf_append(&h->digests, all, sizeof(all)) >= 0;
}

static void read_entry(
	struct bk_here *h, struct bk_sink *sink, struct bk_picks *picks, size_t i, const struct digests *d)
{
	const struct bk_file_entry *e = &picks->list->entries[i];
	struct bk_here_row *r = &h->rows[i];
	int fd = open_row(h, r, sink, e->path);
	bool is_good = fd >= 0 && read_row(h, r, fd, d, e->size);

	if (fd >= 0)
		close(fd);
	if (!is_good)
		give_up(r, picks, i);
}

void bk_here_read(struct bk_here *h, struct bk_sink *sink, struct bk_picks *picks)
{
	const struct digests d = {
		.block = bk_digest_new(), .all = bk_digest_new(), .buffer = malloc(READ_MAX)};
	bool can_read = d.block && d.all && d.buffer;

	adopt(h, sink, picks->list);
	for (size_t i = 0; i < h->len; i++) {
		struct bk_here_row *r = &h->rows[i];

		if (!picks->rows[i].is_taken || r->place == BK_HERE_OLD || r->place == BK_HERE_MADE)
			r->bytes = 0;
		else if (r->place != BK_HERE_NOWHERE && can_read)
			read_entry(h, sink, picks, i, &d);
		else if (r->place != BK_HERE_NOWHERE)
			give_up(r, picks, i);
	}
	bk_digest_free(d.block);
	bk_digest_free(d.all);
	free(d.buffer);
}
