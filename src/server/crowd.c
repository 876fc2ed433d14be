/* SPDX-License-Identifier: Apache-2.0 */
/* Circles, from an address outwards. One without anything on it is kept until its rations are full again (then
 * forgetting it changes nothing), or until too many such circles wait and it is the oldest. */
#include "server/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/map.h"
#include "server/limits.h"

enum { ADDRESS, NETWORK, WIDER, EVERYBODY, LEVELS };
enum {
	SMALL = 256,  /* a pool of so few is not thinned: parts of it would be nothing */
	THINNING = 16 /* an address gets no more than this part of what is free */
};

struct bk_circle {
	struct bk_list idle; /* in the crowd's list while `holds` is 0 */
	struct bk_circle *up;
	uint8_t key[9], key_len, level;
	unsigned holds; /* guests, circles within, what is held */
	size_t held[BK_SHARES];
	struct bk_rate rates[BK_RATIONS];
	bk_time left;
};

/* What one address may have grows by these for the circles around it. */
static const unsigned share_factor[] = {[ADDRESS] = 1, [NETWORK] = 4, [WIDER] = 8};
static const unsigned ration_factor[] = {[ADDRESS] = 1, [NETWORK] = 2, [WIDER] = 4};

struct ration {
	double per_second, burst;         /* of one address */
	double all_per_second, all_burst; /* 0: of all together there is no end */
	double debt;                      /* of one address, so many bursts deep at most; 0: one */
};

struct bk_crowd {
	struct bk_map *circles;
	struct bk_circle all;
	struct bk_list idle; /* oldest first */
	unsigned idle_count;
	struct bk_list strangers; /* oldest first */
	size_t ceiling[BK_SHARES], of_address[BK_SHARES];
	struct ration rations[BK_RATIONS];
	bk_dur memory; /* after it every ration of an address is full again, whatever it owed */
};

/* --- what there is --- */

static void set_shares(struct bk_crowd *c, const struct bk_crowd_limits *l)
{
	const size_t all[BK_SHARES] = {
		[BK_SHARE_STRANGERS] = BK_LIMIT_STRANGERS,
		[BK_SHARE_CLIENTS] = l->clients_max,
		[BK_SHARE_PROBES] = BK_LIMIT_PROBES_LINGER,
		[BK_SHARE_LEGS] = 2 * ((size_t)l->relays_max + BK_LIMIT_RELAY_WAITING),
		[BK_SHARE_GRANTS] = (size_t)l->relays_max + BK_LIMIT_RELAY_GRANTS,
		[BK_SHARE_PAIRS] = l->relays_max,
		[BK_SHARE_REACHES] = BK_LIMIT_REACHES,
		[BK_SHARE_PLATES] = (size_t)l->clients_max * BK_LIMIT_NAMEPLATES,
		[BK_SHARE_MAIL] = BK_LIMIT_MAIL_TOTAL,
		[BK_SHARE_NEWS] = BK_LIMIT_GROUP_NEWS_TOTAL,
	};
	const size_t of_address[BK_SHARES] = {
		[BK_SHARE_STRANGERS] = l->per_address_max,
		[BK_SHARE_CLIENTS] = l->per_address_max,
		[BK_SHARE_PROBES] = 2 * (size_t)l->per_address_max,
		[BK_SHARE_LEGS] = 2 * (size_t)l->per_address_max,
		[BK_SHARE_GRANTS] = 4 * (size_t)l->per_address_max,
		[BK_SHARE_PAIRS] = l->relays_max < 8 ? 1 : l->relays_max / 8,
		[BK_SHARE_REACHES] = BK_LIMIT_REACHES / 8,
		[BK_SHARE_PLATES] = 2 * (size_t)l->per_address_max,
		[BK_SHARE_MAIL] = BK_LIMIT_MAIL_TOTAL / 8,
		[BK_SHARE_NEWS] = BK_LIMIT_GROUP_NEWS_TOTAL / 8,
	};

	memcpy(c->ceiling, all, sizeof(all));
	memcpy(c->of_address, of_address, sizeof(of_address));
}

static double deepest(const struct ration *r)
{
	return r->debt > 1 ? r->debt : 1;
}

/* Of wider circles too: what they may have and how fast it comes grow alike. */
static bk_dur time_to_fill(const struct ration *r)
{
	return (bk_dur)((1 + deepest(r)) * r->burst / r->per_second * (double)BK_SEC) + 1;
}

