/* SPDX-License-Identifier: Apache-2.0 */
/* A line that says what it is; then rows: length (4 bytes), 8 bytes of the digest of what follows, and that: a kind,
 * and its fields. Numbers are big-endian. A row that is not what its digest says, and all behind it, were never
 * written. */
#include "transfer/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "transfer/birth.h"
#include "transfer/part.h"
#include "wire/cursor.h"

enum {
	HEAD_LEN = 12, /* of a row */
	CHECK_LEN = 8,
	BODY_MAX = 2 * (BK_FILE_PATH_MAX + 1) + 64,
	NAME_MAX_BYTES = 64,
	NAME_TRIES = 10,
	PENDING_MAX = 1 << 20,
	PENDING_ENOUGH = 32 << 10,
	FILE_MAX = 512 << 20,
	LISTED_MAX = 4096, /* in one folder */
};

/* 1 was a beginning that did not say which file its part is. */
enum { ROW_WHOLE = 2, ROW_BEGIN, ROW_GONE };
enum { KIND_FILE, KIND_STREAM, KIND_FOLDER };

static const char magic[] = "what an unfinished transfer of bodkin has here\n";
static const char name_start[] = ".bodkin-", name_end[] = ".journal";

struct bk_journal {
	int dir, fd;
	char name[NAME_MAX_BYTES];
	struct bk_digest *digest;
	char *text; /* what was read; the rows point into it */
	struct bk_journal_row *rows;
	size_t rows_len, rows_cap;
	uint32_t noted;          /* rows of ROW_BEGIN, those that were read among them */
	uint32_t gone, gone_len; /* whose parts are none any more, which is not noted yet */
	struct bk_buf pending;
	int64_t from, to; /* when it was made, and written last, before it was opened */
	bool is_broken;   /* nothing may stand behind a row that is torn */
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

bool bk_journal_is_name(const char *leaf)
{
	size_t n = strlen(leaf), end = sizeof(name_end) - 1;

	return n > end && !strncasecmp(leaf, name_start, sizeof(name_start) - 1) &&
	       !strcasecmp(leaf + n - end, name_end);
}

/* --- reading --- */

static int add_row(struct bk_journal *j, const struct bk_journal_row *row)
{
	size_t cap = j->rows_cap ? 2 * j->rows_cap : 64;
	struct bk_journal_row *rows = j->rows;

	if (j->rows_len == j->rows_cap) {
		rows = realloc(rows, cap * sizeof(*rows));
		if (!rows)
			return -1;
		j->rows = rows;
		j->rows_cap = cap;
	}
	rows[j->rows_len++] = *row;
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

static int read_begin(struct bk_journal *j, struct bk_reader *r)
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
	return add_row(j, &row);
}

static int read_whole(struct bk_journal *j, struct bk_reader *r)
{
	uint32_t i = bk_read_u32(r);
	uint8_t digest[BK_DIGEST_LEN];

	bk_read_bytes(r, digest, sizeof(digest));
	if (r->error < 0 || bk_reader_left(r) || i >= j->rows_len)
		return -1;
	j->rows[i].is_whole = true;
	memcpy(j->rows[i].digest, digest, sizeof(digest));
	return 0;
}

static int read_gone(struct bk_journal *j, struct bk_reader *r)
{
	uint32_t first = bk_read_u32(r), n = bk_read_u32(r);

	if (r->error < 0 || bk_reader_left(r) || first > j->rows_len || n > j->rows_len - first)
		return -1;
	for (uint32_t i = first; i < first + n; i++)
		j->rows[i].is_gone = true;
	return 0;
}

static int read_row(struct bk_journal *j, const uint8_t *body, size_t n)
{
	struct bk_reader r;

	bk_reader_init(&r, body, n);
	switch (bk_read_u8(&r)) {
	case ROW_BEGIN:
		return read_begin(j, &r);
	case ROW_WHOLE:
		return read_whole(j, &r);
	case ROW_GONE:
		return read_gone(j, &r);
	default:
		return -1;
	}
}

/* How much of it is good. */
static size_t read_rows(struct bk_journal *j, size_t len)
{
	size_t at = sizeof(magic) - 1;

	if (len < at || memcmp(j->text, magic, at) != 0)
		return 0;
	while (len - at >= HEAD_LEN) {
		const uint8_t *body = (const uint8_t *)j->text + at + HEAD_LEN;
		struct bk_reader r;
		uint32_t n;

		bk_reader_init(&r, j->text + at, HEAD_LEN);
		n = bk_read_u32(&r);
		if (n > BODY_MAX || n > len - at - HEAD_LEN ||
			bk_read_u64(&r) != short_digest(j->digest, body, n) || read_row(j, body, n) < 0)
			break;
		at += HEAD_LEN + n;
	}
	return at;
}

static size_t read_all(int fd, char *out, size_t n)
{
	size_t have = 0;
	ssize_t got = 1;

	for (; have < n && got > 0; have += got > 0 ? (size_t)got : 0)
		got = pread(fd, out + have, n - have, (off_t)have);
	return have;
}

/* Rows are appended behind what is good. An empty one begins, and one that got no further than that. */
static bool load(struct bk_journal *j, const struct statx *st)
{
	size_t good, len;

	j->to = st->stx_mtime.tv_sec;
	j->from = st->stx_mask & STATX_BTIME ? st->stx_btime.tv_sec : j->to;
	if (st->stx_size > FILE_MAX)
		return false;
	j->text = malloc((size_t)st->stx_size + 1);
	if (!j->text)
		return false;
	len = read_all(j->fd, j->text, (size_t)st->stx_size);
	good = read_rows(j, len);
	j->noted = (uint32_t)j->rows_len;
	if (!good && (len >= sizeof(magic) - 1 || memcmp(j->text, magic, len) != 0 ||
			     bk_buf_append(&j->pending, magic, sizeof(magic) - 1) < 0))
		return false;
	return ftruncate(j->fd, (off_t)good) == 0 && lseek(j->fd, 0, SEEK_END) >= 0;
}

/* --- the file --- */

static bool is_ours(int fd, struct statx *ret_st)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && bk_birth_look(fd, "", ret_st) && bk_part_is_own(ret_st);
}

