/* SPDX-License-Identifier: Apache-2.0 */
#include "path/manners.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"

enum {
	NETWORKS_MAX = 32,
	NETWORK_BYTES = sizeof(((struct bk_manners_purse *)0)->network),
	LARGEST = 2800, /* packets of a guess */
	TRIES = 4,      /* at once, and three times more */
};

#define NETWORK_WAIT (20 * BK_SEC)
#define PURSE_WAIT   (5 * 60 * BK_SEC)

/* The one that has most left makes room: else whoever is sent to others could have it forget what it was sent. */
struct network {
	uint8_t bytes[NETWORK_BYTES];
	struct bk_rate packets; /* per_second 0: free */
};

static struct {
	pthread_mutex_t lock;
	unsigned under_way;
	struct network networks[NETWORKS_MAX];
} manners = {.lock = PTHREAD_MUTEX_INITIALIZER};

static double in(bk_dur wait)
{
	return (double)LARGEST * (double)BK_SEC / (double)wait;
}

static bool is_of(const struct network *n, const struct bk_addr *a)
{
	return n->packets.per_second > 0 && !memcmp(n->bytes, a->ip, NETWORK_BYTES);
}

/* NULL: nothing was sent there of late. */
static struct network *find_network(const struct bk_addr *a)
{
	for (size_t i = 0; i < NETWORKS_MAX; i++) {
		if (is_of(&manners.networks[i], a))
			return &manners.networks[i];
	}
	return NULL;
}

/* What has all of its packets again is as good as free. */
static double left_of(const struct network *n, bk_time now)
{
	return n->packets.per_second > 0 ? bk_rate_tokens(&n->packets, now) : LARGEST;
}

static struct network *add_network(const struct bk_addr *a, bk_time now)
{
	struct network *most = &manners.networks[0];

	for (size_t i = 0; i < NETWORKS_MAX; i++) {
		if (left_of(&manners.networks[i], now) > left_of(most, now))
			most = &manners.networks[i];
	}
	memcpy(most->bytes, a->ip, NETWORK_BYTES);
	bk_rate_init(&most->packets, in(NETWORK_WAIT), LARGEST, now);
	return most;
}

/* --- what a plan guesses --- */

static unsigned cost_of(const struct bk_plan *p)
{
	unsigned cost = 0;

	for (size_t i = 0; i < p->attempts_len; i++)
		cost += bk_attempt_guesses(&p->attempts[i]);
	bk_assert(cost <= LARGEST);
	return cost;
}

static const struct bk_attempt *find_guess(const struct bk_plan *p)
{
	for (size_t i = 0; i < p->attempts_len; i++) {
		if (bk_attempt_guesses(&p->attempts[i]))
			return &p->attempts[i];
	}
	return NULL;
}

static void take_out(struct bk_plan *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->attempts_len; i++) {
		if (!bk_attempt_guesses(&p->attempts[i]))
			p->attempts[kept++] = p->attempts[i];
	}
	p->attempts_len = kept;
}

/* --- who may --- */

static bool is_again(const struct bk_manners_purse *purse, const struct bk_addr *remote)
{
	return purse->is_open && !memcmp(purse->network, remote->ip, NETWORK_BYTES);
}

static void open_purse(struct bk_manners_purse *purse, const struct bk_addr *remote, bk_time now)
{
	if (!purse->is_open)
		bk_rate_init(&purse->packets, in(PURSE_WAIT), TRIES * LARGEST, now);
	if (!is_again(purse, remote))
		purse->forbidden_by = (struct bk_addr){0};
	purse->is_open = true;
	memcpy(purse->network, remote->ip, NETWORK_BYTES);
}

static const char *pay(
	const struct bk_addr *remote, unsigned cost, struct bk_manners_purse *purse, bk_time now)
{
	struct network *n = find_network(remote);
	bool again = is_again(purse, remote);

	if (again && purse->forbidden_by.family)
		return "somebody on the way has forbidden it";
	if (purse->is_open && bk_rate_tokens(&purse->packets, now) < cost)
		return "these two have guessed enough for now";
	if (!again && n && bk_rate_tokens(&n->packets, now) < cost)
		return "ports of this network were guessed just now";
	n = n ? n : add_network(remote, now);
	open_purse(purse, remote, now);
	bk_rate_move(&purse->packets, -(double)cost, now);
	bk_rate_move(&n->packets, -(double)cost, now);
	return NULL;
}

static const char *take_turn(const struct bk_attempt *a, unsigned cost, struct bk_manners_purse *purse,
	bk_time now, struct bk_manners_turn *ret_turn)
{
	unsigned weight = a->technique->is_hard ? LARGEST : cost;
	const char *why;

	if (manners.under_way + weight > LARGEST)
		return "others are guessed at the moment";
	why = pay(&a->remote, cost, purse, now);
	if (why)
		return why;
	manners.under_way += weight;
	ret_turn->weight = weight;
	return NULL;
}

const char *bk_manners_begin(struct bk_plan *io_plan, struct bk_manners_purse *purse, bk_time now,
	struct bk_manners_turn *ret_turn)
{
	const struct bk_attempt *a = find_guess(io_plan);
	struct bk_manners_purse once = {0};
	const char *why;

	*ret_turn = (struct bk_manners_turn){0};
	if (!a)
		return NULL;
	pthread_mutex_lock(&manners.lock);
	why = take_turn(a, cost_of(io_plan), purse ? purse : &once, now, ret_turn);
	pthread_mutex_unlock(&manners.lock);
	if (why)
		take_out(io_plan);
	return why;
}

void bk_manners_end(struct bk_manners_turn *turn)
{
	pthread_mutex_lock(&manners.lock);
	bk_assert(manners.under_way >= turn->weight);
	manners.under_way -= turn->weight;
	pthread_mutex_unlock(&manners.lock);
	turn->weight = 0;
}
