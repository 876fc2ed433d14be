/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of pieces in the order of the stream; bytes that stand behind the last piece's in the same chunk
 * make it longer, so that a flood of short writes is no flood of pieces. A chunk of our own whose last byte
 * was acknowledged is kept for the next one to be needed, a few of them, and else freed. */
#include "link/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

enum { PIECES_MIN = 16 };

void bk_outbox_init(struct bk_outbox *b)
{
	*b = (struct bk_outbox){0};
}

static struct bk_outbox_piece *piece(const struct bk_outbox *b, size_t i)
{
	return &b->pieces[bk_ring_place(&b->ring, i)];
}

/* --- chunks of our own --- */

static void keep_spare(struct bk_outbox *b, struct bk_chunk *c)
{
	memcpy(c->bytes, &b->spares, sizeof(b->spares));
	b->spares = c;
	b->spares_len++;
}

static struct bk_chunk *take_spare(struct bk_outbox *b)
{
	struct bk_chunk *c = b->spares;

	bk_assert(b->spares_len > 0);
	memcpy(&b->spares, c->bytes, sizeof(b->spares));
	b->spares_len--;
	return c;
}

static void let_go(struct bk_outbox *b, struct bk_chunk *c)
{
	if (!bk_chunk_is_shared(c) && c->size == BK_OUTBOX_CHUNK && b->spares_len < BK_OUTBOX_SPARES)
		keep_spare(b, c);
	else
		bk_chunk_unref(c);
}

static size_t tail_room(const struct bk_outbox *b)
{
	return b->tail ? BK_OUTBOX_CHUNK - b->tail_len : 0;
}

/* --- in --- */

static int grow(struct bk_outbox *b)
{
	struct bk_outbox_piece *grown = bk_ring_grow(&b->ring, b->pieces, sizeof(*grown), PIECES_MIN);

	if (!grown)
		return BK_E_NOMEM;
	b->pieces = grown;
	return 0;
}

/* So many more pieces, and so many bytes to be copied, find their place. What was made before memory ran out
 * stays, for the next try. */
static int make_room(struct bk_outbox *b, size_t pieces, size_t copied)
{
	size_t room = tail_room(b), chunks = 0;

	if (copied > room)
		chunks = (copied - room + BK_OUTBOX_CHUNK - 1) / BK_OUTBOX_CHUNK;
	while (b->spares_len < chunks) {
		struct bk_chunk *c = bk_chunk_new(BK_OUTBOX_CHUNK);

		if (!c)
			return BK_E_NOMEM;
		keep_spare(b, c);
	}
	if (b->ring.len + pieces + chunks > BK_OUTBOX_PIECES_MAX)
		return BK_E_FULL;
	while (b->ring.len + pieces + chunks > b->ring.cap)
		if (grow(b) < 0)
			return BK_E_NOMEM;
	return 0;
}

/* There is room. */
static void add(struct bk_outbox *b, struct bk_chunk *chunk, const uint8_t *data, size_t n)
{
	struct bk_outbox_piece *last = b->ring.len ? piece(b, b->ring.len - 1) : NULL;

	if (last && last->chunk == chunk && last->data + last->len == data) {
		last->len += n;
		if (b->next == b->ring.len)
			b->next--;
	} else {
		*piece(b, b->ring.len++) = (struct bk_outbox_piece){bk_chunk_ref(chunk), data, b->end, n};
	}
	b->end += n;
}

static void copy_in(struct bk_outbox *b, const uint8_t *data, size_t n)
{
	while (n) {
		size_t part;

		if (!tail_room(b)) {
			bk_chunk_unref(b->tail);
			b->tail = take_spare(b);
			b->tail_len = 0;
		}
		part = tail_room(b) < n ? tail_room(b) : n;
		memcpy(b->tail->bytes + b->tail_len, data, part);
		add(b, b->tail, b->tail->bytes + b->tail_len, part);
		b->tail_len += part;
		data += part;
		n -= part;
	}
}

int bk_outbox_lend(struct bk_outbox *b, const struct bk_slice *slices, int slices_len)
{
	size_t total = 0, copied = 0;
	int err;

	for (int i = 0; i < slices_len; i++) {
		total += slices[i].len;
		copied += slices[i].chunk ? 0 : slices[i].len;
	}
	if (total > BK_OUTBOX_MAX - bk_outbox_held(b))
		return BK_E_FULL;
	err = make_room(b, (size_t)slices_len, copied);
	if (err < 0)
		return err;
	for (int i = 0; i < slices_len; i++) {
		if (!slices[i].chunk)
			copy_in(b, slices[i].data, slices[i].len);
		else if (slices[i].len)
			add(b, slices[i].chunk, slices[i].data, slices[i].len);
	}
	return 0;
}

int bk_outbox_append(struct bk_outbox *b, const struct iovec *pieces, int pieces_len)
{
	size_t total = 0;
	int err;

	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	if (total > BK_OUTBOX_MAX - bk_outbox_held(b))
		return BK_E_FULL;
	err = make_room(b, 1, total);
	if (err < 0)
		return err;
	for (int i = 0; i < pieces_len; i++)
		copy_in(b, pieces[i].iov_base, pieces[i].iov_len);
	return 0;
}

/* --- out --- */

int bk_outbox_peek(const struct bk_outbox *b, struct iovec *vecs, int vecs_max)
{
	uint64_t offset = b->sent;
	int n = 0;

	for (size_t i = b->next; i < b->ring.len && n < vecs_max; i++) {
		const struct bk_outbox_piece *p = piece(b, i);
		size_t skip = (size_t)(offset - p->at);

		vecs[n++] = (struct iovec){(void *)(uintptr_t)(p->data + skip), p->len - skip};
		offset = p->at + p->len;
	}
	return n;
}

void bk_outbox_sent(struct bk_outbox *b, size_t n)
{
	bk_assert(n <= bk_outbox_unsent(b));
	b->sent += n;
	while (b->next < b->ring.len && piece(b, b->next)->at + piece(b, b->next)->len <= b->sent)
		b->next++;
}

void bk_outbox_acked(struct bk_outbox *b, uint64_t offset)
{
	bk_assert(offset <= b->sent);
	if (offset > b->acked)
		b->acked = offset;
	while (b->ring.len && piece(b, 0)->at + piece(b, 0)->len <= b->acked) {
		bk_assert(b->next > 0);
		let_go(b, piece(b, 0)->chunk);
		bk_ring_drop_first(&b->ring);
		b->next--;
	}
	if (!b->ring.len) /* nobody reads there any more */
		b->tail_len = 0;
}

void bk_outbox_done(struct bk_outbox *b)
{
	for (size_t i = 0; i < b->ring.len; i++)
		bk_chunk_unref(piece(b, i)->chunk);
	free(b->pieces);
	bk_chunk_unref(b->tail);
	while (b->spares_len)
		bk_chunk_unref(take_spare(b));
	*b = (struct bk_outbox){0};
}
