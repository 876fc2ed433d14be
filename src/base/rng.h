/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_RNG_H
#define BK_BASE_RNG_H

#include <stdint.h>

/* Chance that comes in by the door: seeded by whoever drives a pure engine, repeatable in a test.
 * For jitter and shuffles only; keys and tokens come from libsodium. (SplitMix64, Steele et al. 2014.) */
struct bk_rng {
	uint64_t state;
};

static inline uint64_t bk_rng_next(struct bk_rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Uniform in [lo, hi]; lo <= hi. The modulo's bias is below 2^-32 for the ranges used here. */
static inline int64_t bk_rng_range(struct bk_rng *r, int64_t lo, int64_t hi)
{
	return lo + (int64_t)(bk_rng_next(r) % ((uint64_t)(hi - lo) + 1));
}

#endif
