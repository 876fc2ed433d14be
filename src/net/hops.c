/* SPDX-License-Identifier: Apache-2.0 */
/* Counting the routers up to the own public address, as traceroute counts (RFC 792), but towards an address
 * that the outermost NAT holds: what passes more than that many routers has left every NAT of ours. Silence
 * costs nothing: fewer are counted, which is the ordinary case. It uses a socket of its own, since a socket
 * that wants to hear of ICMP gets errors for other sendings as well. Nothing waits for the answers. */
#include "net/hops.h"

#include <unistd.h>

#include "net/udp.h"

enum {
	PORT_BASE = 33434, /* where traceroute sends: nobody listens */
	TIME_EXCEEDED = 11,
};

void bk_hops_init(struct bk_hops *h)
{
	*h = (struct bk_hops){.fd = -1};
}

void bk_hops_done(struct bk_hops *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

void bk_hops_ask(struct bk_hops *h, const struct bk_addr *public_addr)
{
	const struct bk_addr any = {.family = 4};

	if (public_addr->family != 4 || (h->fd >= 0 && bk_addr_equal_ip(&h->own, public_addr)))
		return;
	bk_hops_done(h); /* of another network */
	h->expired = 0;
	if (bk_udp_open(&any, false, &h->fd) < 0)
		return;
	bk_udp_want_icmp(h->fd, true);
	h->own = *public_addr;
	for (uint8_t ttl = 1; ttl <= BK_HOPS_MAX; ttl++) {
		struct bk_addr to = bk_addr_with_port(h->own, (uint16_t)(PORT_BASE + ttl));

		bk_udp_send(h->fd, &to, ttl, "", 1);
	}
}

bool bk_hops_is_asked(const struct bk_hops *h)
{
	return h->fd >= 0;
}

unsigned bk_hops_count(struct bk_hops *h)
{
	struct bk_addr remote;
	struct bk_icmp icmp;

	if (h->fd < 0)
		return 0;
	while (bk_udp_receive_icmp(h->fd, &remote, &icmp) == 0) {
		unsigned ttl = (unsigned)(remote.port - PORT_BASE);

		if (icmp.type == TIME_EXCEEDED && ttl >= 1 && ttl <= BK_HOPS_MAX && ttl > h->expired &&
			bk_addr_equal_ip(&remote, &h->own))
			h->expired = ttl;
	}
	return h->expired + 1;
}
