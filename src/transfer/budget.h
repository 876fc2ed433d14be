/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_BUDGET_H
#define BK_TRANSFER_BUDGET_H

#include <stddef.h>
#include <stdint.h>

/* What the lists of offers take that others make us, from the first entry to the end of the transfer: bytes of all
 * transfers of this process, on whatever loop. One may have at most half of what the others leave, so that however many
 * come and whoever they are, there is room for one more that is not long. Embedded, zeroed. */
enum { BK_BUDGET_ALL = 320 << 20 };

struct bk_budget {
	size_t taken; /* of it, by this one */
};

/* From now on it takes so many. BK_E_TOO_BIG: more than there would be were it alone; BK_E_FULL: more than the others
 * leave; it keeps what it had then. */
int bk_budget_set(struct bk_budget *b, uint64_t bytes);
void bk_budget_done(struct bk_budget *b);

#endif
