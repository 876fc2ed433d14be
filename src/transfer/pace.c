/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace.h"

enum { PIECES = 20, PIECE_MIN = 4096 };

#define LATE_MAX (200 * BK_MS) /* that much is caught up with */

bk_dur bk_pace_wait(const struct bk_pace *p, bk_time now)
{
	return p->rate && p->next > now ? p->next - now : 0;
}

void bk_pace_take(struct bk_pace *p, uint64_t bytes, bk_time now)
{
	if (!p->rate)
		return;
	if (!p->next)
		p->next = now;
	p->next = bk_time_max(p->next, now - LATE_MAX);
	p->next = bk_time_add(p->next, (bk_dur)((double)bytes * (double)BK_SEC / (double)p->rate));
}

bk_time bk_pace_book(struct bk_pace *p, uint64_t bytes, bk_time now)
{
	bk_time at = now + bk_pace_wait(p, now);

	bk_pace_take(p, bytes, now);
	return at;
}

uint64_t bk_pace_piece(const struct bk_pace *p)
{
	uint64_t piece = p->rate / PIECES;

	return !p->rate ? UINT64_MAX : piece > PIECE_MIN ? piece : PIECE_MIN;
}
