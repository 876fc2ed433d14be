/* SPDX-License-Identifier: Apache-2.0 */
/* The ids in use. */
#include "server/registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"

struct bk_registry {
	struct bk_map *ids;
};

struct bk_registry *bk_registry_new(size_t max, uint64_t seed)
{
	struct bk_registry *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->ids = bk_map_new(max, seed);
	if (!r->ids) {
		free(r);
		return NULL;
	}
	return r;
}

void bk_registry_free(struct bk_registry *r)
{
	if (!r)
		return;
	bk_map_free(r->ids);
	free(r);
}

int bk_registry_add(struct bk_registry *r, const char *id, void *who)
{
	int err;

	if (!*id)
		return BK_E_INVALID;
	err = bk_map_put(r->ids, id, strlen(id), who);
	return err == BK_E_EXISTS ? BK_E_ID_IN_USE : err;
}

void *bk_registry_find(const struct bk_registry *r, const char *id)
{
	return bk_map_get(r->ids, id, strlen(id));
}

void bk_registry_remove(struct bk_registry *r, const char *id, const void *who)
{
	if (bk_registry_find(r, id) == who)
		bk_map_take(r->ids, id, strlen(id));
}
