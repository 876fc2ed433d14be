/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SQUEEZE_H
#define BK_TRANSFER_SQUEEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "wire/packed.h"

/* Whether packing pays, judged from what the pieces before took. It pays where the network is slower than reading and
 * packing, and what is read becomes shorter. How fast the network is shows where what is ready waits for room, and
 * only there: kernel and window swallow the first megabytes of whatever comes. So packing begins at once, ends where
 * it gives too little, for longer each time, and where it is itself what the network waits for it stops for a moment
 * to see how fast that is without. Pure: the caller brings the durations. */
struct bk_squeeze {
	bool is_packing;
	enum bk_packed_effort effort; /* more, where the network is waited for most of the time */
	/* of this stretch of pieces that were packed, or were not */
	uint64_t raw, sent;
	bk_dur waited, worked;
	uint64_t look_raw, look_sent; /* since it was last looked at what packing gives */
	uint64_t trust;           /* so many packed bytes go before it is asked whether packing is too slow */
	uint64_t rest, next_rest; /* so many bytes go as they are before packing is tried again */
	double pace;              /* bytes a second of reading and packing, as last seen; 0: never */
};

void bk_squeeze_init(struct bk_squeeze *q);

/* The next piece is to be packed. */
static inline bool bk_squeeze_is_due(const struct bk_squeeze *q)
{
	return q->is_packing;
}

/* A piece of raw bytes became sent (as many, where it was not packed), after it had waited for room and was then
 * read and packed. */
void bk_squeeze_note(struct bk_squeeze *q, uint64_t raw, uint64_t sent, bk_dur waited, bk_dur worked);

#endif
