/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_WAKES_H
#define BK_BASE_WAKES_H

#include <stddef.h>

#include "base/time.h"

/* Who wants to be looked at, and when: one timer serves any number of connections. A wake that comes too
 * early costs one look, so a deadline that moves away leaves its wake where it is. */
struct bk_wake {
	bk_time at;
	size_t place; /* in the heap, counted from 1; 0: not there */
};

struct bk_wakes {
	struct bk_wake **heap; /* the earliest at 1 */
	size_t len, cap;
};

void bk_wakes_done(struct bk_wakes *w);
int bk_wakes_reserve(struct bk_wakes *w, size_t count); /* room for so many; BK_E_NOMEM */

/* Not later than `at`. Room was reserved. */
void bk_wakes_set(struct bk_wakes *w, struct bk_wake *item, bk_time at);
void bk_wakes_remove(struct bk_wakes *w, struct bk_wake *item);

/* The earliest, NULL if there is none. */
static inline struct bk_wake *bk_wakes_first(const struct bk_wakes *w)
{
	return w->len ? w->heap[1] : NULL;
}

#endif
