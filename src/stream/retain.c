/* SPDX-License-Identifier: Apache-2.0 */
/* Unacknowledged bytes as a ring of slices, copied ones in chunks of our own, and beside them the frames' lengths: who
 * composed a frame has said how long it is, and nobody need read it again. Copies that stand behind each other are one
 * slice, so that a flood of short frames is no flood of slices. Frames are sent whole, so what is to be sent next
 * begins at a boundary, or at the start, where an acknowledgement fell into a frame. Positions count from the
 * session's beginning and never wrap (64 bits). */
#include "stream/retain.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/ring.h"

enum {
	SPARE_MAX = 8, /* enough for every frame */
	RING_MIN = 64,
	LENT_MIN = 16 * 1024, /* less is copied as fast */
	LENT_SHARE = 2,       /* and less than this part of a loan would pin too much */
};

struct bk_retain {
	struct bk_slice *slices; /* the first begins at the start */
	struct bk_ring slices_ring;
	size_t next_slice, next_skip; /* where `next` stands: of slices_ring.len, and in it */
	struct bk_chunk *tail;        /* where copies go; may be NULL */
	struct bk_chunk *spare[SPARE_MAX];
	size_t spare_len;
	size_t max;
	uint64_t start, next, end;
	/* the frames that end behind the start */
	uint32_t *lens;
	struct bk_ring lens_ring;
	uint64_t first_at; /* where the first of them begins: first_at <= start */
	size_t next_frame; /* of lens_ring.len: the one that `next` stands in */
};

int bk_retain_new(size_t max, struct bk_retain **ret_retain)
{
	struct bk_retain *r = calloc(1, sizeof(*r));

	if (!r)
		return BK_E_NOMEM;
	r->max = max;
	*ret_retain = r;
	return 0;
}

static struct bk_slice *slice(const struct bk_retain *r, size_t i)
{
	return &r->slices[bk_ring_place(&r->slices_ring, i)];
}

void bk_retain_free(struct bk_retain *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->slices_ring.len; i++)
		bk_chunk_unref(slice(r, i)->chunk);
	for (size_t i = 0; i < r->spare_len; i++)
		bk_chunk_unref(r->spare[i]);
	bk_chunk_unref(r->tail);
	free(r->slices);
	free(r->lens);
	free(r);
}

uint64_t bk_retain_start(const struct bk_retain *r)
{
	return r->start;
}

uint64_t bk_retain_next(const struct bk_retain *r)
{
	return r->next;
}

uint64_t bk_retain_end(const struct bk_retain *r)
{
	return r->end;
}

static uint32_t *frame_len(const struct bk_retain *r, size_t i)
{
	return &r->lens[bk_ring_place(&r->lens_ring, i)];
}

/* --- in --- */

static size_t tail_room(const struct bk_retain *r)
{
	return r->tail ? bk_chunk_room(r->tail) : 0;
}

static int make_room_for_bytes(struct bk_retain *r, size_t n)
{
	size_t room = tail_room(r),
	       chunks = n > room ? (n - room + BK_RETAIN_CHUNK - 1) / BK_RETAIN_CHUNK : 0;

	bk_assert(chunks <= SPARE_MAX);
	while (r->spare_len < chunks) {
		struct bk_chunk *c = bk_chunk_new(BK_RETAIN_CHUNK);

		if (!c)
			return BK_E_NOMEM;
		r->spare[r->spare_len++] = c;
	}
	return 0;
}

/* For those of a frame. */
static int make_room_for_slices(struct bk_retain *r)
{
	size_t most = r->slices_ring.len + SPARE_MAX + 2 * (size_t)BK_RETAIN_PIECES;
	struct bk_slice *grown;

	if (most <= r->slices_ring.cap)
		return 0;
	grown = bk_ring_grow(&r->slices_ring, r->slices, sizeof(*grown), RING_MIN);
	if (!grown)
		return BK_E_NOMEM;
	r->slices = grown;
	return 0;
}

static int make_room_for_frame(struct bk_retain *r)
{
	uint32_t *grown;

	if (r->lens_ring.len < r->lens_ring.cap)
		return 0;
	grown = bk_ring_grow(&r->lens_ring, r->lens, sizeof(*grown), RING_MIN);
	if (!grown)
		return BK_E_NOMEM;
	r->lens = grown;
	return 0;
}

/* Takes over the reference. */
static void add(struct bk_retain *r, const struct bk_slice *s)
{
	*slice(r, r->slices_ring.len++) = *s;
	r->end += s->len;
}

/* What was copied to the end of the tail, as a slice of its own or as more of the last. */
static void add_copy(struct bk_retain *r, size_t n)
{
	const uint8_t *at = r->tail->bytes + r->tail->len - n;
	struct bk_slice *last = r->slices_ring.len ? slice(r, r->slices_ring.len - 1) : NULL;

	if (!last || last->chunk != r->tail || last->data + last->len != at) {
		add(r, &(struct bk_slice){bk_chunk_ref(r->tail), at, n});
		return;
	}
	if (r->next_slice == r->slices_ring.len) {
		r->next_slice--;
		r->next_skip = last->len;
	}
	last->len += n;
	r->end += n;
}

