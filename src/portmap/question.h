/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_QUESTION_H
#define BK_PORTMAP_QUESTION_H

#include "base/engine.h"
#include "portmap/lease.h"

/* What is sent to the router, in the one dialect or the other. */
enum bk_portmap_dialect { BK_PORTMAP_PCP, BK_PORTMAP_NATPMP, BK_PORTMAP_DIALECTS };

enum { BK_PORTMAP_PORT_MIN = 1024 /* below it nothing is asked for, nor taken */ };

struct bk_portmap_question {
	const struct bk_addr *own;
	const struct bk_portmap_lease *lease;
	const uint8_t *nonce; /* BK_PCP_NONCE_LEN bytes */
	bool is_deletion;
};

/* A datagram, without socket and remote. Are you there? It asks for nothing. False: there is no such message. */
bool bk_portmap_put_ping(enum bk_portmap_dialect d, const struct bk_addr *own, struct bk_action *ret_action);
bool bk_portmap_put_question(
	enum bk_portmap_dialect d, const struct bk_portmap_question *q, struct bk_action *ret_action);

#endif
