/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_GATEWAY_H
#define BK_NET_GATEWAY_H

#include <stddef.h>

#include "base/addr.h"

/* The router through which this machine's default route leads, as the kernel's table says (rtnetlink(7)).
 * family: 4 or 6. The address comes without port; a link-local one with its interface. BK_E_NOT_FOUND: there is
 * none, or the way out needs none (a tunnel). */
int bk_gateway_find(uint8_t family, struct bk_addr *ret_gateway);

/* The best default route so far. */
struct bk_gateway_best {
	struct bk_addr gateway; /* family 0: none */
	uint32_t metric;
};

/* One datagram of the kernel's answer, and whether it is the last one; for tests. */
bool bk_gateway_read(const void *data, size_t n, uint8_t family, struct bk_gateway_best *io_best);

#endif
