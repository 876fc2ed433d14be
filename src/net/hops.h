/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_HOPS_H
#define BK_NET_HOPS_H

#include <stdbool.h>

#include "base/addr.h"

/* How many routers there are up to the one that holds our own public address: 1 behind a home router, more
 * where a carrier translates again. A few small datagrams of small TTL to that address tell: every router
 * before the last one says that it had to drop one (ICMP time exceeded). */

enum { BK_HOPS_MAX = 8 };

struct bk_hops {
	int fd; /* -1: nothing was asked */
	struct bk_addr own;
	unsigned expired; /* the largest TTL that was used up on the way */
};

void bk_hops_init(struct bk_hops *h);
void bk_hops_done(struct bk_hops *h);

/* Asks once for each address; the same one again does nothing. Only for a public address that is not the machine's own,
 * IPv4. */
void bk_hops_ask(struct bk_hops *h, const struct bk_addr *public_addr);

bool bk_hops_is_asked(const struct bk_hops *h);

/* What is known by now: 0 when nothing was asked, else at least 1. A router that keeps silent counts only if
 * one behind it speaks. */
unsigned bk_hops_count(struct bk_hops *h);

#endif
