/* SPDX-License-Identifier: Apache-2.0 */
/* Writing what is received. The other side hears the sentences too, so they never name the folder. The folder
 * is opened once and everything happens relative to that descriptor, so that a folder moved or replaced
 * meanwhile changes nothing. The free space is asked for instead of allocating ahead: fallocate on tmpfs
 * clears every page, which costs more than the write itself. */
#include "transfer/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/birth.h"
#include "transfer/inside.h"
#include "transfer/linking.h"

enum { SCRATCH = 256 << 10 };

struct bk_sink {
	int dir, fd;
	int anchor; /* of the file closed last, until the next is: what has a descriptor can be synced */
	mode_t umask;
	const struct bk_file_entry *entry;
	const char *name, *leaf; /* what it will be called, and its last component */
	int at;                  /* the folder that it is in: dir, or at_open */
	int at_open; /* the folder inside dir that was opened last, and its path; -1, NULL: none */
	char *at_path;
	char part[BK_PART_MAX]; /* empty: no file is begun */
	unsigned number;        /* the part's, */
	uint64_t birth;         /* and which file it is */
	uint8_t *scratch;       /* for what is read */
	char text[BK_TRANSFER_TEXT_MAX];
};

/* Asked for without umask(2), which would have to change it for a moment for every thread. A system that does not
 * say gets files of which only their owner is sure. */
static mode_t current_umask(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned mask = 077;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Umask: %o", &mask) == 1)
			break;
	if (f)
		fclose(f);
	return (mode_t)mask;
}

/* Whether; errno says why not. */
static bool open_part(struct bk_sink *s, int dir, const char *name)
{
	s->fd = bk_part_make(dir, name, &s->number, &s->birth);
	if (s->fd >= 0)
		bk_part_name(s->part, name, s->number);
	return s->fd >= 0;
}

/* The folder need not be one that we may list. Whether files can be made in it only a file tells: root is refused
 * nothing by permissions, and by /proc nonetheless. */
static bool open_folder(struct bk_sink *s, const char *folder)
{
	s->dir = open(folder, O_DIRECTORY | O_PATH | O_CLOEXEC);
	s->at = s->dir;
	if (s->dir < 0 || !open_part(s, s->dir, ".bodkin"))
		return false;
	bk_sink_drop(s);
	return true;
}

static const char *why_not(const struct bk_sink *s, int code)
{
	if (code != ENOENT)
		return strerror(code);
	return s->dir >= 0 ? "no files can be made there" : "there is no such folder; make it first";
}

int bk_sink_new(const char *folder, struct bk_sink **ret_sink, char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_sink *s = calloc(1, sizeof(*s));
	int err = BK_E_NOMEM, code = 0;

	if (s) {
		s->dir = s->fd = s->anchor = s->at = s->at_open = -1;
		s->umask = current_umask();
		err = open_folder(s, folder) ? 0 : BK_E_FILE;
		code = errno;
	}
	if (err < 0) {
		snprintf(ret_text, BK_TRANSFER_TEXT_MAX, "cannot receive into '%s': %s", folder,
			s ? why_not(s, code) : bk_error_text(err));
		bk_sink_free(s);
		return err;
	}
	*ret_sink = s;
	return 0;
}

void bk_sink_free(struct bk_sink *s)
{
	if (!s)
		return;
	bk_sink_drop(s);
	if (s->anchor >= 0)
		close(s->anchor);
	if (s->at_open >= 0)
		close(s->at_open);
	free(s->at_path);
	free(s->scratch);
	if (s->dir >= 0)
		close(s->dir);
	free(s);
}

const char *bk_sink_text(const struct bk_sink *s)
{
	return s->text;
}

static int fail(struct bk_sink *s, int err, const char *name, const char *why)
{
	char shown[BK_TRANSFER_TEXT_MAX / 2];

	snprintf(s->text, sizeof(s->text), "cannot write '%s': %s",
		bk_file_path_show(name, shown, sizeof(shown)), why);
	return err;
}

