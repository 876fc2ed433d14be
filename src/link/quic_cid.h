/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_QUIC_CID_H
#define BK_LINK_QUIC_CID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connection ids (RFC 9000 section 5.1), as far as a datagram must be told from those of other connections on
 * the same way before anybody can decrypt it. Reads what anybody may have written. */

enum {
	BK_QUIC_CID_LEN = 8,  /* of those that we choose */
	BK_QUIC_CID_MAX = 20, /* of QUIC version 1 */
	BK_QUIC_CIDS_MAX = 16,
};

struct bk_quic_cid {
	uint8_t len;
	uint8_t bytes[BK_QUIC_CID_MAX];
};

/* Whom the datagram's first packet is for (RFC 8999 section 5); all others in it are for the same (RFC 9000
 * section 12.2). False: it is not QUIC (RFC 9443), or too short to say. */
bool bk_quic_cid_read(const uint8_t *data, size_t n, struct bk_quic_cid *ret_cid);

/* The ids that the peer may write to us by. The oldest one goes for one too many: the peer knows more than it
 * needs by then. */
struct bk_quic_cids {
	struct bk_quic_cid places[BK_QUIC_CIDS_MAX]; /* len 0: free */
	unsigned next;
};

void bk_quic_cids_add(struct bk_quic_cids *set, const uint8_t *bytes, size_t len);
void bk_quic_cids_remove(struct bk_quic_cids *set, const uint8_t *bytes, size_t len);
bool bk_quic_cids_has(const struct bk_quic_cids *set, const struct bk_quic_cid *cid);

#endif
