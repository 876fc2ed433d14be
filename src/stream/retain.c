/* SPDX-License-Identifier: Apache-2.0 */
/* Unacknowledged bytes in a ring of chunk pointers. Positions count from the session's beginning and never
 * wrap (64 bits). */
#include "stream/retain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/frame.h"

enum { SPARE_MAX = 8 };

struct bk_retain {
	uint8_t **ring; /* chunk of position p: ring[p / CHUNK % ring_len] */
	size_t ring_len;
	uint8_t *spare[SPARE_MAX];
	size_t spare_len;
	size_t max;
	uint64_t start, end;
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
		free(r->ring[i]);
	for (size_t i = 0; i < r->spare_len; i++)
		free(r->spare[i]);
	free(r->ring);
	free(r);
}

uint64_t bk_retain_start(const struct bk_retain *r)
{
	return r->start;
}

uint64_t bk_retain_end(const struct bk_retain *r)
{
	return r->end;
}

static uint8_t **slot(const struct bk_retain *r, uint64_t at)
{
	return &r->ring[at / BK_RETAIN_CHUNK % r->ring_len];
}

static int make_room(struct bk_retain *r, size_t n)
{
	for (uint64_t at = r->end / BK_RETAIN_CHUNK * BK_RETAIN_CHUNK; at < r->end + n;
		at += BK_RETAIN_CHUNK) {
		uint8_t **s = slot(r, at);

		if (!*s)
			*s = r->spare_len ? r->spare[--r->spare_len] : malloc(BK_RETAIN_CHUNK);
		if (!*s)
			return BK_E_NOMEM;
	}
	return 0;
}

int bk_retain_append(struct bk_retain *r, const struct iovec *pieces, int pieces_len)
{
	size_t total = 0;
	int err;

	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	if (total > r->max - (size_t)(r->end - r->start))
		return BK_E_FULL;
	err = make_room(r, total);
	for (int i = 0; i < pieces_len && !err; i++) {
		const uint8_t *from = pieces[i].iov_base;

		for (size_t left = pieces[i].iov_len; left;) {
			size_t offset = r->end % BK_RETAIN_CHUNK, n = BK_RETAIN_CHUNK - offset;

			n = n < left ? n : left;
			memcpy(*slot(r, r->end) + offset, from, n);
			from += n;
			left -= n;
			r->end += n;
		}
	}
	return err;
}

void bk_retain_release(struct bk_retain *r, uint64_t to)
{
	assert(to >= r->start && to <= r->end);
	for (uint64_t at = r->start / BK_RETAIN_CHUNK; at < to / BK_RETAIN_CHUNK; at++) {
		uint8_t **s = slot(r, at * BK_RETAIN_CHUNK);

		if (r->spare_len < SPARE_MAX)
			r->spare[r->spare_len++] = *s;
		else
			free(*s);
		*s = NULL;
	}
	r->start = to;
}

int bk_retain_view(const struct bk_retain *r, uint64_t at, size_t n, struct iovec *pieces, int max)
{
	int used = 0;

	assert(at >= r->start && at + n <= r->end);
	while (n && used < max) {
		size_t offset = at % BK_RETAIN_CHUNK, take = BK_RETAIN_CHUNK - offset;

		take = take < n ? take : n;
		pieces[used++] = (struct iovec){*slot(r, at) + offset, take};
		at += take;
		n -= take;
	}
	return used;
}

void bk_retain_copy(const struct bk_retain *r, uint64_t at, void *out, size_t n)
{
	struct iovec piece;
	uint8_t *to = out;

	while (n) {
		bk_retain_view(r, at, n, &piece, 1);
		memcpy(to, piece.iov_base, piece.iov_len);
		to += piece.iov_len;
		at += piece.iov_len;
		n -= piece.iov_len;
	}
}

size_t bk_retain_frame_len(const struct bk_retain *r, uint64_t at)
{
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct bk_sframe f = {0};

	bk_retain_copy(r, at, head, sizeof(head));
	bk_sframe_decode(head, sizeof(head), &f); /* our own frames: they decode */
	return BK_SFRAME_HEADER_LEN + f.length;
}

size_t bk_retain_frame_left(const struct bk_retain *r, uint64_t at, size_t left, uint64_t to)
{
	while (at < to) {
		size_t step;

		if (!left)
			left = bk_retain_frame_len(r, at);
		step = to - at < left ? (size_t)(to - at) : left;
		at += step;
		left -= step;
	}
	return left;
}