static void set_rations(struct bk_crowd *c, const struct bk_crowd_limits *l)
{
	c->rations[BK_RATION_ARRIVALS] = (struct ration){l->arrivals_per_second, l->arrivals_burst, 0, 0, 0};
	c->rations[BK_RATION_CLAIMS] = (struct ration){l->claims_per_minute / 60, l->claims_burst,
		BK_LIMIT_ALL_CLAIMS_PER_MINUTE / 60.0, BK_LIMIT_ALL_CLAIMS_BURST,
		BK_LIMIT_GUESS}; /* what was under way at once may all turn out to be wrong */
	c->rations[BK_RATION_REACHES] =
		(struct ration){BK_LIMIT_REACHES_PER_MINUTE / 60.0, BK_LIMIT_REACHES_BURST, 0, 0, 0};
	c->rations[BK_RATION_REJOINS] =
		(struct ration){BK_LIMIT_REJOINS_PER_MINUTE / 60.0, BK_LIMIT_REJOINS_BURST, 0, 0, 0};
	for (int i = 0; i < BK_RATIONS; i++)
		c->memory = bk_time_max(c->memory, time_to_fill(&c->rations[i]));
}

static void fill_rations(const struct bk_crowd *c, struct bk_circle *at, bk_time now)
{
	for (int i = 0; i < BK_RATIONS; i++) {
		const struct ration *r = &c->rations[i];

		if (at->level == EVERYBODY)
			bk_rate_init(&at->rates[i], r->all_per_second, r->all_burst, now);
		else
			bk_rate_init(&at->rates[i], r->per_second * ration_factor[at->level],
				r->burst * ration_factor[at->level], now);
		if (at->level != EVERYBODY)
			at->rates[i].debt = deepest(r) * at->rates[i].burst;
	}
}

struct bk_crowd *bk_crowd_new(const struct bk_crowd_limits *limits, uint64_t seed)
{
	struct bk_crowd *c = calloc(1, sizeof(*c));
	size_t max;

	if (!c)
		return NULL;
	set_shares(c, limits);
	set_rations(c, limits);
	c->all.level = EVERYBODY;
	bk_list_init(&c->all.idle);
	fill_rations(c, &c->all, 0);
	bk_list_init(&c->idle);
	bk_list_init(&c->strangers);
	max = c->ceiling[BK_SHARE_STRANGERS] + c->ceiling[BK_SHARE_CLIENTS] + c->ceiling[BK_SHARE_PROBES] +
	      c->ceiling[BK_SHARE_LEGS] + c->ceiling[BK_SHARE_PLATES];
	c->circles = bk_map_new(EVERYBODY * (max + BK_LIMIT_ADDRESSES_IDLE), seed);
	if (!c->circles) {
		free(c);
		return NULL;
	}
	return c;
}

static void free_circle(void *arg, void *value)
{
	(void)arg;
	free(value);
}

void bk_crowd_free(struct bk_crowd *c)
{
	if (!c)
		return;
	bk_map_each(c->circles, free_circle, NULL);
	bk_map_free(c->circles);
	free(c);
}

/* --- circles --- */

static unsigned levels_of(const struct bk_addr *a)
{
	return a->family == 6 ? EVERYBODY : WIDER;
}

static uint8_t make_key(const struct bk_addr *from, unsigned level, uint8_t key[9])
{
	uint8_t n = (uint8_t)((from->family == 6 ? 8 : 4) - level);

	key[0] = from->family;
	memcpy(key + 1, from->ip, n);
	return (uint8_t)(n + 1);
}

static void drop_hold(struct bk_crowd *c, struct bk_circle *at, bk_time now)
{
	bk_assert(at->holds > 0);
	if (--at->holds || at->level == EVERYBODY)
		return;
	at->left = now;
	bk_list_append(&c->idle, &at->idle);
	c->idle_count++;
}

static void forget(struct bk_crowd *c, struct bk_circle *at, bk_time now)
{
	struct bk_circle *up = at->up;

	bk_assert(!at->holds && c->idle_count);
	bk_list_remove(&at->idle);
	bk_assert(c->idle.next != &at->idle);
	c->idle_count--;
	bk_map_take(c->circles, at->key, at->key_len);
	free(at);
	drop_hold(c, up, now);
}

static void forget_old(struct bk_crowd *c, bk_time now)
{
	while (!bk_list_empty(&c->idle)) {
		struct bk_circle *at = bk_container_of(c->idle.next, struct bk_circle, idle);

		if (c->idle_count <= BK_LIMIT_ADDRESSES_IDLE && now < bk_time_add(at->left, c->memory))
			return;
		forget(c, at, now);
	}
}

static void hold(struct bk_crowd *c, struct bk_circle *at)
{
	if (!bk_list_empty(&at->idle)) {
		bk_list_remove(&at->idle);
		c->idle_count--;
	}
	at->holds++;
}

static struct bk_circle *new_circle(
	struct bk_crowd *c, const struct bk_addr *from, unsigned level, struct bk_circle *up, bk_time now)
{
	struct bk_circle *at = calloc(1, sizeof(*at));

