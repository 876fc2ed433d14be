/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_OUTBOX_H
#define BK_LINK_OUTBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The bytes of one outgoing stream, from when they are taken until the peer has acknowledged them: until then
 * they do not move, because a retransmission reads them where they were. Memory follows what is held,
 * in chunks, up to a ceiling of 8 MiB. Embedded by value. */
enum {
	BK_OUTBOX_CHUNK = 64 * 1024,
	BK_OUTBOX_CHUNKS = 128,
	BK_OUTBOX_MAX = BK_OUTBOX_CHUNK * (BK_OUTBOX_CHUNKS - 1), /* the ends may share a chunk's place */
	BK_OUTBOX_SPARES = 8,
};

struct bk_outbox {
	uint8_t *chunks[BK_OUTBOX_CHUNKS]; /* the byte at offset o is in chunk o / CHUNK % CHUNKS */
	uint8_t *spares[BK_OUTBOX_SPARES];
	size_t spares_len;
	uint64_t acked, sent, end; /* stream offsets */
};

void bk_outbox_init(struct bk_outbox *b);
void bk_outbox_done(struct bk_outbox *b);

/* Takes all bytes of all pieces, or none: BK_E_FULL at the ceiling, BK_E_NOMEM. */
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

#endif
