/* SPDX-License-Identifier: Apache-2.0 */
#include "path/manners.h"

#include <pthread.h>
#include <string.h>

enum { NETWORKS_MAX = 32, NETWORK_BYTES = 3 }; /* a /24 */

#define WAIT (20 * BK_SEC)

/* The one that was knocked at longest ago makes room. */
static struct {
	pthread_mutex_t lock;
	bool is_taken;
	struct {
		uint8_t bytes[NETWORK_BYTES];
		bk_time at; /* 0: free */
	} networks[NETWORKS_MAX];
} manners = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_network_of(size_t i, const struct bk_addr *a)
{
	return manners.networks[i].at && !memcmp(manners.networks[i].bytes, a->ip, NETWORK_BYTES);
}

/* Its place, or the one that it takes. */
static size_t place_of(const struct bk_addr *a)
{
	size_t oldest = 0;

	for (size_t i = 0; i < NETWORKS_MAX; i++) {
		if (is_network_of(i, a))
			return i;
		if (manners.networks[i].at < manners.networks[oldest].at)
			oldest = i;
	}
	return oldest;
}

static bool take_turn(const struct bk_addr *remote, bk_time now)
{
	size_t i = place_of(remote);

	if (manners.is_taken || (is_network_of(i, remote) && now - manners.networks[i].at < WAIT))
		return false;
	manners.is_taken = true;
	memcpy(manners.networks[i].bytes, remote->ip, NETWORK_BYTES);
	manners.networks[i].at = now;
	return true;
}

static const struct bk_attempt *find_hard(const struct bk_plan *p)
{
	for (size_t i = 0; i < p->attempts_len; i++) {
		if (p->attempts[i].technique->is_hard)
			return &p->attempts[i];
	}
	return NULL;
}

static void take_out(struct bk_plan *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->attempts_len; i++) {
		if (!p->attempts[i].technique->is_hard)
			p->attempts[kept++] = p->attempts[i];
	}
	p->attempts_len = kept;
}

bool bk_manners_begin(struct bk_plan *io_plan, bk_time now, bool *ret_took)
{
	const struct bk_attempt *a = find_hard(io_plan);

	*ret_took = false;
	if (!a)
		return true;
	pthread_mutex_lock(&manners.lock);
	*ret_took = take_turn(&a->remote, now);
	pthread_mutex_unlock(&manners.lock);
	if (!*ret_took)
		take_out(io_plan);
	return *ret_took;
}

void bk_manners_end(void)
{
	pthread_mutex_lock(&manners.lock);
	manners.is_taken = false;
	pthread_mutex_unlock(&manners.lock);
}
