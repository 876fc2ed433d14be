/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FRAME_H
#define BK_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* Session frames on a link: fixed 12-byte header, payload of at most 1 MiB.
 *   type(1) flags(1) reserved(2, zero, ignored) channel(4) length(4) payload
 * A type that is not known is skipped with its payload. */
enum { BK_SFRAME_HEADER_LEN = 12, BK_SFRAME_PAYLOAD_MAX = 1 << 20 };

enum bk_sframe_type {
	BK_SFRAME_NOMINATE = 1, /* controlling side: this link carries the session */
	BK_SFRAME_OPEN = 2,     /* payload: the channel's kind as UTF-8, at most 64 bytes */
	BK_SFRAME_DATA = 3,
	BK_SFRAME_FIN = 4,   /* no more DATA from here on this channel */
	BK_SFRAME_RESET = 5, /* payload: error name */
	BK_SFRAME_PING = 6,  /* payload is returned by PONG */
	BK_SFRAME_PONG = 7,
	BK_SFRAME_BYE = 8,     /* payload: error name, empty when all is well; the session ends */
	BK_SFRAME_RESUME = 9,  /* first on every link: session id (16), received (8), turn (8) */
	BK_SFRAME_ACK = 10,    /* received (8): session bytes that need not be kept any longer */
	BK_SFRAME_WINDOW = 11, /* credit (4): so many more bytes of DATA may be sent on the channel */
	BK_SFRAME_REST = 16,   /* after RESUME: what was left of the session frame that a link broke off in */
};

struct bk_sframe {
	uint8_t type;
	uint8_t flags;
	uint32_t channel;
	uint32_t length;
};

void bk_sframe_encode(const struct bk_sframe *f, uint8_t out[BK_SFRAME_HEADER_LEN]);
/* BK_E_TRUNCATED under 12 bytes, BK_E_TOO_BIG for a length above the maximum. */
int bk_sframe_decode(const uint8_t *data, size_t n, struct bk_sframe *ret_frame);

#endif
