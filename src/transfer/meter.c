/* SPDX-License-Identifier: Apache-2.0 */
/* The rate a person sees. It starts with the plain average, because a moving one is meaningless in its first
 * moments, and turns into an exponential average with a time constant of three seconds. */
#include "transfer/meter.h"

#define TIME_CONSTANT 3.0

void bk_meter_init(struct bk_meter *m, uint64_t total, uint64_t here, bk_time now)
{
	*m = (struct bk_meter){.total = total, .bytes = here, .last_bytes = here, .start = now, .last = now};
}

void bk_meter_tick(struct bk_meter *m, bk_time now)
{
	double dt = (double)(now - m->last) / (double)BK_SEC, age = bk_meter_seconds(m, now), weight;

	if (dt <= 0)
		return;
	weight = dt / (age < TIME_CONSTANT ? age : TIME_CONSTANT);
	if (weight > 1)
		weight = 1;
	m->rate += weight * ((double)(m->bytes - m->last_bytes) / dt - m->rate);
	m->last = now;
	m->last_bytes = m->bytes;
}

double bk_meter_seconds(const struct bk_meter *m, bk_time now)
{
	return (double)(now - m->start) / (double)BK_SEC;
}
