/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that exist once for all who wait for them. It counts holders and nothing else: a chunk belongs to one
 * loop, so the count needs no lock. */
#include "service/chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct bk_chunk *bk_chunk_new(size_t cap, bool is_shared)
{
	struct bk_chunk *c = cap > SIZE_MAX - sizeof(*c) ? NULL : malloc(sizeof(*c) + cap);

	if (c)
		*c = (struct bk_chunk){.holders = 1, .is_shared = is_shared, .cap = cap};
	return c;
}

void bk_chunk_release(struct bk_chunk *c)
{
	if (c && --c->holders == 0)
		free(c);
}

void bk_chunk_append(struct bk_chunk *c, const void *data, size_t n)
{
	assert(n <= bk_chunk_room(c));
	if (n)
		memcpy(c->bytes + c->len, data, n);
	c->len += n;
}
