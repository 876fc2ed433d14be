/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_RETAIN_H
#define BK_STREAM_RETAIN_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/chunk.h"

/* What was sent or waits for that, and is not acknowledged: a queue of session frames addressed by their
 * position in the stream of the session, and how far it was sent. Chunks are lent to links that keep bytes
 * themselves, and used again, so that a fast link keeps to memory that is in the cache. What whoever sends it lent
 * (base/loan.h) stays where it stands; the rest is copied. */
struct bk_retain;

enum { BK_RETAIN_CHUNK = 256 * 1024, BK_RETAIN_PIECES = 4 };

int bk_retain_new(size_t max, struct bk_retain **ret_retain);
void bk_retain_free(struct bk_retain *r);

uint64_t bk_retain_start(const struct bk_retain *r); /* position of the oldest byte kept */
uint64_t bk_retain_next(const struct bk_retain *r);  /* of the next to send: start <= next <= end */
uint64_t bk_retain_end(const struct bk_retain *r);   /* where the next byte will stand */

/* Appends one whole frame, of at most BK_RETAIN_PIECES pieces. BK_E_FULL over the ceiling, BK_E_NOMEM; nothing is
 * appended then. */
int bk_retain_append(struct bk_retain *r, const struct iovec *pieces, int pieces_len);

/* The frame at `next`, or what is left of the one that a link broke off in (is_rest), as slices; returns how
 * many (at most max, which is enough). 0: all was sent. bk_retain_pass then moves `next` behind it. */
int bk_retain_peek(const struct bk_retain *r, struct bk_slice *slices, int max, bool *ret_is_rest);
void bk_retain_pass(struct bk_retain *r);

/* Forgets everything before `to` (start <= to <= end); `next` is never before the start. */
void bk_retain_release(struct bk_retain *r, uint64_t to);
/* What is kept is to be sent again, from the start. */
void bk_retain_rewind(struct bk_retain *r);

#endif