	if (!at)
		return NULL;
	at->level = (uint8_t)level;
	at->key_len = make_key(from, level, at->key);
	bk_list_init(&at->idle);
	fill_rations(c, at, now);
	if (bk_map_put(c->circles, at->key, at->key_len, at) < 0) {
		free(at);
		return NULL;
	}
	at->up = up;
	hold(c, up);
	return at;
}

/* The circle of that address, held once more; made from outside inwards. NULL: out of memory. */
static struct bk_circle *find_circle(struct bk_crowd *c, const struct bk_addr *from, bk_time now)
{
	struct bk_circle *up = &c->all, *at = up;
	uint8_t key[9];

	hold(c, up);
	for (unsigned level = levels_of(from); level-- > ADDRESS;) {
		at = bk_map_get(c->circles, key, make_key(from, level, key));
		if (!at)
			at = new_circle(c, from, level, up, now);
		if (at)
			hold(c, at);
		drop_hold(c, up, now);
		if (!at)
			return NULL;
		up = at;
	}
	return at;
}

void bk_crowd_hold(struct bk_circle *who)
{
	bk_assert(who->holds > 0);
	who->holds++;
}

void bk_crowd_drop(struct bk_crowd *c, struct bk_circle *who, bk_time now)
{
	drop_hold(c, who, now);
	forget_old(c, now);
}

const char *bk_circle_to_str(const struct bk_circle *who, char out[BK_ADDR_STR_MAX])
{
	struct bk_addr a = {.family = who->key[0]};

	memcpy(a.ip, who->key + 1, who->key_len - 1u);
	return bk_addr_ip_to_str(&a, out);
}

/* --- shares --- */

static size_t allowed(const struct bk_crowd *c, const struct bk_circle *at, enum bk_share share)
{
	size_t all = c->ceiling[share], own, part;

	if (at->level == EVERYBODY)
		return all;
	own = c->of_address[share] * share_factor[at->level];
	if (all <= SMALL || share == BK_SHARE_STRANGERS)
		return own;
	part = at->held[share] + (all - c->all.held[share]);
	part = part * share_factor[at->level] / THINNING;
	return own < part ? own : part;
}

/* The narrowest circle that has no room for n more. */
static const struct bk_circle *find_full(
	const struct bk_crowd *c, const struct bk_circle *at, enum bk_share share, size_t n)
{
	while (at && at->held[share] + n <= allowed(c, at, share))
		at = at->up;
	return at;
}

static void add(struct bk_circle *at, enum bk_share share, size_t n)
{
	for (; at; at = at->up)
		at->held[share] += n;
}

static void subtract(struct bk_circle *at, enum bk_share share, size_t n)
{
	for (; at; at = at->up) {
		bk_assert(at->held[share] >= n);
		at->held[share] -= n;
	}
}

int bk_crowd_take(struct bk_crowd *c, struct bk_circle *who, enum bk_share share, size_t n)
{
	if (find_full(c, who, share, n))
		return BK_E_FULL;
	add(who, share, n);
	hold(c, who);
	return 0;
}

void bk_crowd_give(struct bk_crowd *c, struct bk_circle *who, enum bk_share share, size_t n, bk_time now)
{
	subtract(who, share, n);
	bk_crowd_drop(c, who, now);
}

unsigned bk_crowd_count(const struct bk_crowd *c, enum bk_share share)
{
	return (unsigned)c->all.held[share];
}

/* --- strangers --- */

static bool is_within(const struct bk_circle *at, const struct bk_circle *in)
{
	while (at && at != in)
		at = at->up;
	return at != NULL;
}

/* How many strangers its circles hold. IPv4 has no wider circle: the network stands for it. */
static void weigh(const struct bk_guest *g, size_t ret_weight[EVERYBODY])
{
	const struct bk_circle *at = g->circle;

	for (unsigned level = ADDRESS; level < EVERYBODY; level++) {
		ret_weight[level] = at->held[BK_SHARE_STRANGERS];
		if (at->up->level != EVERYBODY)
			at = at->up;
	}
}

/* The widest compared first. */
static bool is_heavier(const size_t a[EVERYBODY], const size_t b[EVERYBODY])
{
	for (unsigned level = EVERYBODY; level-- > ADDRESS;)
		if (a[level] != b[level])
			return a[level] > b[level];
	return false;
}

static void count_no_more(struct bk_guest *g)
{
	bk_list_remove(&g->link);
	if (g->share < BK_SHARES)
		subtract(g->circle, g->share, 1);
	g->share = BK_SHARES;
}

