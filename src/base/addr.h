/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_ADDR_H
#define BK_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/addr.h>

/* What the library itself asks of an address, beside what is public. */

struct bk_addr bk_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* The address without its port and without brackets. */
const char *bk_addr_ip_to_str(const struct bk_addr *a, char out[BK_ADDR_STR_MAX]);

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
