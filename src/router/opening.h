/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROUTER_OPENING_H
#define BK_ROUTER_OPENING_H

#include <bodkin/loop.h>

#include "router/router.h"

/* A port of ours that the router in front of us is to open, for as long as this lives; over IPv6, where
 * nothing is translated, it is a hole in its firewall, by PCP alone. All openings of a loop share one router
 * for each family, which is looked for with the first of them and asked who it is once in each network. It
 * stays until the loop is freed, and has everything back by then. */
struct bk_opening;

enum { BK_OPENING_TEXT_MAX = 256 };

/* on_change: look at it again; from the loop, the opening may be freed from inside. Where no router gives any port,
 * the opening is there nevertheless, and says why. BK_E_NOMEM. */
int bk_opening_new(struct bk_loop *loop, uint8_t family, enum bk_transport t, uint16_t own_port,
	void (*on_change)(void *arg), void *arg, struct bk_opening **ret_opening);
/* Gives it back. NULL is fine. */
void bk_opening_free(struct bk_opening *o);

void bk_opening_look(const struct bk_opening *o, struct bk_router_port *ret_port);
/* A server outside sees us at that address just now. Where the router's was the same and is not any more, the
 * router is asked anew: on_change comes when it says so, too. */
void bk_opening_compare(struct bk_opening *o, const struct bk_addr *seen);
/* Is there a reason, which a person may want to know, why nobody comes by it? seen: the address at which a server
 * outside sees us. A router that gives no ports at all is no news. */
bool bk_opening_explain(
	const struct bk_opening *o, const struct bk_addr *seen, char out[BK_OPENING_TEXT_MAX]);

#endif
