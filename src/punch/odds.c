/* SPDX-License-Identifier: Apache-2.0 */

/* Each probe without repetition hits what is left; arrivals at random are Poisson's. */

#include "punch/odds.h"

enum {
	HALVINGS = 16,
	MEAN_MAX = 4096, /* far below it e^-mean is none, and so is whatever is counted from there */
};

double bk_odds_birthday(unsigned open, unsigned probes, unsigned range)
{
	double miss = 1;

	for (unsigned i = 0; i < probes; i++) {
		if (open + i >= range)
			return open ? 1 : 0;
		miss *= 1 - (double)open / (double)(range - i);
	}
	return 1 - miss;
}

/* e^-x, by the series of a small part of x; for x up to a few thousand. */
static double decay(double x)
{
	double y = x / (1 << HALVINGS), e = 1 - y + y * y / 2 - y * y * y / 6 + y * y * y * y / 24;

	for (int i = 0; i < HALVINGS; i++)
		e *= e;
	return e;
}

double bk_odds_count(double mean, unsigned least, unsigned most)
{
	double one, sum = 0;

	if (mean > MEAN_MAX)
		return 0;
	one = decay(mean);
	for (unsigned n = 0; n <= most; n++) {
		if (n >= least)
			sum += one;
		one *= mean / (n + 1);
	}
	return sum < 1 ? sum : 1;
}
