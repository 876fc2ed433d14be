/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_CHUNK_H
#define BK_LINK_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"

/* Memory that several keep until each of them has no more need of it: bytes that wait for the acknowledgement
 * of a session and of the link under it stand once. What was written there is neither moved nor changed while
 * anybody holds a reference; only who made it writes, behind what stands there. One loop's thread. */
struct bk_chunk {
	unsigned refs;
	size_t size;
	uint8_t bytes[];
};

/* With one reference. NULL: no memory. */
static inline struct bk_chunk *bk_chunk_new(size_t size)
{
	struct bk_chunk *c = malloc(sizeof(*c) + size);

	if (c) {
		c->refs = 1;
		c->size = size;
	}
	return c;
}

static inline struct bk_chunk *bk_chunk_ref(struct bk_chunk *c)
{
	bk_assert(c->refs > 0);
	c->refs++;
	return c;
}

/* The last one frees it. NULL is fine. */
static inline void bk_chunk_unref(struct bk_chunk *c)
{
	if (!c)
		return;
	bk_assert(c->refs > 0);
	if (!--c->refs)
		free(c);
}

static inline bool bk_chunk_is_shared(const struct bk_chunk *c)
{
	return c->refs > 1;
}

/* Bytes of a chunk; without one they are only there for the time of a call. */
struct bk_slice {
	struct bk_chunk *chunk;
	const uint8_t *data;
	size_t len;
};

#endif
