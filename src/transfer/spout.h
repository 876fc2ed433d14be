/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SPOUT_H
#define BK_TRANSFER_SPOUT_H

#include <bodkin/loop.h>
#include <bodkin/transfer.h>
#include <stdbool.h>
#include <stddef.h>

#include "transfer/digest.h"

/* One file or stream that goes to a descriptor as it comes, on a thread of its own: whoever reads there may take its
 * time. What is passed on cannot be taken back: where the digest is wrong at the end, that is said, and no more. */
struct bk_spout;

/* name: for sentences; copied, like the descriptor, which stays the caller's. fn comes from the loop when there is room
 * again and when it is over, and may free the spout. BK_E_NOMEM, BK_E_FILE. */
int bk_spout_new(struct bk_loop *loop, int fd, const char *name, void (*fn)(void *arg), void *arg,
	struct bk_spout **ret_spout);
/* Does not wait. NULL is fine. */
void bk_spout_free(struct bk_spout *s);

int bk_spout_write(struct bk_spout *s, const void *data, size_t n); /* BK_E_NOMEM */
/* No more comes. It is over when all of it is passed on. */
void bk_spout_end(struct bk_spout *s, const uint8_t digest[BK_DIGEST_LEN]);
/* It is over now, whatever is passed on. */
void bk_spout_stop(struct bk_spout *s);

/* Enough waits for the reader: nothing more should be put until fn comes. */
bool bk_spout_is_full(struct bk_spout *s);
bool bk_spout_is_over(struct bk_spout *s);
/* When it is over: 0, BK_E_CANCELLED after a stop, BK_E_DIGEST, BK_E_NO_SPACE, or BK_E_FILE, also where nobody reads
 * any more; with its sentence. */
int bk_spout_error(const struct bk_spout *s, const char **ret_text);

#endif
