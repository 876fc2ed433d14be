/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_CHUNK_H
#define BK_BASE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/loan.h"

/* Memory that several keep until each of them has no more need of it: bytes that wait for the acknowledgement
 * of a session and of the link under it stand once, and so do those that go to many. What was written there is
 * neither moved nor changed while anybody holds a reference; only who made it writes, behind what stands there.
 * One loop's thread: the count needs no lock. */
struct bk_chunk {
	unsigned refs;
	bool is_broadcast;    /* the maker's word: it goes to many, and none of them writes to it */
	size_t len, size;     /* what bk_chunk_append wrote, and room in all */
	struct bk_loan *loan; /* what it stands for: the bytes are there and none are here. Mostly NULL */
	uint8_t bytes[];
};

/* With one reference. NULL: no memory. */
static inline struct bk_chunk *bk_chunk_new(size_t size)
{
	struct bk_chunk *c = size > SIZE_MAX - sizeof(*c) ? NULL : malloc(sizeof(*c) + size);

	if (c)
		*c = (struct bk_chunk){.refs = 1, .size = size};
	return c;
}

/* Stands for bytes that somebody else lent, and takes over the reference to them. NULL: no memory; it is the caller's
 * still then. */
static inline struct bk_chunk *bk_chunk_of_loan(struct bk_loan *loan)
{
	struct bk_chunk *c = bk_chunk_new(0);

	if (c)
		c->loan = loan;
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
	if (--c->refs)
		return;
	bk_loan_unref(c->loan);
	free(c);
}

static inline bool bk_chunk_is_shared(const struct bk_chunk *c)
{
	return c->refs > 1;
}

static inline size_t bk_chunk_room(const struct bk_chunk *c)
{
	return c->size - c->len;
}

/* n: at most the room. */
static inline void bk_chunk_append(struct bk_chunk *c, const void *data, size_t n)
{
	bk_assert(n <= bk_chunk_room(c));
	if (n)
		memcpy(c->bytes + c->len, data, n);
	c->len += n;
}

/* Bytes of a chunk; without one they are only there for the time of a call. */
struct bk_slice {
	struct bk_chunk *chunk;
	const uint8_t *data;
	size_t len;
};

#endif
