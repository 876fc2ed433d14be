/* SPDX-License-Identifier: Apache-2.0 */

/* The techniques that bodkin has: which addresses of the peer each tries, from which local port, when, and
 * whether listening helps. Over UDP the questions have shorter answers than over TCP: every socket hears
 * everyone, so nobody listens; all is sent from the one shared port, and the timing of retries is the
 * engine's. The list of addresses comes from the peer, who may be hostile (see target.c). */

#include "nat/profile.h"
#include "punch/candidate.h"
#include "punch/explain.h"
#include "punch/fit.h"
#include "punch/guess.h"
#include "punch/helper.h"
#include "punch/mapped.h"
#include "punch/relay.h"
#include "punch/target.h"
#include "punch/tcp.h"
#include "punch/technique.h"
#include "punch/udp.h"

/* Measured with 100 ms of skew: a gap of 10 ms connects within 0.4 s, one of 50 ms takes up to 3.1 s. */
#define GAP_PUNCH  (10 * BK_MS)
#define GAP_OPENER (50 * BK_MS) /* only keeps the own filter open; nobody answers */
#define GAP_HOST   (100 * BK_MS)

/* Routers that refuse what is early are asked at the narrow gap for 0.2 s, which is twice as long as two sides are
 * apart; measured, growing from the first refusal on costs pairs 100 ms apart a tenth of their connections. Behind
 * a host address somebody listens, or he does not. Two that stand next to each other may miss each other for
 * seconds: where they first meet, the one address from which the peer punches is asked all the time. */
enum { EAGER_PUNCH = 20, EAGER_MEETING = 300 };

/* --- addresses of the other machine --- */

static bool is_wide(const struct bk_addr *a)
{
	return a->family == 6 && !bk_candidate_is_local(a) && !bk_addr_is_loopback(a);
}

static bool is_narrow(const struct bk_addr *a)
{
	return bk_candidate_is_local(a) || bk_addr_is_loopback(a);
}

static bool is_ipv6(const struct bk_addr *a)
{
	return a->family == 6;
}

static bool is_any(const struct bk_addr *a)
{
	(void)a;
	return true;
}

/* The i-th of the peer's candidates, if it is worth trying over that transport. */
static const struct bk_candidate *candidate_at(
	const struct bk_technique *t, const struct bk_pair *pair, size_t i, enum bk_candidate_kind kind)
{
	const struct bk_candidate *c = &pair->peer->candidates[i];

	if (c->transport != t->method->transport || c->kind != kind || !bk_punch_target_makes_sense(pair, c))
		return NULL;
	return c;
}

static void add_host(const struct bk_technique *t, const struct bk_pair *pair, const struct bk_addr *remote,
	struct bk_plan *p)
{
	bk_plan_add(p, &(struct bk_attempt){
			       .technique = t,
			       .remote = *remote,
			       .is_from_shared_port = t->method->transport == BK_TRANSPORT_UDP,
			       .try_timeout = bk_plan_try_timeout(pair),
			       .retry_gap = GAP_HOST,
		       });
}

/* It is good on one link, and nobody can tell on which of ours. */
static void add_on_links(
	const struct bk_technique *t, const struct bk_pair *pair, struct bk_addr remote, struct bk_plan *p)
{
	if (pair->is_turned)
		add_host(t, pair, &remote, p);
	for (size_t i = 0; pair->networks && i < pair->networks->len; i++) {
		remote.scope = pair->networks->list[i].addr.scope;
		if (remote.scope)
			add_host(t, pair, &remote, p);
	}
}

/* The machine has the very address at which it is seen, and that is not of a network of ours: no local one. */
static bool is_on_the_internet(
	const struct bk_technique *t, const struct bk_pair *pair, const struct bk_addr *a)
{
	return a->family == 4 && bk_addr_realm(a) == BK_ADDR_PUBLIC &&
	       bk_addr_equal_ip(a, &bk_candidate_profile(pair->peer, t->method->transport)->public_addr) &&
	       !bk_networks_have(pair->networks, a);
}

static void plan_lan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	for (size_t i = 0; i < pair->peer->candidates_len; i++) {
		const struct bk_candidate *c = candidate_at(t, pair, i, BK_CANDIDATE_HOST);

		if (c && bk_addr_is_link_local(&c->addr))
			add_on_links(t, pair, c->addr, p);
		else if (c && !is_wide(&c->addr) && !is_on_the_internet(t, pair, &c->addr))
			add_host(t, pair, &c->addr, p);
	}
}

