/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_OUTBOX_H
#define BK_LINK_OUTBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/chunk.h"
#include "base/ring.h"

/* The bytes of one outgoing stream, from when they are taken until the peer has acknowledged them: until then
 * they do not move, because a retransmission reads them where they were. What is lent stays in its owner's
 * chunks, what is not is copied into chunks of our own. What is held, and in how many pieces, has a ceiling.
 * Embedded by value. */
enum {
	BK_OUTBOX_CHUNK = 64 * 1024,
	BK_OUTBOX_MAX = 8 * 1024 * 1024 - BK_OUTBOX_CHUNK,
	BK_OUTBOX_PIECES_MAX = 4096,
	BK_OUTBOX_SPARES = 8,
};

struct bk_outbox_piece {
	struct bk_chunk *chunk;
	const uint8_t *data;
	uint64_t at; /* stream offset */
	size_t len;
};

struct bk_outbox {
	struct bk_outbox_piece *pieces;
	struct bk_ring ring;   /* of pieces */
	size_t next;           /* of ring.len: the piece that `sent` stands in */
	struct bk_chunk *tail; /* where copies go; may be NULL */
	size_t tail_len;
	struct bk_chunk *spares; /* chained through their bytes */
	size_t spares_len;
	uint64_t acked, sent, end; /* stream offsets */
};

void bk_outbox_init(struct bk_outbox *b);
void bk_outbox_done(struct bk_outbox *b);

/* Takes all bytes of all slices, or none: BK_E_FULL at the ceiling, BK_E_NOMEM. Chunks are referred to; bytes
 * without one are copied. */
int bk_outbox_lend(struct bk_outbox *b, const struct bk_slice *slices, int slices_len);
/* The same, and everything is copied. */
int bk_outbox_append(struct bk_outbox *b, const struct iovec *pieces, int pieces_len);

/* The next unsent bytes, in at most `vecs_max` pieces; returns how many pieces. bk_outbox_sent then says how
 * many of the bytes went out. */
int bk_outbox_peek(const struct bk_outbox *b, struct iovec *vecs, int vecs_max);
void bk_outbox_sent(struct bk_outbox *b, size_t n);

/* Everything below this stream offset has arrived. */
void bk_outbox_acked(struct bk_outbox *b, uint64_t offset);

static inline size_t bk_outbox_unsent(const struct bk_outbox *b)
{
	return (size_t)(b->end - b->sent);
}

static inline size_t bk_outbox_held(const struct bk_outbox *b)
{
	return (size_t)(b->end - b->acked);
}

/* Half of the places for pieces are taken: only what must go should come now. */
static inline bool bk_outbox_is_crowded(const struct bk_outbox *b)
{
	return b->ring.len >= BK_OUTBOX_PIECES_MAX / 2;
}

#endif
