/* SPDX-License-Identifier: Apache-2.0 */
/* A line: a queue with a ceiling before a sender of a fixed rate, then chance, then delay. A frame is lost
 * after it has taken its place in the queue, as on radio. */
#include "lab/line.h"

void bk_lab_line_init(
	struct bk_lab_line *l, bk_dur delay, bk_dur jitter, double loss, double mbit, uint64_t seed)
{
	*l = (struct bk_lab_line){
		.delay = delay,
		.jitter = jitter,
		.loss = loss,
		.ns_per_byte = mbit > 0 ? 8000.0 / mbit : 0,
		.rng = {seed},
	};
}

bk_time bk_lab_line_pass(struct bk_lab_line *l, size_t n, bk_time now)
{
	bk_time due = now;

	if (l->ns_per_byte > 0) {
		bk_time start = bk_time_max(now, l->free_at);

		if (start - now > BK_LAB_LINE_QUEUE)
			return BK_NEVER;
		due = l->free_at = start + (bk_dur)((double)n * l->ns_per_byte);
	}
	if (l->loss > 0 && (double)(bk_rng_next(&l->rng) >> 11) * 0x1p-53 < l->loss)
		return BK_NEVER;
	due += l->delay;
	if (l->jitter > 0)
		due += bk_rng_range(&l->rng, 0, l->jitter);
	return l->last_due = bk_time_max(due, l->last_due);
}
