/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_SUCCESSION_H
#define BK_LAN_SUCCESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who keeps the board when its keeper is gone: of those who are left, the one who had come first. Each knows from the
 * list that he was told when he came who had come before him, and hears when one of them goes. The keeper came first
 * of all. */
enum { BK_SUCCESSION_MAX = 1000 };

struct bk_succession {
	bool was_in;
	uint64_t us, keeper;                /* 0: unknown, or gone by his own word */
	uint64_t before[BK_SUCCESSION_MAX]; /* us, in the order they came */
	unsigned len;
};

/* What the board tells a member. */
void bk_succession_hear(struct bk_succession *s, const uint8_t *body, size_t n);
/* How many have a better claim than we. */
unsigned bk_succession_rank(const struct bk_succession *s);

#endif
