/* SPDX-License-Identifier: Apache-2.0 */
/* A line that says what it is; then rows: length (4 bytes), 8 bytes of the digest of what follows, and that: a kind,
 * and its fields. Numbers are big-endian. A row that is not what its digest says, and all behind it, were never
 * written. */
#include "transfer/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "transfer/birth.h"
#include "transfer/journals.h"
#include "transfer/part.h"
#include "wire/cursor.h"

enum {
	HEAD_LEN = 12, /* of a row */
	CHECK_LEN = 8,
	BODY_MAX = 2 * (BK_FILE_PATH_MAX + 1) + 64,
	NAME_TRIES = 10,
	PENDING_MAX = 1 << 20,
	PENDING_ENOUGH = 32 << 10,
	FILE_MAX = BK_JOURNAL_MIB_MAX << 20,
	WINDOW = 256 << 10,
};

enum { FACT_WHOLE = 1, FACT_GONE = 2 };

/* 1 was a beginning that did not say which file its part is. */
enum { ROW_WHOLE = 2, ROW_BEGIN, ROW_GONE };
enum { KIND_FILE, KIND_STREAM, KIND_FOLDER };

static const char magic[] = "what an unfinished transfer of bodkin has here\n";

struct bk_journal {
	int dir, fd;
	char name[BK_JOURNALS_NAME_MAX];
	struct bk_digest *digest;
	uint8_t *facts; /* of each row that it had when it was opened */
	size_t facts_len, facts_cap, rows_max;
	off_t good;              /* bytes that it had then */
	off_t len;               /* has, with what is pending */
	uint32_t noted;          /* rows of ROW_BEGIN, those that were read among them */
	uint32_t gone, gone_len; /* whose parts are none any more, which is not noted yet */
	struct bk_buf pending;
	int64_t from, to; /* when it was made, and written last, before it was opened */
	bool is_broken;   /* nothing may stand behind a row that is torn */
	bool is_too_long; /* to be read */
};

static uint64_t short_digest(struct bk_digest *d, const void *data, size_t n)
{
	uint8_t digest[BK_DIGEST_LEN];
	struct bk_reader r;

	bk_digest_reset(d);
	bk_digest_update(d, data, n);
	bk_digest_get(d, digest);
	bk_reader_init(&r, digest, CHECK_LEN);
	return bk_read_u64(&r);
}

uint64_t bk_journal_identity(const struct bk_file_list *list)
{
	struct bk_digest *d = bk_digest_new();
	uint8_t digest[BK_DIGEST_LEN], numbers[24];
	uint64_t id = 0;

	for (size_t i = 0; d && i < list->len; i++) {
		const struct bk_file_entry *e = &list->entries[i];
		struct bk_writer w;

		bk_writer_init(&w, numbers, sizeof(numbers));
		bk_write_u64(&w, e->size);
		bk_write_u64(&w, (uint64_t)e->mtime);
		bk_write_u64(&w, e->is_folder ? 2 : e->is_link ? 3 : e->is_stream);
		bk_digest_update(d, e->path, strlen(e->path) + 1);
		bk_digest_update(d, numbers, sizeof(numbers));
	}
	if (d)
		bk_digest_get(d, digest);
	for (size_t i = 0; d && i < sizeof(id); i++)
		id = id << 8 | digest[i];
	bk_digest_free(d);
	return id;
}

/* --- reading --- */

/* A stretch of the file, as it is gone through: rows point into it. */
struct window {
	const struct bk_journal *j;
	uint8_t *bytes;
	size_t len;
	off_t from, at; /* in the file: where it begins, and where the next row does */
};

static int open_window(struct window *w, const struct bk_journal *j)
{
	*w = (struct window){.j = j, .bytes = malloc(WINDOW)};
	return w->bytes ? 0 : -1;
}

/* n bytes at `at`; NULL: there are fewer. */
static const uint8_t *view(struct window *w, size_t n)
{
	size_t skip = (size_t)(w->at - w->from);
	ssize_t got = 1;

	if (n > WINDOW)
		return NULL;
	if (skip + n > w->len) {
		w->from = w->at;
		for (w->len = skip = 0; w->len < WINDOW && got > 0; w->len += got > 0 ? (size_t)got : 0)
			got = pread(w->j->fd, w->bytes + w->len, WINDOW - w->len, w->from + (off_t)w->len);
	}
	return skip + n <= w->len ? w->bytes + skip : NULL;
}

