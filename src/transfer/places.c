/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/places.h"

#include <bodkin/addr.h>

void bk_place_init(struct bk_place *p, bk_time now)
{
	*p = (struct bk_place){.since = now};
}

void bk_place_moved(struct bk_place *p, uint64_t bytes, bk_time now)
{
	if (bytes < p->bytes + BK_PLACE_LEAST)
		return;
	p->bytes = bytes;
	p->since = now;
}

void bk_place_found(struct bk_place *p, const struct bk_path *path)
{
	struct bk_addr a;
	size_t n;

	p->network = 0;
	if (path->kind == BK_PATH_KIND_RELAY || !path->remote || bk_addr_from_str(path->remote, &a) < 0)
		return;
	n = a.family == 4 ? 3 : 7;
	for (size_t i = 0; i < n; i++)
		p->network = p->network << 8 | a.ip[i];
	p->network = p->network << 8 | a.family;
}

static size_t neighbours(const struct bk_place *const *places, size_t n, const struct bk_place *of)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += places[i]->network == of->network;
	return sum;
}

size_t bk_places_idle(const struct bk_place *const *places, size_t n, bk_time now)
{
	size_t worst = SIZE_MAX, most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t held;

		if (now - places[i]->since < BK_PLACE_IDLE)
			continue;
		held = neighbours(places, n, places[i]);
		if (worst != SIZE_MAX &&
			(held < most || (held == most && places[i]->since >= places[worst]->since)))
			continue;
		worst = i;
		most = held;
	}
	return worst;
}