/* Firewalls without translation on both sides: each side's packet opens its own. */
static void add_firewalled(const struct bk_technique *t, const struct bk_pair *pair,
	const struct bk_addr *remote, struct bk_plan *p)
{
	bk_plan_add(p, &(struct bk_attempt){
			       .technique = t,
			       .remote = *remote,
			       .is_from_shared_port = true,
			       .is_from_shared6 = true,
			       .is_at_start = true,
			       .try_timeout = bk_plan_try_timeout(pair),
			       .retry_gap = GAP_PUNCH,
			       .eager = EAGER_PUNCH,
		       });
}

/* At once, and over TCP from wherever: the peer's firewall lets us in. Nobody has more than one for a transport. */
static void add_hole(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	for (size_t i = 0; i < pair->peer->candidates_len; i++) {
		const struct bk_candidate *opened = candidate_at(t, pair, i, BK_CANDIDATE_OPENED);

		if (!opened || opened->addr.family != 6)
			continue;
		add_host(t, pair, &opened->addr, p);
		return;
	}
}

static void plan_ipv6(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	add_hole(t, pair, p);
	for (size_t i = 0; i < pair->peer->candidates_len; i++) {
		const struct bk_candidate *host = candidate_at(t, pair, i, BK_CANDIDATE_HOST);
		const struct bk_candidate *walled = candidate_at(t, pair, i, BK_CANDIDATE_FIREWALLED);

		if (host && is_wide(&host->addr))
			add_host(t, pair, &host->addr, p);
		if (walled)
			add_firewalled(t, pair, &walled->addr, p);
	}
}

static bool fits_ipv6(const struct bk_technique *t, const struct bk_pair *pair)
{
	return bk_fit_firewalls(pair, t->method->transport);
}

/* --- through NATs --- */

static bool fits_punch(const struct bk_technique *t, const struct bk_pair *pair)
{
	return bk_fit_punch(bk_candidate_profile(pair->own, t->method->transport),
		bk_candidate_profile(pair->peer, t->method->transport));
}

static bool is_sure_of_punch(const struct bk_technique *t, const struct bk_pair *pair)
{
	return bk_fit_is_sure(bk_candidate_profile(pair->own, t->method->transport),
		bk_candidate_profile(pair->peer, t->method->transport));
}

/* A listener where strangers can arrive: reachable or restricted by evidence. A side known to be
 * port-restricted never listens: its listener would take the peer's late SYN, the NAT drops the answer for
 * its foreign sequence number, and the half-open child then holds the four-tuple against every further
 * connect. Where filtering is unknown it depends on the peer. If its port cannot be known, a listener is the
 * only chance and does no harm: the SYNs it takes come from ports that no connect of ours uses. Otherwise it
 * may stay until a first refusal shows that the SYNs did not cross: until then a port-restricted NAT lets
 * nothing in that our own connect would not take first, and a full-cone one brings the SYN of a peer whose
 * clock is ahead. */
static void plan_listener(const struct bk_pair *pair, struct bk_plan *p)
{
	const struct bk_nat_profile *own = &pair->own->tcp, *peer = &pair->peer->tcp;
	bool is_unknown = own->filtering == BK_NAT_UNKNOWN;
	bool is_only_chance = bk_nat_is_dependent(peer) && !bk_nat_is_reachable(peer);

	if (bk_nat_is_reachable(own)) {
		p->wants_listener = true;
	} else if (!bk_nat_is_dependent(own) && own->filtering != BK_NAT_ADDRESS_AND_PORT_DEPENDENT) {
		p->wants_listener = true;
		p->is_listener_brief = is_unknown && !is_only_chance;
	}
}

/* A reachable peer is called at once from any port. Two predictable mappings meet at the instant, from the
 * shared ports, beside that. A side whose mapping is not predictable calls at the instant; by then the other
 * one's SYNs, which nobody answers, have opened its filter. */
static void add_mapped_tcp(const struct bk_technique *t, const struct bk_pair *pair,
	const struct bk_addr *remote, struct bk_plan *p)
{
	const struct bk_nat_profile *own = &pair->own->tcp, *peer = &pair->peer->tcp;
	bool own_dependent = bk_nat_is_dependent(own), peer_dependent = bk_nat_is_dependent(peer);
	struct bk_attempt a = {
		.technique = t,
		.remote = *remote,
		.try_timeout = bk_plan_try_timeout(pair),
		.retry_gap = GAP_PUNCH,
		.eager = EAGER_PUNCH,
	};

	a.is_at_start = !bk_nat_is_reachable(peer);
	if (!a.is_at_start || (own_dependent && !peer_dependent))
		bk_plan_add(p, &a);
	a.is_at_start = false;
	a.is_from_shared_port = true;
	if (!own_dependent && !peer_dependent) {
		a.is_at_start = true;
		a.eager = pair->is_again ? EAGER_PUNCH : EAGER_MEETING;
		bk_plan_add(p, &a);
	} else if (!own_dependent && !bk_nat_is_reachable(own) && !bk_nat_is_reachable(peer)) {
		a.retry_gap = GAP_OPENER;
		bk_plan_add(p, &a);
	}
}

