/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_UPNP_H
#define BK_PORTMAP_UPNP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "portmap/trouble.h"

/* What to ask a UPnP router for next when it says no: some take no lease, some nothing but one, and some refuse
 * a port that another machine has. The numbers are those of WANIPConnection:1 and :2. */
struct bk_upnp_ask {
	uint16_t own_port, external_port;
	uint32_t lifetime; /* seconds; 0: for good, so it has to be given back */
	unsigned tries;
};

void bk_upnp_ask_init(struct bk_upnp_ask *a, uint16_t own_port);
/* False: it is of no use to ask again. */
bool bk_upnp_ask_again(struct bk_upnp_ask *a, int error, struct bk_rng *rng);
enum bk_portmap_trouble bk_upnp_trouble(int error);

#endif
