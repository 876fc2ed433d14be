/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_GATHERING_H
#define BK_SERVER_GATHERING_H

#include "base/rate.h"
#include "server/groups.h"
#include "server/pages.h"

/* Inside groups: one of them, who is in it, and what each of those is told. News have a rank that rises by one; posts
 * among them have a number, too. A member's `next` is the rank of what it has not had yet. Whoever comes is told in
 * this order: that it is in, who is there, what is kept of the posts, what happens from then on; who came and went
 * before is in the list already. */
struct bk_gathering {
	struct bk_list empty;
	uint8_t id[BK_GROUP_ID_LEN], life[BK_GROUP_LIFE_LEN];
	struct bk_list members; /* in the order they came */
	unsigned count;
	struct bk_pages pages;
	struct bk_list news, comings; /* oldest first */
	unsigned posts_kept, comings_kept;
	uint64_t last_rank, last_number, last_seat;
	struct bk_rate posts;
	void *account; /* of who made it */
	bk_time until; /* empty: then it is forgotten */
};

/* A member: a place in the list of who is there, and one in the news. */
struct bk_attendee {
	struct bk_list link;
	struct bk_gathering *group;
	uint64_t who, seat;
	bool is_told;         /* that it is in */
	uint64_t listed;      /* the list of who is there is told up to that seat; its own is the last one */
	uint64_t next, since; /* since: somebody's coming before it is in the list */
	struct bk_rate posts;
	size_t card_len;
	uint8_t card[BK_GROUP_CARD_MAX];
};

/* By that member, for its first join, with that id; on its account. What `charge` says; BK_E_NOMEM, BK_E_FULL. */
int bk_gathering_new(struct bk_groups *gs, uint64_t who, const struct bk_board_request *r, bk_time now,
	struct bk_gathering **ret_gathering);
void bk_gathering_free(struct bk_groups *gs, struct bk_gathering *g); /* nobody is in it */

/* A group that was made for who could not come goes with him. */
int bk_gathering_join(struct bk_groups *gs, struct bk_gathering *g, uint64_t who,
	const struct bk_board_request *r, bk_time now);
int bk_gathering_set_card(
	struct bk_groups *gs, struct bk_attendee *m, const struct bk_board_request *r, bk_time now);
/* Where its account bears no more, the group remembers less. */
int bk_gathering_post(
	struct bk_groups *gs, struct bk_attendee *m, const struct bk_board_request *r, bk_time now);
void bk_gathering_part(
	struct bk_groups *gs, struct bk_attendee *m, int why, bk_time now); /* why 0: its own word */
void bk_gathering_deliver(
	const struct bk_groups *gs, struct bk_attendee *m); /* as much as there is room for */

#endif