/* An errno while writing, as an error and a sentence. A folder without links is one that was removed. */
static int fail_errno(struct bk_sink *s, const char *name, int code)
{
	struct stat st;

	if (code == ENOSPC || code == EDQUOT)
		return fail(s, BK_E_NO_SPACE, name, "no space left");
	if (code == ENOENT && fstat(s->dir, &st) == 0 && !st.st_nlink)
		return fail(s, BK_E_FILE, name, "the folder was removed");
	return fail(s, BK_E_FILE, name, strerror(code));
}

static void forget_folder(struct bk_sink *s)
{
	int code = errno;

	if (s->at_open >= 0)
		close(s->at_open);
	free(s->at_path);
	s->at_open = -1;
	s->at_path = NULL;
	errno = code;
}

/* What happens from here on happens to that name. The folder it is in stays open for the next. False: it cannot be
 * opened, errno says why. */
static bool aim(struct bk_sink *s, const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	s->name = name;
	s->leaf = slash ? slash + 1 : name;
	s->at = s->dir;
	if (!slash)
		return true;
	if (!s->at_path || strncmp(s->at_path, name, len) != 0 || s->at_path[len]) {
		forget_folder(s);
		s->at_path = strndup(name, len);
		s->at_open = s->at_path ? bk_inside_open(s->dir, name, len, O_PATH | O_DIRECTORY, false) : -1;
	}
	s->at = s->at_open;
	if (s->at < 0)
		forget_folder(s);
	return s->at >= 0;
}

static struct timespec time_of(const struct bk_file_entry *e)
{
	return (struct timespec){.tv_sec = (time_t)e->mtime, .tv_nsec = (long)e->mtime_ns};
}

/* Where a folder is to be. BK_E_FILE: something else is there. */
static int check_folder(struct bk_sink *s, const char *path, const struct stat *st)
{
	return S_ISDIR(st->st_mode) ? 0 : fail(s, BK_E_FILE, path, "it is to be a folder, and is none here");
}