static void copy_in(struct bk_retain *r, const uint8_t *from, size_t left)
{
	while (left) {
		size_t n;

		if (!tail_room(r)) {
			bk_chunk_unref(r->tail);
			r->tail = r->spare[--r->spare_len];
		}
		n = tail_room(r) < left ? tail_room(r) : left;
		bk_chunk_append(r->tail, from, n);
		add_copy(r, n);
		from += n;
		left -= n;
	}
}

/* As a slice of what is lent; without a chunk it is to be copied. */
static struct bk_slice borrow(const struct iovec *piece)
{
	struct bk_loan *loan =
		piece->iov_len >= LENT_MIN ? bk_loan_keep(piece->iov_base, piece->iov_len) : NULL;
	struct bk_slice s = {NULL, piece->iov_base, piece->iov_len};

	if (loan && s.len >= loan->size / LENT_SHARE)
		s.chunk = bk_chunk_of_loan(loan);
	if (!s.chunk)
		bk_loan_unref(loan);
	return s;
}

static int make_room(struct bk_retain *r, size_t copied)
{
	int err = make_room_for_bytes(r, copied);

	if (!err)
		err = make_room_for_slices(r);
	return err ? err : make_room_for_frame(r);
}

int bk_retain_append(struct bk_retain *r, const struct iovec *pieces, int pieces_len)
{
	struct bk_slice slices[BK_RETAIN_PIECES];
	size_t total = 0, copied = 0;
	int err;

	bk_assert(pieces_len <= BK_RETAIN_PIECES);
	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	bk_assert(total > 0);
	if (total > r->max - (size_t)(r->end - r->start))
		return BK_E_FULL;
	for (int i = 0; i < pieces_len; i++) {
		slices[i] = borrow(&pieces[i]);
		copied += slices[i].chunk ? 0 : slices[i].len;
	}
	err = make_room(r, copied);
	for (int i = 0; i < pieces_len; i++) {
		if (err < 0)
			bk_chunk_unref(slices[i].chunk);
		else if (slices[i].chunk)
			add(r, &slices[i]);
		else
			copy_in(r, slices[i].data, slices[i].len);
	}
	if (err < 0)
		return err;
	*frame_len(r, r->lens_ring.len++) = (uint32_t)total;
	return 0;
}

/* --- out --- */

/* How much of the frame at `next` is to be sent. */
static size_t next_len(const struct bk_retain *r)
{
	if (r->next_frame == r->lens_ring.len)
		return 0;
	if (r->next_frame)
		return *frame_len(r, r->next_frame);
	return (size_t)(r->first_at + *frame_len(r, 0) - r->next);
}

int bk_retain_peek(const struct bk_retain *r, struct bk_slice *slices, int max, bool *ret_is_rest)
{
	size_t n = next_len(r), skip = r->next_skip;
	int used = 0;

	*ret_is_rest = !r->next_frame && r->next > r->first_at;
	for (size_t i = r->next_slice; n; i++) {
		const struct bk_slice *s = slice(r, i);
		size_t take = s->len - skip < n ? s->len - skip : n;

		bk_assert(used < max);
		slices[used++] = (struct bk_slice){s->chunk, s->data + skip, take};
		n -= take;
		skip = 0;
	}
	return used;
}

void bk_retain_pass(struct bk_retain *r)
{
	size_t n = next_len(r);

	r->next += n;
	r->next_skip += n;
	while (r->next_slice < r->slices_ring.len && r->next_skip >= slice(r, r->next_slice)->len)
		r->next_skip -= slice(r, r->next_slice++)->len;
	r->next_frame++;
	bk_assert(r->next_frame <= r->lens_ring.len && r->next <= r->end);
}

/* --- away --- */

static void let_go(struct bk_retain *r, struct bk_chunk *c)
{
	if (c->loan || bk_chunk_is_shared(c) || r->spare_len == SPARE_MAX) {
		bk_chunk_unref(c);
		return;
	}
	c->len = 0;
	r->spare[r->spare_len++] = c;
}

/* So much of the first slice, at most; returns how much. */
static size_t release_some(struct bk_retain *r, uint64_t n)
{
	struct bk_slice *s = slice(r, 0);
	size_t part = n < s->len ? (size_t)n : s->len;

	if (!r->next_slice)
		r->next_skip -= r->next_skip < part ? r->next_skip : part;
	s->data += part;
	s->len -= part;
	if (s->len)
		return part;
	let_go(r, s->chunk);
	bk_ring_drop_first(&r->slices_ring);
	r->next_slice -= r->next_slice > 0;
	return part;
}

void bk_retain_release(struct bk_retain *r, uint64_t to)
{
	bk_assert(to >= r->start && to <= r->end);
	for (uint64_t left = to - r->start; left;)
		left -= release_some(r, left);
	if (!r->slices_ring.len && r->tail && !bk_chunk_is_shared(r->tail))
		r->tail->len = 0;
	r->start = to;
	while (r->lens_ring.len && r->first_at + *frame_len(r, 0) <= to) {
		r->first_at += *frame_len(r, 0);
		bk_ring_drop_first(&r->lens_ring);
		r->next_frame -= r->next_frame > 0;
	}
	if (r->next < to) {
		bk_assert(!r->next_frame);
		r->next = to;
	}
}

void bk_retain_rewind(struct bk_retain *r)
{
	r->next = r->start;
	r->next_slice = r->next_skip = 0;
	r->next_frame = 0;
}
