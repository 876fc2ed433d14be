/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is sent. A stream is read when poll says that it has something. The size that was announced is
 * a promise: a file that is shorter or longer by the time it is read is an error here, never a short or
 * padded copy there. What has no size, a pipe or a file that is made while it is read (/proc, /sys), is a stream
 * where it is named, and left out where it is in a folder. It refuses devices and sockets. mmap is not an option: a
 * file truncated under it is a SIGBUS. */
#include "transfer/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "call/call.h"

enum { ROW_MAX = 128 }; /* bytes of an entry in an offer, besides its path */

struct bk_source {
	atomic_uint refs;
	struct bk_file_list list;
	char **names;
	size_t names_len, names_cap; /* what a descriptor gives has the last entry and no name */
	int stream_fd;
	const struct bk_source_wish *wish; /* while it is looked around */
	char *left_out[BK_TRANSFER_PATHS_MAX];
	size_t left_out_len, left_out_all;
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

/* It can be read, and ends where its size says. 1: its size says nothing, it is made while it is read (/proc, /sys) and
 * lies nowhere. */
static int judge_content(const char *path, const struct stat *st, char text[BK_TRANSFER_TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	off_t size = st->st_size;
	ssize_t last, beyond;
	char c;

	if (fd < 0)
		return say(text, BK_E_FILE, path, strerror(errno));
	last = size ? pread(fd, &c, 1, size - 1) : 1;
	beyond = last < 0 ? -1 : pread(fd, &c, 1, size);
	if (beyond < 0)
		err = say(text, BK_E_FILE, path, strerror(errno));
	else if ((last != 1 || beyond) && !st->st_blocks)
		err = 1;
	else if (last != 1 || beyond)
		err = say(text, BK_E_FILE, path,
			"it is not as long as its size says: it is being written; send a copy of it");
	close(fd);
	return err;
}

static struct bk_file_entry entry_of(const char *rel, const struct stat *st)
{
	return (struct bk_file_entry){.path = (char *)(uintptr_t)rel,
		.is_file = !S_ISDIR(st->st_mode),
		.is_folder = S_ISDIR(st->st_mode),
		.size = S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size,
		.mode = st->st_mode & 0777,
		.mtime = st->st_mtime > 0 ? (uint64_t)st->st_mtime : 0};
}

/* From `path`. BK_E_UNSAFE_PATH, BK_E_FULL, BK_E_NOMEM: no sentence yet. */
static int add_entry(struct bk_source *s, const char *path, const struct bk_file_entry *entry)
{
	char **names = s->names;
	int err;

	if (s->names_len == s->names_cap) {
		s->names_cap = s->names_cap ? 2 * s->names_cap : 16;
		names = realloc(s->names, s->names_cap * sizeof(*names));
		if (!names)
			return BK_E_NOMEM;
		s->names = names;
	}
	names[s->names_len] = strdup(path);
	if (!names[s->names_len])
		return BK_E_NOMEM;
	err = bk_file_list_add(&s->list, entry);
	if (err < 0)
		free(names[s->names_len]);
	else
		s->names_len++;
	return err;
}

static const char *explain(int err)
{
	if (err == BK_E_UNSAFE_PATH)
		return "its name is not UTF-8, too long, or has control characters; rename it";
	return err == BK_E_FULL ? "too many files at once; send a tar of them" : bk_error_text(err);
}

static const char *kind_of(const struct stat *st)
{
	return S_ISLNK(st->st_mode)    ? "it is a link"
	       : S_ISFIFO(st->st_mode) ? "it is a pipe"
	       : S_ISSOCK(st->st_mode) ? "it is a socket"
				       : "it is a device";
}

static int leave_out(struct bk_source *s, const char *path, const char *why)
{
	char safe[BK_TRANSFER_TEXT_MAX];

	s->left_out_all++;
	if (s->left_out_len == BK_TRANSFER_PATHS_MAX)
		return 0;
	if (asprintf(&s->left_out[s->left_out_len], "'%s': %s",
		    bk_call_harmless(safe, sizeof(safe) / 2, path), why) < 0)
		return BK_E_NOMEM;
	s->left_out_len++;
	return 0;
}

/* The names in a folder, in their order; at most as many as can still be offered, and one. */
struct names {
	char **rows;
	size_t len;
};

static void names_done(struct names *n)
{
	for (size_t i = 0; i < n->len; i++)
		free(n->rows[i]);
	free(n->rows);
}

static int compare_names(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static int read_names(DIR *d, size_t max, struct names *n)
{
	struct dirent *e;

	n->rows = calloc(max, sizeof(*n->rows));
	if (!n->rows)
		return BK_E_NOMEM;
	while (n->len < max && (e = readdir(d))) {
		if (is_dots(e->d_name))
			continue;
		n->rows[n->len] = strdup(e->d_name);
		if (!n->rows[n->len])
			return BK_E_NOMEM;
		n->len++;
	}
	qsort(n->rows, n->len, sizeof(*n->rows), compare_names);
	return 0;
}

static int add_inside(struct bk_source *s, const char *path, const char *rel);

static bool is_excluded(const struct bk_source *s, const char *rel, const char *name)
{
	for (size_t i = 0; i < s->wish->exclude_len; i++) {
		const char *pattern = s->wish->exclude[i];

		if (fnmatch(pattern, strchr(pattern, '/') ? rel : name, FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

static int add_inner(struct bk_source *s, const char *path, const char *rel, const char *name)
{
	char *inner = NULL, *inner_rel = NULL;
	int err = BK_E_NOMEM;

	if (asprintf(&inner, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name) < 0)
		return err;
	if (asprintf(&inner_rel, "%s/%s", rel, name) >= 0) {
		err = is_excluded(s, inner_rel, name) ? 0 : add_inside(s, inner, inner_rel);
		free(inner_rel);
	}
	free(inner);
	return err;
}

/* The folder, then what is in it. Its descriptor is closed before, so that no depth uses many. BK_E_FILE: it
 * cannot be read; errno says why. */
static int add_folder(struct bk_source *s, const char *path, const char *rel, const struct stat *st)
{
	const struct bk_file_entry entry = entry_of(rel, st);
	DIR *d = opendir(path);
	struct names names = {0};
	int err;

	if (!d)
		return BK_E_FILE;
	err = read_names(d, BK_FILE_ENTRIES_MAX + 1 - s->list.len, &names);
	closedir(d);
	if (err >= 0)
		err = add_entry(s, path, &entry);
	for (size_t i = 0; i < names.len && err >= 0; i++)
		err = add_inner(s, path, rel, names.rows[i]);
	names_done(&names);
	return err == BK_E_UNSAFE_PATH ? leave_out(s, path, explain(err)) : err;
}

/* What cannot be sent is left out: the person named the folder, not this. */
static int add_inside(struct bk_source *s, const char *path, const char *rel)
{
	char text[BK_TRANSFER_TEXT_MAX];
	struct bk_file_entry entry;
	struct stat st;
	int err;

	if (lstat(path, &st) < 0)
		return leave_out(s, path, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		err = add_folder(s, path, rel, &st);
		return err == BK_E_FILE ? leave_out(s, path, strerror(errno)) : err;
	}
	if (!S_ISREG(st.st_mode))
		return leave_out(s, path, kind_of(&st));
	err = judge_content(path, &st, text);
	if (err > 0)
		return leave_out(s, path, "it is made while it is read; name it, and it is sent");
	if (err < 0)
		return leave_out(s, path, strstr(text, "': ") ? strstr(text, "': ") + 3 : text);
	entry = entry_of(rel, &st);
	err = add_entry(s, path, &entry);
	return err == BK_E_UNSAFE_PATH ? leave_out(s, path, explain(err)) : err;
}

/* What a named folder is called: the last component of the path, without slashes at its end; of "." and ".." what
 * they lead to. Malloc'd; NULL: none. */
static char *folder_name(const char *path)
{
	char *copy = strdup(path), *real, *name;
	size_t n = copy ? strlen(copy) : 0;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = 0;
	if (copy && is_dots(base_name(copy))) {
		real = realpath(copy, NULL);
		free(copy);
		copy = real;
	}
	name = copy && *base_name(copy) ? strdup(base_name(copy)) : NULL;
	free(copy);
	return name;
}

static int add_named_folder(struct bk_source *s, const char *path, const struct stat *st, char *text)
{
	char *name = folder_name(path);
	int err = name ? add_folder(s, path, name, st) : BK_E_INVALID;

	free(name);
	if (err == BK_E_INVALID)
		return say(text, err, path, "it has no name; name what is in it");
	if (err == BK_E_FULL)
		return say(text, BK_E_INVALID, path, explain(err));
	return err < 0 ? say(text, err, path, err == BK_E_FILE ? strerror(errno) : bk_error_text(err)) : 0;
}

/* Whoever writes into a pipe waits until it is read: it is not opened before. Its bits and its time are not those of
 * what comes out of it. */
static int add_named_file(struct bk_source *s, const char *path, const struct stat *st, char *text)
{
	struct bk_file_entry entry = entry_of(base_name(path), st);
	int err = S_ISFIFO(st->st_mode) ? 1 : judge_content(path, st, text);

	if (err < 0)
		return err;
	if (err > 0)
		entry = (struct bk_file_entry){
			.path = entry.path, .is_file = true, .is_stream = true, .mode = 0644};
	err = add_entry(s, path, &entry);
	if (err < 0)
		return say(text,
			err == BK_E_UNSAFE_PATH ? BK_E_FILE
			: err == BK_E_FULL      ? BK_E_INVALID
						: err,
			path, explain(err));
	return 0;
}

static int add_path(struct bk_source *s, const char *path, char text[BK_TRANSFER_TEXT_MAX])
{
	struct stat st;

	if (stat(path, &st) < 0)
		return say(text, BK_E_FILE, path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return add_named_folder(s, path, &st, text);
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return say(text, BK_E_INVALID, path, "it is a device or a socket");
	return add_named_file(s, path, &st, text);
}

static int add_stream(struct bk_source *s, const char *name, int fd, char text[BK_TRANSFER_TEXT_MAX])
{
	const struct bk_file_entry entry = {
		.path = (char *)(uintptr_t)name, .is_file = true, .is_stream = true, .mode = 0644};
	int err = bk_file_list_add(&s->list, &entry);

	s->stream_fd = fd;
	return err < 0 ? say(text, err, name, bk_error_text(err)) : 0;
}

/* One message has all names: known before anybody has a code. */
static bool is_offerable(const struct bk_file_list *l)
{
	size_t bytes = 0;

	for (size_t i = 0; i < l->len; i++) {
		bytes += ROW_MAX;
		for (const char *c = l->entries[i].path; *c; c++)
			bytes += *c == '"' || *c == '\\' ? 2 : 1;
	}
	return bytes <= BK_FILE_LIST_MAX;
}

static int check_list(struct bk_source *s, char text[BK_TRANSFER_TEXT_MAX])
{
	const char *twin = NULL;
	int err = s->list.len ? bk_file_list_find_twin(&s->list, &twin) : BK_E_INVALID;

	if (err < 0)
		return say(text, err, "", s->list.len ? bk_error_text(err) : "nothing is named");
	if (!is_offerable(&s->list))
		return say(text, BK_E_INVALID, s->list.entries[0].path, explain(BK_E_FULL));
	return twin ? say(text, BK_E_INVALID, twin, "two of the files have this name; send them one by one")
		    : 0;
}

int bk_source_new(
	const struct bk_source_wish *wish, struct bk_source **ret_source, char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_source *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return say(ret_text, BK_E_NOMEM, "", bk_error_text(BK_E_NOMEM));
	atomic_init(&s->refs, 1);
	s->wish = wish;
	for (size_t i = 0; i < wish->paths_len && err >= 0; i++)
		err = add_path(s, wish->paths[i], ret_text);
	s->wish = NULL;
	if (err >= 0 && wish->stream_name)
		err = add_stream(s, wish->stream_name, wish->stream_fd, ret_text);
	if (err >= 0)
		err = check_list(s, ret_text);
	if (err < 0) {
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
	for (size_t i = 0; i < s->names_len; i++)
		free(s->names[i]);
	free(s->names);
	for (size_t i = 0; i < s->left_out_len; i++)
		free(s->left_out[i]);
	bk_file_list_done(&s->list);
	free(s);
}

void bk_source_left_out(const struct bk_source *s, struct bk_transfer_offer *ret_offer)
{
	ret_offer->left_out = (const char *const *)s->left_out;
	ret_offer->left_out_len = s->left_out_len;
	ret_offer->left_out_all = s->left_out_all;
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

/* What is in the folder that was named, through no link below it: others may write there, and what is a folder when it
 * is looked around may be a link to something of ours by now. -1 and errno. */
static int open_inside(const char *name, const char *inner, int flags)
{
	int at, next, code;
	char *path = strdup(name), *part = path ? path + strlen(name) - strlen(inner) : NULL, *slash;

	if (!path)
		return -1;
	part[-1] = 0; /* a slash: behind it begins what is inside */
	next = open(*path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (next >= 0 && part) {
		at = next;
		slash = strchr(part, '/');
		if (slash)
			*slash = 0;
		next = openat(at, part, (slash ? O_PATH | O_DIRECTORY | O_CLOEXEC : flags) | O_NOFOLLOW);
		code = errno;
		close(at);
		errno = code;
		part = slash ? slash + 1 : NULL;
	}
	code = errno;
	free(path);
	errno = code;
	return next;
}

static int open_file(const struct bk_source *s, size_t i)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	const char *inner = strchr(s->list.entries[i].path, '/');

	return inner ? open_inside(s->names[i], inner + 1, flags) : open(s->names[i], flags);
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
	if (i >= s->names_len) { /* one of our own: the caller's may be closed before a reader is done */
		r->fd = fcntl(s->stream_fd, F_DUPFD_CLOEXEC, 0);
		return r->fd < 0 ? fail(r, strerror(errno)) : 0;
	}
	/* It was a regular file when it was announced; by now it may be a pipe, whose open would block. */
	r->fd = open_file(s, i);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		return fail(r, strerror(errno));
	if (!is_as_offered(&s->list.entries[i], &st))
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
