/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/here.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/birth.h"
#include "transfer/part.h"

enum { READ_MAX = 64 << 10, TIME_SLACK = 2 /* seconds: some file systems count in twos */ };

struct search {
	struct bk_here *here;
	struct bk_sink *sink;
	const struct bk_file_list *list;
	bool is_own; /* the journal is ours, not another one */
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
	return st.stx_size == row->size && now - then <= TIME_SLACK && then - now <= TIME_SLACK;
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
static struct bk_here_row look(const struct search *s, const struct bk_journal_row *row)
{
	struct bk_here_row found = {.number = row->number,
		.birth = row->birth,
		.is_whole = row->is_whole,
		.size = row->size,
		.mtime = row->mtime};

	memcpy(found.digest, row->digest, sizeof(found.digest));
	if (row->is_folder)
		found.place = find_folder(s, row) ? BK_HERE_MADE : BK_HERE_NOWHERE;
	else if (!row->is_stream && find_named(s, row)) {
		found.place = BK_HERE_NAMED;
		found.bytes = row->size;
	} else if (find_part(s, row, &found.bytes)) {
		found.place = BK_HERE_PART;
		found.bytes = found.bytes < row->size || row->is_stream ? found.bytes : row->size;
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

static int take(struct search *s, struct bk_here_row *known, struct bk_here_row *found,
	const struct bk_journal_row *row, size_t noted)
{
	const struct bk_file_entry *e = &s->list->entries[known - s->here->rows];

	if (row->size != e->size && found->place == BK_HERE_NAMED)
		return 0;
	if (row->size != e->size) {
		found->place = BK_HERE_OLD;
		found->bytes = 0;
	}
	if (!is_better(s, found, known))
		return 0;
	if (strcmp(row->name, e->path) != 0 && !(found->name = strdup(row->name)))
		return BK_E_NOMEM;
	free(known->name);
	found->noted = (uint32_t)noted;
	found->is_noted = s->is_own;
	found->other = (uint8_t)s->here->others_len;
	*known = *found;
	return 0;
}

/* Whether there is anything in it that is not of this offer. */
static int take_all(struct search *s, const struct bk_journal *j, bool *ret_has_other)
{
	size_t n;
	const struct bk_journal_row *rows = bk_journal_rows(j, &n);
	int err = 0;

	if (n && !s->here->rows) {
		s->here->rows = calloc(s->list->len, sizeof(*s->here->rows));
		s->here->len = s->here->rows ? s->list->len : 0;
		err = s->here->rows ? 0 : BK_E_NOMEM;
	}
	for (size_t i = 0; i < n && err >= 0; i++) {
		struct bk_here_row found = look(s, &rows[i]), *known = row_of(s, &rows[i]);

		if (found.place == BK_HERE_NOWHERE)
			continue;
		if (known) {
			err = take(s, known, &found, &rows[i], i);
			continue;
		}
		*ret_has_other |= found.place != BK_HERE_MADE;
		s->here->abandoned += found.place == BK_HERE_PART;
		s->here->abandoned_bytes += found.place == BK_HERE_PART ? found.bytes : 0;
	}
	return err;
}

static int find_others(struct search *s)
{
	struct bk_here *h = s->here;
	size_t n;
	char **names =
		bk_journal_list(bk_sink_folder(s->sink), BK_HERE_JOURNALS_MAX, BK_HERE_JOURNALS_BYTES, &n);
	int err = names ? 0 : BK_E_NOMEM;

	for (size_t i = 0; names && i < n; i++) {
		struct bk_journal *j = err < 0 ? NULL : bk_journal_open(bk_sink_folder(s->sink), names[i]);
		bool has_other = false;

		free(names[i]);
		if (!j)
			continue;
		err = take_all(s, j, &has_other);
		bk_journal_let_go(j);
		h->is_used_up[h->others_len] = !has_other;
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
		bool is_beside = r->place == BK_HERE_PART && r->name && !picks->may_replace_all;

		if (r->place == BK_HERE_NAMED || is_beside)
			err = bk_picks_stand(picks, i, h->rows[i].name);
	}
	return err;
}

int bk_here_find(
	struct bk_here *h, struct bk_sink *sink, const struct bk_file_list *list, struct bk_picks *picks)
{
	struct search s = {.here = h, .sink = sink, .list = list, .is_own = true};
	bool has_other = false;
	int err = 0;

	bk_buf_init(&h->digests, BK_HERE_DIGESTS_MAX);
	h->journal = bk_journal_find(bk_sink_folder(sink), bk_journal_identity(list));
	h->was_begun = h->journal;
	if (h->journal) {
		err = take_all(&s, h->journal, &has_other);
		bk_journal_let_go(h->journal);
	}
	s.is_own = false;
	if (err >= 0)
		err = find_others(&s);
	return err < 0 ? err : tell_picks(h, picks);
}

void bk_here_done(struct bk_here *h)
{
	for (size_t i = 0; i < h->len; i++)
		free(h->rows[i].name);
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
			ret_resume->changed_first = picks->names[i].path;
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
		const struct bk_file_entry *e = &list->entries[i];
		const struct bk_journal_row row = {.path = e->path,
			.name = r->name ? r->name : e->path,
			.size = r->size,
			.mtime = r->mtime,
			.number = r->number,
			.birth = r->birth,
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
static size_t read_block(struct bk_here *h, int fd, size_t n, const struct digests *d)
{
	uint8_t digest[BK_DIGEST_LEN];
	size_t have = 0, got = 1;

	bk_digest_reset(d->block);
	for (; have < n && got; have += got) {
		got = read_some(fd, d->buffer, n - have < READ_MAX ? n - have : READ_MAX);
		bk_digest_update(d->block, d->buffer, got);
		bk_digest_update(d->all, d->buffer, got);
	}
	bk_digest_get(d->block, digest);
	if (have && bk_buf_append(&h->digests, digest, sizeof(digest)) < 0)
		return 0;
	return have;
}

/* What is really there: that much, and whose digest. */
static void read_row(struct bk_here *h, struct bk_here_row *r, int fd, const struct digests *d)
{
	uint64_t have = 0;
	size_t got = 1;

	r->digests_at = h->digests.len;
	bk_digest_reset(d->all);
	while (have < r->bytes && got) {
		uint64_t left = r->bytes - have;

		got = read_block(h, fd, left < BK_HAVE_BLOCK ? (size_t)left : BK_HAVE_BLOCK, d);
		have += got;
		if (got < BK_HAVE_BLOCK)
			break;
	}
	r->bytes = have;
}

static int open_row(const struct bk_here_row *r, struct bk_sink *sink, const char *name)
{
	const char *leaf;
	int dir = bk_sink_aim(sink, r->name ? r->name : name, &leaf);

	if (dir < 0)
		return -1;
	if (r->place == BK_HERE_PART)
		return bk_part_open(dir, leaf, r->number, r->birth);
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

static void read_entry(
	struct bk_here *h, struct bk_sink *sink, struct bk_picks *picks, size_t i, const struct digests *d)
{
	struct bk_here_row *r = &h->rows[i];
	uint8_t all[BK_DIGEST_LEN];
	uint64_t size = picks->list->entries[i].size;
	int fd = open_row(r, sink, picks->list->entries[i].path);

	if (fd < 0) {
		give_up(r, picks, i);
		return;
	}
	read_row(h, r, fd, d);
	close(fd);
	bk_digest_get(d->all, all);
	if (r->place == BK_HERE_NAMED && (r->bytes != size || memcmp(all, r->digest, sizeof(all)) != 0))
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
