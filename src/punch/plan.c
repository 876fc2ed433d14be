/* SPDX-License-Identifier: Apache-2.0 */

/* The planner: which addresses of the peer are tried, from which local port, when, and whether listening
 * helps. A pure function of two introductions, so both sides know each other's plan without talking. It
 * generalises the pairs of RFC 5128 section 3 for TCP. It refuses to try what cannot work (a random mapping
 * against a filter that knows ports). Over UDP the same questions have shorter answers: every socket hears
 * everyone, so nobody listens, and all is sent from the one shared port. */

#include "punch/plan.h"

#include "nat/profile.h"
#include "punch/candidate.h"
#include "punch/plan_text.h"

#define RTT_MAX    (1 * BK_SEC)  /* of one side to the server; a larger claim is not believed */
#define TRY_MARGIN (100 * BK_MS) /* for what the peer may be late */
/* Measured with 100 ms of skew: a gap of 10 ms connects within 0.4 s, one of 50 ms takes up to 3.1 s. */
#define GAP_PUNCH    (10 * BK_MS)
#define GAP_OPENER   (50 * BK_MS) /* only keeps the own filter open; nobody answers */
#define GAP_HOST     (100 * BK_MS)
#define BRIEF_BUDGET (300 * BK_MS) /* and two round trips: for host candidates alone */
#define START_MARGIN (6 * BK_MS)   /* to compute and to wake up */

static const char *const technique_names[] = {
	[BK_TECHNIQUE_LAN] = "lan",
	[BK_TECHNIQUE_IPV6] = "ipv6",
	[BK_TECHNIQUE_PUNCH] = "punch",
	[BK_TECHNIQUE_RELAY] = "relay",
};

const char *bk_technique_name(enum bk_technique t)
{
	return technique_names[t];
}

static bk_dur believable_rtt(bk_dur rtt)
{
	if (rtt < 0)
		return 0;
	return rtt < RTT_MAX ? rtt : RTT_MAX;
}

/* The path between the two is not longer than the way over the server, usually. */
static bk_dur path_rtt(const struct bk_intro *own, const struct bk_intro *peer)
{
	return believable_rtt(own->server_rtt) + believable_rtt(peer->server_rtt);
}

/* A shorter one would cut off the handshake of a peer that began late: nothing is seen of it before it is
 * complete. */
static bk_dur try_timeout(const struct bk_intro *own, const struct bk_intro *peer)
{
	return TRY_MARGIN + path_rtt(own, peer) * 5 / 4;
}

bool bk_plan_punch_fits(const struct bk_nat_profile *own, const struct bk_nat_profile *peer)
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

/* A listener where strangers can arrive: reachable or restricted by evidence. A side known to be
 * port-restricted never listens: its listener would take the peer's late SYN, the NAT drops the answer for
 * its foreign sequence number, and the half-open child then holds the four-tuple against every further
 * connect. Where filtering is unknown it depends on the peer. If its port cannot be known, a listener is the
 * only chance and does no harm: the SYNs it takes come from ports that no connect of ours uses. Otherwise it
 * may stay until a first refusal shows that the SYNs did not cross: until then a port-restricted NAT lets
 * nothing in that our own connect would not take first, and a full-cone one brings the SYN of a peer whose
 * clock is ahead. */
static void plan_listener(
	const struct bk_nat_profile *own, const struct bk_nat_profile *peer, struct bk_plan *p)
{
	bool is_unknown = own->filtering == BK_NAT_UNKNOWN;
	bool is_only_chance = bk_nat_is_dependent(peer) && !bk_nat_is_reachable(peer);

	if (bk_nat_is_reachable(own)) {
		p->listen_shared = true;
	} else if (!bk_nat_is_dependent(own) && own->filtering != BK_NAT_ADDRESS_AND_PORT_DEPENDENT) {
		p->listen_shared = true;
		p->listen_until_refused = is_unknown && !is_only_chance;
	}
}

