/* SPDX-License-Identifier: Apache-2.0 */
/* Looking around. A folder is opened once and everything in it is asked for relative to that: files first, then, when
 * it is closed again, the folders, so that no depth uses many descriptors. A link is kept as what it says and judged
 * when all is there; where links are followed, a folder that leads back to one that it is in is left out. */
#include "transfer/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "call/call.h"
#include "transfer/inside.h"
#include "transfer/journals.h"

enum { MADE_WHILE_READ = 1 };

/* The folders that we are in. */
struct within {
	const struct within *up;
	dev_t dev;
	ino_t ino;
};

/* The last component; a path that ends in a slash names a folder and is caught by stat. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int bk_walk_say(char text[BK_TRANSFER_TEXT_MAX], int err, const char *path, const char *why)
{
	char safe[BK_TRANSFER_TEXT_MAX];

	snprintf(text, BK_TRANSFER_TEXT_MAX, "cannot send '%s': %s",
		bk_call_harmless(safe, sizeof(safe) / 2, path), why);
	return err;
}

static int say(struct bk_walk *w, int err, const char *path, const char *why)
{
	return bk_walk_say(w->text, err, path, why);
}

static const char *explain(int err)
{
	if (err == BK_E_UNSAFE_PATH)
		return "its path is too long, or what it leads to";
	if (err == BK_E_EXISTS)
		return "two of the files have this name; send them one by one";
	return err == BK_E_FULL ? "too many files at once; send a tar of them" : bk_error_text(err);
}

/* --- what is left out --- */

/* rel: as it would be offered; it lies where its root does. */
static int leave_out(struct bk_walk *w, const char *rel, const char *why)
{
	const char *inner = strchr(rel, '/');
	size_t n = strlen(w->path);
	char safe[BK_TRANSFER_TEXT_MAX], path[BK_TRANSFER_TEXT_MAX];

	w->left_out_all++;
	if (w->left_out_len == BK_TRANSFER_PATHS_MAX)
		return 0;
	snprintf(path, sizeof(path), "%s%s", w->path, inner ? inner + (w->path[n - 1] == '/') : "");
	if (asprintf(&w->left_out[w->left_out_len], "'%s': %s",
		    bk_call_harmless(safe, sizeof(safe) / 2, path), why) < 0)
		return BK_E_NOMEM;
	w->left_out_len++;
	return 0;
}

static const char *kind_of(const struct stat *st)
{
	return S_ISLNK(st->st_mode)    ? "it is a link"
	       : S_ISFIFO(st->st_mode) ? "it is a pipe"
	       : S_ISSOCK(st->st_mode) ? "it is a socket"
				       : "it is a device";
}

/* Why nothing is known of what a name stands for. */
static const char *why_unseen(int dir, const char *name, int code)
{
	struct stat st;

	if (code == ELOOP)
		return "it is a link that leads in a circle";
	return code == ENOENT && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? "it is a link to nothing"
										   : strerror(code);
}

