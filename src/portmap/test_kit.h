/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_TEST_KIT_H
#define BK_PORTMAP_TEST_KIT_H

#include "portmap/natpmp.h"
#include "portmap/pcp.h"
#include "portmap/portmap.h"

/* A router in virtual time, which answers at once, and as it is told to. */
enum { SOCKET = 7, ANNOUNCEMENTS = 8, OWN_PORT = 40000 };

#define T0 (1000 * BK_SEC)

struct router {
	struct bk_portmap *p;
	bk_time now;
	/* What it is like. */
	bool has_pcp, has_natpmp;
	bool is_pcp_server; /* says to NAT-PMP that it speaks PCP alone */
	bool is_deaf;       /* for now */
	bool is_v6;
	uint8_t pcp_result; /* of MAP; 0: gives */
	uint32_t error_lifetime;
	uint16_t natpmp_result; /* of its mappings */
	uint16_t address_result;
	uint32_t lifetime;  /* 0: as asked for */
	bool gives_nothing; /* a success, for no time */
	uint16_t port;      /* 0: as asked for */
	struct bk_addr outside, from;
	bk_time born; /* its epoch's beginning */
	bool is_young_always;
	bool spoils_nonce;
	/* What it has seen. */
	int pings, maps, deletions, reports;
	bool is_done;
	uint32_t asked_lifetime;
	struct bk_pcp_map last;
	bool has_first;
	struct bk_pcp_map first; /* MAP request */
	struct bk_natpmp_request last_natpmp;
};

void router_init(struct router *r);
/* An engine that talks to it. */
void router_meet(struct router *r);
/* What is due until `t`, and time is `t` then. */
void router_run(struct router *r, bk_time t);
void router_free(struct router *r);
/* The engine's door. */
bool router_tell(struct router *r, uint32_t socket, const void *data, size_t len);

void want(struct router *r, enum bk_transport t, uint16_t port);
const struct bk_portmap_lease *lease(const struct router *r);
/* Is UDP's OWN_PORT held at this port of the router? */
void assert_held(const struct router *r, uint16_t port);
void assert_refused(const struct router *r, enum bk_portmap_trouble why);

#endif