/* The body of the next row; NULL: there is none, or it is not what its digest says. */
static const uint8_t *next_row(struct window *w, size_t *ret_n)
{
	const uint8_t *head = view(w, HEAD_LEN), *body;
	struct bk_reader r;
	uint64_t digest;

	bk_reader_init(&r, head, head ? HEAD_LEN : 0);
	*ret_n = bk_read_u32(&r);
	digest = bk_read_u64(&r);
	if (r.error < 0 || *ret_n > BODY_MAX)
		return NULL;
	head = view(w, HEAD_LEN + *ret_n);
	body = head ? head + HEAD_LEN : NULL;
	return body && digest == short_digest(w->j->digest, body, *ret_n) ? body : NULL;
}

static void step(struct window *w, size_t n)
{
	w->at += (off_t)(HEAD_LEN + n);
}

static int add_fact(struct bk_journal *j)
{
	size_t cap = j->facts_cap ? 2 * j->facts_cap : 64;
	uint8_t *facts = j->facts;

	j->is_too_long |= j->facts_len == j->rows_max;
	if (j->is_too_long)
		return -1;
	if (j->facts_len == j->facts_cap) {
		facts = realloc(facts, cap);
		if (!facts)
			return -1;
		j->facts = facts;
		j->facts_cap = cap;
	}
	facts[j->facts_len++] = 0;
	return 0;
}

/* A name as one that was written here: in the folder, and no way out of it. */
static bool is_inside(const char *name)
{
	for (;; name++) {
		size_t n = strcspn(name, "/");

		if (!n || n > BK_FILE_NAME_MAX || (n <= 2 && !strncmp(name, "..", n)))
			return false;
		name += n;
		if (!*name)
			return true;
	}
}

/* A string with its end. NULL: there is none. */
static const char *read_text(struct bk_reader *r)
{
	const char *at = (const char *)r->at, *end = memchr(at, 0, bk_reader_left(r));

	return end ? (const char *)bk_read_view(r, (size_t)(end - at) + 1) : NULL;
}

static int read_begin(struct bk_reader *r, struct bk_journal_row *ret_row)
{
	struct bk_journal_row row = {.size = bk_read_u64(r)};
	uint8_t kind;

	row.mtime = (int64_t)bk_read_u64(r);
	row.birth = bk_read_u64(r);
	row.number = bk_read_u16(r);
	kind = bk_read_u8(r);
	row.is_stream = kind == KIND_STREAM;
	row.is_folder = kind == KIND_FOLDER;
	row.path = r->error < 0 ? NULL : read_text(r);
	row.name = row.path ? read_text(r) : NULL;
	if (!row.name || bk_reader_left(r) || row.number >= BK_PART_TRIES || !is_inside(row.name))
		return -1;
	*ret_row = row;
	return 0;
}

static int read_whole(struct bk_reader *r, size_t rows, uint32_t *ret_row, uint8_t digest[BK_DIGEST_LEN])
{
	*ret_row = bk_read_u32(r);
	bk_read_bytes(r, digest, BK_DIGEST_LEN);
	return r->error < 0 || bk_reader_left(r) || *ret_row >= rows ? -1 : 0;
}

static int note_gone(struct bk_journal *j, struct bk_reader *r)
{
	uint32_t first = bk_read_u32(r), n = bk_read_u32(r);

	if (r->error < 0 || bk_reader_left(r) || first > j->facts_len || n > j->facts_len - first)
		return -1;
	for (uint32_t i = first; i < first + n; i++)
		j->facts[i] |= FACT_GONE;
	return 0;
}

/* What becomes of which row, so that the rows themselves need not be held. */
static int note_fact(struct bk_journal *j, const uint8_t *body, size_t n)
{
	uint8_t digest[BK_DIGEST_LEN];
	struct bk_journal_row row;
	struct bk_reader r;
	uint32_t i;

	bk_reader_init(&r, body, n);
	switch (bk_read_u8(&r)) {
	case ROW_BEGIN:
		return read_begin(&r, &row) < 0 ? -1 : add_fact(j);
	case ROW_WHOLE:
		if (read_whole(&r, j->facts_len, &i, digest) < 0)
			return -1;
		j->facts[i] |= FACT_WHOLE;
		return 0;
	case ROW_GONE:
		return note_gone(j, &r);
	default:
		return -1;
	}
}

/* How much of it is good, where it begins as a journal does. An empty one begins, and one that got no further. */
static bool read_facts(struct bk_journal *j, size_t len, off_t *ret_good)
{
	const size_t start = sizeof(magic) - 1, n = len < start ? len : start;
	const uint8_t *body;
	struct window w;
	bool is_one;
	size_t row;

	if (open_window(&w, j) < 0)
		return false;
	body = view(&w, n);
	is_one = body && !memcmp(body, magic, n);
	w.at = n < start ? 0 : (off_t)start;
	while (is_one && n == start && (body = next_row(&w, &row)) && note_fact(j, body, row) >= 0)
		step(&w, row);
	*ret_good = w.at;
	free(w.bytes);
	return is_one && !j->is_too_long && (*ret_good || bk_buf_append(&j->pending, magic, start) >= 0);
}

