/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_ROSTER_H
#define BK_GROUP_ROSTER_H

#include "base/map.h"
#include "group/card.h"

/* Who is there, as the server says: handles and cards. A card cannot be made up by it, but an old one can be shown, and
 * a present one hidden: presence is the server's word. */
enum { BK_ROSTER_MEMBERS = 1024 };

struct bk_member_card {
	uint64_t member;
	uint64_t round;
	struct bk_card card;
};

struct bk_roster {
	struct bk_map *members;
	uint64_t round; /* who is not in the list of this one has left */
};

int bk_roster_init(struct bk_roster *r, uint64_t seed); /* BK_E_NOMEM */
void bk_roster_done(struct bk_roster *r);

void bk_roster_begin(struct bk_roster *r); /* we are in, and are told anew who is there */

enum { BK_ROSTER_NEW = 1, BK_ROSTER_CHANGED = 2 };

/* Which of them it is, and *ret_member; 0: it was there, and said the same. BK_E_FULL, BK_E_NOMEM. */
int bk_roster_put(struct bk_roster *r, uint64_t member, const struct bk_card *card,
	const struct bk_member_card **ret_member);
/* Does somebody else go by that handle? Another life of a group gives them anew. */
bool bk_roster_has_another(const struct bk_roster *r, uint64_t member, const struct bk_card *card);
bool bk_roster_take(
	struct bk_roster *r, uint64_t member, struct bk_card *ret_card); /* false: it was not there */
/* Takes one that was not named since it began; false: there is none. */
bool bk_roster_take_stale(struct bk_roster *r, struct bk_member_card *ret_member);

/* Each in turn, in no order; fn may not change the roster. */
void bk_roster_each(
	const struct bk_roster *r, void (*fn)(void *arg, const struct bk_member_card *m), void *arg);

#endif
