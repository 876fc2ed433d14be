/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_RETAIN_H
#define BK_STREAM_RETAIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* What was sent and is not acknowledged: a queue of session frames addressed by their position in the stream
 * of the session. Chunks are used again, so that a fast link keeps to memory that is in the cache. */
struct bk_retain;

enum { BK_RETAIN_CHUNK = 256 * 1024 };

int bk_retain_new(size_t max, struct bk_retain **ret_retain);
void bk_retain_free(struct bk_retain *r);

uint64_t bk_retain_start(const struct bk_retain *r); /* position of the oldest byte kept */
uint64_t bk_retain_end(const struct bk_retain *r);   /* where the next byte will stand */

/* Appends whole frames. BK_E_FULL over the ceiling, BK_E_NOMEM; nothing is appended then. */
int bk_retain_append(struct bk_retain *r, const struct iovec *pieces, int pieces_len);

/* Forgets everything before `to` (start <= to <= end). */
void bk_retain_release(struct bk_retain *r, uint64_t to);

/* Up to n bytes from position `at` as pieces into the chunks; returns how many pieces were filled (at most
 * max). */
int bk_retain_view(const struct bk_retain *r, uint64_t at, size_t n, struct iovec *pieces, int max);
void bk_retain_copy(const struct bk_retain *r, uint64_t at, void *out, size_t n);

/* The whole length of the frame that begins at `at`. */
size_t bk_retain_frame_len(const struct bk_retain *r, uint64_t at);
/* How much is left of the frame at `to` (0: it is a boundary), coming from `at` where `left` was left. */
size_t bk_retain_frame_left(const struct bk_retain *r, uint64_t at, size_t left, uint64_t to);

#endif
