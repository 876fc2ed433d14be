/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_STUN_H
#define BK_SERVER_STUN_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* The STUN service on the server's ports, over UDP: tells whoever asks from where their datagram came (RFC
 * 8489, RFC 3489) and, with a second address, what their NAT does (RFC 5780). It stands on its own: nothing
 * of a client's connection is needed. Bounded for each address and the networks around it by
 * BK_LIMIT_STUN_PER_SECOND and _BURST (generous: a NAT with many people behind it is one address, and a thorough
 * test asks a few dozen times); loopback is not bounded. */
struct bk_stun_service;

struct bk_stun_service_opts {
	struct bk_addr listen; /* with port; an any-address: the answer leaves from the address asked */
	uint16_t alt_port;
	struct bk_addr alt; /* second address; family 0: none */
	uint64_t seed;
};

/* ret_at: what could not be bound, on failure. */
int bk_stun_service_new(struct bk_loop *loop, const struct bk_stun_service_opts *opts, struct bk_addr *ret_at,
	struct bk_stun_service **ret_service);
void bk_stun_service_free(struct bk_stun_service *s); /* NULL is fine */

#endif
