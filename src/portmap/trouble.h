/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_TROUBLE_H
#define BK_PORTMAP_TROUBLE_H

#include <stdint.h>

/* Why a router gives no port, whatever the dialect in which it says so. */
enum bk_portmap_trouble {
	BK_PORTMAP_FINE,
	BK_PORTMAP_SILENT,      /* nobody answers */
	BK_PORTMAP_UNSUPPORTED, /* it does not know what we ask */
	BK_PORTMAP_DENIED,      /* not to us, or not this port */
	BK_PORTMAP_NO_OUTSIDE,  /* it has no address outside, or a private one: behind a NAT itself */
	BK_PORTMAP_FULL,        /* no port left, or behind a NAT itself: routers say both by one code */
	BK_PORTMAP_NOT_NEXT,    /* the address that we name is not what it sees: a NAT stands between */
	BK_PORTMAP_ODD,         /* a success that makes no sense */
	BK_PORTMAP_LOW_PORT,    /* ports below 1024 are not asked for */
};

enum bk_portmap_trouble bk_portmap_trouble_of_pcp(uint8_t result);
enum bk_portmap_trouble bk_portmap_trouble_of_natpmp(uint16_t result);
/* What to say after "the router: ". Static, never NULL. */
const char *bk_portmap_trouble_text(enum bk_portmap_trouble t);

#endif
