/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_QUEUE_H
#define BK_SERVICE_QUEUE_H

#include <sys/types.h>

#include "base/chunk.h"

/* What one connection has to send: pieces of chunks, in order. An empty queue holds no memory besides
 * itself. Embedded by value, all zero at first; the owner calls bk_queue_done. */
struct bk_piece {
	struct bk_chunk *chunk;
	uint32_t start, len;
};

struct bk_queue {
	size_t waiting; /* bytes */
	unsigned first, count, cap;
	unsigned shared;       /* pieces of chunks that are broadcast */
	size_t pinned;         /* bytes of those chunks, whatever of them is ours */
	struct bk_piece one;   /* instead of `many` while there is at most one */
	struct bk_piece *many; /* cap of them */
};

enum { BK_QUEUE_MESSAGE_MAX = INT32_MAX };

void bk_queue_done(struct bk_queue *q);

/* The n bytes at `start` of a shared chunk. Most often they follow what is queued last, and nothing but a
 * length changes. BK_E_NOMEM. */
int bk_queue_add(struct bk_queue *q, struct bk_chunk *c, size_t start, size_t n);

/* Copies of two runs of bytes, one behind the other (each may be empty). BK_E_NOMEM: nothing was added. */
int bk_queue_add_copy(
	struct bk_queue *q, const void *head, size_t head_len, const void *body, size_t body_len);

/* Takes up to n bytes out of it. */
size_t bk_queue_take(struct bk_queue *q, void *out, size_t n);

/* Sends what the socket takes; everything, if it takes it. Returns the bytes that went, or a negative error
 * if none did (BK_E_AGAIN: not now). */
ssize_t bk_queue_write(struct bk_queue *q, int fd);

#endif
