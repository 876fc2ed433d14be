/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROUTER_ROUTER_H
#define BK_ROUTER_ROUTER_H

#include <bodkin/loop.h>

#include "portmap/portmap.h"

/* The router in front of this machine, for one family: found by the default route, asked by PCP and NAT-PMP from
 * the address that the route uses, found anew when the network has changed. One for a program: what is wanted
 * of it is not asked for with every connection. */
struct bk_router;

/* Something changed: look at the view. From the loop; the router may be freed from inside. */
typedef void (*bk_router_fn)(void *arg);

/* family: 4 or 6. Where there is no router, it is there nevertheless and finds one later. BK_E_NOMEM. */
int bk_router_new(struct bk_loop *loop, uint8_t family, bk_router_fn on_change, void *arg,
	struct bk_router **ret_router);
/* NULL is fine. */
void bk_router_free(struct bk_router *r);

struct bk_router_view {
	struct bk_addr gateway, own; /* family 0: there is none */
	enum bk_portmap_presence presence[BK_PORTMAP_DIALECTS];
	/* Only after bk_router_ask_upnp, or where nothing else answers what is wanted. */
	enum bk_portmap_presence upnp;
	/* The router's own address out there, as NAT-PMP or UPnP tells; family 0: neither has. */
	struct bk_addr outside;
	bool is_settled; /* nobody else is expected to answer */
};
/* Looks for UPnP, too, whatever else the router speaks, here and in the networks after this one. */
void bk_router_ask_upnp(struct bk_router *r);
void bk_router_view(const struct bk_router *r, struct bk_router_view *ret_view);

/* --- ports --- */

/* A port that is wanted, in this network and the ones after it. */
struct bk_router_port {
	struct bk_addr external; /* by it we are reached; family 0: we are not, or not yet */
	enum bk_portmap_trouble trouble;
	bool is_awaited;  /* the router may give it yet */
	bool is_promised; /* ... and is known to give ports */
};

/* Wanted twice is once. BK_E_FULL, BK_E_INVALID: port 0. */
int bk_router_want(struct bk_router *r, enum bk_transport t, uint16_t own_port);
/* Given back at once. */
void bk_router_drop(struct bk_router *r, enum bk_transport t, uint16_t own_port);
void bk_router_port(
	const struct bk_router *r, enum bk_transport t, uint16_t own_port, struct bk_router_port *ret_port);
/* The outside looks as if what the router said were out of date: all is asked for anew. False: it was just now. */
bool bk_router_doubt(struct bk_router *r);
/* All is given back, nothing is wanted any more. */
void bk_router_leave(struct bk_router *r);
/* After bk_router_leave: the router knows it, or does not answer. */
bool bk_router_is_left(const struct bk_router *r);

#endif
