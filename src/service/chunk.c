/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that exist once for all who wait for them. It counts holders and nothing else: a chunk belongs to one
 * loop, so the count needs no lock. */
#include "service/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct bk_msgchunk *bk_msgchunk_new(size_t cap, bool is_shared)
{
	struct bk_msgchunk *c = cap > SIZE_MAX - sizeof(*c) ? NULL : malloc(sizeof(*c) + cap);

	if (c)
		*c = (struct bk_msgchunk){.holders = 1, .is_shared = is_shared, .cap = cap};
	return c;
}

void bk_msgchunk_release(struct bk_msgchunk *c)
{
	if (!c)
		return;
	bk_assert(c->holders > 0);
	if (--c->holders == 0)
		free(c);
}

void bk_msgchunk_append(struct bk_msgchunk *c, const void *data, size_t n)
{
	bk_assert(n <= bk_msgchunk_room(c));
	if (n)
		memcpy(c->bytes + c->len, data, n);
	c->len += n;
}
