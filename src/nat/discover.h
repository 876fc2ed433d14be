/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NAT_DISCOVER_H
#define BK_NAT_DISCOVER_H

#include "base/engine.h"
#include "nat/profile.h"

/* Finds out what the NAT in front of this machine does over UDP, as a pure engine: RFC 5780 section 4.3
 * (mapping) and 4.4 (filtering), allocation from fresh sockets in one burst, hairpin (RFC 5780 section 4.5),
 * and whether a second NAT stands behind the first. Everything at once; what depends on nothing does not
 * wait. It works with any STUN server; what a server without a second address cannot tell stays unknown. */
struct bk_nat_discover;

enum { BK_NAT_FRESH_MAX = 8, BK_NAT_HOPS = 3, BK_NAT_ERROR_UNNAMED = 1 };

struct bk_nat_discover_opts {
	struct bk_addr local;  /* of the interface towards the server, port 0 */
	struct bk_addr server; /* its first address and port */
	/* The server is known to answer CHANGE-REQUEST and to have this second port, or is tried for it; 0:
	 * only what its answers say. */
	uint16_t alt_port;
	size_t fresh; /* sockets for the allocation; 0: 6 */
	uint64_t seed;
};

enum bk_nat_answer { BK_NAT_UNTESTED, BK_NAT_NO, BK_NAT_YES };

struct bk_nat_finding {
	bool is_blocked;               /* nothing came back at all */
	struct bk_addr local;          /* of the socket that the mapping was tested with */
	struct bk_nat_profile profile; /* public_addr's family is 0 when blocked */
	uint16_t port_min, port_max;   /* of all public ports seen; 0 when none */
	enum bk_nat_answer hairpin;    /* BK_NAT_UNTESTED without a NAT */
	/* A second NAT behind the first: seen by an address of 100.64.0.0/10 (RFC 6598) or a private one
	 * where a public one should be: our own, our public one, or a router's behind the first. A hint: big
	 * networks also have private addresses between their routers. */
	enum bk_nat_answer stacked;
	struct bk_addr stacked_at; /* that address */
	bk_dur rtt;                /* to the server, the smallest seen; 0: no answer that told anything */
	int stun_error;            /* a question was refused with that code (or UNNAMED); 0: none was */
	struct bk_addr elsewhere;  /* an answer came from there instead; family 0: none did */
};

/* BK_E_INVALID without a server or of another family than local; BK_E_NOMEM. */
int bk_nat_discover_new(
	const struct bk_nat_discover_opts *opts, bk_time now, struct bk_nat_discover **ret_engine);
void bk_nat_discover_free(struct bk_nat_discover *e); /* NULL is fine */

/* The server is known to be so far away, by another transport: no answer within a few times of that is none.
 * Without it, and before the first answer, the wait is long. */
void bk_nat_discover_hint(struct bk_nat_discover *e, bk_dur rtt);

/* Reports BK_REPORT_DONE once, when nothing is awaited any more. */
extern const struct bk_engine_ops bk_nat_discover_ops;

/* What is known so far; complete after BK_REPORT_DONE. */
void bk_nat_discover_finding(const struct bk_nat_discover *e, struct bk_nat_finding *ret_finding);

#endif