/* The oldest of those within that circle whose circles have most. */
static bool send_one_away(struct bk_crowd *c, const struct bk_circle *in)
{
	struct bk_guest *victim = NULL;
	size_t most[EVERYBODY], weight[EVERYBODY];

	bk_list_each(it, tmp, &c->strangers)
	{
		struct bk_guest *g = bk_container_of(it, struct bk_guest, link);

		if (!g->send_away || (victim && g->circle == victim->circle) || !is_within(g->circle, in))
			continue;
		weigh(g, weight);
		if (victim && !is_heavier(weight, most))
			continue;
		victim = g;
		memcpy(most, weight, sizeof(most));
	}
	if (!victim)
		return false;
	count_no_more(victim);
	bk_assert(victim->send_away);
	victim->send_away(victim->arg);
	return true;
}

int bk_crowd_enter(struct bk_crowd *c, const struct bk_addr *from, bk_time now, struct bk_guest **ret_guest)
{
	struct bk_guest *g = calloc(1, sizeof(*g));
	const struct bk_circle *full;

	if (!g)
		return BK_E_NOMEM;
	forget_old(c, now);
	bk_list_init(&g->link);
	g->share = BK_SHARES;
	g->circle = find_circle(c, from, now);
	if (!g->circle) {
		free(g);
		return BK_E_NOMEM;
	}
	while ((full = find_full(c, g->circle, BK_SHARE_STRANGERS, 1)))
		if (!send_one_away(c, full)) {
			bk_crowd_leave(c, g, now);
			return BK_E_FULL;
		}
	g->share = BK_SHARE_STRANGERS;
	add(g->circle, g->share, 1);
	bk_list_append(&c->strangers, &g->link);
	*ret_guest = g;
	return 0;
}

void bk_guest_set_keeper(struct bk_guest *g, void (*send_away)(void *arg), void *arg)
{
	g->send_away = send_away;
	g->arg = arg;
}

int bk_crowd_prove(struct bk_crowd *c, struct bk_guest *g, enum bk_share as)
{
	if (find_full(c, g->circle, as, 1))
		return BK_E_FULL;
	count_no_more(g);
	g->share = as;
	add(g->circle, as, 1);
	return 0;
}

void bk_crowd_leave(struct bk_crowd *c, struct bk_guest *g, bk_time now)
{
	if (!g)
		return;
	count_no_more(g);
	bk_crowd_drop(c, g->circle, now);
	free(g);
}

/* --- rations --- */

static bool is_rationed(const struct bk_crowd *c, const struct bk_circle *at, enum bk_ration ration)
{
	return at->level != EVERYBODY || c->rations[ration].all_burst > 0;
}

static bool has_most_left(const struct bk_circle *at, enum bk_ration ration, bk_time now)
{
	const struct bk_rate *r = &at->rates[ration];

	return bk_rate_wait(r, r->burst * 3 / 4, now) == 0;
}

bool bk_crowd_is_calm(const struct bk_guest *g, bk_time now)
{
	for (const struct bk_circle *at = g->circle; at->level != EVERYBODY; at = at->up)
		if (at->held[BK_SHARE_STRANGERS] > (size_t)BK_LIMIT_CALM * share_factor[at->level] ||
			!has_most_left(at, BK_RATION_ARRIVALS, now))
			return false;
	return true;
}

/* What all have used up together is not denied to those who have had nothing amiss lately. */
static bool is_above_it(
	const struct bk_circle *at, const struct bk_circle *who, enum bk_ration ration, bk_time now)
{
	return at->level == EVERYBODY && has_most_left(who, ration, now);
}

static bk_dur wait_for(
	const struct bk_crowd *c, const struct bk_circle *who, enum bk_ration ration, double n, bk_time now)
{
	bk_dur longest = 0;

	for (const struct bk_circle *at = who; at; at = at->up)
		if (is_rationed(c, at, ration) && !is_above_it(at, who, ration, now))
			longest = bk_time_max(longest, bk_rate_wait(&at->rates[ration], n, now));
	return longest;
}

static void move(
	const struct bk_crowd *c, struct bk_circle *who, enum bk_ration ration, double n, bk_time now)
{
	for (struct bk_circle *at = who; at; at = at->up)
		if (is_rationed(c, at, ration))
			bk_rate_move(&at->rates[ration], n, now);
}

bk_dur bk_crowd_borrow(
	struct bk_crowd *c, struct bk_circle *who, enum bk_ration ration, double n, bk_time now)
{
	bk_dur wait = wait_for(c, who, ration, n, now);

	move(c, who, ration, -n, now);
	return wait;
}

bk_dur bk_crowd_spend(struct bk_crowd *c, struct bk_circle *who, enum bk_ration ration, double n, bk_time now)
{
	bk_dur wait = wait_for(c, who, ration, n, now);

	if (wait == 0)
		move(c, who, ration, -n, now);
	return wait;
}

void bk_crowd_refund(struct bk_crowd *c, struct bk_circle *who, enum bk_ration ration, double n, bk_time now)
{
	move(c, who, ration, n, now);
}
