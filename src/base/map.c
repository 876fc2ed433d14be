/* SPDX-License-Identifier: Apache-2.0 */
/* Chained hash map with a ceiling; the table doubles when it is as full as it has slots. */
#include "base/map.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

struct entry {
	struct entry *next;
	void *value;
	uint64_t hash;
	uint8_t key_len;
	uint8_t key[];
};

struct bk_map {
	struct entry **slots;
	size_t slots_len; /* a power of two */
	size_t count;
	size_t max;
	uint64_t seed;
};

enum { SLOTS_MIN = 16 };

struct bk_map *bk_map_new(size_t max, uint64_t seed)
{
	struct bk_map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->slots = calloc(SLOTS_MIN, sizeof(*m->slots));
	if (!m->slots) {
		free(m);
		return NULL;
	}
	m->slots_len = SLOTS_MIN;
	m->max = max;
	m->seed = seed;
	return m;
}

void bk_map_free(struct bk_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->slots_len; i++) {
		for (struct entry *e = m->slots[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(m->slots);
	free(m);
}

/* SipHash: of a weaker hash, keys that collide can be found without knowing the seed. */
static uint64_t hash_key(uint64_t seed, const void *key, size_t n)
{
	uint8_t k[crypto_shorthash_KEYBYTES] = {0};
	uint64_t hash;

	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "one word");
	memcpy(k, &seed, sizeof(seed));
	crypto_shorthash((uint8_t *)&hash, key, n, k);
	return hash;
}

static struct entry **find(const struct bk_map *m, const void *key, size_t n, uint64_t hash)
{
	struct entry **at = &m->slots[hash & (m->slots_len - 1)];

	while (*at && !((*at)->hash == hash && (*at)->key_len == n && !memcmp((*at)->key, key, n)))
		at = &(*at)->next;
	return at;
}

/* A table that cannot grow still works, only slower; so a failed allocation is no error here. */
static void grow(struct bk_map *m)
{
	size_t len = m->slots_len * 2;
	struct entry **slots = calloc(len, sizeof(*slots));

	if (!slots)
		return;
	for (size_t i = 0; i < m->slots_len; i++) {
		for (struct entry *e = m->slots[i], *next; e; e = next) {
			next = e->next;
			e->next = slots[e->hash & (len - 1)];
			slots[e->hash & (len - 1)] = e;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->slots_len = len;
}

int bk_map_put(struct bk_map *m, const void *key, size_t key_len, void *value)
{
	uint64_t hash = hash_key(m->seed, key, key_len);
	struct entry *e, **at;

	if (key_len > BK_MAP_KEY_MAX)
		return BK_E_TOO_BIG;
	if (*find(m, key, key_len, hash))
		return BK_E_EXISTS;
	if (m->count >= m->max)
		return BK_E_FULL;
	e = malloc(sizeof(*e) + key_len);
	if (!e)
		return BK_E_NOMEM;
	if (m->count >= m->slots_len)
		grow(m);
	at = &m->slots[hash & (m->slots_len - 1)];
	*e = (struct entry){.next = *at, .value = value, .hash = hash, .key_len = (uint8_t)key_len};
	memcpy(e->key, key, key_len);
	*at = e;
	m->count++;
	return 0;
}

void *bk_map_get(const struct bk_map *m, const void *key, size_t key_len)
{
	struct entry *e = *find(m, key, key_len, hash_key(m->seed, key, key_len));
	return e ? e->value : NULL;
}

void *bk_map_take(struct bk_map *m, const void *key, size_t key_len)
{
	struct entry **at = find(m, key, key_len, hash_key(m->seed, key, key_len)), *e = *at;
	void *value;

	if (!e)
		return NULL;
	value = e->value;
	bk_assert(m->count > 0);
	*at = e->next;
	free(e);
	m->count--;
	return value;
}

size_t bk_map_count(const struct bk_map *m)
{
	return m->count;
}

void bk_map_each(const struct bk_map *m, void (*fn)(void *arg, void *value), void *arg)
{
	for (size_t i = 0; i < m->slots_len; i++)
		for (struct entry *e = m->slots[i]; e; e = e->next)
			fn(arg, e->value);
}