static void add_attempt(struct bk_plan *p, const struct bk_attempt *a)
{
	for (size_t i = 0; i < p->attempts_len; i++) {
		if (bk_addr_equal(&p->attempts[i].remote, &a->remote) &&
			p->attempts[i].from_shared_port == a->from_shared_port)
			return;
	}
	if (p->attempts_len < BK_PLAN_ATTEMPTS_MAX)
		p->attempts[p->attempts_len++] = *a;
}

static enum bk_technique host_technique(const struct bk_addr *a)
{
	bool is_global6 = a->family == 6 && !bk_candidate_is_local(a) && !bk_addr_is_loopback(a);

	return is_global6 ? BK_TECHNIQUE_IPV6 : BK_TECHNIQUE_LAN;
}

static void plan_host(const struct bk_intro *own, const struct bk_intro *peer, const struct bk_addr *remote,
	struct bk_plan *p)
{
	add_attempt(p, &(struct bk_attempt){
			       .technique = host_technique(remote),
			       .remote = *remote,
			       .try_timeout = try_timeout(own, peer),
			       .retry_gap = GAP_HOST,
		       });
}

/* Firewalls without translation on both sides: each side's SYN opens its own. */
static void plan_firewalled(const struct bk_intro *own, const struct bk_intro *peer,
	const struct bk_addr *remote, struct bk_plan *p)
{
	add_attempt(p, &(struct bk_attempt){
			       .technique = BK_TECHNIQUE_IPV6,
			       .remote = *remote,
			       .from_shared_port = true,
			       .at_start = true,
			       .try_timeout = try_timeout(own, peer),
			       .retry_gap = GAP_PUNCH,
		       });
}

/* A reachable peer is called at once from any port. Two predictable mappings meet at the instant, from the
 * shared ports, beside that. A side whose mapping is not predictable calls at the instant; by then the other
 * one's SYNs, which nobody answers, have opened its filter. */
static void plan_mapped(const struct bk_intro *own, const struct bk_intro *peer, const struct bk_addr *remote,
	struct bk_plan *p)
{
	bool own_dependent = bk_nat_is_dependent(&own->tcp), peer_dependent = bk_nat_is_dependent(&peer->tcp);
	struct bk_attempt a = {
		.technique = BK_TECHNIQUE_PUNCH,
		.remote = *remote,
		.try_timeout = try_timeout(own, peer),
		.retry_gap = GAP_PUNCH,
	};

	a.at_start = !bk_nat_is_reachable(&peer->tcp);
	if (!a.at_start || (own_dependent && !peer_dependent))
		add_attempt(p, &a);
	a.at_start = false;
	a.from_shared_port = true;
	if (!own_dependent && !peer_dependent) {
		a.at_start = true;
		add_attempt(p, &a);
	} else if (!own_dependent && !bk_nat_is_reachable(&own->tcp) && !bk_nat_is_reachable(&peer->tcp)) {
		a.retry_gap = GAP_OPENER;
		add_attempt(p, &a);
	}
}

static void plan_attempts(
	const struct bk_intro *own, const struct bk_intro *peer, bool punch, struct bk_plan *p)
{
	p->attempts_len = 0;
	for (size_t i = 0; i < peer->candidates_len; i++) {
		const struct bk_candidate *c = &peer->candidates[i];
		const struct bk_addr *a = &c->addr;

		if (c->transport != BK_TRANSPORT_TCP || !bk_candidate_makes_sense(own, peer, c))
			continue;
		switch (c->kind) {
		case BK_CANDIDATE_HOST:
			plan_host(own, peer, a, p);
			break;
		case BK_CANDIDATE_MAPPED:
			if (punch)
				plan_mapped(own, peer, a, p);
			break;
		case BK_CANDIDATE_FIREWALLED:
			plan_firewalled(own, peer, a, p);
			break;
		}
	}
}

static bool waits_for_start(const struct bk_plan *p)
{
	for (size_t i = 0; i < p->attempts_len; i++) {
		if (p->attempts[i].at_start)
			return true;
	}
	return false;
}

/* The whole budget where punching fits, a brief one where only host candidates can answer, none where neither
 * side will try anything. */
