/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of fixed chunks addressed by stream offset. Growing never copies; a chunk whose last byte was
 * acknowledged is kept for the next one to be needed, a few of them, and else freed. */
#include "link/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void bk_outbox_init(struct bk_outbox *b)
{
	*b = (struct bk_outbox){0};
}

void bk_outbox_done(struct bk_outbox *b)
{
	for (size_t i = 0; i < BK_OUTBOX_CHUNKS; i++)
		free(b->chunks[i]);
	for (size_t i = 0; i < b->spares_len; i++)
		free(b->spares[i]);
	*b = (struct bk_outbox){0};
}

static uint8_t **chunk_at(struct bk_outbox *b, uint64_t offset)
{
	return &b->chunks[offset / BK_OUTBOX_CHUNK % BK_OUTBOX_CHUNKS];
}

/* Chunks for everything up to `end`. What was made before memory ran out stays, for the next try. */
static int make_room(struct bk_outbox *b, uint64_t end)
{
	uint64_t offset = b->end / BK_OUTBOX_CHUNK * BK_OUTBOX_CHUNK;

	for (; offset < end; offset += BK_OUTBOX_CHUNK) {
		uint8_t **chunk = chunk_at(b, offset);

		if (*chunk)
			continue;
		*chunk = b->spares_len ? b->spares[--b->spares_len] : malloc(BK_OUTBOX_CHUNK);
		if (!*chunk)
			return BK_E_NOMEM;
	}
	return 0;
}

static void copy_in(struct bk_outbox *b, const uint8_t *data, size_t n)
{
	while (n) {
		size_t at = (size_t)(b->end % BK_OUTBOX_CHUNK);
		size_t part = BK_OUTBOX_CHUNK - at < n ? BK_OUTBOX_CHUNK - at : n;

		memcpy(*chunk_at(b, b->end) + at, data, part);
		b->end += part;
		data += part;
		n -= part;
	}
}

int bk_outbox_append(struct bk_outbox *b, const struct iovec *pieces, int pieces_len)
{
	size_t total = 0;
	int err;

	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	if (total > BK_OUTBOX_MAX - bk_outbox_held(b))
		return BK_E_FULL;
	err = make_room(b, b->end + total);
	if (err < 0)
		return err;
	for (int i = 0; i < pieces_len; i++)
		copy_in(b, pieces[i].iov_base, pieces[i].iov_len);
	return 0;
}

int bk_outbox_peek(const struct bk_outbox *b, struct iovec *vecs, int vecs_max)
{
	uint64_t offset = b->sent;
	int n = 0;

	while (offset < b->end && n < vecs_max) {
		size_t at = (size_t)(offset % BK_OUTBOX_CHUNK);
		size_t part = BK_OUTBOX_CHUNK - at;

		if (part > b->end - offset)
			part = (size_t)(b->end - offset);
		vecs[n++] = (struct iovec){
			b->chunks[offset / BK_OUTBOX_CHUNK % BK_OUTBOX_CHUNKS] + at,
			part,
		};
		offset += part;
	}
	return n;
}

void bk_outbox_sent(struct bk_outbox *b, size_t n)
{
	assert(n <= bk_outbox_unsent(b));
	b->sent += n;
}

void bk_outbox_acked(struct bk_outbox *b, uint64_t offset)
{
	assert(offset <= b->sent);
	while (b->acked < offset) {
		uint64_t chunk_end = (b->acked / BK_OUTBOX_CHUNK + 1) * BK_OUTBOX_CHUNK;

		if (chunk_end > offset) {
			b->acked = offset;
			return;
		}
		if (b->spares_len < BK_OUTBOX_SPARES)
			b->spares[b->spares_len++] = *chunk_at(b, b->acked);
		else
			free(*chunk_at(b, b->acked));
		*chunk_at(b, b->acked) = NULL;
		b->acked = chunk_end;
	}
}
