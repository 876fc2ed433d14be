/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_ADDR_H
#define BK_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/addr.h>

/* What the library itself asks of an address, beside what is public. */

struct bk_addr bk_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* Where to listen: "ADDR:PORT", "[ADDR6]:PORT", and every address by ":PORT" or "PORT": then the family is 0.
 * BK_E_MALFORMED. */
int bk_addr_from_listen(const char *s, struct bk_addr *ret_addr);

/* The address without its port and without brackets. */
const char *bk_addr_ip_to_str(const struct bk_addr *a, char out[BK_ADDR_STR_MAX]);

bool bk_addr_equal(const struct bk_addr *a, const struct bk_addr *b);    /* address and port */
bool bk_addr_equal_ip(const struct bk_addr *a, const struct bk_addr *b); /* address only */

bool bk_addr_is_any(const struct bk_addr *a);
bool bk_addr_is_loopback(const struct bk_addr *a);
bool bk_addr_is_link_local(const struct bk_addr *a);
bool bk_addr_is_private(const struct bk_addr *a); /* RFC 1918, fc00::/7 */
bool bk_addr_is_cgn(const struct bk_addr *a);     /* 100.64.0.0/10, RFC 6598 */

/* Whose network an address lies in, by its digits alone. What has no machine behind it (unspecified, multicast,
 * broadcast, reserved) or wraps an IPv4 address that is not public (NAT64, 6to4) is nowhere. */
enum bk_addr_realm {
	BK_ADDR_NOWHERE,
	BK_ADDR_THIS_MACHINE, /* loopback */
	BK_ADDR_THIS_LINK,    /* link-local */
	BK_ADDR_PRIVATE,      /* RFC 1918, ULA, site-local */
	BK_ADDR_CARRIER,      /* 100.64.0.0/10 */
	BK_ADDR_PUBLIC,
};
enum bk_addr_realm bk_addr_realm(const struct bk_addr *a);

/* Private or a carrier's: who has it is behind a NAT. */
bool bk_addr_is_inside(const struct bk_addr *a);

/* May a server that we reached at `known` name this as another address of its own? Only in the realm where it
 * is, or outside: our own network is nobody else's to send us to. */
bool bk_addr_may_be_of(const struct bk_addr *a, const struct bk_addr *known);

/* The networks that this machine has an interface in. */
enum { BK_NETWORKS_MAX = 32 };

struct bk_network {
	struct bk_addr addr; /* the machine's own in it */
	unsigned bits;       /* of its prefix */
};

struct bk_networks {
	struct bk_network list[BK_NETWORKS_MAX];
	size_t len;
};

/* Is it the address of a machine in one of them? Their broadcast addresses are none. NULL: there are none. */
bool bk_networks_have(const struct bk_networks *n, const struct bk_addr *a);

static inline struct bk_addr bk_addr_with_port(struct bk_addr a, uint16_t port)
{
	a.port = port;
	return a;
}

#endif
