/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_MANNERS_H
#define BK_PATH_MANNERS_H

#include "base/rate.h"
#include "punch/technique.h"

/* Guessing ports fills the tables of home routers, and alarms who watches a network. So it is counted in packets, as
 * many as the plan allows, over all sessions and threads of a process:
 *
 * - what is under way at a time is the largest guess (2800 packets) at most. One with is_hard counts as that: it is
 *   alone;
 * - two who guess for the first time take from what the other one's network (a /24) has: the largest guess, which
 *   comes back within 20 s;
 * - two who try again, since they had no luck, do not wait for that. They have a purse: four of the largest guesses,
 *   of which one comes back in five minutes. What they send is missing for others, who wait for their network. */

/* Of two, as long as they look for paths to each other. Zeroed at first. */
struct bk_manners_purse {
	struct bk_rate packets;
	uint8_t network[3];          /* the other one's, at the last guess */
	bool is_open;                /* there was one */
	struct bk_addr forbidden_by; /* there; family 0: by nobody */
};

/* What was taken; weight 0: nothing. Zeroed at first. */
struct bk_manners_turn {
	unsigned weight;
};

/* Takes a turn for what the plan guesses. Else takes that out of the plan, and returns why, for -v. NULL: it may go
 * on, or nothing in it is guessed. purse NULL: these two will not try again. */
const char *bk_manners_begin(struct bk_plan *io_plan, struct bk_manners_purse *purse, bk_time now,
	struct bk_manners_turn *ret_turn);
void bk_manners_end(struct bk_manners_turn *turn);

#endif
