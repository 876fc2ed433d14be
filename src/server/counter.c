/* SPDX-License-Identifier: Apache-2.0 */
/* A handful of names: found by looking through them, which happens when a room is made, never when it counts.
 */
#include "server/counter.h"

#include <string.h>

#include "base/assert.h"

/* Its place, or the first free one. */
static unsigned find(const struct bk_counters *cs, const char *name)
{
	unsigned i = 0;

	while (i < cs->count && strcmp(cs->of[i].name, name))
		i++;
	return i;
}

uint64_t *bk_counters_register(struct bk_counters *cs, const char *name)
{
	unsigned i = find(cs, name);

	bk_assert(i < BK_COUNTERS_MAX);
	if (i == cs->count)
		cs->of[cs->count++] = (struct bk_counter){.name = name};
	return &cs->of[i].value;
}

uint64_t bk_counters_get(const struct bk_counters *cs, const char *name)
{
	unsigned i = find(cs, name);

	return i < cs->count ? cs->of[i].value : 0;
}