static bk_dur choose_budget(const struct bk_intro *own, const struct bk_intro *peer, const struct bk_plan *p)
{
	struct bk_plan mirror = {0};

	if (p->punch_possible)
		return BK_PLAN_BUDGET;
	plan_attempts(peer, own, false, &mirror);
	if (waits_for_start(p) || waits_for_start(&mirror))
		return BK_PLAN_BUDGET;
	if (p->attempts_len == 0 && mirror.attempts_len == 0)
		return 0;
	return BRIEF_BUDGET + 2 * path_rtt(own, peer);
}

void bk_plan_make(const struct bk_intro *own, const struct bk_intro *peer, enum bk_path_policy policy,
	struct bk_plan *ret_plan)
{
	struct bk_plan p = {0};

	if (policy != BK_PATH_RELAY) {
		p.punch_possible = bk_plan_punch_fits(&own->tcp, &peer->tcp);
		if (p.punch_possible)
			plan_listener(&own->tcp, &peer->tcp, &p);
		plan_attempts(own, peer, p.punch_possible, &p);
		p.budget = choose_budget(own, peer, &p);
	}
	bk_plan_explain(own, peer, policy, &p);
	*ret_plan = p;
}

bool bk_plan_udp_fits(const struct bk_intro *own, const struct bk_intro *peer)
{
	return bk_plan_punch_fits(&own->udp, &peer->udp) ||
	       (bk_candidate_has(own, BK_TRANSPORT_UDP, BK_CANDIDATE_FIREWALLED, 6) &&
		       bk_candidate_has(peer, BK_TRANSPORT_UDP, BK_CANDIDATE_FIREWALLED, 6));
}

/* A reachable peer is sent to at once, and so are addresses of its machine. What stands behind a filter waits
 * for the instant: an early packet costs nothing where a router drops it, but one that is accepted, by a
 * router without a rule for it, is noted as a flow and takes the port from the peer's own packets. */
static void plan_udp_attempts(const struct bk_intro *own, const struct bk_intro *peer, struct bk_plan *p)
{
	bool fits = bk_plan_punch_fits(&own->udp, &peer->udp);

	for (size_t i = 0; i < peer->candidates_len; i++) {
		const struct bk_candidate *c = &peer->candidates[i];
		bool is_host = c->kind == BK_CANDIDATE_HOST, is_mapped = c->kind == BK_CANDIDATE_MAPPED;
		struct bk_attempt a = {
			.technique = is_host     ? host_technique(&c->addr)
				     : is_mapped ? BK_TECHNIQUE_PUNCH
						 : BK_TECHNIQUE_IPV6,
			.remote = c->addr,
			.from_shared_port = true,
			.at_start = !is_host && !(is_mapped && bk_nat_is_reachable(&peer->udp)),
		};

		if (c->transport != BK_TRANSPORT_UDP || (is_mapped && !fits) ||
			!bk_candidate_makes_sense(own, peer, c))
			continue;
		add_attempt(p, &a);
	}
}

void bk_plan_make_udp(const struct bk_intro *own, const struct bk_intro *peer, struct bk_plan *ret_plan)
{
	struct bk_plan p = {.punch_possible = bk_plan_udp_fits(own, peer)}, mirror = {0};

	plan_udp_attempts(own, peer, &p);
	plan_udp_attempts(peer, own, &mirror);
	if (p.punch_possible)
		p.budget = BK_PLAN_BUDGET;
	else if (p.attempts_len + mirror.attempts_len > 0)
		p.budget = BRIEF_BUDGET + 2 * path_rtt(own, peer);
	bk_plan_explain_udp(own, peer, &p);
	*ret_plan = p;
}

int64_t bk_plan_start_instant(int64_t server_now, bk_dur own_rtt, bk_dur peer_rtt)
{
	bk_dur rtt = bk_time_max(believable_rtt(own_rtt), believable_rtt(peer_rtt));

	return server_now + rtt * 3 / 2 + START_MARGIN;
}
