/* SPDX-License-Identifier: Apache-2.0 */

/* Which addresses are sent to. Whoever shares a code with somebody lets him name them, so they are treated as
 * an enemy's: he may want our packets in our own network, at a service of this very machine, or at a third
 * party. It refuses what no evidence of ours supports, and more than a handful of the rest. */

#include "punch/target.h"

#include "punch/candidate.h"

/* Nobody outside has told how this side looks from there. */
static bool is_unseen(const struct bk_intro *in)
{
	return !in->tcp.public_addr.family && !in->udp.public_addr.family;
}

static bool offers_this_machine(const struct bk_intro *in, enum bk_transport t)
{
	for (size_t i = 0; i < in->candidates_len; i++) {
		const struct bk_candidate *c = &in->candidates[i];

		if (c->transport == t && c->kind == BK_CANDIDATE_HOST && bk_addr_is_loopback(&c->addr))
			return true;
	}
	return false;
}

/* Our server sees us in a network of that sort. That is its word, and it may be the peer's friend; that it is in
 * such a network itself is what we see. A mailbox that names no server of ours is our own program's. */
static bool is_seen_in(const struct bk_pair *pair, enum bk_transport t, enum bk_addr_realm realm)
{
	return bk_addr_realm(&bk_candidate_profile(pair->own, t)->public_addr) == realm &&
	       (pair->is_turned || !pair->relay.family || bk_addr_realm(&pair->relay) == realm);
}

/* Ours: we reach our server over loopback, or our mailbox had us offer loopback. That the peer does the same
 * is its word, but without it the peer is elsewhere. */
static bool may_be_this_machine(const struct bk_pair *pair, enum bk_transport t)
{
	const struct bk_addr *there = &bk_candidate_profile(pair->peer, t)->public_addr;

	return (offers_this_machine(pair->own, t) || is_seen_in(pair, t, BK_ADDR_THIS_MACHINE)) &&
	       (!there->family || bk_addr_is_loopback(there));
}

/* Ours: there is an interface in that network, or our server sees us in one of that sort, from where it may
 * be routed. What the other side has of that is not known here. */
static bool is_within_reach(const struct bk_pair *pair, enum bk_transport t, const struct bk_addr *a)
{
	return pair->is_turned || bk_networks_have(pair->networks, a) ||
	       is_seen_in(pair, t, bk_addr_realm(a));
}

static bool are_seen_as_one(const struct bk_pair *pair, enum bk_transport t)
{
	const struct bk_addr *here = &bk_candidate_profile(pair->own, t)->public_addr;

	return here->family && bk_addr_equal_ip(here, &bk_candidate_profile(pair->peer, t)->public_addr);
}

/* The same digits are another machine elsewhere. So where it is within reach, it has to be one network by
 * what both say: the same public address, or that very one, or neither side translated, or seen by nobody;
 * in a carrier's network it may well be the same carrier. */
static bool may_be_one_network(const struct bk_pair *pair, enum bk_transport t, const struct bk_addr *a)
{
	const struct bk_nat_profile *here = bk_candidate_profile(pair->own, t),
				    *there = bk_candidate_profile(pair->peer, t);

	if (are_seen_as_one(pair, t))
		return true;
	if (bk_addr_equal_ip(a, &there->public_addr) || (is_unseen(pair->own) && is_unseen(pair->peer)))
		return true;
	if (bk_addr_realm(a) == BK_ADDR_CARRIER)
		return true;
	return here->public_addr.family && !here->is_translated && !there->is_translated;
}

static bool is_seen_on_a_link(const struct bk_intro *in)
{
	return bk_addr_is_link_local(&in->tcp.public_addr) || bk_addr_is_link_local(&in->udp.public_addr);
}

/* Every machine is on a link, and the digits of one say nothing of which it is. So it takes a link of ours and two who
 * are seen at one address, or by nobody, or by our server that is on a link itself; that neither is translated is no
 * sign of it. */
static bool may_be_one_link(const struct bk_pair *pair, enum bk_transport t, const struct bk_addr *a)
{
	if (a->family != 6 || !(pair->is_turned || bk_networks_have(pair->networks, a)))
		return false;
	if (bk_addr_is_link_local(&pair->relay) && is_seen_on_a_link(pair->own) &&
		is_seen_on_a_link(pair->peer))
		return true;
	return are_seen_as_one(pair, t) || (is_unseen(pair->own) && is_unseen(pair->peer));
}

