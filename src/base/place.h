/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_PLACE_H
#define BK_BASE_PLACE_H

#include <stddef.h>
#include <stdint.h>

/* Where somebody listens, as people write it: HOST[:PORT], "[2001:db8::1]:15005" for IPv6; a bare IPv6 literal is a
 * host without port. A value: nothing is looked up. */
enum { BK_PLACE_HOST_MAX = 253 };

struct bk_place {
	char host[BK_PLACE_HOST_MAX + 1];
	uint16_t port;
};

/* Reads n bytes. port: what it is where none is written; 0: one has to be written. BK_E_MALFORMED. */
int bk_place_from_str(const char *s, size_t n, uint16_t port, struct bk_place *ret_place);

#endif
