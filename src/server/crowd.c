/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and what they hold. A member without a connection is kept until its rates are full again (then
 * forgetting it changes nothing), or until too many such members wait and it is the oldest. */
#include "server/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/map.h"
#include "server/limits.h"

struct bk_crowd {
	struct bk_map *members;
	struct bk_list idle; /* oldest first */
	unsigned idle_count;
	unsigned held;
	struct bk_crowd_limits limits;
};

struct bk_crowd *bk_crowd_new(const struct bk_crowd_limits *limits, uint64_t seed)
{
	struct bk_crowd *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->limits = *limits;
	bk_list_init(&c->idle);
	c->members = bk_map_new((size_t)limits->connections_max + BK_LIMIT_ADDRESSES_IDLE, seed);
	if (!c->members) {
		free(c);
		return NULL;
	}
	return c;
}

static void free_member(void *arg, void *value)
{
	(void)arg;
	free(value);
}

void bk_crowd_free(struct bk_crowd *c)
{
	if (!c)
		return;
	bk_map_each(c->members, free_member, NULL);
	bk_map_free(c->members);
	free(c);
}

static uint8_t make_key(const struct bk_addr *from, uint8_t key[9])
{
	uint8_t n = from->family == 6 ? 8 : 4;

	key[0] = from->family;
	memcpy(key + 1, from->ip, n);
	return (uint8_t)(n + 1);
}

static void forget(struct bk_crowd *c, struct bk_crowd_member *m)
{
	bk_list_remove(&m->idle);
	bk_assert(c->idle.next != &m->idle && c->idle_count);
	c->idle_count--;
	bk_map_take(c->members, m->key, m->key_len);
	free(m);
}

static void forget_old(struct bk_crowd *c, bk_time now)
{
	while (!bk_list_empty(&c->idle)) {
		struct bk_crowd_member *m = bk_container_of(c->idle.next, struct bk_crowd_member, idle);

		if (c->idle_count <= BK_LIMIT_ADDRESSES_IDLE &&
			now < bk_time_add(m->left, BK_LIMIT_ADDRESS_MEMORY))
			return;
		forget(c, m);
	}
}

static struct bk_crowd_member *new_member(
	struct bk_crowd *c, const uint8_t *key, uint8_t key_len, bk_time now)
{
	struct bk_crowd_member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	memcpy(m->key, key, key_len);
	m->key_len = key_len;
	bk_list_init(&m->idle);
	bk_rate_init(&m->claims, c->limits.claims_per_minute / 60, c->limits.claims_burst, now);
	bk_rate_init(&m->reaches, BK_LIMIT_REACHES_PER_MINUTE / 60.0, BK_LIMIT_REACHES_BURST, now);
	bk_rate_init(&m->rejoins, BK_LIMIT_REJOINS_PER_MINUTE / 60.0, BK_LIMIT_REJOINS_BURST, now);
	if (bk_map_put(c->members, key, key_len, m) < 0) {
		free(m);
		return NULL;
	}
	return m;
}

int bk_crowd_enter(
	struct bk_crowd *c, const struct bk_addr *from, bk_time now, struct bk_crowd_member **ret_member)
{
	uint8_t key[9];
	uint8_t key_len = make_key(from, key);
	struct bk_crowd_member *m;

	forget_old(c, now);
	if (c->held >= c->limits.connections_max)
		return BK_E_FULL;
	m = bk_map_get(c->members, key, key_len);
	if (!m)
		m = new_member(c, key, key_len, now);
	if (!m)
		return BK_E_NOMEM;
	if (m->held >= c->limits.per_address_max)
		return BK_E_FULL;
	if (!bk_list_empty(&m->idle)) {
		bk_list_remove(&m->idle);
		c->idle_count--;
	}
	m->held++;
	c->held++;
	*ret_member = m;
	return 0;
}

void bk_crowd_leave(struct bk_crowd *c, struct bk_crowd_member *m, bk_time now)
{
	if (!m)
		return;
	c->held--;
	if (--m->held)
		return;
	m->left = now;
	bk_list_append(&c->idle, &m->idle);
	c->idle_count++;
	forget_old(c, now);
}
