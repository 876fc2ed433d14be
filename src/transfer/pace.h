/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_PACE_H
#define BK_TRANSFER_PACE_H

#include <stdint.h>

#include "base/time.h"

/* No more than so many bytes a second, in small pieces one after the other: each may go when those before it are paid
 * for. Who comes late, because of a timer or a machine that is busy, may catch up, but only so much. Pure. */
struct bk_pace {
	uint64_t rate; /* bytes a second; 0: as fast as it goes */
	bk_time next;  /* the next piece may go then */
};

static inline void bk_pace_init(struct bk_pace *p, uint64_t rate)
{
	*p = (struct bk_pace){.rate = rate};
}

/* So long it is until the next piece; 0: it may go. */
bk_dur bk_pace_wait(const struct bk_pace *p, bk_time now);
void bk_pace_take(struct bk_pace *p, uint64_t bytes, bk_time now);
/* Takes it ahead: the instant at which this piece may go. Of several who each book one piece and then send it nobody
 * gets more than his share, whoever is woken first. */
bk_time bk_pace_book(struct bk_pace *p, uint64_t bytes, bk_time now);
/* As long as a piece should be: so many go each second that it looks smooth. */
uint64_t bk_pace_piece(const struct bk_pace *p);

#endif
