/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is sent. A stream is read when poll says that it has something. The size that was announced is
 * a promise: a file that is shorter or longer by the time it is read is an error here, never a short or
 * padded copy there. What has no size, a pipe or a file that is made while it is read (/proc, /sys), is a stream
 * where it is named, and left out where it is in a folder. It refuses devices and sockets. mmap is not an option: a
 * file truncated under it is a SIGBUS. */
#include "transfer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/memo.h"
#include "transfer/walk.h"

#define TEXT_NAME "message.txt"

struct bk_source {
	atomic_uint refs;
	struct bk_walk walk;
	int stream_fd; /* of the last entry, where it has no root */
	bool has_stream;
	int memo; /* of a text, which is all there is; -1: there is none */
};

static int add_stream(struct bk_source *s, const char *name, int fd)
{
	const struct bk_file_entry entry = {.path = name, .is_file = true, .is_stream = true, .mode = 0644};
	int err = bk_file_path_check(name);

	if (err >= 0)
		err = bk_file_list_add(&s->walk.list, &entry, NULL);
	s->stream_fd = fd;
	s->has_stream = true;
	return err < 0 ? bk_walk_say(s->walk.text, err, name, bk_error_text(err)) : 0;
}

/* A file like others, but in memory; each reader opens it for itself. */
static int add_text(struct bk_source *s, const struct bk_source_wish *wish)
{
	const struct bk_file_entry entry = {.path = TEXT_NAME,
		.is_file = true,
		.is_text = true,
		.size = wish->text_len,
		.mode = 0644,
		.mtime = time(NULL)};
	int err;

	if (wish->paths_len || wish->stream_name)
		return bk_walk_say(s->walk.text, BK_E_INVALID, TEXT_NAME,
			"a text goes alone; send the files by themselves");
	if (wish->text_len > BK_TRANSFER_MESSAGE_MAX)
		return bk_walk_say(s->walk.text, BK_E_INVALID, TEXT_NAME,
			"it is too long for a text; send it as a file");
	s->memo = bk_memo_new(wish->text, wish->text_len);
	err = s->memo < 0 ? s->memo : bk_file_list_add(&s->walk.list, &entry, NULL);
	return err < 0 ? bk_walk_say(s->walk.text, err, TEXT_NAME, bk_error_text(err)) : 0;
}

static int look_around(struct bk_source *s, const struct bk_source_wish *wish)
{
	int err = 0;

	s->walk = (struct bk_walk){.exclude = wish->exclude,
		.exclude_len = wish->exclude_len,
		.links = wish->links,
		.may_go_on = wish->may_go_on,
		.arg = wish->arg};
	/* A slip is told before a big tree is walked. */
	for (size_t i = 0; i < wish->paths_len && err >= 0; i++)
		err = bk_walk_check(&s->walk, wish->paths[i]);
	for (size_t i = 0; i < wish->paths_len && err >= 0; i++)
		err = bk_walk_path(&s->walk, wish->paths[i]);
	if (err >= 0 && wish->text)
		err = add_text(s, wish);
	if (err >= 0 && wish->stream_name)
		err = add_stream(s, wish->stream_name, wish->stream_fd);
	if (err >= 0)
		err = bk_walk_end(&s->walk);
	return err;
}

int bk_source_new(
	const struct bk_source_wish *wish, struct bk_source **ret_source, char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_source *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return bk_walk_say(ret_text, BK_E_NOMEM, "", bk_error_text(BK_E_NOMEM));
	atomic_init(&s->refs, 1);
	s->memo = -1;
	err = look_around(s, wish);
	if (err < 0) {
		memcpy(ret_text, s->walk.text, sizeof(s->walk.text));
		bk_source_unref(s);
		return err;
	}
	*ret_source = s;
	return 0;
}

