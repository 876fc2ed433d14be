/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_PLACES_H
#define BK_TRANSFER_PLACES_H

#include <bodkin/path.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

/* The places of those whom one sender serves at once. All of them have shown the right code, so each is as welcome as
 * the next; but nobody keeps others out by doing nothing. When all places are taken the one goes who has got next to
 * nothing for a minute, first of the network that holds most of them. Pure. */
#define BK_PLACE_IDLE (60 * BK_SEC)
enum { BK_PLACE_LEAST = 64 << 10 }; /* bytes in that time; less is nothing */

struct bk_place {
	uint64_t bytes; /* that it had */
	bk_time since;  /* at this instant */
	uint64_t network;
};

void bk_place_init(struct bk_place *p, bk_time now);
/* It has so much now. */
void bk_place_moved(struct bk_place *p, uint64_t bytes, bk_time now);
/* Where it is: IPv4 /24, IPv6 /56; all that are relayed, or whose path is not known, count as one. */
void bk_place_found(struct bk_place *p, const struct bk_path *path);
/* Which of n is to make room; SIZE_MAX: each of them moves. */
size_t bk_places_idle(const struct bk_place *const *places, size_t n, bk_time now);

#endif
