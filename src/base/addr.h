/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_ADDR_H
#define BK_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IP address with a port, as a value: copied, compared, printed; never a socket. An IPv4-mapped
 * IPv6 address is stored as IPv4. family 0 means "none". */
struct bk_addr {
	uint8_t family; /* 0, 4 or 6 */
	uint8_t ip[16]; /* network order; the first 4 bytes for IPv4, the rest zero */
	uint16_t port;  /* host order */
	uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
};

enum { BK_ADDR_STR_MAX = 64 }; /* room for any bk_addr_to_str result with its NUL */

struct bk_addr bk_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* "192.0.2.1:80", "[2001:db8::1]:80"; "none" for family 0. Returns out. */
const char *bk_addr_to_str(const struct bk_addr *a, char out[BK_ADDR_STR_MAX]);
/* The address without its port and without brackets. */
const char *bk_addr_ip_to_str(const struct bk_addr *a, char out[BK_ADDR_STR_MAX]);

/* Reads a literal "IP:PORT" or "[IP6]:PORT"; never a name. BK_E_MALFORMED otherwise. */
int bk_addr_from_str(const char *s, struct bk_addr *ret_addr);
/* Reads a literal IP without port and sets the port given. */
int bk_addr_from_ip(const char *ip, uint16_t port, struct bk_addr *ret_addr);

bool bk_addr_equal(const struct bk_addr *a, const struct bk_addr *b);    /* address and port */
bool bk_addr_equal_ip(const struct bk_addr *a, const struct bk_addr *b); /* address only */

bool bk_addr_is_any(const struct bk_addr *a);
bool bk_addr_is_loopback(const struct bk_addr *a);
bool bk_addr_is_link_local(const struct bk_addr *a);
bool bk_addr_is_private(const struct bk_addr *a); /* RFC 1918, fc00::/7 */
bool bk_addr_is_cgn(const struct bk_addr *a);     /* 100.64.0.0/10, RFC 6598 */

static inline struct bk_addr bk_addr_with_port(struct bk_addr a, uint16_t port)
{
	a.port = port;
	return a;
}

#endif
