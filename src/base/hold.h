/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_HOLD_H
#define BK_BASE_HOLD_H

#include <stdbool.h>

#include "base/assert.h"

/* Who calls back may be freed by the one it calls. The rule, once for all:
 *
 *  - _free ends everything at once (no callback after it, descriptors closed), and gives the memory back if
 *    nobody is inside: `if (bk_hold_end(&x->hold)) release(x);`
 *  - whoever calls out holds: bk_hold_enter, the call, then
 *    `if (bk_hold_leave(&x->hold)) release(x);` as the last thing that touches x on this way.
 *  - between the two, after each call, is_dead says that only the way out is left.
 *
 * Holds nest: the last that leaves gives the memory back. A zeroed one is ready for use. */
struct bk_hold {
	unsigned depth : 31;
	bool is_dead : 1;
};

static inline void bk_hold_enter(struct bk_hold *h)
{
	h->depth++;
}

/* True: it was ended meanwhile and we are the last: free it, touch it no more. */
static inline bool bk_hold_leave(struct bk_hold *h)
{
	bk_assert(h->depth > 0);
	h->depth--;
	return !h->depth && h->is_dead;
}

/* Once, from _free. True: nobody is inside, free now; false: who leaves last frees. */
static inline bool bk_hold_end(struct bk_hold *h)
{
	bk_assert(!h->is_dead);
	h->is_dead = true;
	return h->depth == 0;
}

#endif
