/* SPDX-License-Identifier: Apache-2.0 */
/* The main half is IPv4's; where the server has none, IPv6's stands for it, too. */
#include "survey/words.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/error.h"
#include "nat/outlook.h"
#include "nat/profile.h"
#include "portmap/reach.h"
#include "wire/nat_profile.h"

static void describe(const struct bk_nat_profile *p, const struct bk_addr *local, struct bk_nat_side *side)
{
	*side = (struct bk_nat_side){
		.type = bk_nat_type_name(p),
		.mapping = bk_nat_behavior_name(p->mapping),
		.filtering = bk_nat_behavior_name(p->filtering),
		.allocation = bk_nat_allocation_name(p->allocation),
		.delta = p->delta,
		.hairpin = -1,
	};
	if (local->family)
		bk_addr_to_str(local, side->local);
	if (p->public_addr.family)
		bk_addr_to_str(&p->public_addr, side->public_);
}

static int tristate(enum bk_nat_answer a)
{
	return a == BK_NAT_YES ? 1 : a == BK_NAT_NO ? 0 : -1;
}

/* Why nothing was learnt where something did come. */
static void explain(const struct bk_nat_finding *f, struct bk_nat_side *side)
{
	char at[BK_ADDR_STR_MAX];

	if (f->rtt)
		return;
	if (f->stun_error == BK_NAT_ERROR_UNNAMED)
		snprintf(side->why, sizeof(side->why), "the server refuses the question");
	else if (f->stun_error)
		snprintf(side->why, sizeof(side->why), "the server refuses the question with STUN error %d",
			f->stun_error);
	else if (f->elsewhere.family)
		snprintf(side->why, sizeof(side->why), "the answers come from %s, which was not asked",
			bk_addr_to_str(&f->elsewhere, at));
}

static void describe_udp(bool has, const struct bk_nat_finding *f, struct bk_nat_side *side)
{
	describe(&f->profile, &f->local, side);
	if (!has)
		return;
	explain(f, side);
	side->hairpin = tristate(f->hairpin);
	side->port_min = f->port_min;
	side->port_max = f->port_max;
}

static void describe_tcp(const struct bk_survey_facts *facts, struct bk_nat_side *side)
{
	struct bk_nat_profile p = {0};
	bk_time seen_at;
	bool is_silent = !facts->tcp_error || facts->tcp_error == BK_E_TIMEOUT;

	if (facts->has_tcp)
		bk_nat_profile_of_view(&facts->view, &p, &seen_at);
	else if (facts->has_asked_tcp && is_silent)
		p.filtering = BK_NAT_ADDRESS_AND_PORT_DEPENDENT; /* which is called blocked */
	describe(&p, &facts->view.local, side);
	if (!facts->has_tcp && facts->has_asked_tcp && !is_silent && facts->tcp_text)
		snprintf(side->why, sizeof(side->why), "%s", facts->tcp_text);
}

static void add_outlook(struct bk_nat_result *res, const struct bk_nat_profile *udp)
{
	struct bk_nat_prospect p[BK_NAT_PROSPECTS];

	_Static_assert((int)BK_NAT_PROSPECTS <= (int)BK_NAT_OUTLOOK_MAX, "room");
	bk_nat_outlook(udp, p);
	for (int i = 0; i < BK_NAT_PROSPECTS; i++)
		res->outlook[res->outlook_len++] =
			(struct bk_nat_outlook){p[i].peer, p[i].expectation, p[i].is_direct};
}

/* --- the router --- */

static int answers(const struct bk_router_view *v, enum bk_portmap_dialect d)
{
	if (!v->gateway.family)
		return -1;
	return v->presence[d] == BK_PORTMAP_PRESENT;
}

static int is_nested(const struct bk_router_view *v, const struct bk_addr *seen)
{
	enum bk_portmap_reach reach = bk_portmap_reach(&v->outside, seen);

	if (!v->outside.family || reach == BK_PORTMAP_REACH_UNKNOWN)
		return -1;
	return reach == BK_PORTMAP_REACH_NESTED;
}

static void describe_router(const struct bk_survey_facts *f, struct bk_nat_result *res)
{
	res->pcp = answers(&f->router, BK_PORTMAP_PCP);
	res->natpmp = answers(&f->router, BK_PORTMAP_NATPMP);
	res->upnp = !f->router.gateway.family ? -1 : f->router.upnp == BK_PORTMAP_PRESENT;
	res->pcp6 = answers(&f->router6, BK_PORTMAP_PCP);
	res->router_nested = is_nested(&f->router, &f->udp4.profile.public_addr);
	if (f->router.gateway.family)
		bk_addr_ip_to_str(&f->router.gateway, res->router);
	if (f->router.outside.family)
		bk_addr_ip_to_str(&f->router.outside, res->router_outside);
}

void bk_survey_put_into_words(const struct bk_survey_facts *facts, struct bk_nat_result *ret_result)
{
	const struct bk_nat_finding *main = facts->has_udp4 ? &facts->udp4 : &facts->udp6;
	struct bk_nat_result res = {.stacked = tristate(main->stacked),
		.lifetime_min_s = (int)(facts->lifetime_min / BK_SEC),
		.lifetime_max_s = (int)(facts->lifetime_max / BK_SEC),
		.rtt_ms = bk_dur_to_ms(main->rtt),
		.elapsed_ms = bk_dur_to_ms(facts->elapsed)};

	describe_udp(facts->has_udp4 || facts->has_udp6, main, &res.udp);
	describe_tcp(facts, &res.tcp);
	describe_udp(facts->has_udp6, &facts->udp6, &res.ipv6);
	/* a server that has no IPv6 leaves open what stands in front of ours, but not that we have one */
	if (!*res.ipv6.local && facts->own6.family)
		bk_addr_to_str(&facts->own6, res.ipv6.local);
	if (main->stacked == BK_NAT_YES)
		bk_addr_ip_to_str(&main->stacked_at, res.stacked_at);
	add_outlook(&res, &main->profile);
	describe_router(facts, &res);
	*ret_result = res;
}
