/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/birth.h"

#include <fcntl.h>

uint64_t bk_birth_of(const struct statx *st)
{
	const struct statx_timestamp *at = &st->stx_btime;
	uint64_t instant = (uint64_t)at->tv_sec * 1000000000 + at->tv_nsec;

	return st->stx_mask & STATX_BTIME && instant ? instant : st->stx_ino;
}

bool bk_birth_look(int dir, const char *leaf, struct statx *ret_st)
{
	const int flags = AT_SYMLINK_NOFOLLOW | (*leaf ? 0 : AT_EMPTY_PATH);

	return statx(dir, leaf, flags, STATX_BASIC_STATS | STATX_BTIME, ret_st) == 0;
}

uint64_t bk_birth_at(int dir, const char *leaf)
{
	struct statx st;

	return bk_birth_look(dir, leaf, &st) ? bk_birth_of(&st) : 0;
}
