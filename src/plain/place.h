/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PLAIN_PLACE_H
#define BK_PLAIN_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/* Where the server is, as people write it: HOST[:PORT]; "[2001:db8::1]:15005" for IPv6. */
enum { BK_PLACE_HOST_MAX = 253, BK_PLACE_PORT = 15005 };

struct bk_plain_place {
	char host[BK_PLACE_HOST_MAX + 1];
	uint16_t port;
};

int bk_plain_place_from_str(const char *s, struct bk_plain_place *ret_place); /* BK_E_MALFORMED */

#endif
