/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is sent. A stream is read when poll says that it has something. The size that was announced is
 * a promise: a file that is shorter or longer by the time it is read is an error here, never a short or
 * padded copy there. It refuses folders, devices and pipes that are named. mmap is not an option: a file
 * truncated under it is a SIGBUS. */
#include "transfer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "call/call.h"

struct bk_source {
	struct bk_file_list list;
	char **names;
	size_t names_len; /* a stream has the last entry and no name */
	int stream_fd;
};

/* The last component; a path that ends in a slash names a folder and is caught by stat. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int say(char text[BK_TRANSFER_TEXT_MAX], int err, const char *path, const char *why)
{
	char safe[BK_TRANSFER_TEXT_MAX];

	snprintf(text, BK_TRANSFER_TEXT_MAX, "cannot send '%s': %s",
		bk_call_harmless(safe, sizeof(safe) / 2, path), why);
	return err;
}

/* It can be read, and ends where its size says: what is made while it is read (/proc, /sys) does not. */
static int judge_content(const char *path, off_t size, char text[BK_TRANSFER_TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	ssize_t last, beyond;
	char c;

	if (fd < 0)
		return say(text, BK_E_FILE, path, strerror(errno));
	last = size ? pread(fd, &c, 1, size - 1) : 1;
	beyond = last < 0 ? -1 : pread(fd, &c, 1, size);
	if (beyond < 0)
		err = say(text, BK_E_FILE, path, strerror(errno));
	else if (last != 1 || beyond)
		err = say(text, BK_E_FILE, path,
			"it is not as long as its size says: it is being written, or made while it is read; "
			"send a copy of it");
	close(fd);
	return err;
}

/* What can be known against sending it before anybody has a code; 0: nothing. */
static int judge(const char *path, const struct stat *st, char text[BK_TRANSFER_TEXT_MAX])
{
	if (S_ISDIR(st->st_mode))
		return say(text, BK_E_INVALID, path, "it is a folder; send its files, or a tar of it");
	if (!S_ISREG(st->st_mode))
		return say(text, BK_E_INVALID, path, "it is not a regular file");
	return judge_content(path, st->st_size, text);
}

static int add_path(struct bk_source *s, const char *path, char text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_file_entry entry = {.is_file = true};
	struct stat st;
	int err;

	if (stat(path, &st) < 0)
		return say(text, BK_E_FILE, path, strerror(errno));
	err = judge(path, &st, text);
	if (err < 0)
		return err;
	s->names[s->names_len] = strdup(path);
	if (!s->names[s->names_len])
		return say(text, BK_E_NOMEM, path, bk_error_text(BK_E_NOMEM));
	entry.path = s->names[s->names_len++];
	entry.path += base_name(path) - path;
	entry.size = (uint64_t)st.st_size;
	entry.mode = st.st_mode & 0777;
	entry.mtime = st.st_mtime > 0 ? (uint64_t)st.st_mtime : 0;
	err = bk_file_list_add(&s->list, &entry);
	if (err == BK_E_UNSAFE_PATH)
		return say(
			text, BK_E_FILE, path, "its name is not UTF-8 or has control characters; rename it");
	if (err == BK_E_FULL)
		return say(text, BK_E_INVALID, path, "too many files at once; send a tar of them");
	return err < 0 ? say(text, err, path, bk_error_text(err)) : 0;
}

static int add_stream(struct bk_source *s, const char *name, int fd, char text[BK_TRANSFER_TEXT_MAX])
{
	const struct bk_file_entry entry = {
		.path = (char *)(uintptr_t)name, .is_file = true, .is_stream = true, .mode = 0644};
	int err = bk_file_list_add(&s->list, &entry);

	s->stream_fd = fd;
	return err < 0 ? say(text, err, name, bk_error_text(err)) : 0;
}

static int add_paths(struct bk_source *s, const char *const *paths, size_t n, char text[BK_TRANSFER_TEXT_MAX])
{
	int err = 0;

	s->names = calloc(n + 1, sizeof(*s->names));
	if (!s->names)
		return say(text, BK_E_NOMEM, "", bk_error_text(BK_E_NOMEM));
	for (size_t i = 0; i < n && err >= 0; i++)
		err = add_path(s, paths[i], text);
	return err;
}

static int check_list(struct bk_source *s, char text[BK_TRANSFER_TEXT_MAX])
{
	const char *twin = NULL;
	int err = s->list.len ? bk_file_list_find_twin(&s->list, &twin) : BK_E_INVALID;

	if (err < 0)
		return say(text, err, "", s->list.len ? bk_error_text(err) : "nothing is named");
	return twin ? say(text, BK_E_INVALID, twin, "two of the files have this name; send them one by one")
		    : 0;
}

int bk_source_new(const char *const *paths, size_t n, const char *stream_name, int stream_fd,
	struct bk_source **ret_source, char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_source *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return say(ret_text, BK_E_NOMEM, "", bk_error_text(BK_E_NOMEM));
	err = add_paths(s, paths, n, ret_text);
	if (err >= 0 && stream_name)
		err = add_stream(s, stream_name, stream_fd, ret_text);
	if (err >= 0)
		err = check_list(s, ret_text);
	if (err < 0) {
		bk_source_free(s);
		return err;
	}
	*ret_source = s;
	return 0;
}

void bk_source_free(struct bk_source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->names_len; i++)
		free(s->names[i]);
	free(s->names);
	bk_file_list_done(&s->list);
	free(s);
}

const struct bk_file_list *bk_source_list(const struct bk_source *s)
{
	return &s->list;
}

static bool is_stream(const struct bk_source_reader *r)
{
	return r->source->list.entries[r->current].is_stream;
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
	return say(r->text, BK_E_FILE, r->source->list.entries[r->current].path, why);
}

int bk_source_open(struct bk_source_reader *r, size_t i)
{
	const struct bk_source *s = r->source;
	struct stat st;

	bk_source_close(r);
	r->current = i;
	r->offset = 0;
	if (is_stream(r)) { /* one of our own: the caller's may be closed before a reader is done */
		r->fd = fcntl(s->stream_fd, F_DUPFD_CLOEXEC, 0);
		return r->fd < 0 ? fail(r, strerror(errno)) : 0;
	}
	/* It was a regular file when it was announced; by now it may be a pipe, whose open would block. */
	r->fd = open(s->names[i], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		return fail(r, strerror(errno));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != s->list.entries[i].size)
		return fail(r, "it changed after it was offered");
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
	uint64_t left = r->source->list.entries[r->current].size - r->offset;
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
