/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROUTER_IGD_H
#define BK_ROUTER_IGD_H

#include <bodkin/loop.h>

#include "portmap/census.h"
#include "portmap/lease.h"

/* Ports of a router that speaks UPnP (an Internet Gateway Device) and neither PCP nor NAT-PMP: it is found, asked, and
 * what it writes read (the XML by miniupnpc), on a thread, since each answer is waited for. The router is the one that
 * the default route names, or none. */
struct bk_igd;

enum { BK_IGD_PORTS_MAX = 8 };

/* Searches at once; the gateway's port is the one at which it hears a search, 0: the usual one. on_change: from the
 * loop; it may be freed from inside. */
int bk_igd_new(struct bk_loop *loop, const struct bk_addr *own, const struct bk_addr *gateway,
	bool wants_outside, void (*on_change)(void *arg), void *arg, struct bk_igd **ret_igd);
/* Without another word to the router. NULL is fine. */
void bk_igd_free(struct bk_igd *g);

/* Wanted twice is once. BK_E_FULL. */
int bk_igd_want(struct bk_igd *g, enum bk_transport t, uint16_t own_port);
void bk_igd_drop(struct bk_igd *g, enum bk_transport t, uint16_t own_port);
/* The outside looks as if the router had another address by now, or had forgotten what it gave: asks for all anew, once
 * a minute at most; false: it was just now. */
bool bk_igd_doubt(struct bk_igd *g, bk_time now);
/* External family 0 and BK_PORTMAP_FINE: it is being asked for. False: not wanted. */
bool bk_igd_find(
	struct bk_igd *g, enum bk_transport t, uint16_t own_port, struct bk_portmap_lease *ret_lease);
/* Has the search found one? Who wants its address outside is told so when that is known, too. */
enum bk_portmap_presence bk_igd_presence(struct bk_igd *g);
/* As it said when it was found, if that was wanted; family 0: not by now, or it has none. */
struct bk_addr bk_igd_outside(struct bk_igd *g);
/* Gives all back; on_change comes when that is done. */
void bk_igd_leave(struct bk_igd *g);
bool bk_igd_is_left(struct bk_igd *g);

#endif