static struct bk_journal *open_named(int dir, const char *name, int flags)
{
	struct bk_journal *j = calloc(1, sizeof(*j));
	struct statx st;

	if (!j)
		return NULL;
	bk_buf_init(&j->pending, PENDING_MAX);
	j->dir = dir;
	j->digest = bk_digest_new();
	snprintf(j->name, sizeof(j->name), "%s", name);
	j->fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0600);
	if (j->fd >= 0 && j->digest && is_ours(j->fd, &st) && load(j, &st))
		return j;
	bk_buf_release(&j->pending);
	bk_journal_free(j);
	return NULL;
}

/* A file system may find under our name what a peer gave another one (by case, by forms of Unicode, by short names),
 * and we would believe it: the folder has to list it under this very name. */
static bool is_listed(int dir, const char *name)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e = NULL;

	while (d && (e = readdir(d)) && strcmp(e->d_name, name) != 0)
		;
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return e;
}

static struct bk_journal *open_this(int dir, const char *name, bool may_make)
{
	struct bk_journal *j = may_make ? open_named(dir, name, O_CREAT | O_EXCL) : NULL;

	if (j || faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || !is_listed(dir, name))
		return j;
	return open_named(dir, name, 0);
}

/* One that somebody writes, or that cannot be read, is left alone. */
static struct bk_journal *open_of(int dir, uint64_t identity, bool may_make)
{
	char name[NAME_MAX_BYTES];
	struct bk_journal *j = NULL;

	for (int i = 0; i < NAME_TRIES && !j; i++) {
		if (i)
			snprintf(name, sizeof(name), "%s%016llx.%d%s", name_start,
				(unsigned long long)identity, i, name_end);
		else
			snprintf(name, sizeof(name), "%s%016llx%s", name_start, (unsigned long long)identity,
				name_end);
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

struct bk_journal *bk_journal_open(int dir, const char *file_name)
{
	return strlen(file_name) < NAME_MAX_BYTES ? open_named(dir, file_name, 0) : NULL;
}

void bk_journal_let_go(struct bk_journal *j)
{
	free(j->rows);
	free(j->text);
	j->rows = NULL;
	j->text = NULL;
	j->rows_len = j->rows_cap = 0;
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

const struct bk_journal_row *bk_journal_rows(const struct bk_journal *j, size_t *ret_n)
{
	*ret_n = j->rows_len;
	return j->rows;
}

struct listed {
	char *name;
	int64_t time;
	uint64_t size;
};

/* Those written last first; by name where that says nothing. */
static int compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return x->time != y->time ? (x->time < y->time) - (x->time > y->time) : strcmp(x->name, y->name);
}

static size_t list_all(int dir, struct listed *all)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct statx st;
	size_t n = 0;

	while (d && n < LISTED_MAX && (e = readdir(d))) {
		if (!bk_journal_is_name(e->d_name) || !bk_birth_look(dir, e->d_name, &st) ||
			!(all[n].name = strdup(e->d_name)))
			continue;
		all[n].time = st.stx_mtime.tv_sec;
		all[n++].size = st.stx_size;
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return n;
}

char **bk_journal_list(int dir, size_t max, uint64_t bytes, size_t *ret_n)
{
	struct listed *all = calloc(LISTED_MAX, sizeof(*all));
	char **names = calloc(max + 1, sizeof(*names));
	size_t n = all && names ? list_all(dir, all) : 0;

	*ret_n = 0;
	if (n)
		qsort(all, n, sizeof(*all), compare);
	for (size_t i = 0; i < n; i++) {
		if (*ret_n == max || all[i].size > bytes) {
			free(all[i].name);
			continue;
		}
		bytes -= all[i].size;
		names[(*ret_n)++] = all[i].name;
	}
	free(all);
	return names;
}

/* --- writing --- */

static void append(struct bk_journal *j, const struct bk_writer *body)
{
	uint8_t head[HEAD_LEN];
	struct bk_writer w;
	size_t n = bk_writer_len(body);

	if (j->is_broken)
		return;
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
	return j->noted++;
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
