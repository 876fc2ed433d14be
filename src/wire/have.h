/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_HAVE_H
#define BK_WIRE_HAVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What a receiver has of a file already: the digest of each block, the last of which may be shorter. The content of a
 * `have` message is such records, one behind the other: three big-endian numbers of 4 bytes, then the digests. */
enum { BK_HAVE_BLOCK = 1 << 20, BK_HAVE_DIGEST_LEN = 16, BK_HAVE_HEAD_LEN = 12 };

struct bk_have {
	uint32_t entry, first, count; /* blocks, at least 1 */
	const uint8_t *digests;       /* borrowed */
};

/* Takes one from the front: 1; 0: that was all; BK_E_MALFORMED. */
int bk_have_next(const uint8_t **at, size_t *left, struct bk_have *ret_have);
/* BK_E_FULL, BK_E_NOMEM. */
int bk_have_append(struct bk_buf *out, const struct bk_have *have);

#endif
