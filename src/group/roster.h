/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_ROSTER_H
#define BK_GROUP_ROSTER_H

#include "base/list.h"
#include "base/map.h"
#include "group/card.h"

/* Who is there, as the server says: handles and cards. A card cannot be made up by it, but an old one can be shown, and
 * a present one hidden: presence is the server's word.
 *
 * The server's handles change when somebody comes back, and all of them with the server. A member is known by its key
 * and sitting, and has an id of ours that stays. */
enum { BK_ROSTER_MEMBERS = 1024 };

struct bk_member_card {
	struct bk_list link; /* while it is behind */
	uint64_t id, member; /* ours, the server's */
	struct bk_card card;
};

struct bk_roster {
	struct bk_map *members; /* by the server's handle */
	struct bk_list behind;  /* who was there, and is not in the list so far */
	unsigned behind_count;
	uint64_t last_id;
};

int bk_roster_init(struct bk_roster *r, uint64_t seed); /* BK_E_NOMEM */
void bk_roster_done(struct bk_roster *r);

void bk_roster_begin(struct bk_roster *r); /* we are in, and are told anew who is there */

enum { BK_ROSTER_NEW = 1, BK_ROSTER_CHANGED = 2 };

/* Which of them it is, and *ret_member; 0: it was there, or is behind, and said the same. BK_E_FULL, BK_E_NOMEM. */
int bk_roster_put(struct bk_roster *r, uint64_t member, const struct bk_card *card,
	const struct bk_member_card **ret_member);
/* Does somebody else go by that handle? */
bool bk_roster_has_another(const struct bk_roster *r, uint64_t member, const struct bk_card *card);
bool bk_roster_take(struct bk_roster *r, uint64_t member,
	struct bk_member_card *ret_member); /* false: it was not there */
/* Takes one that is behind; false: there is none. */
bool bk_roster_take_behind(struct bk_roster *r, struct bk_member_card *ret_member);

/* Each in turn, those behind too, in no order; fn may not change the roster. */
void bk_roster_each(
	const struct bk_roster *r, void (*fn)(void *arg, const struct bk_member_card *m), void *arg);

#endif
