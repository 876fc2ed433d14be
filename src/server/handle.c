/* SPDX-License-Identifier: Apache-2.0 */
/* A table of places. A number is a place and how often it was taken before, so that it is found in one step
 * and an old one finds nothing. */
#include "server/handle.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"

enum { PLACES_MIN = 64 };

struct place {
	void *what;          /* NULL: free */
	uint32_t generation; /* from 1 */
	uint32_t next_free;
};

struct bk_handles {
	struct place *places;
	uint32_t len, first_free; /* len: none is free */
	size_t max, count;
};

struct bk_handles *bk_handles_new(size_t max)
{
	struct bk_handles *h = calloc(1, sizeof(*h));

	if (h)
		h->max = max < UINT32_MAX / 2 ? max : UINT32_MAX / 2;
	return h;
}

void bk_handles_free(struct bk_handles *h)
{
	if (!h)
		return;
	free(h->places);
	free(h);
}

static int grow(struct bk_handles *h)
{
	uint32_t len = h->len ? 2 * h->len : PLACES_MIN;
	struct place *places = realloc(h->places, len * sizeof(*places));

	if (!places)
		return BK_E_NOMEM;
	for (uint32_t i = h->len; i < len; i++)
		places[i] = (struct place){.generation = 1, .next_free = i + 1};
	h->places = places;
	h->len = len;
	return 0;
}

int bk_handles_add(struct bk_handles *h, void *what, uint64_t *ret_handle)
{
	struct place *p;

	bk_assert(what);
	if (h->count >= h->max)
		return BK_E_FULL;
	if (h->first_free == h->len && grow(h) < 0)
		return BK_E_NOMEM;
	p = &h->places[h->first_free];
	*ret_handle = (uint64_t)p->generation << 32 | h->first_free;
	h->first_free = p->next_free;
	p->what = what;
	h->count++;
	return 0;
}

static struct place *find(const struct bk_handles *h, uint64_t handle)
{
	uint32_t i = (uint32_t)handle;

	if (i >= h->len || !h->places[i].what || h->places[i].generation != handle >> 32)
		return NULL;
	return &h->places[i];
}

void *bk_handles_find(const struct bk_handles *h, uint64_t handle)
{
	const struct place *p = find(h, handle);

	return p ? p->what : NULL;
}

/* A place whose generations are used up is never taken again. */
void bk_handles_remove(struct bk_handles *h, uint64_t handle)
{
	struct place *p = find(h, handle);

	if (!p)
		return;
	p->what = NULL;
	h->count--;
	if (++p->generation == 0)
		return;
	p->next_free = h->first_free;
	h->first_free = (uint32_t)handle;
}