/* Rows are appended behind what is good. */
static bool load(struct bk_journal *j, const struct statx *st)
{
	j->to = st->stx_mtime.tv_sec;
	j->from = st->stx_mask & STATX_BTIME ? st->stx_btime.tv_sec : j->to;
	j->is_too_long = st->stx_size > FILE_MAX;
	if (j->is_too_long || !read_facts(j, (size_t)st->stx_size, &j->good))
		return false;
	j->len = j->good + (off_t)j->pending.len;
	j->noted = (uint32_t)j->facts_len;
	return ftruncate(j->fd, j->good) == 0 && lseek(j->fd, 0, SEEK_END) >= 0;
}

/* The next of a kind, behind its number. */
static bool next_of(struct window *w, int kind, struct bk_reader *ret_body)
{
	const uint8_t *body;
	size_t n;

	while (w->at < w->j->good && (body = next_row(w, &n))) {
		bk_reader_init(ret_body, body, n);
		step(w, n);
		if (bk_read_u8(ret_body) == kind)
			return true;
	}
	return false;
}

int bk_journal_each(
	const struct bk_journal *j, bk_journal_row_fn fn, bk_journal_digest_fn on_digest, void *arg)
{
	uint8_t digest[BK_DIGEST_LEN];
	struct bk_journal_row row;
	struct bk_reader r;
	struct window w;
	uint32_t i = 0;

	if (open_window(&w, j) < 0)
		return BK_E_NOMEM;
	w.at = sizeof(magic) - 1;
	for (; i < j->facts_len && next_of(&w, ROW_BEGIN, &r) && read_begin(&r, &row) >= 0; i++) {
		row.is_whole = j->facts[i] & FACT_WHOLE;
		row.is_gone = j->facts[i] & FACT_GONE;
		fn(arg, i, &row);
	}
	w.at = sizeof(magic) - 1;
	while (on_digest && next_of(&w, ROW_WHOLE, &r) && read_whole(&r, j->facts_len, &i, digest) >= 0)
		on_digest(arg, i, digest);
	free(w.bytes);
	return 0;
}

size_t bk_journal_len(const struct bk_journal *j)
{
	return j->facts_len;
}

/* --- the file --- */

static bool is_ours(int fd, struct statx *ret_st)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && bk_birth_look(fd, "", ret_st) && bk_part_is_own(ret_st);
}

static struct bk_journal *open_named(
	int dir, const char *name, int flags, size_t rows_max, bool *ret_is_too_long)
{
	struct bk_journal *j = calloc(1, sizeof(*j));
	struct statx st;

	*ret_is_too_long = false;
	if (!j)
		return NULL;
	bk_buf_init(&j->pending, PENDING_MAX);
	j->dir = dir;
	j->rows_max = rows_max;
	j->digest = bk_digest_new();
	snprintf(j->name, sizeof(j->name), "%s", name);
	j->fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0600);
	if (j->fd >= 0 && j->digest && is_ours(j->fd, &st) && load(j, &st))
		return j;
	*ret_is_too_long = j->is_too_long;
	bk_buf_release(&j->pending);
	bk_journal_free(j);
	return NULL;
}

static struct bk_journal *open_this(int dir, const char *name, bool may_make)
{
	bool is_too_long;
	struct bk_journal *j =
		may_make ? open_named(dir, name, O_CREAT | O_EXCL, BK_JOURNAL_ROWS_MAX, &is_too_long) : NULL;

	if (j || faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || !bk_journals_has(dir, name))
		return j;
	return open_named(dir, name, 0, BK_JOURNAL_ROWS_MAX, &is_too_long);
}

/* One that somebody writes, or that cannot be read, is left alone. */
static struct bk_journal *open_of(int dir, uint64_t identity, bool may_make)
{
	char name[BK_JOURNALS_NAME_MAX];
	struct bk_journal *j = NULL;

	for (int i = 0; i < NAME_TRIES && !j; i++) {
		bk_journals_name(name, identity, i);
		j = open_this(dir, name, may_make);
	}
	return j;
}

struct bk_journal *bk_journal_new(int dir, uint64_t identity)
{
	return open_of(dir, identity, true);
}

struct bk_journal *bk_journal_find(int dir, uint64_t identity)
{
	return open_of(dir, identity, false);
}

