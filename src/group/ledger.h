/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_LEDGER_H
#define BK_GROUP_LEDGER_H

#include "group/remark.h"

/* What the server told us under which number, and whether it told others the same. A group has lives: a server that
 * lost it begins to count anew, honestly or not; hashes of one life say nothing of another one.
 *
 * It sees what a post tells of its sender's ledger, and no more: a server that parts a group for good, and tells
 * neither half a word of the other, is not noticed by it. */
enum bk_doubt {
	BK_DOUBT_NONE,
	BK_DOUBT_DROPPED,   /* posts before this one did not come */
	BK_DOUBT_DOUBLED,   /* it was told before */
	BK_DOUBT_REORDERED, /* it comes after its turn */
	BK_DOUBT_FORKED, /* its sender, or an earlier moment, was told another post under a number than we were */
	BK_DOUBT_FORGED,      /* it is sealed or signed by nobody of the group */
	BK_DOUBT_REPLAYED,    /* its sender has long said other things */
	BK_DOUBT_KEY_CHANGED, /* somebody else had that name, with another key */
	BK_DOUBT_WITHHELD,    /* the server keeps a post of ours to itself */
};

enum { BK_LEDGER_WINDOW = 1024 }; /* posts whose hashes are remembered; a power of two */

struct bk_ledger_entry {
	uint64_t number;
	uint32_t lives; /* the life it is of; 0: nothing is here */
	uint8_t hash[BK_REMARK_HASH_LEN];
};

struct bk_ledger {
	uint8_t life[BK_GROUP_LIFE_LEN];
	uint32_t lives; /* so many were seen; 0: none yet */
	uint64_t last;  /* the number told last */
	uint64_t past;  /* numbers up to this one were told before we came (back) */
	uint32_t told;  /* so many entries were written; the next one takes the place of the oldest */
	struct bk_ledger_entry entries[BK_LEDGER_WINDOW];
};

/* We are in: of that life, what is kept is told next, from `oldest` (0: nothing) to `newest`. ret_missed: posts that
 * came while we were away and are not kept any more. Positive: it is another life than the one before. BK_E_PROTOCOL:
 * no such answer makes sense, or it takes back what we were told. */
int bk_ledger_begin(struct bk_ledger *l, const uint8_t life[BK_GROUP_LIFE_LEN], uint64_t oldest,
	uint64_t newest, uint64_t *ret_missed);

/* A post comes under that number. NONE; DROPPED: ret_count before it did not come, but it has its place; DOUBLED,
 * REORDERED, FORKED: it has none. */
enum bk_doubt bk_ledger_place(
	struct bk_ledger *l, uint64_t number, const uint8_t hash[BK_REMARK_HASH_LEN], uint64_t *ret_count);

/* Was the same told under another number: in this life, in one before? */
bool bk_ledger_has_twin(const struct bk_ledger *l, uint64_t number, const uint8_t hash[BK_REMARK_HASH_LEN],
	bool *ret_is_of_now);

/* The sender of the post with that number had seen this; can that be, by what we were told? */
bool bk_ledger_fits(const struct bk_ledger *l, uint64_t number, const struct bk_remark_seen *seen);

/* It was sealed in this life of the group, and is not told again in it. */
bool bk_ledger_is_of_now(const struct bk_ledger *l, const struct bk_remark_seen *seen);

/* What we saw last, for a post of ours. */
void bk_ledger_seen(const struct bk_ledger *l, struct bk_remark_seen *ret_seen);

static inline bool bk_ledger_is_caught_up(const struct bk_ledger *l)
{
	return l->last >= l->past;
}

#endif
