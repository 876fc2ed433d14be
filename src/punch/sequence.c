/* SPDX-License-Identifier: Apache-2.0 */
#include "punch/sequence.h"

#include <stdlib.h>

#include "nat/profile.h"
#include "punch/odds.h"

enum {
	STEP_MAX = 2,      /* a larger one, seen once or twice, is noise as a rule */
	SPREAD = 24,       /* ports that others may have taken less than expected */
	RATE_ASSUMED = 20, /* other flows a second, where nobody measured */
};

#define ELAPSED_MAX (2 * BK_SEC)

bool bk_sequence_is(const struct bk_nat_profile *p)
{
	return bk_nat_is_dependent(p) && p->allocation == BK_NAT_SEQUENTIAL && p->delta && p->ports.last;
}

int bk_sequence_step(const struct bk_nat_profile *p)
{
	if (abs(p->delta) <= STEP_MAX)
		return p->delta;
	return p->delta > 0 ? 1 : -1;
}

uint16_t bk_sequence_steps_to(const struct bk_nat_profile *p, uint16_t port, int ports_max)
{
	int step = bk_sequence_step(p), ahead;

	if (!step)
		return 0;
	ahead = (uint16_t)((port - p->ports.last) * (step > 0 ? 1 : -1));
	return ahead <= ports_max ? (uint16_t)(ahead / abs(step)) : 0;
}

/* From the observation to the instant. */
static bk_dur elapsed(const struct bk_pair *pair, const struct bk_nat_ports *ports)
{
	int64_t start = bk_time_max(pair->own->start, pair->peer->start);

	if (!start || !ports->seen_at || start <= ports->seen_at)
		return 0;
	return bk_time_min(start - ports->seen_at, ELAPSED_MAX);
}

/* How many ports others will have taken by then. */
static double others(const struct bk_pair *pair, const struct bk_nat_profile *p)
{
	uint32_t rate = p->ports.rate ? p->ports.rate : RATE_ASSUMED;

	return (double)rate * (double)elapsed(pair, &p->ports) / (double)BK_SEC;
}

/* Steps behind the port that was seen, at which the window begins. */
static unsigned skipped(const struct bk_pair *pair, const struct bk_nat_profile *p)
{
	double mean = p->ports.rate ? others(pair, p) : 0;

	return mean > SPREAD ? (unsigned)mean - SPREAD : 0;
}

struct bk_ports bk_sequence_window(
	const struct bk_pair *pair, const struct bk_nat_profile *p, unsigned len, int stride)
{
	int step = bk_sequence_step(p);

	return (struct bk_ports){
		.first = (uint16_t)(p->ports.last + step * (int)(1 + skipped(pair, p))),
		.len = (uint16_t)len,
		.step = (int16_t)(step * stride),
	};
}

double bk_sequence_chance(
	const struct bk_pair *pair, const struct bk_nat_profile *p, unsigned own_flows, unsigned len)
{
	unsigned skip = skipped(pair, p);

	return bk_odds_count(others(pair, p) + own_flows, skip, skip + len - 1);
}
