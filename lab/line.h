/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_LINE_H
#define BK_LAB_LINE_H

#include "base/rng.h"
#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

/* One direction of a wire as arithmetic: which frame arrives, and when. Pure; the caller keeps the frames. */
struct bk_lab_line {
	bk_dur delay, jitter;
	double loss;        /* chance, 0 to 1 */
	double ns_per_byte; /* 0: no rate */
	bk_time free_at;    /* when the last accepted frame has left the sender */
	bk_time last_due;   /* order is kept: nothing arrives before what was sent before it */
	struct bk_rng rng;
};

/* What a rated line's queue holds at most, as time: the rest is dropped at its tail. */
#define BK_LAB_LINE_QUEUE (100 * BK_MS)

void bk_lab_line_init(
	struct bk_lab_line *l, bk_dur delay, bk_dur jitter, double loss, double mbit, uint64_t seed);

/* The instant at which a frame of n bytes sent now arrives, or BK_NEVER when it is lost. */
bk_time bk_lab_line_pass(struct bk_lab_line *l, size_t n, bk_time now);

#endif
