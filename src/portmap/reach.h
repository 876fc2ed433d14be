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

/* May a router have this outside, whatever the port? Not loopback, not an address of one link. */
bool bk_portmap_is_outside(const struct bk_addr *ip);
/* May a router give this, port and all, as one of its own, of that family? */
bool bk_portmap_is_sensible(const struct bk_addr *external, uint8_t family);

#endif