static void add_on_the_internet(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	for (size_t i = 0; i < pair->peer->candidates_len; i++) {
		const struct bk_candidate *c = candidate_at(t, pair, i, BK_CANDIDATE_HOST);

		if (c && is_on_the_internet(t, pair, &c->addr))
			add_host(t, pair, &c->addr, p);
	}
}

static void plan_punch_tcp(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	add_on_the_internet(t, pair, p);
	if (!fits_punch(t, pair))
		return;
	plan_listener(pair, p);
	for (size_t i = 0; i < pair->peer->candidates_len; i++) {
		const struct bk_candidate *c = candidate_at(t, pair, i, BK_CANDIDATE_MAPPED);

		if (c)
			add_mapped_tcp(t, pair, &c->addr, p);
	}
}

/* A reachable peer is sent to at once, and so are addresses of its machine. What stands behind a filter waits
 * for the instant: an early packet costs nothing where a router drops it, but one that is accepted, by a
 * router without a rule for it, is noted as a flow and takes the port from the peer's own packets. */
static void plan_punch_udp(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	struct bk_attempt a = {
		.technique = t,
		.is_from_shared_port = true,
		.is_at_start = !bk_nat_is_reachable(&pair->peer->udp),
	};

	add_on_the_internet(t, pair, p);
	if (!fits_punch(t, pair))
		return;
	for (size_t i = 0; i < pair->peer->candidates_len; i++) {
		const struct bk_candidate *c = candidate_at(t, pair, i, BK_CANDIDATE_MAPPED);

		if (!c)
			continue;
		a.remote = c->addr;
		bk_plan_add(p, &a);
	}
}

/* --- through an opened port --- */

static void hope_mapped_tcp(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	bk_mapped_hope(pair, BK_TRANSPORT_TCP, out);
}

static void hope_mapped_udp(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	bk_mapped_hope(pair, BK_TRANSPORT_UDP, out);
}

/* --- over the server --- */

static void plan_relay(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	if (pair->relay.family)
		bk_plan_add(p, &(struct bk_attempt){.technique = t, .remote = pair->relay});
}

/* --- the table --- */

/* What one technique is over either transport; its engine and how it is recognised differ. */
#define LAN                                                                                                  \
	.name = "lan", .rank = BK_RANK_LAN, .is_local = true, .is_host = true, .plan = plan_lan,             \
	.tell = bk_tell_direct
#define IPV6                                                                                                 \
	.name = "ipv6", .rank = BK_RANK_IPV6, .is_host = true, .fits = fits_ipv6, .plan = plan_ipv6,         \
	.looks_like = is_ipv6, .tell = bk_tell_direct
#define PUNCH                                                                                                \
	.name = "punch", .rank = BK_RANK_NAT, .fits = fits_punch, .is_sure = is_sure_of_punch,               \
	.looks_like = is_any, .tell = bk_tell_direct

#define MAPPED                                                                                               \
	.name = "mapped", .rank = BK_RANK_NAT, .fits = bk_mapped_fits, .plan = bk_mapped_plan,               \
	.tell = bk_mapped_tell

static const struct bk_technique lan_tcp = {LAN, .method = &bk_method_tcp};
static const struct bk_technique lan_udp = {LAN, .method = &bk_method_udp, .looks_like = is_narrow};
static const struct bk_technique ipv6_tcp = {IPV6, .method = &bk_method_tcp};
static const struct bk_technique ipv6_udp = {IPV6, .method = &bk_method_udp};
static const struct bk_technique punch_tcp = {
	PUNCH, .method = &bk_method_tcp, .plan = plan_punch_tcp, .hope = bk_hope_punch_tcp};
static const struct bk_technique punch_udp = {
	PUNCH, .method = &bk_method_udp, .plan = plan_punch_udp, .hope = bk_hope_punch_udp};
static const struct bk_technique mapped_tcp = {MAPPED, .method = &bk_method_tcp, .hope = hope_mapped_tcp};
static const struct bk_technique mapped_udp = {MAPPED, .method = &bk_method_udp, .hope = hope_mapped_udp};
static const struct bk_technique relay = {
	.name = "relay",
	.rank = BK_RANK_RELAY,
	.method = &bk_method_relay,
	.plan = plan_relay,
	.tell = bk_tell_relay,
};

const struct bk_technique *const bk_techniques[] = {&lan_tcp, &ipv6_tcp, &bk_technique_predict_tcp,
	&punch_tcp, &mapped_tcp, &lan_udp, &ipv6_udp, &mapped_udp, &bk_technique_predict,
	&bk_technique_blocks, &bk_technique_birthday, &punch_udp, &bk_technique_helper, &relay, NULL};
