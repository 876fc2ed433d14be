/* SPDX-License-Identifier: Apache-2.0 */
/* A contender that is a stranger, a leftover or a liar fails its handshake and is forgotten. Over a proven
 * one the first words are the controlling side's: the nomination. */
#include "path/contender.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"

enum {
	CONTENDERS_MAX = 32,
	CHOSEN_MAX = 8, /* more, of engines that choose for themselves */
};

void bk_contenders_init(
	struct bk_contenders *set, bool is_controlling, const struct bk_contender_events *events, void *arg)
{
	*set = (struct bk_contenders){.is_controlling = is_controlling, .events = events, .arg = arg};
	bk_list_init(&set->list);
}

void bk_contenders_done(struct bk_contenders *set)
{
	bk_list_each(it, tmp, &set->list)
		bk_contender_free(bk_container_of(it, struct bk_contender, link_in_set));
	bk_assert(set->len == 0);
}

int bk_contender_new(
	struct bk_contenders *set, struct bk_lane *lane, bool is_chosen, struct bk_contender **ret_contender)
{
	struct bk_contender *c;

	if (set->len >= CONTENDERS_MAX + (is_chosen ? CHOSEN_MAX : 0))
		return BK_E_FULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return BK_E_NOMEM;
	c->set = set;
	c->lane = lane;
	c->is_chosen = is_chosen;
	bk_list_append(&set->list, &c->link_in_set);
	set->len++;
	*ret_contender = c;
	return 0;
}

void bk_contender_free(struct bk_contender *c)
{
	bk_assert(c->set->len > 0 && !bk_list_empty(&c->link_in_set));
	bk_list_remove(&c->link_in_set);
	c->set->len--;
	bk_link_free(c->link);
	free(c);
}

/* --- the link --- */

static void on_secure(void *arg)
{
	struct bk_contender *c = arg;

	bk_assert(!c->is_secure);
	c->is_secure = true;
	c->set->events->on_secure(c->set->arg, c);
}

static bool is_nomination(const struct bk_contender *c)
{
	struct bk_sframe f;

	return c->is_secure && !c->set->is_controlling && bk_sframe_decode(c->head, c->head_len, &f) == 0 &&
	       f.type == BK_SFRAME_NOMINATE && !f.length;
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_contender *c = arg;
	struct bk_link *link = c->link;
	size_t take = BK_SFRAME_HEADER_LEN - c->head_len;

	take = take < n ? take : n;
	memcpy(c->head + c->head_len, data, take);
	c->head_len += take;
	if (c->head_len < BK_SFRAME_HEADER_LEN || c->set->is_decided)
		return;
	if (!is_nomination(c)) {
		bk_log_warn("race", "a peer that speaks before it is its turn");
		bk_link_close(link);
		return;
	}
	c->set->events->on_nominated(c->set->arg, c);
	if (n > take)
		link->events->on_data(link->arg, data + take, n - take);
}

static void on_end(void *arg, int error, const char *text)
{
	struct bk_contender *c = arg;

	c->set->events->on_end(c->set->arg, c, error, text);
}

const struct bk_link_events bk_contender_link_events = {
	.on_secure = on_secure,
	.on_data = on_data,
	.on_end = on_end,
};

/* --- the set --- */

bool bk_contender_is_relay(const struct bk_contender *c)
{
	return c->result.technique->method->is_relay;
}

struct bk_contender *bk_contenders_find_relay(const struct bk_contenders *set)
{
	bk_list_each(it, tmp, &set->list)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_set);
		if (bk_contender_is_relay(c))
			return c;
	}
	return NULL;
}

struct bk_contender *bk_contenders_find_at(const struct bk_contenders *set, const struct bk_lane *lane,
	uint32_t id, const struct bk_addr *remote)
{
	bk_list_each(it, tmp, &set->list)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_set);
		if (c->lane == lane && c->id == id && bk_addr_equal(&c->result.remote, remote))
			return c;
	}
	return NULL;
}

static bool is_mere_hope(const struct bk_contender *c)
{
	return c->is_likely && !c->is_chosen && !c->is_secure;
}

void bk_contenders_drop_likely(struct bk_contenders *set, const struct bk_lane *lane)
{
	bk_list_each(it, tmp, &set->list)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_set);
		if (c->lane == lane && is_mere_hope(c))
			bk_contender_free(c);
	}
}

struct bk_contender *bk_contenders_find_chosen(const struct bk_contenders *set, const struct bk_lane *lane)
{
	bk_list_each(it, tmp, &set->list)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_set);
		if (c->is_chosen && c->lane == lane)
			return c;
	}
	return NULL;
}

bool bk_contenders_has_direct(const struct bk_contenders *set)
{
	bk_list_each(it, tmp, &set->list)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_set);
		if (!bk_contender_is_relay(c) && !is_mere_hope(c))
			return true;
	}
	return false;
}

bool bk_contenders_has_secure(const struct bk_contenders *set)
{
	bk_list_each(it, tmp, &set->list)
	{
		if (bk_container_of(it, struct bk_contender, link_in_set)->is_secure)
			return true;
	}
	return false;
}

size_t bk_contenders_count_strangers(const struct bk_contenders *set)
{
	size_t n = 0;

	bk_list_each(it, tmp, &set->list)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_set);
		n += !c->id && !c->is_secure;
	}
	return n;
}
