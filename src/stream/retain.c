/* SPDX-License-Identifier: Apache-2.0 */
/* Unacknowledged bytes in a ring of chunk pointers, and beside them the frames' lengths: who composed a frame
 * has said how long it is, and nobody need read it again. Frames are sent whole, so what is to be sent next
 * begins at a boundary, or at the start, where an acknowledgement fell into a frame. Positions count from the
 * session's beginning and never wrap (64 bits). */
#include "stream/retain.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

enum { SPARE_MAX = 8, FRAMES_MIN = 64 };

struct bk_retain {
	struct bk_chunk **ring; /* chunk of position p: ring[p / CHUNK % ring_len] */
	size_t ring_len;
	struct bk_chunk *spare[SPARE_MAX];
	size_t spare_len;
	size_t max;
	uint64_t start, next, end;
	/* the frames that end behind the start */
	uint32_t *lens; /* a ring */
	size_t lens_cap, lens_first, lens_len;
	uint64_t first_at; /* where the first of them begins: first_at <= start */
	size_t next_frame; /* of lens_len: the one that `next` stands in */
};

int bk_retain_new(size_t max, struct bk_retain **ret_retain)
{
	struct bk_retain *r = calloc(1, sizeof(*r));

	if (!r)
		return BK_E_NOMEM;
	r->max = max;
	r->ring_len = max / BK_RETAIN_CHUNK + 2; /* the first and the last may be partly used */
	r->ring = calloc(r->ring_len, sizeof(*r->ring));
	if (!r->ring) {
		free(r);
		return BK_E_NOMEM;
	}
	*ret_retain = r;
	return 0;
}

void bk_retain_free(struct bk_retain *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->ring_len; i++)
		bk_chunk_unref(r->ring[i]);
	for (size_t i = 0; i < r->spare_len; i++)
		bk_chunk_unref(r->spare[i]);
	free(r->ring);
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

static struct bk_chunk **slot(const struct bk_retain *r, uint64_t at)
{
	return &r->ring[at / BK_RETAIN_CHUNK % r->ring_len];
}

static uint32_t *frame_len(const struct bk_retain *r, size_t i)
{
	bk_assert(i < r->lens_cap);
	return &r->lens[(r->lens_first + i) % r->lens_cap];
}

/* --- in --- */

static int make_room_for_bytes(struct bk_retain *r, size_t n)
{
	for (uint64_t at = r->end / BK_RETAIN_CHUNK * BK_RETAIN_CHUNK; at < r->end + n;
		at += BK_RETAIN_CHUNK) {
		struct bk_chunk **s = slot(r, at);

		if (!*s)
			*s = r->spare_len ? r->spare[--r->spare_len] : bk_chunk_new(BK_RETAIN_CHUNK);
		if (!*s)
			return BK_E_NOMEM;
	}
	return 0;
}

static int make_room_for_frame(struct bk_retain *r)
{
	size_t cap = r->lens_cap ? 2 * r->lens_cap : FRAMES_MIN;
	uint32_t *lens;

	if (r->lens_len < r->lens_cap)
		return 0;
	lens = malloc(cap * sizeof(*lens));
	if (!lens)
		return BK_E_NOMEM;
	for (size_t i = 0; i < r->lens_len; i++)
		lens[i] = *frame_len(r, i);
	free(r->lens);
	r->lens = lens;
	r->lens_cap = cap;
	r->lens_first = 0;
	return 0;
}

static void copy_in(struct bk_retain *r, const uint8_t *from, size_t left)
{
	while (left) {
		size_t offset = r->end % BK_RETAIN_CHUNK, n = BK_RETAIN_CHUNK - offset;

		n = n < left ? n : left;
		memcpy((*slot(r, r->end))->bytes + offset, from, n);
		from += n;
		left -= n;
		r->end += n;
	}
}

int bk_retain_append(struct bk_retain *r, const struct iovec *pieces, int pieces_len)
{
	size_t total = 0;
	int err;

	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	bk_assert(total > 0);
	if (total > r->max - (size_t)(r->end - r->start))
		return BK_E_FULL;
	err = make_room_for_bytes(r, total);
	if (!err)
		err = make_room_for_frame(r);
	if (err < 0)
		return err;
	for (int i = 0; i < pieces_len; i++)
		copy_in(r, pieces[i].iov_base, pieces[i].iov_len);
	*frame_len(r, r->lens_len++) = (uint32_t)total;
	return 0;
}

/* --- out --- */

/* How much of the frame at `next` is to be sent. */
static size_t next_len(const struct bk_retain *r)
{
	if (r->next_frame == r->lens_len)
		return 0;
	if (r->next_frame)
		return *frame_len(r, r->next_frame);
	return (size_t)(r->first_at + *frame_len(r, 0) - r->next);
}

int bk_retain_peek(const struct bk_retain *r, struct bk_slice *slices, int max, bool *ret_is_rest)
{
	size_t n = next_len(r);
	uint64_t at = r->next;
	int used = 0;

	*ret_is_rest = !r->next_frame && r->next > r->first_at;
	while (n) {
		size_t offset = at % BK_RETAIN_CHUNK, take = BK_RETAIN_CHUNK - offset;
		struct bk_chunk *c = *slot(r, at);

		bk_assert(used < max);
		take = take < n ? take : n;
		slices[used++] = (struct bk_slice){c, c->bytes + offset, take};
		at += take;
		n -= take;
	}
	return used;
}

void bk_retain_pass(struct bk_retain *r)
{
	r->next += next_len(r);
	r->next_frame++;
	bk_assert(r->next_frame <= r->lens_len && r->next <= r->end);
}

static void release_chunk(struct bk_retain *r, struct bk_chunk **s)
{
	if (r->spare_len < SPARE_MAX && !bk_chunk_is_shared(*s))
		r->spare[r->spare_len++] = *s;
	else
		bk_chunk_unref(*s);
	*s = NULL;
}

void bk_retain_release(struct bk_retain *r, uint64_t to)
{
	bk_assert(to >= r->start && to <= r->end);
	for (uint64_t at = r->start / BK_RETAIN_CHUNK; at < to / BK_RETAIN_CHUNK; at++)
		release_chunk(r, slot(r, at * BK_RETAIN_CHUNK));
	r->start = to;
	while (r->lens_len && r->first_at + *frame_len(r, 0) <= to) {
		r->first_at += *frame_len(r, 0);
		r->lens_first = (r->lens_first + 1) % r->lens_cap;
		r->lens_len--;
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
	r->next_frame = 0;
}
