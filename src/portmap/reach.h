/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_REACH_H
#define BK_PORTMAP_REACH_H

#include "base/addr.h"

/* Does the router's outer address lie in the open? `seen`: ours as a server out there sees it; family 0:
 * nobody has. */
enum bk_portmap_reach {
	BK_PORTMAP_REACH_UNKNOWN, /* public, and nobody has compared */
	BK_PORTMAP_REACH_OPEN,    /* everybody reaches it */
	BK_PORTMAP_REACH_NESTED,  /* another NAT stands outside: only what is behind that, too, reaches it */
};
enum bk_portmap_reach bk_portmap_reach(const struct bk_addr *external, const struct bk_addr *seen);

/* The router's outer address and ours as a server sees it, over time. Zeroed at first. */
struct bk_portmap_match {
	struct bk_addr
		last; /* when both were the same; family 0: they never were, or that was told already */
};
/* Do they differ, after they were the same? Then what the router said is out of date, or another NAT stands
 * outside by now. Told again until bk_portmap_match_forget. Either may have family 0: not known. */
bool bk_portmap_match_is_lost(
	struct bk_portmap_match *m, const struct bk_addr *external, const struct bk_addr *seen);
void bk_portmap_match_forget(struct bk_portmap_match *m);

#define BK_PORTMAP_DOUBT_MIN (60 * BK_SEC) /* a router that is doubted is asked anew, no sooner than so */

/* May a router have this outside, whatever the port? Not loopback, not an address of one link. */
bool bk_portmap_is_outside(const struct bk_addr *ip);
/* May a router give this, port and all, to who asks from there: over IPv4 as one of its own; over IPv6 nothing is
 * translated, and another address than the own one is somebody else's. */
bool bk_portmap_is_sensible(const struct bk_addr *external, const struct bk_addr *own);

#endif
