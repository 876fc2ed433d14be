/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_PORTMAP_H
#define BK_PORTMAP_PORTMAP_H

#include "base/engine.h"
#include "portmap/census.h"
#include "portmap/lease.h"

/* Ports of the router in front of us, by PCP or NAT-PMP, as a pure engine: it finds out which of the two the
 * router speaks, asks for what is wanted, keeps it and gives it back. One engine for one router and one own
 * address; where the network has changed, its owner makes a new one. */
struct bk_portmap;

enum {
	BK_PORTMAP_LEASES_MAX = 8,
	BK_PORTMAP_KEY_LEN = 32,
};

struct bk_portmap_opts {
	struct bk_addr gateway; /* its port is not looked at */
	struct bk_addr own;     /* what the socket is bound to, and the ports are wanted for */
	uint32_t socket;        /* an id that the engine sends from and hears by; the owner has it open */
	/* The id by which news to all are heard (port 5350, multicast); 0: they are not. */
	uint32_t announcements;
	uint8_t key[BK_PORTMAP_KEY_LEN]; /* from it the nonces are made, which nobody else may guess */
	uint64_t seed;                   /* for jitter */
};

/* REPORT: something changed, look at leases and presence; or BK_REPORT_DONE: all is given back. */
enum { BK_PORTMAP_CHANGED = 0 };

/* Asks at once who is there. BK_E_NOMEM. */
int bk_portmap_new(const struct bk_portmap_opts *opts, bk_time now, struct bk_portmap **ret_engine);
void bk_portmap_free(struct bk_portmap *p); /* gives nothing back; NULL is fine */

extern const struct bk_engine_ops bk_portmap_ops;

/* Drain the actions after each of these. Wanted twice is once. BK_E_FULL; BK_E_INVALID: port 0. */
int bk_portmap_want(struct bk_portmap *p, enum bk_transport t, uint16_t own_port, bk_time now);
void bk_portmap_drop(struct bk_portmap *p, enum bk_transport t, uint16_t own_port, bk_time now);
/* Drops all and wants no more; DONE comes when the router knows it, or does not answer. */
void bk_portmap_leave(struct bk_portmap *p, bk_time now);
/* The outside was seen to have forgotten a port that the router said it keeps, or to see us at another
 * address: asks for all anew, once a minute at most; false: it was asked just now. */
bool bk_portmap_doubt(struct bk_portmap *p, bk_time now);

/* NULL: not wanted. Valid until the next call. */
const struct bk_portmap_lease *bk_portmap_find(
	const struct bk_portmap *p, enum bk_transport t, uint16_t own_port);
enum bk_portmap_presence bk_portmap_presence(const struct bk_portmap *p, enum bk_portmap_dialect d);
/* Nobody else is expected to answer. */
bool bk_portmap_is_settled(const struct bk_portmap *p);
/* The address outside, as NAT-PMP tells it; family 0: it has not. */
struct bk_addr bk_portmap_outside(const struct bk_portmap *p);

#endif
