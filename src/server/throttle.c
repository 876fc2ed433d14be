/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets in set-associative tables, one for each width of network: an address has four places to be in,
 * all in neighbouring cache lines. */
#include "server/throttle.h"

#include <stdlib.h>
#include <string.h>

enum { ADDRESS, NETWORK, WIDER, LEVELS, SETS = 1024, WAYS = 4 };

/* The bytes that name it, and what one address may have grows by that: as in the crowd. IPv4 has no wider one. */
static const struct {
	unsigned v4, v6, factor;
} levels[LEVELS] = {[ADDRESS] = {4, 8, 1}, [NETWORK] = {3, 7, 2}, [WIDER] = {0, 6, 4}};

struct place {
	uint64_t key; /* 0: free */
	struct bk_rate rate;
};

struct bk_throttle {
	double per_second, burst;
	uint64_t seed;
	struct place places[LEVELS][SETS][WAYS];
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
static uint64_t key_of(const struct bk_throttle *t, const struct bk_addr *from, unsigned len)
{
	uint64_t z = 0;

	memcpy(&z, from->ip, len);
	z += t->seed + from->family;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return z ? z : 1;
}

static struct bk_rate *find_rate(struct bk_throttle *t, unsigned level, uint64_t key, bk_time now)
{
	struct place *set = t->places[level][key % SETS], *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i].rate;
		if (!set[i].key || (oldest->key && set[i].rate.last < oldest->rate.last))
			oldest = &set[i];
	}
	oldest->key = key;
	bk_rate_init(
		&oldest->rate, t->per_second * levels[level].factor, t->burst * levels[level].factor, now);
	return &oldest->rate;
}

bool bk_throttle_take(struct bk_throttle *t, const struct bk_addr *from, bk_time now)
{
	struct bk_rate *rates[LEVELS];
	bool has_room = true;
	unsigned n = 0;

	if (bk_addr_is_loopback(from))
		return true;
	for (; n < LEVELS; n++) {
		unsigned len = from->family == 4 ? levels[n].v4 : levels[n].v6;

		if (!len)
			break;
		rates[n] = find_rate(t, n, key_of(t, from, len), now);
		has_room &= bk_rate_tokens(rates[n], now) >= 1;
	}
	while (n > 0)
		bk_rate_move(rates[--n], has_room ? -1 : 0, now);
	return has_room;
}
