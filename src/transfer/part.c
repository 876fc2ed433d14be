/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "transfer/birth.h"

enum { STEM_MAX = 240 }; /* leaves room for ".99.part" in a component */

void bk_part_name(char out[BK_PART_MAX], const char *leaf, unsigned number)
{
	size_t n = strlen(leaf);

	if (n > STEM_MAX)
		for (n = STEM_MAX; n && ((unsigned char)leaf[n] & 0xc0) == 0x80; n--)
			;
	if (number)
		snprintf(out, BK_PART_MAX, "%.*s.%u.part", (int)n, leaf, number);
	else
		snprintf(out, BK_PART_MAX, "%.*s.part", (int)n, leaf);
}

static int close_with(int fd, int code)
{
	close(fd);
	errno = code;
	return -1;
}

/* Where there are no locks nobody has one. */
static bool is_locked(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

bool bk_part_is_own(const struct statx *st)
{
	return S_ISREG(st->stx_mode) && st->stx_uid == geteuid() && st->stx_nlink == 1;
}

/* EEXIST also where somebody took it for one that was left. */
static int make(int dir, const char *name, uint64_t *ret_birth)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags, 0600);
	struct statx st;

	if (fd < 0)
		return -1;
	if (!is_locked(fd) || !bk_birth_look(fd, "", &st) || !st.stx_nlink)
		return close_with(fd, EEXIST);
	*ret_birth = bk_birth_of(&st);
	return fd;
}

int bk_part_make(int dir, const char *leaf, unsigned *ret_number, uint64_t *ret_birth)
{
	char name[BK_PART_MAX];
	int fd = -1;

	for (unsigned i = 0; i < BK_PART_TRIES && fd < 0; i++) {
		bk_part_name(name, leaf, i);
		fd = make(dir, name, ret_birth);
		if (fd < 0 && errno != EEXIST)
			break;
		*ret_number = i;
	}
	return fd;
}

static bool is_made(const struct statx *st, uint64_t birth)
{
	return birth && bk_part_is_own(st) && bk_birth_of(st) == birth;
}

bool bk_part_is(int dir, const char *part, uint64_t birth)
{
	return birth && bk_birth_at(dir, part) == birth;
}

bool bk_part_find(int dir, const char *leaf, unsigned number, uint64_t birth, uint64_t *ret_size)
{
	char name[BK_PART_MAX];
	struct statx st;

	bk_part_name(name, leaf, number);
	if (!bk_birth_look(dir, name, &st) || !is_made(&st, birth))
		return false;
	*ret_size = st.stx_size;
	return true;
}

/* Whatever it is; nobody else has it. */
static int open_named(int dir, const char *name, struct statx *ret_st)
{
	int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (!is_locked(fd))
		return close_with(fd, EWOULDBLOCK);
	return bk_birth_look(fd, "", ret_st) ? fd : close_with(fd, ENOENT);
}

int bk_part_open(int dir, const char *leaf, unsigned number, uint64_t birth)
{
	char name[BK_PART_MAX];
	struct statx st;
	int fd;

	bk_part_name(name, leaf, number);
	fd = open_named(dir, name, &st);
	return fd < 0 || is_made(&st, birth) ? fd : close_with(fd, ENOENT);
}

void bk_part_remove(int dir, const char *leaf, unsigned number, uint64_t birth)
{
	char name[BK_PART_MAX];
	int fd = bk_part_open(dir, leaf, number, birth);

	bk_part_name(name, leaf, number);
	if (fd >= 0 || (errno == EACCES && bk_part_is(dir, name, birth)))
		(void)unlinkat(dir, name, 0);
	if (fd >= 0)
		close(fd);
}

static int64_t made_at(const struct statx *st)
{
	return st->stx_mask & STATX_BTIME ? st->stx_btime.tv_sec : st->stx_ctime.tv_sec;
}

void bk_part_remove_empty(int dir, const char *leaf, int64_t from, int64_t to)
{
	char name[BK_PART_MAX];
	struct statx st;
	int fd;

	bk_part_name(name, leaf, 0);
	fd = open_named(dir, name, &st);
	if (fd < 0)
		return;
	if (bk_part_is_own(&st) && !st.stx_size && made_at(&st) >= from - BK_BIRTH_SLACK &&
		made_at(&st) <= to + BK_BIRTH_SLACK)
		(void)unlinkat(dir, name, 0);
	close(fd);
}
