/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_PAGES_H
#define BK_SERVER_PAGES_H

#include <stdint.h>

#include "base/chunk.h"
#include "base/list.h"

/* The list of who is in a group, in messages that are full, made once for all who come: whoever comes is told of
 * those before him in the order of their seats, so the first pages are the same for all. A page holds until one of
 * those on it goes or has another card; then those behind it begin elsewhere, and go with it. */
struct bk_pages {
	struct bk_list all; /* in the order of seats */
};

void bk_pages_init(struct bk_pages *p);
void bk_pages_done(struct bk_pages *p);

/* The page that begins behind one seat and ends before another one, and its last seat; borrowed. NULL: there is
 * none. */
struct bk_chunk *bk_pages_find(
	const struct bk_pages *p, uint64_t behind, uint64_t before, uint64_t *ret_last);
/* Keeps one more, behind all there are, or not: it is made again then. */
void bk_pages_put(struct bk_pages *p, uint64_t behind, uint64_t last, struct bk_chunk *bytes);
/* Who has that seat goes, or has another card. */
void bk_pages_forget(struct bk_pages *p, uint64_t seat);

#endif
