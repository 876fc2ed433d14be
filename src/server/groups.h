/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_GROUPS_H
#define BK_SERVER_GROUPS_H

#include "base/list.h"
#include "base/map.h"
#include "server/board.h"

/* The groups of the board in memory: who is in which, and what is told to all of them. News are made once and kept once
 * for all: a member is a place in the list of them, gets the next ones whenever its connection has room, and is sent
 * away when what it has not had yet is no longer kept. So nobody waits for anybody, and a member costs the same
 * whatever is said. A group with nobody in it is kept for a while, for who comes late. */
struct bk_groups {
	struct bk_map *by_id, *members; /* members by handle */
	struct bk_list empty;           /* with nobody in them, longest first */
	const struct bk_board_opts *opts;
};

int bk_groups_init(
	struct bk_groups *gs, const struct bk_board_opts *opts); /* BK_E_NOMEM; done all the same */
void bk_groups_done(struct bk_groups *gs);

/* Answers a wish of the board, with its errors; ret_wait: until what was rate-limited could be. */
int bk_groups_ask(
	struct bk_groups *gs, uint64_t who, const struct bk_board_request *r, bk_time now, bk_dur *ret_wait);

void bk_groups_deliver(struct bk_groups *gs, uint64_t who);            /* there is room for its news */
void bk_groups_leave(struct bk_groups *gs, uint64_t who, bk_time now); /* it is gone without a word */
void bk_groups_wake(struct bk_groups *gs, bk_time now);                /* forgets what is due */
bk_time bk_groups_next_wake(const struct bk_groups *gs);               /* BK_NEVER */

#endif