int bk_sink_check(struct bk_sink *s, const struct bk_file_entry *entry)
{
	struct stat st;

	if (!entry->is_file && !entry->is_folder && !entry->is_link)
		return fail(s, BK_E_UNSUPPORTED, entry->path,
			"this version receives only files, folders and links");
	if (!aim(s, entry->path) || fstatat(s->at, s->leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail_errno(s, entry->path, errno);
	if (entry->is_folder)
		return check_folder(s, entry->path, &st);
	if (S_ISDIR(st.st_mode))
		return fail(s, BK_E_FILE, entry->path, "a folder has this name");
	if (entry->is_link && bk_linking_is_same(s->at, s->leaf, bk_file_entry_target(entry)))
		return 0;
	return fail(s, BK_E_EXISTS, entry->path, "it exists");
}

bool bk_sink_has(struct bk_sink *s, const char *path)
{
	struct stat st;

	return aim(s, path) && fstatat(s->at, s->leaf, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int bk_sink_check_space(struct bk_sink *s, uint64_t bytes)
{
	struct statvfs fs;
	uint64_t room;

	/* File systems without a limit report no blocks at all. */
	if (fstatvfs(s->dir, &fs) < 0 || !fs.f_blocks)
		return 0;
	if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &room) || bytes <= room)
		return 0;
	snprintf(s->text, sizeof(s->text), "cannot receive %llu bytes: no space left, only %llu are free",
		(unsigned long long)bytes, (unsigned long long)room);
	return BK_E_NO_SPACE;
}

int bk_sink_begin(struct bk_sink *s, const struct bk_file_entry *entry, const char *name)
{
	s->entry = entry;
	if (aim(s, name) && open_part(s, s->at, s->leaf))
		return 0;
	return errno == EEXIST ? fail(s, BK_E_EXISTS, name, "too many unfinished files have its name")
			       : fail_errno(s, name, errno);
}

int bk_sink_go_on(struct bk_sink *s, const struct bk_file_entry *entry, const char *name, const char *stem,
	unsigned number, uint64_t birth)
{
	struct stat st;

	s->entry = entry;
	if (!aim(s, stem))
		return fail_errno(s, stem, errno);
	s->fd = bk_part_open(s->at, s->leaf, number, birth);
	if (s->fd < 0 || (fstat(s->fd, &st) == 0 && (uint64_t)st.st_size > entry->size &&
				 ftruncate(s->fd, (off_t)entry->size) < 0))
		return fail_errno(s, name, errno);
	bk_part_name(s->part, s->leaf, number);
	s->number = number;
	s->birth = birth;
	return aim(s, name) ? 0 : fail_errno(s, name, errno);
}

bool bk_sink_look(const struct bk_sink *s, struct stat *ret_st)
{
	return fstatat(s->at, s->leaf, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
}

int bk_sink_is_other(struct bk_sink *s, const struct bk_file_entry *entry, const struct bk_file_entry *other)
{
	char shown[BK_TRANSFER_TEXT_MAX / 4], why[BK_TRANSFER_TEXT_MAX / 2];

	snprintf(why, sizeof(why), "in this folder that is the same name as '%s', which came with it",
		bk_file_path_show(other->path, shown, sizeof(shown)));
	return fail(s, BK_E_EXISTS, entry->path, why);
}

int bk_sink_make_folder(
	struct bk_sink *s, const struct bk_file_entry *entry, bool *ret_is_new, struct stat *ret_st)
{
	*ret_is_new = aim(s, entry->path) && mkdirat(s->at, s->leaf, 0700) == 0;
	if ((!*ret_is_new && errno != EEXIST) || fstatat(s->at, s->leaf, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(s, entry->path, errno);
	return check_folder(s, entry->path, ret_st);
}

uint64_t bk_sink_folder_birth(struct bk_sink *s, const struct bk_file_entry *entry)
{
	return aim(s, entry->path) ? bk_birth_at(s->at, s->leaf) : 0;
}

int bk_sink_make_link(
	struct bk_sink *s, const struct bk_file_entry *entry, const char *name, bool may_replace)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, time_of(entry)};

	if (!aim(s, name) || bk_linking_make(s->at, s->leaf, bk_file_entry_target(entry), may_replace) < 0)
		return errno == EEXIST ? fail(s, BK_E_EXISTS, name, "it exists") : fail_errno(s, name, errno);
	(void)utimensat(s->at, s->leaf, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

/* Its owner can always go in and write. As with files, a courtesy. */
void bk_sink_dress_folder(struct bk_sink *s, const struct bk_file_entry *entry)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, time_of(entry)};
	int fd = -1;

	if (aim(s, entry->path))
		fd = openat(s->at, s->leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fchmod(fd, (entry->mode & 0777 & ~s->umask) | 0700);
	(void)futimens(fd, times);
	close(fd);
}

void bk_sink_remove_folder(struct bk_sink *s, const struct bk_file_entry *entry)
{
	if (aim(s, entry->path))
		(void)unlinkat(s->at, s->leaf, AT_REMOVEDIR);
}

void bk_sink_rename(struct bk_sink *s, const char *name)
{
	(void)aim(s, name); /* in the same folder */
}

int bk_sink_write(struct bk_sink *s, const void *data, size_t n)
{
	const char *at = data;

	while (n) {
		ssize_t put = write(s->fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return fail_errno(s, s->name, put < 0 ? errno : EIO);
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int bk_sink_hole(struct bk_sink *s, size_t n)
{
	static const uint8_t zeros[64 << 10];
	off_t at = lseek(s->fd, 0, SEEK_CUR);
	struct stat st;
	int err = 0;

	if (at < 0 || fstat(s->fd, &st) < 0)
		return fail_errno(s, s->name, errno);
	for (size_t part; n && at < st.st_size && err >= 0; n -= part, at += (off_t)part) {
		part = n < sizeof(zeros) ? n : sizeof(zeros);
		err = bk_sink_write(s, zeros, part);
	}
	if (err >= 0 && n && ftruncate(s->fd, at + (off_t)n) < 0)
		return fail_errno(s, s->name, errno);
	if (err >= 0 && n && lseek(s->fd, 0, SEEK_END) < 0)
		return fail_errno(s, s->name, errno);
	return err;
}

int bk_sink_pass(
	struct bk_sink *s, int from, uint64_t n, void (*fn)(void *arg, const void *data, size_t n), void *arg)
{
	int err = 0;

	if (!s->scratch)
		s->scratch = malloc(SCRATCH);
	if (!s->scratch)
		return fail(s, BK_E_NOMEM, s->name, bk_error_text(BK_E_NOMEM));
	while (n && err >= 0) {
		ssize_t got = read(from < 0 ? s->fd : from, s->scratch, n < SCRATCH ? (size_t)n : SCRATCH);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fail_errno(s, s->name, got < 0 ? errno : EIO);
		fn(arg, s->scratch, (size_t)got);
		err = from < 0 ? 0 : bk_sink_write(s, s->scratch, (size_t)got);
		n -= (uint64_t)got;
	}
	return err;
}

int bk_sink_close(struct bk_sink *s, unsigned modes)
{
	const struct bk_file_entry *e = s->entry;
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, time_of(e)};
	int res = s->anchor >= 0 ? close(s->anchor) : 0;

	/* Mode and time are a courtesy: some file systems have neither, and the content is what was
	 * promised. */
	(void)fchmod(s->fd, e->mode & modes & 0777 & ~s->umask);
	(void)futimens(s->fd, times);
	s->anchor = s->fd;
	s->fd = -1;
	return res < 0 ? fail_errno(s, s->name, errno) : 0;
}

/* EINVAL, ENOSYS: this file system cannot sync, so there is nothing to wait for. */
static bool is_synced(int res)
{
	return res >= 0 || errno == EINVAL || errno == EROFS || errno == ENOSYS;
}

static int fail_sync(struct bk_sink *s, const char *name, int code)
{
	const bool is_full = code == ENOSPC || code == EDQUOT;
	char shown[BK_TRANSFER_TEXT_MAX / 2];

	snprintf(s->text, sizeof(s->text), "cannot write '%s' to the disk: %s",
		bk_file_path_show(name, shown, sizeof(shown)),
		is_full ? bk_error_text(BK_E_NO_SPACE) : strerror(code));
	return is_full ? BK_E_NO_SPACE : BK_E_FILE;
}

int bk_sink_sync_all(struct bk_sink *s)
{
	if (s->anchor < 0)
		s->anchor = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->anchor < 0 || is_synced(syncfs(s->anchor)) ? 0 : fail_sync(s, s->name, errno);
}

/* One that its owner may not read has no descriptor of its own any more. */
int bk_sink_sync_part(struct bk_sink *s)
{
	int fd = openat(s->at, s->part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0)
		return bk_sink_sync_all(s);
	err = is_synced(fsync(fd)) ? 0 : fail_sync(s, s->name, errno);
	close(fd);
	return err;
}

/* A folder that we may not list cannot be synced alone. */
int bk_sink_sync_folder(struct bk_sink *s)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return bk_sink_sync_all(s);
	err = is_synced(fsync(fd)) ? 0 : fail_sync(s, s->name, errno);
	close(fd);
	return err;
}

int bk_sink_aim(struct bk_sink *s, const char *name, const char **ret_leaf)
{
	bool is_there = aim(s, name);

	*ret_leaf = s->leaf;
	s->name = s->leaf = "";
	return is_there ? s->at : -1;
}

int bk_sink_folder(const struct bk_sink *s)
{
	return s->dir;
}

unsigned bk_sink_part_number(const struct bk_sink *s)
{
	return s->number;
}

const char *bk_sink_part(const struct bk_sink *s)
{
	return s->part;
}

uint64_t bk_sink_birth(const struct bk_sink *s)
{
	return s->birth;
}

void bk_sink_park(struct bk_sink *s)
{
	s->part[0] = 0;
}

int bk_sink_unpark(struct bk_sink *s, const char *part, uint64_t birth, const char *name)
{
	if (!aim(s, name))
		return fail_errno(s, name, errno);
	snprintf(s->part, sizeof(s->part), "%s", part);
	s->birth = birth;
	return 0;
}

void bk_sink_set_aside(struct bk_sink *s, struct bk_sink_aside *ret_aside)
{
	*ret_aside =
		(struct bk_sink_aside){.fd = s->fd, .entry = s->entry, .name = s->name, .birth = s->birth};
	snprintf(ret_aside->part, sizeof(ret_aside->part), "%s", s->part);
	s->fd = -1;
	s->part[0] = 0;
}

void bk_sink_take_back(struct bk_sink *s, const struct bk_sink_aside *aside)
{
	if (!aside->part[0])
		return;
	s->fd = aside->fd;
	s->birth = aside->birth;
	s->entry = aside->entry;
	(void)aim(s, aside->name); /* a folder that is gone is found out when the name is given */
	snprintf(s->part, sizeof(s->part), "%s", aside->part);
}

/* Takes the name with an empty file, which is then replaced. */
static int rename_over_own(struct bk_sink *s)
{
	int fd = openat(s->at, s->leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	if (renameat(s->at, s->part, s->at, s->leaf) == 0)
		return 0;
	(void)unlinkat(s->at, s->leaf, 0);
	return -1;
}

/* The name only if nothing has it. Where the file system cannot do that in a rename, a hard link can; where it has no
 * such links either (FAT, many of FUSE), nearly so. */
static int rename_new(struct bk_sink *s)
{
	if (renameat2(s->at, s->part, s->at, s->leaf, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST && linkat(s->at, s->part, s->at, s->leaf, 0) == 0)
		return unlinkat(s->at, s->part, 0);
	return errno == EEXIST ? -1 : rename_over_own(s);
}

/* It stays. */
static int fail_part(struct bk_sink *s)
{
	s->part[0] = 0;
	return fail(s, BK_E_FILE, s->name, "what came of it was replaced by another file");
}

int bk_sink_commit(struct bk_sink *s, bool may_replace)
{
	uint64_t birth = bk_birth_at(s->at, s->part); /* of none: the rename says why */
	int res;

	if (birth && birth != s->birth)
		return fail_part(s);
	res = may_replace ? renameat(s->at, s->part, s->at, s->leaf) : rename_new(s);
	if (res < 0 && errno == EEXIST)
		return fail(s, BK_E_EXISTS, s->name, "it exists");
	if (res < 0)
		return fail_errno(s, s->name, errno);
	s->part[0] = 0;
	return 0;
}

static void close_file(struct bk_sink *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void bk_sink_keep(struct bk_sink *s)
{
	size_t n = strlen(s->text);
	char shown[BK_TRANSFER_TEXT_MAX / 2];

	if (!s->part[0])
		return;
	close_file(s);
	if (bk_part_is(s->at, s->part, s->birth))
		snprintf(s->text + n, sizeof(s->text) - n, "; all of it arrived and is kept as '%s'",
			bk_file_path_show(s->part, shown, sizeof(shown)));
	s->part[0] = 0;
}

bool bk_sink_leave(struct bk_sink *s, uint64_t least)
{
	struct stat st;
	bool is_left = s->part[0] && s->fd >= 0 && fstat(s->fd, &st) == 0 && (uint64_t)st.st_size >= least &&
		       bk_part_is(s->at, s->part, s->birth);

	if (!is_left)
		bk_sink_drop(s);
	close_file(s);
	s->part[0] = 0;
	return is_left;
}

void bk_sink_drop(struct bk_sink *s)
{
	close_file(s);
	if (s->part[0] && bk_part_is(s->at, s->part, s->birth))
		(void)unlinkat(s->at, s->part, 0);
	s->part[0] = 0;
}