struct bk_journal *bk_journal_open(int dir, const char *file_name, size_t rows_max, bool *ret_is_too_long)
{
	*ret_is_too_long = false;
	if (strlen(file_name) >= BK_JOURNALS_NAME_MAX)
		return NULL;
	return open_named(dir, file_name, 0, rows_max, ret_is_too_long);
}

void bk_journal_let_go(struct bk_journal *j)
{
	free(j->facts);
	j->facts = NULL;
	j->facts_len = j->facts_cap = 0;
}

void bk_journal_free(struct bk_journal *j)
{
	if (!j)
		return;
	bk_journal_flush(j);
	bk_journal_let_go(j);
	if (j->fd >= 0)
		close(j->fd);
	bk_digest_free(j->digest);
	bk_buf_done(&j->pending);
	free(j);
}

void bk_journal_remove(struct bk_journal *j)
{
	j->gone_len = 0;
	bk_buf_release(&j->pending);
	(void)unlinkat(j->dir, j->name, 0);
}

void bk_journal_times(const struct bk_journal *j, int64_t *ret_from, int64_t *ret_to)
{
	*ret_from = j->from;
	*ret_to = j->to;
}

/* --- writing --- */

static void append(struct bk_journal *j, const struct bk_writer *body)
{
	uint8_t head[HEAD_LEN];
	struct bk_writer w;
	size_t n = bk_writer_len(body);

	j->is_broken |= j->len + (off_t)(HEAD_LEN + n) > FILE_MAX; /* nobody would read it */
	if (j->is_broken)
		return;
	j->len += (off_t)(HEAD_LEN + n);
	bk_writer_init(&w, head, sizeof(head));
	bk_write_u32(&w, (uint32_t)n);
	bk_write_u64(&w, short_digest(j->digest, body->start, n));
	if (bk_buf_append(&j->pending, head, sizeof(head)) >= 0)
		(void)bk_buf_append(&j->pending, body->start, n);
}

static void append_gone(struct bk_journal *j)
{
	uint8_t body[16];
	struct bk_writer w;

	if (!j->gone_len)
		return;
	bk_writer_init(&w, body, sizeof(body));
	bk_write_u8(&w, ROW_GONE);
	bk_write_u32(&w, j->gone);
	bk_write_u32(&w, j->gone_len);
	append(j, &w);
	j->gone_len = 0;
}

bool bk_journal_flush(struct bk_journal *j)
{
	if (j)
		append_gone(j);
	while (j && j->pending.len) {
		ssize_t put = write(j->fd, bk_buf_head(&j->pending), j->pending.len);

		j->is_broken |= put <= 0;
		bk_buf_consume(&j->pending, put <= 0 ? j->pending.len : (size_t)put);
	}
	return j && !j->is_broken;
}

uint32_t bk_journal_begin(struct bk_journal *j, const struct bk_journal_row *row)
{
	uint8_t body[BODY_MAX];
	struct bk_writer w;

	if (!j)
		return 0;
	j->is_broken |= j->noted >= j->rows_max; /* likewise */
	bk_writer_init(&w, body, sizeof(body));
	bk_write_u8(&w, ROW_BEGIN);
	bk_write_u64(&w, row->size);
	bk_write_u64(&w, (uint64_t)row->mtime);
	bk_write_u64(&w, row->birth);
	bk_write_u16(&w, (uint16_t)row->number);
	bk_write_u8(&w, row->is_folder ? KIND_FOLDER : row->is_stream ? KIND_STREAM : KIND_FILE);
	bk_write_bytes(&w, row->path, strlen(row->path) + 1);
	bk_write_bytes(&w, row->name, strlen(row->name) + 1);
	append(j, &w);
	bk_journal_flush(j);
	return j->noted < j->rows_max ? j->noted++ : (uint32_t)j->rows_max;
}

void bk_journal_whole(struct bk_journal *j, uint32_t row, const uint8_t digest[BK_DIGEST_LEN])
{
	uint8_t body[BODY_MAX];
	struct bk_writer w;

	if (!j)
		return;
	bk_writer_init(&w, body, sizeof(body));
	bk_write_u8(&w, ROW_WHOLE);
	bk_write_u32(&w, row);
	bk_write_bytes(&w, digest, BK_DIGEST_LEN);
	append(j, &w);
	if (j->pending.len >= PENDING_ENOUGH)
		bk_journal_flush(j);
}

void bk_journal_gone(struct bk_journal *j, uint32_t row)
{
	if (!j)
		return;
	if (row != j->gone + j->gone_len)
		append_gone(j);
	if (!j->gone_len)
		j->gone = row;
	j->gone_len++;
	if (j->pending.len >= PENDING_ENOUGH)
		bk_journal_flush(j);
}
