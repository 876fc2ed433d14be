/* SPDX-License-Identifier: Apache-2.0 */

/* Generalises the pairs of RFC 5128 section 3. It refuses to try what cannot work: a random mapping against a
 * filter that knows ports. */

#include "punch/fit.h"

#include "nat/profile.h"
#include "punch/candidate.h"

bool bk_fit_punch(const struct bk_nat_profile *own, const struct bk_nat_profile *peer)
{
	bool own_dependent = bk_nat_is_dependent(own), peer_dependent = bk_nat_is_dependent(peer);

	if (own->public_addr.family == 0 || own->public_addr.family != peer->public_addr.family)
		return false;
	if (bk_nat_is_reachable(own) || bk_nat_is_reachable(peer))
		return true;
	if (own_dependent && peer_dependent)
		return false;
	if (!own_dependent && !peer_dependent)
		return true;
	return (own_dependent ? peer : own)->filtering != BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
}

bool bk_fit_is_sure(const struct bk_nat_profile *own, const struct bk_nat_profile *peer)
{
	bool own_dependent = bk_nat_is_dependent(own);

	if (bk_nat_is_reachable(own) || bk_nat_is_reachable(peer) ||
		own_dependent == bk_nat_is_dependent(peer))
		return true;
	return (own_dependent ? peer : own)->filtering != BK_NAT_UNKNOWN;
}

bool bk_fit_firewalls(const struct bk_pair *pair, enum bk_transport t)
{
	return bk_candidate_has(pair->own, t, BK_CANDIDATE_FIREWALLED, 6) &&
	       bk_candidate_has(pair->peer, t, BK_CANDIDATE_FIREWALLED, 6);
}
