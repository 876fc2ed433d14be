/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_CROWD_H
#define BK_SERVER_CROWD_H

#include "base/addr.h"
#include "base/list.h"
#include "base/rate.h"

/* What each address holds and how often it asked for the things that are rationed by address. For IPv6 an
 * address is its /64, which is what one customer has. */
struct bk_crowd;

struct bk_crowd_member {
	struct bk_list idle; /* in the crowd's list while `held` is 0 */
	uint8_t key[9];
	uint8_t key_len;
	unsigned held; /* connections */
	bk_time left;
	struct bk_rate claims, reaches, rejoins;
};

struct bk_crowd_limits {
	unsigned per_address_max;
	unsigned connections_max; /* of all addresses together */
	double claims_per_minute, claims_burst;
};

struct bk_crowd *bk_crowd_new(const struct bk_crowd_limits *limits, uint64_t seed);
void bk_crowd_free(struct bk_crowd *c); /* NULL is fine */

/* One more connection from there. BK_E_FULL over a ceiling. */
int bk_crowd_enter(
	struct bk_crowd *c, const struct bk_addr *from, bk_time now, struct bk_crowd_member **ret_member);
/* The member stays remembered for a while, so that reconnecting does not refill its rates. NULL is fine. */
void bk_crowd_leave(struct bk_crowd *c, struct bk_crowd_member *m, bk_time now);

#endif
