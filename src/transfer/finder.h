/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_FINDER_H
#define BK_TRANSFER_FINDER_H

#include <bodkin/loop.h>

#include "transfer/store.h"

/* Finds what is here of an offer (bk_here_find) on a thread of its own: journals may be long, and a disk slow, which is
 * nobody else's business. */
struct bk_finder;

/* The store is the finder's until fn has come, once, from the loop; on failure it stays the caller's. BK_E_NOMEM. */
int bk_finder_new(struct bk_loop *loop, struct bk_store *store, void (*fn)(void *arg), void *arg,
	struct bk_finder **ret_finder);
/* From fn on: the store is the caller's again. What bk_here_find said. */
int bk_finder_end(struct bk_finder *f);
/* Does not wait; the store goes with it where it was not given back. NULL is fine. */
void bk_finder_free(struct bk_finder *f);

#endif
