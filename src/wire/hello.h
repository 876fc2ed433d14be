/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_HELLO_H
#define BK_WIRE_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* PeerHelloMessage: what two peers say to each other, with numbers that rise in turn
 * (docs/protocol/rendezvous.md). */
enum { BK_HELLO_CONTENT_MAX = 256, BK_HELLO_MESSAGE_MAX = 4096 };

struct bk_hello {
	char content[BK_HELLO_CONTENT_MAX + 1]; /* for people; harmless on a terminal once decoded */
	uint64_t number;
};

/* Appends the JSON text, without a length in front. BK_E_INVALID (not UTF-8, number above INT64_MAX),
 * BK_E_FULL, BK_E_NOMEM. */
int bk_hello_encode(struct bk_buf *out, const struct bk_hello *h);

/* BK_E_PROTOCOL: a message of another type; BK_E_MALFORMED, BK_E_TOO_BIG, BK_E_NOMEM. A content that is
 * absent or null reads as empty. Touches ret_hello only on success. */
int bk_hello_decode(const void *json, size_t len, struct bk_hello *ret_hello);

#endif
