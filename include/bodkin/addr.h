/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_ADDR_H
#define BODKIN_ADDR_H

#include <stdint.h>

#include <bodkin/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An IP address with a port, as a value: copied, compared, printed; never a socket. An IPv4-mapped
 * IPv6 address is stored as IPv4. family 0 means "none". Thread rule: every call here may be used from any
 * thread; nothing is kept. */
struct bk_addr {
	uint8_t family; /* 0, 4 or 6 */
	uint8_t ip[16]; /* network order; the first 4 bytes for IPv4, the rest zero */
	uint16_t port;  /* host order */
	uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
};

enum { BK_ADDR_STR_MAX = 64 }; /* room for any bk_addr_to_str result with its NUL */

/* "192.0.2.1:80", "[2001:db8::1]:80"; "none" for family 0. Returns out. */
BK_API const char *bk_addr_to_str(const struct bk_addr *a, char out[BK_ADDR_STR_MAX]);

/* Reads a literal "IP:PORT" or "[IP6]:PORT"; never a name. BK_E_MALFORMED otherwise. */
BK_API int bk_addr_from_str(const char *s, struct bk_addr *ret_addr);
/* Reads a literal IP without port and sets the port given (host order). BK_E_MALFORMED otherwise. */
BK_API int bk_addr_from_ip(const char *ip, uint16_t port, struct bk_addr *ret_addr);

#ifdef __cplusplus
}
#endif
#endif
