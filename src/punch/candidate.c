/* SPDX-License-Identifier: Apache-2.0 */

/* Which of the peer's addresses are tried. The list comes from the peer, who may be hostile: it refuses to
 * spray strangers' private networks, multicast and what is no address of a machine. */

#include "punch/candidate.h"

const struct bk_nat_profile *bk_candidate_profile(const struct bk_intro *in, enum bk_transport t)
{
	return t == BK_TRANSPORT_UDP ? &in->udp : &in->tcp;
}

static bool is_usable(const struct bk_addr *a)
{
	if (a->family == 4)
		return a->port != 0 && a->ip[0] != 0 && a->ip[0] < 224;
	return a->family == 6 && a->port != 0 && !bk_addr_is_any(a) && a->ip[0] != 0xff;
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

static bool has_host_in_cgn(const struct bk_intro *in, enum bk_transport t)
{
	for (size_t i = 0; i < in->candidates_len; i++) {
		const struct bk_candidate *c = &in->candidates[i];

		if (c->transport == t && c->kind == BK_CANDIDATE_HOST && bk_addr_is_cgn(&c->addr))
			return true;
	}
	return false;
}

static bool offers_loopback(const struct bk_intro *in, enum bk_transport t)
{
	for (size_t i = 0; i < in->candidates_len; i++) {
		const struct bk_candidate *c = &in->candidates[i];

		if (c->transport == t && c->kind == BK_CANDIDATE_HOST && bk_addr_is_loopback(&c->addr))
			return true;
	}
	return false;
}

/* Nobody outside has told how this side looks from there. */
static bool is_unseen(const struct bk_intro *in)
{
	return !in->tcp.public_addr.family && !in->udp.public_addr.family;
}

/* May this address of the peer's machine be reached from our machine, and be the peer's machine? A private
 * address is tried where both sides have the same public address (one LAN, or two behind one carrier's),
 * where the server sees the peer under that very address, or where neither is translated (the server is in
 * the same private network), or where nobody has seen either of them and there is nothing else to try; an
 * address of a carrier's network where both have one (the same carrier, perhaps); this very machine where we
 * offered it ourselves. */
static bool host_makes_sense(
	const struct bk_intro *own, const struct bk_intro *peer, enum bk_transport t, const struct bk_addr *a)
{
	const struct bk_nat_profile *here = bk_candidate_profile(own, t),
				    *there = bk_candidate_profile(peer, t);
	bool same_public_ip =
		here->public_addr.family != 0 && bk_addr_equal_ip(&here->public_addr, &there->public_addr);

	if (a->family == 6 && !bk_candidate_has(own, t, BK_CANDIDATE_HOST, 6) &&
		here->public_addr.family != 6)
		return false;
	if (bk_addr_is_loopback(a))
		return same_public_ip || bk_addr_is_loopback(&here->public_addr) || offers_loopback(own, t);
	if (a->family == 6 && bk_addr_is_link_local(a))
		return a->scope != 0 && same_public_ip;
	if (!bk_candidate_is_local(a))
		return true;
	if (same_public_ip || bk_addr_equal_ip(a, &there->public_addr) || (is_unseen(own) && is_unseen(peer)))
		return true;
	if (bk_addr_is_cgn(a))
		return has_host_in_cgn(own, t);
	return here->public_addr.family != 0 && !here->is_translated && !there->is_translated;
}

bool bk_candidate_makes_sense(
	const struct bk_intro *own, const struct bk_intro *peer, const struct bk_candidate *c)
{
	if (!is_usable(&c->addr))
		return false;
	switch (c->kind) {
	case BK_CANDIDATE_HOST:
		return host_makes_sense(own, peer, c->transport, &c->addr);
	case BK_CANDIDATE_MAPPED: /* the shared port is of our own public address's family */
		return bk_candidate_profile(own, c->transport)->public_addr.family == c->addr.family;
	case BK_CANDIDATE_FIREWALLED:
		return c->addr.family == 6 && !bk_candidate_is_local(&c->addr) &&
		       bk_candidate_has(own, c->transport, BK_CANDIDATE_FIREWALLED, 6);
	}
	return false;
}