static bool is_excluded(const struct bk_walk *w, const char *rel, const char *name)
{
	for (size_t i = 0; i < w->exclude_len; i++) {
		const char *pattern = w->exclude[i];

		if (fnmatch(pattern, strchr(pattern, '/') ? rel : name, FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

/* --- entries --- */

static struct bk_file_entry entry_of(const char *rel, const struct stat *st)
{
	return (struct bk_file_entry){.path = rel,
		.is_file = S_ISREG(st->st_mode),
		.is_folder = S_ISDIR(st->st_mode),
		.is_link = S_ISLNK(st->st_mode),
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
		.mode = st->st_mode & 0777,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec};
}

/* It can be read, and ends where its size says; *ret_why says why not. MADE_WHILE_READ: its size says nothing, it is
 * made while it is read (/proc, /sys) and lies nowhere. */
static int judge_content(int dir, const char *name, int flags, const struct stat *st, const char **ret_why)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags), err = 0;
	ssize_t last, beyond = -1;
	char c;

	if (fd >= 0) {
		last = st->st_size ? pread(fd, &c, 1, st->st_size - 1) : 1;
		beyond = last < 0 ? -1 : pread(fd, &c, 1, st->st_size);
	}
	if (beyond < 0) {
		*ret_why = strerror(errno);
		err = BK_E_FILE;
	} else if ((last != 1 || beyond) && !st->st_blocks) {
		err = MADE_WHILE_READ;
	} else if (last != 1 || beyond) {
		*ret_why = "it is not as long as its size says: it is being written; send a copy of it";
		err = BK_E_FILE;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* In a folder: what cannot be offered is left out. */
static int add_or_leave(struct bk_walk *w, const struct bk_file_entry *e, const char *target)
{
	int err = bk_file_list_add(&w->list, e, target);

	return err == BK_E_UNSAFE_PATH ? leave_out(w, e->path, explain(err)) : err;
}

static int add_file(struct bk_walk *w, int dir, const char *rel, const struct stat *st)
{
	const struct bk_file_entry entry = entry_of(rel, st);
	const char *why;
	int err = judge_content(
		dir, base_name(rel), w->links == BK_TRANSFER_LINKS_FOLLOW ? 0 : O_NOFOLLOW, st, &why);

	if (err == MADE_WHILE_READ)
		return leave_out(w, rel, "it is made while it is read; name it, and it is sent");
	return err < 0 ? leave_out(w, rel, why) : add_or_leave(w, &entry, NULL);
}

static int add_link(struct bk_walk *w, int dir, const char *rel, const struct stat *st)
{
	const struct bk_file_entry entry = entry_of(rel, st);
	char target[BK_FILE_PATH_MAX + 2];
	ssize_t n;

	if (w->links == BK_TRANSFER_LINKS_SKIP)
		return leave_out(w, rel, kind_of(st));
	n = readlinkat(dir, base_name(rel), target, sizeof(target) - 1);
	if (n < 0)
		return leave_out(w, rel, strerror(errno));
	target[n] = 0;
	return add_or_leave(w, &entry, target);
}

/* What is no folder: 0 also when it was left out; 1: it is a folder. */
static int add_inner(struct bk_walk *w, int dir, const char *rel)
{
	const bool follows = w->links == BK_TRANSFER_LINKS_FOLLOW;
	struct stat st;

	if (w->may_go_on && !w->may_go_on(w->arg, w->list.len))
		return BK_E_CANCELLED;
	if (is_excluded(w, rel, base_name(rel)))
		return 0;
	if (fstatat(dir, base_name(rel), &st, follows ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return leave_out(w, rel, why_unseen(dir, base_name(rel), errno));
	if (S_ISDIR(st.st_mode))
		return 1;
	if (bk_journals_is_name(base_name(rel)))
		return leave_out(w, rel, "it says what an unfinished transfer has there");
	if (S_ISLNK(st.st_mode))
		return add_link(w, dir, rel, &st);
	return S_ISREG(st.st_mode) ? add_file(w, dir, rel, &st) : leave_out(w, rel, kind_of(&st));
}

/* --- folders --- */

/* The names in a folder, in their order; at most as many as can still be offered, and one. */
struct names {
	char **rows;
	size_t len, cap;
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

static int names_add(struct names *n, const char *name)
{
	size_t cap = n->cap ? 2 * n->cap : 16;
	char **rows = n->rows;

	if (n->len == n->cap) {
		rows = realloc(rows, cap * sizeof(*rows));
		if (!rows)
			return BK_E_NOMEM;
		n->rows = rows;
		n->cap = cap;
	}
	rows[n->len] = strdup(name);
	if (!rows[n->len])
		return BK_E_NOMEM;
	n->len++;
	return 0;
}

static int read_names(DIR *d, size_t max, struct names *n)
{
	struct dirent *e;
	int err = 0;

	while (err >= 0 && n->len < max && (e = readdir(d)))
		if (!is_dots(e->d_name))
			err = names_add(n, e->d_name);
	if (n->len)
		qsort(n->rows, n->len, sizeof(*n->rows), compare_names);
	return err;
}

static int add_folder(struct bk_walk *w, int fd, const char *rel, const struct within *up);

/* Opened anew from the root: the folder that it is in is closed. */
static int add_inner_folder(struct bk_walk *w, const char *rel, const struct within *up)
{
	const char *inner = strchr(rel, '/') + 1;
	int root = open(w->path, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, code;

	fd = root < 0 ? -1
		      : bk_inside_open(root, inner, strlen(inner), O_RDONLY | O_DIRECTORY | O_NONBLOCK,
				w->links == BK_TRANSFER_LINKS_FOLLOW);
	code = errno;
	if (root >= 0)
		close(root);
	return fd < 0 ? leave_out(w, rel, strerror(code)) : add_folder(w, fd, rel, up);
}

/* The inner path of each name; NULL, and the name goes, when it needs no second look. */
static int look_at_files(struct bk_walk *w, DIR *d, const char *rel, struct names *names)
{
	int err = 0;

	for (size_t i = 0; i < names->len && err >= 0; i++) {
		char *inner;

		if (asprintf(&inner, "%s/%s", rel, names->rows[i]) < 0)
			return BK_E_NOMEM;
		free(names->rows[i]);
		names->rows[i] = inner;
		err = add_inner(w, dirfd(d), inner);
		if (err)
			continue;
		free(inner);
		names->rows[i] = NULL;
	}
	return err < 0 ? err : 0;
}

static bool is_circle(const struct within *up, const struct stat *st)
{
	for (; up; up = up->up)
		if (up->dev == st->st_dev && up->ino == st->st_ino)
			return true;
	return false;
}

/* The folder, which is closed here, what is in it, and then the folders in it. */
static int add_opened(
	struct bk_walk *w, DIR *d, const char *rel, const struct stat *st, const struct within *up)
{
	const struct within here = {.up = up, .dev = st->st_dev, .ino = st->st_ino};
	const struct bk_file_entry entry = entry_of(rel, st);
	struct names names = {0};
	size_t had = w->list.len;
	int err = add_or_leave(w, &entry, NULL);

	if (err >= 0 && w->list.len > had)
		err = read_names(d, BK_FILE_LIST_LEN_MAX + 1 - w->list.len, &names);
	if (err >= 0)
		err = look_at_files(w, d, rel, &names);
	closedir(d);
	for (size_t i = 0; i < names.len && err >= 0; i++)
		if (names.rows[i])
			err = add_inner_folder(w, names.rows[i], &here);
	names_done(&names);
	return err;
}

/* Takes the descriptor over. */
static int add_folder(struct bk_walk *w, int fd, const char *rel, const struct within *up)
{
	struct stat st;
	DIR *d = fdopendir(fd);

	if (!d || fstat(fd, &st) < 0) {
		int code = errno;

		if (d)
			closedir(d);
		else
			close(fd);
		return leave_out(w, rel, strerror(code));
	}
	if (!is_circle(up, &st))
		return add_opened(w, d, rel, &st, up);
	closedir(d);
	return leave_out(w, rel, "it is a link that leads back to a folder that it is in");
}

/* --- what is named --- */

static int add_root(struct bk_walk *w, const char *name, const char *path)
{
	size_t cap = w->roots_cap ? 2 * w->roots_cap : 16;
	struct bk_walk_root *roots = w->roots, *root;

	if (w->roots_len == w->roots_cap) {
		roots = realloc(roots, cap * sizeof(*roots));
		if (!roots)
			return BK_E_NOMEM;
		w->roots = roots;
		w->roots_cap = cap;
	}
	root = &roots[w->roots_len];
	*root = (struct bk_walk_root){.name = strdup(name), .path = strdup(path)};
	if (!root->name || !root->path) {
		free(root->name);
		free(root->path);
		return BK_E_NOMEM;
	}
	w->roots_len++;
	return 0;
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

static int say_error(struct bk_walk *w, int err, const char *path)
{
	const int as = err == BK_E_UNSAFE_PATH                  ? BK_E_FILE
		       : err == BK_E_FULL || err == BK_E_EXISTS ? BK_E_INVALID
								: err;

	return say(w, as, path, explain(err));
}

static int add_named_folder(struct bk_walk *w, const char *path)
{
	char *name = folder_name(path);
	int fd, err;

	if (!name)
		return say(w, BK_E_INVALID, path, "it has no name; name what is in it");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		err = say(w, BK_E_FILE, path, strerror(errno));
	else {
		err = add_root(w, name, path);
		err = err < 0 ? err : add_folder(w, fd, name, NULL);
		err = err < 0 ? say_error(w, err, path) : 0;
	}
	free(name);
	return err;
}

/* Whoever writes into a pipe waits until it is read: it is not opened before. Its bits and its time are not those of
 * what comes out of it. */
static int add_named_file(struct bk_walk *w, const char *path, const struct stat *st)
{
	struct bk_file_entry entry = entry_of(base_name(path), st);
	const char *why;
	int err = S_ISFIFO(st->st_mode) ? MADE_WHILE_READ : judge_content(AT_FDCWD, path, 0, st, &why);

	if (err < 0)
		return say(w, err, path, why);
	if (err == MADE_WHILE_READ)
		entry = (struct bk_file_entry){
			.path = entry.path, .is_file = true, .is_stream = true, .mode = 0644};
	err = bk_file_list_add(&w->list, &entry, NULL);
	if (err >= 0)
		err = add_root(w, entry.path, path);
	return err < 0 ? say_error(w, err, path) : 0;
}

static int look_at(struct bk_walk *w, const char *path, struct stat *ret_st)
{
	if (stat(path, ret_st) < 0)
		return say(w, BK_E_FILE, path, strerror(errno));
	if (!S_ISDIR(ret_st->st_mode) && !S_ISREG(ret_st->st_mode) && !S_ISFIFO(ret_st->st_mode))
		return say(w, BK_E_FILE, path,
			"it is a device or a socket; 'bodkin send - < FILE' sends what a device gives");
	return 0;
}

int bk_walk_check(struct bk_walk *w, const char *path)
{
	struct stat st;

	return look_at(w, path, &st);
}

int bk_walk_path(struct bk_walk *w, const char *path)
{
	struct stat st;
	int err = look_at(w, path, &st);

	w->path = path;
	if (err < 0)
		return err;
	return S_ISDIR(st.st_mode) ? add_named_folder(w, path) : add_named_file(w, path, &st);
}

/* --- afterwards --- */

static int compare_roots(const void *a, const void *b)
{
	const struct bk_walk_root *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* NULL: what a descriptor gives. */
static const struct bk_walk_root *root_of(const struct bk_walk *w, const char *rel)
{
	char name[BK_FILE_NAME_MAX + 1];
	const struct bk_walk_root key = {.name = name};

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(rel, "/"), rel);
	return w->roots_len ? bsearch(&key, w->roots, w->roots_len, sizeof(key), compare_roots) : NULL;
}

static void leave_stray(void *arg, const struct bk_file_entry *e, enum bk_file_way way)
{
	static const char *const why[] = {[BK_FILE_WAY_OUTSIDE] = "it is a link that leads out of the folder",
		[BK_FILE_WAY_NOWHERE] = "it is a link to what is not sent",
		[BK_FILE_WAY_CIRCULAR] = "it is a link that leads in a circle"};
	struct bk_walk *w = arg;

	w->path = root_of(w, e->path)->path;
	w->left_out_links += way == BK_FILE_WAY_OUTSIDE;
	(void)leave_out(w, e->path, why[way]); /* as many as there is memory for */
}

int bk_walk_end(struct bk_walk *w)
{
	if (w->roots_len)
		qsort(w->roots, w->roots_len, sizeof(*w->roots), compare_roots);
	bk_file_list_remove_strays(&w->list, leave_stray, w);
	w->exclude = NULL;
	w->exclude_len = 0;
	w->path = NULL;
	return w->list.len ? 0 : say(w, BK_E_INVALID, "", "nothing is named");
}

void bk_walk_done(struct bk_walk *w)
{
	for (size_t i = 0; i < w->roots_len; i++) {
		free(w->roots[i].name);
		free(w->roots[i].path);
	}
	free(w->roots);
	for (size_t i = 0; i < w->left_out_len; i++)
		free(w->left_out[i]);
	bk_file_list_done(&w->list);
}

void bk_walk_leave(struct bk_walk_place *place)
{
	if (place->dir >= 0)
		close(place->dir);
	free(place->path);
	*place = (struct bk_walk_place){.dir = -1};
}

/* So many bytes of a path, where its first `named` are a root's name. -1 and errno. */
static int open_folder(const struct bk_walk *w, const char *path, size_t named, size_t len)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int root = open(root_of(w, path)->path, flags), dir, code;

	if (root < 0 || named == len)
		return root;
	dir = bk_inside_open(
		root, path + named + 1, len - named - 1, flags, w->links == BK_TRANSFER_LINKS_FOLLOW);
	code = errno;
	close(root);
	errno = code;
	return dir;
}

static bool is_at(const struct bk_walk_place *place, const char *path, size_t len)
{
	return place->dir >= 0 && !strncmp(place->path, path, len) && !place->path[len];
}

static int go_to(const struct bk_walk *w, struct bk_walk_place *place, const char *path, size_t len)
{
	if (is_at(place, path, len))
		return 0;
	bk_walk_leave(place);
	place->path = strndup(path, len);
	errno = ENOMEM;
	if (place->path)
		place->dir = open_folder(w, path, strcspn(path, "/"), len);
	return place->dir < 0 ? -1 : 0;
}

int bk_walk_open(const struct bk_walk *w, size_t entry, struct bk_walk_place *place)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	const char *path = w->list.entries[entry].path, *leaf = strrchr(path, '/');

	if (!leaf)
		return open(root_of(w, path)->path, flags);
	if (go_to(w, place, path, (size_t)(leaf - path)) < 0)
		return -1;
	return openat(place->dir, leaf + 1, flags | (w->links == BK_TRANSFER_LINKS_FOLLOW ? 0 : O_NOFOLLOW));
}
