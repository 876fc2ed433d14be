/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets in a set-associative table: an address has four places to be in, all in neighbouring cache
 * lines. */
#include "server/throttle.h"

#include <stdlib.h>
#include <string.h>

enum { SETS = 1024, WAYS = 4 };

struct place {
	uint64_t key; /* 0: free */
	struct bk_rate rate;
};

struct bk_throttle {
	double per_second, burst;
	uint64_t seed;
	struct place places[SETS][WAYS];
};

struct bk_throttle *bk_throttle_new(double per_second, double burst, uint64_t seed)
{
	struct bk_throttle *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->seed = seed;
	t->per_second = per_second;
	t->burst = burst;
	return t;
}

void bk_throttle_free(struct bk_throttle *t)
{
	free(t);
}

/* The address itself, mixed one to one, so that two addresses never share a key. (The finaliser of
 * SplitMix64, Steele et al. 2014.) */
static uint64_t key_of(const struct bk_throttle *t, const struct bk_addr *from)
{
	uint64_t z = 0;

	memcpy(&z, from->ip, from->family == 4 ? 4 : 8);
	z += t->seed + from->family;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return z ? z : 1;
}

static struct place *find_place(struct bk_throttle *t, uint64_t key, bk_time now)
{
	struct place *set = t->places[key % SETS], *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (!set[i].key || (oldest->key && set[i].rate.last < oldest->rate.last))
			oldest = &set[i];
	}
	oldest->key = key;
	bk_rate_init(&oldest->rate, t->per_second, t->burst, now);
	return oldest;
}

bool bk_throttle_take(struct bk_throttle *t, const struct bk_addr *from, bk_time now)
{
	if (bk_addr_is_loopback(from))
		return true;
	return bk_rate_take(&find_place(t, key_of(t, from), now)->rate, 1, now);
}
