/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/reach.h"

#include "portmap/question.h"

enum bk_portmap_reach bk_portmap_reach(const struct bk_addr *external, const struct bk_addr *seen)
{
	if (bk_addr_realm(external) != BK_ADDR_PUBLIC)
		return BK_PORTMAP_REACH_NESTED;
	if (!seen->family)
		return BK_PORTMAP_REACH_UNKNOWN;
	return bk_addr_equal_ip(external, seen) ? BK_PORTMAP_REACH_OPEN : BK_PORTMAP_REACH_NESTED;
}

bool bk_portmap_match_is_lost(
	struct bk_portmap_match *m, const struct bk_addr *external, const struct bk_addr *seen)
{
	if (!external->family || external->family != seen->family)
		return false;
	if (bk_addr_equal_ip(external, seen))
		m->last = *external;
	return m->last.family && bk_addr_equal_ip(&m->last, external) && !bk_addr_equal_ip(external, seen);
}

void bk_portmap_match_forget(struct bk_portmap_match *m)
{
	*m = (struct bk_portmap_match){0};
}

bool bk_portmap_is_outside(const struct bk_addr *ip)
{
	return bk_addr_realm(ip) == BK_ADDR_PUBLIC || bk_addr_is_inside(ip);
}

bool bk_portmap_is_sensible(const struct bk_addr *external, const struct bk_addr *own)
{
	return external->family == own->family && external->port >= BK_PORTMAP_PORT_MIN &&
	       (own->family == 6 ? bk_addr_equal_ip(external, own) : bk_portmap_is_outside(external));
}
