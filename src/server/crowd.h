/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_CROWD_H
#define BK_SERVER_CROWD_H

#include "base/addr.h"
#include "base/list.h"
#include "base/rate.h"

/* Whatever of the server can run out, and who has how much of it: the one place that counts.
 *
 * Everybody is in circles: the address, the network around it, the wider one, all together. (IPv4: /32, /24;
 * IPv6: /64, which is what one customer has, /56, /48.) Each circle has a share of each ceiling, a wider one a
 * larger share, and whoever has little finds room however much the others have: of the larger pools nobody
 * gets more than a part of what is still free, so that they never fill. Rates are rationed in the same
 * circles. Strangers have said nothing yet that proves them: where they are too many, the one goes that has
 * been there longest of those whose circles have most. */
struct bk_crowd;

enum bk_share {
	BK_SHARE_STRANGERS, /* connections that have not said who they are */
	BK_SHARE_CLIENTS,   /* that have said hello */
	BK_SHARE_PROBES,    /* mapping probes that were announced */
	BK_SHARE_LEGS,      /* of relayed pairs */
	BK_SHARE_GRANTS,    /* of the relay: awaited or under way */
	BK_SHARE_PAIRS,     /* that are relayed */
	BK_SHARE_REACHES,   /* reach tests under way */
	BK_SHARE_PLATES,    /* nameplates and meetings made */
	BK_SHARE_MAIL,      /* bytes that wait */
	BK_SHARE_NEWS,      /* bytes that groups keep */
	BK_SHARES,
};

enum bk_ration {
	BK_RATION_ARRIVALS, /* connections, and above all what fails of them */
	BK_RATION_CLAIMS,   /* that find nothing, and wrong guesses */
	BK_RATION_REACHES,
	BK_RATION_REJOINS, /* meetings made from nothing, and rounds asked for */
	BK_RATIONS,
};

/* An address as an account. It stays while anything is held on it, and is remembered for a while after, so that
 * coming back does not refill its rations. */
struct bk_circle;

/* A connection. */
struct bk_guest {
	struct bk_list link; /* strangers: oldest first */
	struct bk_circle *circle;
	enum bk_share share; /* what it counts as; BK_SHARES: nothing any more */
	void (*send_away)(void *arg);
	void *arg;
};

struct bk_crowd_limits {
	unsigned clients_max, per_address_max, relays_max;
	double claims_per_minute, claims_burst;     /* of one address */
	double arrivals_per_second, arrivals_burst; /* likewise */
};

struct bk_crowd *bk_crowd_new(const struct bk_crowd_limits *limits, uint64_t seed);
void bk_crowd_free(struct bk_crowd *c); /* NULL is fine; nobody may be in it */

/* --- connections --- */

/* One more stranger from there. If need be another one is sent away for it, by its send_away. BK_E_NOMEM,
 * BK_E_FULL. */
int bk_crowd_enter(struct bk_crowd *c, const struct bk_addr *from, bk_time now, struct bk_guest **ret_guest);
/* Who is to be told, once, when a stranger has to go; it no longer counts then, but is to leave all the same.
 * send_away may not enter, nor leave for anybody else. */
void bk_guest_set_keeper(struct bk_guest *g, void (*send_away)(void *arg), void *arg);
/* It is a stranger no more and counts as that. BK_E_FULL: no room among those. */
int bk_crowd_prove(struct bk_crowd *c, struct bk_guest *g, enum bk_share as);
/* Are few strangers of its circles here, and have few come lately? Who is not calm waits for who is. */
bool bk_crowd_is_calm(const struct bk_guest *g, bk_time now);
void bk_crowd_leave(struct bk_crowd *c, struct bk_guest *g, bk_time now); /* NULL is fine */
unsigned bk_crowd_count(const struct bk_crowd *c, enum bk_share share);   /* of everybody */

/* --- other things --- */

/* n more of it on that account, which stays as long as that. BK_E_FULL. */
int bk_crowd_take(struct bk_crowd *c, struct bk_circle *who, enum bk_share share, size_t n);
void bk_crowd_give(struct bk_crowd *c, struct bk_circle *who, enum bk_share share, size_t n, bk_time now);
void bk_crowd_hold(struct bk_circle *who); /* the account stays until it is dropped as often */
void bk_crowd_drop(struct bk_crowd *c, struct bk_circle *who, bk_time now);
const char *bk_circle_to_str(const struct bk_circle *who, char out[BK_ADDR_STR_MAX]);

/* --- rations --- */

/* 0: it is taken. Otherwise nothing is, and so long it takes until it could be. */
bk_dur bk_crowd_spend(
	struct bk_crowd *c, struct bk_circle *who, enum bk_ration ration, double n, bk_time now);
/* As spend, but it is taken in any case: who borrows waits longer the next time. */
bk_dur bk_crowd_borrow(
	struct bk_crowd *c, struct bk_circle *who, enum bk_ration ration, double n, bk_time now);
/* What turned out to be fine costs nothing. */
void bk_crowd_refund(struct bk_crowd *c, struct bk_circle *who, enum bk_ration ration, double n, bk_time now);

#endif
