/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_ARCHIVE_H
#define BK_GROUP_ARCHIVE_H

#include <stdbool.h>

#include "base/list.h"
#include "group/remark.h"

/* Of the last posts of a group those that we would tell a board that knows nothing of them: the same bytes, told again,
 * are no news to who has had them, and reach who has not. Where each keeps his own alone, all together keep as many as
 * a board does, however many they are. */
enum {
	BK_ARCHIVE_MAX = 100, /* as a board keeps for who comes late */
	BK_ARCHIVE_BYTES = 512 * 1024,
};

struct bk_archived {
	struct bk_list link;
	uint8_t hash[BK_REMARK_HASH_LEN];
	bool is_ours;
	bool is_told; /* in this life of the group */
	uint64_t at;  /* as which one it was told */
	size_t len;
	uint8_t sealed[];
};

struct bk_archive {
	struct bk_list all; /* oldest first */
	uint64_t told;      /* so many were, by anybody */
	size_t bytes;
};

void bk_archive_init(struct bk_archive *a);
void bk_archive_done(struct bk_archive *a);

void bk_archive_told(
	struct bk_archive *a); /* one more was, for the first time, of anybody: what is too old goes */
/* It is one to be kept; the oldest ones go where they are too much. BK_E_NOMEM. */
int bk_archive_put(struct bk_archive *a, const uint8_t hash[BK_REMARK_HASH_LEN], bool is_ours,
	const uint8_t *sealed, size_t len);
void bk_archive_heard(struct bk_archive *a, const uint8_t hash[BK_REMARK_HASH_LEN]); /* told again */
void bk_archive_begin(struct bk_archive *a); /* another life: nothing is told in it yet */

/* From the newest one (of NULL) to the older ones; NULL: that was the oldest. */
const struct bk_archived *bk_archive_before(const struct bk_archive *a, const struct bk_archived *p);

#endif
