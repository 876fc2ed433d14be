/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes with a ceiling. Space freed at the front is reused by moving the rest down, only when
 * there is no room behind it and at least half as much was consumed, so that a byte is moved a bounded number
 * of times. */
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

enum { CAP_MIN = 256 };

void bk_buf_init(struct bk_buf *b, size_t max)
{
	*b = (struct bk_buf){.max = max};
}

void bk_buf_done(struct bk_buf *b)
{
	free(b->data);
	*b = (struct bk_buf){0};
}

void bk_buf_release(struct bk_buf *b)
{
	free(b->data);
	*b = (struct bk_buf){.max = b->max};
}

/* Half the ceiling is spare room, so that a queue that stays full is not moved for every few bytes. */
static size_t cap_max(const struct bk_buf *b)
{
	return b->max > SIZE_MAX - b->max / 2 ? SIZE_MAX : b->max + b->max / 2;
}

static int grow(struct bk_buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : CAP_MIN / 2, max = cap_max(b);
	uint8_t *data;

	do
		cap = cap > max / 2 ? max : cap * 2;
	while (cap < need);
	data = malloc(cap);
	if (!data)
		return BK_E_NOMEM;
	if (b->len)
		memcpy(data, bk_buf_head(b), b->len);
	free(b->data);
	b->data = data;
	b->cap = cap;
	b->start = 0;
	return 0;
}

static int make_room(struct bk_buf *b, size_t n)
{
	if (n > bk_buf_room(b))
		return BK_E_FULL;
	if (b->start + b->len + n <= b->cap)
		return 0;
	if (b->len + n > b->cap || b->start < b->len / 2)
		return grow(b, b->len + n);
	memmove(b->data, bk_buf_head(b), b->len);
	b->start = 0;
	return 0;
}

int bk_buf_append(struct bk_buf *b, const void *data, size_t n)
{
	int err = n ? make_room(b, n) : 0;

	if (err < 0 || !n)
		return err;
	memcpy(bk_buf_head(b) + b->len, data, n);
	b->len += n;
	return 0;
}

uint8_t *bk_buf_reserve(struct bk_buf *b, size_t n)
{
	return make_room(b, n ? n : 1) < 0 ? NULL : bk_buf_head(b) + b->len;
}

void bk_buf_commit(struct bk_buf *b, size_t n)
{
	bk_assert(b->start + b->len + n <= b->cap && n <= bk_buf_room(b));
	b->len += n;
}

void bk_buf_consume(struct bk_buf *b, size_t n)
{
	bk_assert(n <= b->len);
	b->start += n;
	b->len -= n;
	if (!b->len)
		b->start = 0;
}
