/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_BUF_H
#define BK_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

/* A byte queue born with its ceiling: bytes are appended at the end and consumed at the front.
 * Embedded by value; the owner calls bk_buf_done. Growing past `max` is BK_E_FULL and changes nothing. */
struct bk_buf {
	uint8_t *data; /* the allocation */
	size_t start;  /* first unread byte */
	size_t len;    /* unread bytes */
	size_t cap;    /* allocated */
	size_t max;    /* ceiling for len */
};

void bk_buf_init(struct bk_buf *b, size_t max);
void bk_buf_done(struct bk_buf *b);

static inline uint8_t *bk_buf_head(const struct bk_buf *b)
{
	return (uint8_t *)((uintptr_t)b->data + b->start); /* C forbids to add even 0 to NULL */
}

static inline size_t bk_buf_room(const struct bk_buf *b)
{
	return b->max - b->len;
}

/* Appends n bytes. BK_E_FULL over the ceiling, BK_E_NOMEM; nothing is appended then. */
int bk_buf_append(struct bk_buf *b, const void *data, size_t n);

/* Makes room for n more bytes at the end and returns where to write them, or NULL (ceiling or
 * memory). bk_buf_commit then adds how many were written (at most n). */
uint8_t *bk_buf_reserve(struct bk_buf *b, size_t n);
void bk_buf_commit(struct bk_buf *b, size_t n);

/* Drops n bytes (at most len) from the front. An emptied buffer starts again at its beginning. */
void bk_buf_consume(struct bk_buf *b, size_t n);

/* Empties it and returns the memory to the system; the ceiling stays. */
void bk_buf_release(struct bk_buf *b);

#endif
