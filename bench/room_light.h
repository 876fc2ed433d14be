/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BENCH_ROOM_LIGHT_H
#define BK_BENCH_ROOM_LIGHT_H

#include "bench/room_crew.h"

/* Light members: they come, hold the order of what they are told against what the others were, and open none of it. */

void light_open(void); /* one more of the crew */
void light_ping(void); /* some of them, in turn, so that the server hears of each */
void light_say(struct light *l, const void *data, size_t n);

#endif
