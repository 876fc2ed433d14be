/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_CHUNK_H
#define BK_SERVICE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block of bytes on their way out, held by as many queues as have to send some of it. What was written to
 * it stays as it is; more may be written behind. */
struct bk_chunk {
	unsigned holders;
	bool is_shared; /* several queues may hold it, so none of them may write to it */
	size_t len, cap;
	uint8_t bytes[];
};

struct bk_chunk *bk_chunk_new(size_t cap, bool is_shared); /* one holder; NULL: no memory */
void bk_chunk_release(struct bk_chunk *c);                 /* NULL is fine */

static inline size_t bk_chunk_room(const struct bk_chunk *c)
{
	return c->cap - c->len;
}

void bk_chunk_append(struct bk_chunk *c, const void *data, size_t n); /* n: at most the room */

#endif
