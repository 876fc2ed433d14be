/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_DEPOSIT_H
#define BK_LAN_DEPOSIT_H

#include "lan/air.h"

/* Inside a box: what is to be left, and the number that it will have, which nobody else on the LAN may keep. So it is
 * asked for first, and another one is chosen where somebody answers and nobody wished for that one. */
struct bk_deposit {
	uint8_t *body; /* NULL: nothing waits to be left */
	size_t len;
	uint32_t number;
	bool is_wished;
	unsigned tries;
};

#define BK_DEPOSIT_PATIENCE (150 * BK_MS) /* until a name that nobody answers to counts as free */

/* A copy, in place of the one before; wish 0: any number. BK_E_NOMEM. */
int bk_deposit_put(struct bk_deposit *d, uint32_t wish, const void *body, size_t n);
void bk_deposit_drop(struct bk_deposit *d); /* fine on a zeroed one */

/* The seeker asks whether the number is free: when it is over, it is. BK_E_FULL. */
int bk_deposit_ask(struct bk_deposit *d, struct bk_air *air, struct bk_air_seeker *seeker);
/* It is not; may another one be asked for? Each call counts. */
bool bk_deposit_may_go_on(struct bk_deposit *d);

#endif
