/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

int bk_part_make(int dir, const char *leaf, unsigned *ret_number)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	char name[BK_PART_MAX];
	int fd = -1;

	for (unsigned i = 0; i < BK_PART_TRIES && fd < 0; i++) {
		bk_part_name(name, leaf, i);
		fd = openat(dir, name, flags, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
		*ret_number = i;
	}
	return fd;
}

bool bk_part_is_own(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1;
}

bool bk_part_find(int dir, const char *leaf, unsigned number, struct stat *ret_st)
{
	char name[BK_PART_MAX];

	bk_part_name(name, leaf, number);
	return fstatat(dir, name, ret_st, AT_SYMLINK_NOFOLLOW) == 0 && bk_part_is_own(ret_st);
}

int bk_part_open(int dir, const char *leaf, unsigned number)
{
	char name[BK_PART_MAX];
	struct stat st;
	int fd;

	bk_part_name(name, leaf, number);
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || (fstat(fd, &st) == 0 && bk_part_is_own(&st)))
		return fd;
	close(fd);
	errno = ENOENT;
	return -1;
}

void bk_part_remove(int dir, const char *leaf, unsigned number)
{
	char name[BK_PART_MAX];
	struct stat st;

	bk_part_name(name, leaf, number);
	if (bk_part_find(dir, leaf, number, &st))
		(void)unlinkat(dir, name, 0);
}
