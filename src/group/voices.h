/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_VOICES_H
#define BK_GROUP_VOICES_H

#include "base/list.h"
#include "base/map.h"
#include "group/ledger.h"

/* How far each sender has counted: a voice is a key and its sitting. Bounded; who was silent longest is forgotten. */
enum { BK_VOICES_MAX = 2048 };

struct bk_voices {
	struct bk_map *by_name;
	struct bk_list all; /* silent longest first */
	uint64_t era;       /* what was not told before it is no doubt */
};

int bk_voices_init(struct bk_voices *v, uint64_t seed); /* BK_E_NOMEM */
void bk_voices_done(struct bk_voices *v);

/* Something is known to be missing, or we have been away: the next count of each voice may be further. */
void bk_voices_forgive(struct bk_voices *v);

/* NONE; DROPPED: ret_count of its posts did not come; REPLAYED: it was there before. BK_E_NOMEM. */
int bk_voices_hear(
	struct bk_voices *v, const struct bk_remark *post, enum bk_doubt *ret_doubt, uint64_t *ret_count);

#endif
