/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_WAY_H
#define BK_BASE_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* A way to somebody over datagrams: from which of our sockets, to which address. Over the same pair of
 * machines there may be many: a NAT gives each socket another mapping. A value; the id of the socket belongs
 * to whoever names it (an engine, or the owner of the sockets). */
struct bk_way {
	uint32_t socket; /* never 0 */
	struct bk_addr remote;
};

static inline bool bk_way_equal(const struct bk_way *a, const struct bk_way *b)
{
	return a->socket == b->socket && bk_addr_equal(&a->remote, &b->remote);
}

#endif
