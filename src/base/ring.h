/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_RING_H
#define BK_BASE_RING_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* Where the elements of a queue stand in memory that it goes round in. Embedded beside the pointer to that memory,
 * which is its owner's; all zero at first. */
struct bk_ring {
	size_t cap, first, len;
};

/* Of the element i, or of the next to come. */
static inline size_t bk_ring_place(const struct bk_ring *r, size_t i)
{
	bk_assert(i < r->cap);
	return (r->first + i) % r->cap;
}

static inline void bk_ring_drop_first(struct bk_ring *r)
{
	bk_assert(r->len > 0);
	r->first = (r->first + 1) % r->cap;
	r->len--;
}

/* Memory of twice as many elements of `size` bytes, at first of `least`, with what was in the old one, which is freed.
 * NULL: no memory; all is as it was. */
static inline void *bk_ring_grow(struct bk_ring *r, void *old, size_t size, size_t least)
{
	size_t cap = r->cap ? 2 * r->cap : least;
	uint8_t *grown = malloc(cap * size);

	if (!grown)
		return NULL;
	for (size_t i = 0; i < r->len; i++)
		memcpy(grown + i * size, (const uint8_t *)old + bk_ring_place(r, i) * size, size);
	free(old);
	r->cap = cap;
	r->first = 0;
	return grown;
}

#endif
