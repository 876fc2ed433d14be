/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_METER_H
#define BK_TRANSFER_METER_H

#include <stdint.h>

#include "base/time.h"

/* Counts bytes and knows their rate: a moving average over about three seconds, so that "time left" does not
 * jump. Pure: the caller brings the time. */
#define BK_METER_INTERVAL (200 * BK_MS)

struct bk_meter {
	uint64_t bytes, total;
	bk_time start, last;
	uint64_t last_bytes;
	double rate; /* bytes a second */
};

/* here: bytes that are there before it begins, and count in no rate. */
void bk_meter_init(struct bk_meter *m, uint64_t total, uint64_t here, bk_time now);
/* Brings the rate up to date; call it about every BK_METER_INTERVAL. */
void bk_meter_tick(struct bk_meter *m, bk_time now);
double bk_meter_seconds(const struct bk_meter *m, bk_time now);

#endif
