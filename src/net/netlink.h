/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_NETLINK_H
#define BK_NET_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left to read of one datagram of the kernel's (netlink(7)). */
struct bk_netlink {
	const uint8_t *at;
	size_t len;
};

struct bk_netlink_message {
	uint16_t type;
	const uint8_t *body; /* not aligned */
	size_t len;
};

/* The next message. False: there is none, or not all of it, which is left. */
bool bk_netlink_next(struct bk_netlink *n, struct bk_netlink_message *ret_message);

#endif
