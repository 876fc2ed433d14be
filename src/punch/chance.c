/* SPDX-License-Identifier: Apache-2.0 */

#include "punch/chance.h"

#include <stdio.h>

#define AT_BEST 0.9999 /* of a guess: what nobody knows is never certain */

enum { PERMILLE = 1000, TENTHS = 10 };

double bk_chance_of_technique(const struct bk_technique *t, const struct bk_pair *pair)
{
	if (t->chance) {
		double chance = t->chance(pair);

		return chance < AT_BEST ? chance : AT_BEST;
	}
	if (!t->fits || !t->fits(t, pair) || (t->is_sure && !t->is_sure(t, pair)))
		return BK_CHANCE_UNKNOWN;
	return 1;
}

double bk_chance_of_pair(const struct bk_pair *pair, const struct bk_technique *const *rows)
{
	double best = 0;
	bool is_unknown = false;

	for (; *rows; rows++) {
		const struct bk_technique *t = *rows;
		double chance;

		if (t->method->is_relay || !t->fits || !t->fits(t, pair))
			continue;
		chance = bk_chance_of_technique(t, pair);
		is_unknown = is_unknown || chance < 0;
		best = chance > best ? chance : best;
	}
	return best <= 0 && is_unknown ? BK_CHANCE_UNKNOWN : best;
}

const char *bk_chance_to_str(double chance, char out[BK_CHANCE_STR_MAX])
{
	snprintf(out, BK_CHANCE_STR_MAX, "%.1f %%", (int)(chance * PERMILLE) / (double)TENTHS);
	return out;
}
