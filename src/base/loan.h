/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_LOAN_H
#define BK_BASE_LOAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are borrowed for a call stand in memory that its owner uses again. Where the owner lends that memory,
 * whoever is called, however far down, may keep them where they are instead of copying them, as long as it likes and
 * on whatever thread. The owner writes to it again when nobody else has a reference. */
struct bk_loan {
	atomic_uint refs;
	size_t size;
	uint8_t bytes[];
};

/* With one reference. NULL: no memory. */
struct bk_loan *bk_loan_new(size_t size);
void bk_loan_unref(struct bk_loan *l); /* the last one frees it; NULL is fine */
bool bk_loan_is_shared(const struct bk_loan *l);

/* Of n places of loans that are lent in turn, the first whose loan nobody else has: it was used last, and is in the
 * cache. An empty one (NULL) has none yet; where others have all of them, the last is left to them, and empty. */
struct bk_loan **bk_loan_pick(struct bk_loan **places, size_t n);

/* Around a call that hands on bytes of it; NULL lends nothing. What was lent on this thread before goes to the end. */
struct bk_loan *bk_loan_begin(struct bk_loan *l);
void bk_loan_end(struct bk_loan *before);

/* Inside of such a call: a new reference to what these bytes stand in. NULL: they are to be copied, since nothing is
 * lent, they stand elsewhere, or are less than a quarter of it: nobody pins much memory with a few bytes. */
struct bk_loan *bk_loan_keep(const void *data, size_t n);

#endif