bool bk_punch_target_is_allowed(const struct bk_pair *pair, enum bk_transport t, const struct bk_addr *a)
{
	if (!a->port)
		return false;
	switch (bk_addr_realm(a)) {
	case BK_ADDR_PUBLIC:
		return true;
	case BK_ADDR_THIS_MACHINE:
		return may_be_this_machine(pair, t);
	case BK_ADDR_PRIVATE:
	case BK_ADDR_CARRIER:
		return is_within_reach(pair, t, a) && may_be_one_network(pair, t, a);
	case BK_ADDR_THIS_LINK:
		return may_be_one_link(pair, t, a);
	case BK_ADDR_NOWHERE:
		break;
	}
	return false;
}

static bool has_family(const struct bk_intro *own, enum bk_transport t, uint8_t family)
{
	return family == 4 || bk_candidate_has(own, t, BK_CANDIDATE_HOST, 6) ||
	       bk_candidate_profile(own, t)->public_addr.family == 6;
}

bool bk_punch_target_makes_sense(const struct bk_pair *pair, const struct bk_candidate *c)
{
	const struct bk_addr *here = &bk_candidate_profile(pair->own, c->transport)->public_addr,
			     *there = &bk_candidate_profile(pair->peer, c->transport)->public_addr;

	if (!bk_punch_target_is_allowed(pair, c->transport, &c->addr))
		return false;
	switch (c->kind) {
	case BK_CANDIDATE_HOST:
		return bk_addr_is_link_local(&c->addr) || has_family(pair->own, c->transport, c->addr.family);
	case BK_CANDIDATE_MAPPED: /* the shared port is of our own public address's family */
		return here->family == c->addr.family && bk_addr_equal(there, &c->addr);
	case BK_CANDIDATE_OPENED: /* its router's, which is where it is seen or next to it */
		if (c->addr.family == 6)
			return bk_candidate_is_hole(pair->peer, pair->own, c->transport, &c->addr);
		return here->family == 4 && c->addr.family == 4 &&
		       (bk_addr_equal_ip(there, &c->addr) || bk_addr_realm(&c->addr) != BK_ADDR_PUBLIC);
	case BK_CANDIDATE_FIREWALLED:
		return c->addr.family == 6 && bk_addr_realm(&c->addr) == BK_ADDR_PUBLIC &&
		       bk_candidate_has(pair->own, c->transport, BK_CANDIDATE_FIREWALLED, 6);
	}
	return false;
}

/* The address is among those of the attempts before i. */
static bool is_known(const struct bk_plan *p, size_t first, size_t i)
{
	for (size_t j = first; j < i; j++) {
		if (bk_addr_equal(&p->attempts[j].remote, &p->attempts[i].remote))
			return true;
	}
	return false;
}

/* Hundreds of packets are no try of an address: where it is not public, that there is an interface of ours in its
 * network does not do. A neighbour is behind no NAT that we would have to guess at, and that we are behind one in such
 * a network is our server's word, who may be the peer. */
static bool may_be_tried_so(const struct bk_pair *pair, enum bk_transport t, const struct bk_attempt *a)
{
	enum bk_addr_realm realm = bk_addr_realm(&a->remote);

	return !bk_attempt_is_guess(a) || realm == BK_ADDR_PUBLIC || is_seen_in(pair, t, realm);
}

void bk_punch_target_sift(const struct bk_pair *pair, struct bk_plan *p, size_t first)
{
	size_t kept = first, targets = 0;

	if (p->method->is_relay)
		return;
	for (size_t i = first; i < p->attempts_len; i++) {
		bool is_new = !is_known(p, first, i);

		if (!bk_punch_target_is_allowed(pair, p->method->transport, &p->attempts[i].remote) ||
			!may_be_tried_so(pair, p->method->transport, &p->attempts[i]) ||
			(is_new && targets == BK_PUNCH_TARGETS_MAX))
			continue;
		targets += is_new;
		p->attempts[kept++] = p->attempts[i];
	}
	p->attempts_len = kept;
}
