/* SPDX-License-Identifier: Apache-2.0 */
/* PCP is preferred; NAT-PMP is spoken where the router says that it has no PCP, or has answered it alone for a
 * while. Once one is spoken, the other has that while to answer: to be told of, not to be spoken. */
#include "portmap/census.h"

enum { SENDINGS = 6 };

#define RTO (250 * BK_MS)

static bool is_awaited(const struct bk_portmap_census *c, enum bk_portmap_dialect d)
{
	return c->presence[d] == BK_PORTMAP_AWAITED;
}

static void choose(struct bk_portmap_census *c)
{
	bool is_pcp = c->presence[BK_PORTMAP_PCP] == BK_PORTMAP_PRESENT;
	bool is_natpmp = c->presence[BK_PORTMAP_NATPMP] == BK_PORTMAP_PRESENT;
	bool is_patient = is_awaited(c, BK_PORTMAP_PCP) && c->left >= SENDINGS - 1;

	if (c->is_chosen || (!is_pcp && (!is_natpmp || is_patient)))
		return;
	c->is_chosen = true;
	c->dialect = is_pcp ? BK_PORTMAP_PCP : BK_PORTMAP_NATPMP;
}

void bk_portmap_census_init(struct bk_portmap_census *c, bool has_natpmp, bk_time now)
{
	*c = (struct bk_portmap_census){.next = now, .interval = RTO, .left = SENDINGS};
	if (!has_natpmp)
		c->presence[BK_PORTMAP_NATPMP] = BK_PORTMAP_ABSENT;
}

void bk_portmap_census_end(struct bk_portmap_census *c)
{
	c->next = BK_NEVER;
	for (int d = 0; d < BK_PORTMAP_DIALECTS; d++)
		if (is_awaited(c, (enum bk_portmap_dialect)d))
			c->presence[d] = BK_PORTMAP_ABSENT;
}

bool bk_portmap_census_note(
	struct bk_portmap_census *c, enum bk_portmap_dialect d, enum bk_portmap_presence presence)
{
	if (c->presence[d] == presence || c->presence[d] == BK_PORTMAP_PRESENT)
		return false;
	c->presence[d] = presence;
	choose(c);
	if (!is_awaited(c, BK_PORTMAP_PCP) && !is_awaited(c, BK_PORTMAP_NATPMP))
		bk_portmap_census_end(c);
	return true;
}

bool bk_portmap_census_is_due(struct bk_portmap_census *c, bk_time now)
{
	if (now < c->next)
		return false;
	if (c->is_chosen || !c->left) {
		bk_portmap_census_end(c);
		return true;
	}
	c->left--;
	c->next = now + c->interval;
	c->interval *= 2;
	choose(c);
	return true;
}