struct bk_source *bk_source_ref(struct bk_source *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void bk_source_unref(struct bk_source *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	if (s->memo >= 0)
		close(s->memo);
	bk_walk_done(&s->walk);
	free(s);
}

void bk_source_left_out(const struct bk_source *s, struct bk_transfer_offer *ret_offer)
{
	ret_offer->left_out = (const char *const *)s->walk.left_out;
	ret_offer->left_out_len = s->walk.left_out_len;
	ret_offer->left_out_all = s->walk.left_out_all;
	ret_offer->left_out_links = s->walk.left_out_links;
}

const struct bk_file_list *bk_source_list(const struct bk_source *s)
{
	return &s->walk.list;
}

static bool is_stream(const struct bk_source_reader *r)
{
	return r->source->walk.list.entries[r->current].is_stream;
}

void bk_source_reader_init(struct bk_source_reader *r, const struct bk_source *source)
{
	*r = (struct bk_source_reader){.source = source, .place = {.dir = -1}, .fd = -1};
}

void bk_source_reader_done(struct bk_source_reader *r)
{
	bk_source_close(r);
	bk_walk_leave(&r->place);
}

void bk_source_close(struct bk_source_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

static int fail(struct bk_source_reader *r, const char *why)
{
	bk_source_close(r);
	return bk_walk_say(
		r->text, BK_E_FILE, bk_file_entry_shown(&r->source->walk.list.entries[r->current]), why);
}

static bool is_as_offered(const struct bk_file_entry *e, const struct stat *st)
{
	if (e->is_stream)
		return S_ISFIFO(st->st_mode) || (S_ISREG(st->st_mode) && !st->st_blocks);
	return S_ISREG(st->st_mode) && (uint64_t)st->st_size == e->size;
}

int bk_source_open(struct bk_source_reader *r, size_t i)
{
	const struct bk_source *s = r->source;
	struct stat st;

	bk_source_close(r);
	r->current = i;
	r->offset = 0;
	if (s->has_stream &&
		i == s->walk.list.len -
				1) { /* one of our own: the caller's may be closed before a reader is done */
		r->fd = fcntl(s->stream_fd, F_DUPFD_CLOEXEC, 0);
		return r->fd < 0 ? fail(r, strerror(errno)) : 0;
	}
	/* It was a regular file when it was announced; by now it may be a pipe, whose open would block. */
	r->fd = s->memo >= 0 ? bk_memo_open(s->memo) : bk_walk_open(&s->walk, i, &r->place);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		return fail(r, strerror(errno));
	if (!is_as_offered(&s->walk.list.entries[i], &st))
		return fail(r, "it changed after it was offered");
	/* Few files have holes, and those take less room than they are long. */
	r->edge = (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size ? 0 : UINT64_MAX;
	(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

static ssize_t read_some(int fd, void *data, size_t n)
{
	ssize_t got;

	do
		got = read(fd, data, n);
	while (got < 0 && errno == EINTR);
	return got;
}

static int check_end(struct bk_source_reader *r)
{
	char beyond;
	ssize_t got = read_some(r->fd, &beyond, 1);

	if (got < 0)
		return fail(r, strerror(errno));
	return got ? fail(r, "it grew while it was being sent") : 0;
}

/* A descriptor that others share keeps its flags: it is asked first. */
static int read_stream(struct bk_source_reader *r, void *data, size_t n)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	ssize_t got;

	if (poll(&p, 1, 0) <= 0)
		return BK_E_AGAIN;
	got = read_some(r->fd, data, n);
	if (got < 0 && errno == EAGAIN)
		return BK_E_AGAIN;
	return got < 0 ? fail(r, strerror(errno)) : (int)got;
}

int bk_source_read(struct bk_source_reader *r, void *data, size_t n)
{
	uint64_t left = r->source->walk.list.entries[r->current].size - r->offset;
	ssize_t got;

	if (n > INT_MAX)
		n = INT_MAX;
	if (is_stream(r))
		return read_stream(r, data, n);
	if (!left)
		return check_end(r);
	got = read_some(r->fd, data, n < left ? n : (size_t)left);
	if (got < 0)
		return fail(r, strerror(errno));
	if (!got)
		return fail(r, "it shrank while it was being sent");
	r->offset += (uint64_t)got;
	return (int)got;
}

size_t bk_source_hole(struct bk_source_reader *r, size_t max)
{
	uint64_t size = r->source->walk.list.entries[r->current].size, end;
	off_t data;

	if (r->offset < r->edge || r->offset >= size)
		return 0;
	data = lseek(r->fd, (off_t)r->offset, SEEK_DATA);
	end = data >= 0 ? (uint64_t)data : errno == ENXIO ? size : r->offset;
	end = end < size ? end : size;
	if (end > r->offset) {
		end = end - r->offset < max ? end : r->offset + max;
		max = (size_t)(end - r->offset);
		r->offset = end;
	} else {
		off_t hole = lseek(r->fd, (off_t)r->offset, SEEK_HOLE);

		max = 0;
		r->edge = hole > (off_t)r->offset ? (uint64_t)hole : UINT64_MAX;
	}
	(void)lseek(r->fd, (off_t)r->offset, SEEK_SET);
	return max;
}
