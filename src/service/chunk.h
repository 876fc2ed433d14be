/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_CHUNK_H
#define BK_SERVICE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block of bytes on their way out, held by as many queues as have to send some of it. What was written to
 * it stays as it is; more may be written behind. */
struct bk_msgchunk {
	unsigned holders;
	bool is_shared; /* several queues may hold it, so none of them may write to it */
	size_t len, cap;
	uint8_t bytes[];
};

struct bk_msgchunk *bk_msgchunk_new(size_t cap, bool is_shared); /* one holder; NULL: no memory */
void bk_msgchunk_release(struct bk_msgchunk *c);                 /* NULL is fine */

static inline size_t bk_msgchunk_room(const struct bk_msgchunk *c)
{
	return c->cap - c->len;
}

void bk_msgchunk_append(struct bk_msgchunk *c, const void *data, size_t n); /* n: at most the room */

#endif
