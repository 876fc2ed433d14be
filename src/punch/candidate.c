/* SPDX-License-Identifier: Apache-2.0 */

/* What is asked of the addresses in an introduction. Which of them are sent to is for target.c to say. */

#include "punch/candidate.h"

const struct bk_nat_profile *bk_candidate_profile(const struct bk_intro *in, enum bk_transport t)
{
	return t == BK_TRANSPORT_UDP ? &in->udp : &in->tcp;
}

bool bk_candidate_is_local(const struct bk_addr *a)
{
	return bk_addr_is_private(a) || bk_addr_is_link_local(a) || bk_addr_is_cgn(a);
}

bool bk_candidate_has(
	const struct bk_intro *in, enum bk_transport t, enum bk_candidate_kind kind, uint8_t family)
{
	for (size_t i = 0; i < in->candidates_len; i++) {
		const struct bk_candidate *c = &in->candidates[i];

		if (c->transport == t && c->kind == kind && c->addr.family == family)
			return true;
	}
	return false;
}

bool bk_candidate_is_hole(const struct bk_intro *side, const struct bk_intro *other, enum bk_transport t,
	const struct bk_addr *at)
{
	bool is_own = false, are_able = side->capabilities & other->capabilities & BK_INTRO_OPENS;

	for (size_t i = 0; i < side->candidates_len; i++) {
		const struct bk_candidate *c = &side->candidates[i];

		is_own |= c->kind == BK_CANDIDATE_FIREWALLED && c->transport == t &&
			  bk_addr_equal(&c->addr, at);
	}
	return is_own && are_able && bk_candidate_has(other, t, BK_CANDIDATE_FIREWALLED, 6);
}
