/* SPDX-License-Identifier: Apache-2.0 */

/* One port of the peer's for each transport is enough: it is open, or a second one is not either. A router behind
 * another NAT opens a port that few reach: where its address is not the one that the server sees, the port is tried if
 * it may be sent to at all, and nothing is hoped of it. */

#include "punch/mapped.h"

#include <stdio.h>

#include "punch/candidate.h"
#include "punch/fit.h"
#include "punch/target.h"

#define GAP (50 * BK_MS) /* over TCP, where it is refused: the listener is there before its port is told */

enum { EAGER = 4 };

/* Both have to know the kind, since each counts on the other one's attempts. */
static bool are_able(const struct bk_intro *a, const struct bk_intro *b)
{
	return a->capabilities & b->capabilities & BK_INTRO_OPENS;
}

bool bk_mapped_is_open_at(const struct bk_intro *side, const struct bk_intro *other, enum bk_transport t,
	const struct bk_addr *at)
{
	if (at->family == 6)
		return bk_candidate_is_hole(side, other, t, at);
	return are_able(side, other) && bk_candidate_profile(other, t)->public_addr.family == 4 &&
	       bk_addr_equal_ip(at, &bk_candidate_profile(side, t)->public_addr);
}

static bool is_open(const struct bk_intro *side, const struct bk_intro *other, enum bk_transport t)
{
	for (size_t i = 0; i < side->candidates_len; i++) {
		const struct bk_candidate *c = &side->candidates[i];

		if (c->kind == BK_CANDIDATE_OPENED && c->transport == t && c->addr.family == 4 &&
			bk_mapped_is_open_at(side, other, t, &c->addr))
			return true;
	}
	return false;
}

bool bk_mapped_is_open_between(const struct bk_pair *pair, enum bk_transport t)
{
	return is_open(pair->own, pair->peer, t) || is_open(pair->peer, pair->own, t);
}

bool bk_mapped_fits(const struct bk_technique *t, const struct bk_pair *pair)
{
	return bk_mapped_is_open_between(pair, t->method->transport);
}

/* Who comes by our port comes from an address of which no attempt knows. Over UDP so does whoever is punched
 * to, from behind a NAT that gives him another port. */
static bool brings_strangers(const struct bk_pair *pair, enum bk_transport t)
{
	return is_open(pair->own, pair->peer, t) &&
	       (t == BK_TRANSPORT_TCP || !bk_fit_punch(&pair->own->udp, &pair->peer->udp));
}

void bk_mapped_plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *plan)
{
	enum bk_transport transport = t->method->transport;

	if (brings_strangers(pair, transport))
		plan->guest = t;
	for (size_t i = 0; i < pair->peer->candidates_len && are_able(pair->own, pair->peer); i++) {
		const struct bk_candidate *c = &pair->peer->candidates[i];

		if (c->kind != BK_CANDIDATE_OPENED || c->transport != transport || c->addr.family != 4 ||
			!bk_punch_target_makes_sense(pair, c))
			continue;
		bk_plan_add(plan, &(struct bk_attempt){
					  .technique = t,
					  .remote = c->addr,
					  .is_from_shared_port = transport == BK_TRANSPORT_UDP,
					  .try_timeout = bk_plan_try_timeout(pair),
					  .retry_gap = GAP,
					  .eager = EAGER,
				  });
		return;
	}
}

void bk_mapped_hope(const struct bk_pair *pair, enum bk_transport t, char out[BK_PLAN_TEXT_MAX])
{
	const char *verb = t == BK_TRANSPORT_UDP ? "sends" : "connects";

	if (is_open(pair->peer, pair->own, t))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"the other side's router has opened a port for it: this side %s there at once", verb);
	else
		snprintf(out, BK_PLAN_TEXT_MAX,
			"your router has opened a port for this side: the other side %s there at once", verb);
}

void bk_mapped_tell(const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words)
{
	enum bk_transport transport = t->method->transport;
	bool is_ours = is_open(pair->own, pair->peer, transport),
	     is_theirs = is_open(pair->peer, pair->own, transport);

	snprintf(ret_words->what, sizeof(ret_words->what), "direct over %s, by a port that %s opened",
		transport == BK_TRANSPORT_UDP ? "UDP" : "TCP",
		is_ours == is_theirs ? "a router"
		: is_ours            ? "your router"
				     : "the other side's router");
}
