/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes, links, addresses and routes a lab has. The outside looks public to programs that sort addresses and to
 * routers, which give no port where their own address is one for documentation (RFC 5737) or private; nothing of it
 * leaves the lab. IPv6 is RFC 3849's. The inside is RFC 1918 and, for a carrier, RFC 6598. Open sides have IPv6; those
 * behind a NAT have it with a firewall, or none. */
#include "lab/plan.h"

#include <string.h>

/* All names of one side. The open network is routed to the side's router; nothing is translated there. */
struct side {
	enum bk_lab_node host, router, carrier;
	const char *net_if;
	const char *gw, *gw_len, *gw6, *gw6_len;         /* the internet's end of the access link */
	const char *wan, *wan_len, *wan6, *wan6_len;     /* the side's end of it */
	const char *lan_gw, *lan_gw_len, *lan, *lan_len; /* behind a NAT */
	const char *open_net, *open_gw, *open_gw_len, *open, *open_len;
	const char *open6_net, *open6_gw, *open6_gw_len, *open6_len;
};

static const struct side sides[2] = {
	{
		.host = BK_LAB_A,
		.router = BK_LAB_RA,
		.carrier = BK_LAB_CA,
		.net_if = "to-a",
		.gw = "45.10.21.1",
		.gw_len = "45.10.21.1/28",
		.gw6 = "2001:db8:a::1",
		.gw6_len = "2001:db8:a::1/64",
		.wan = "45.10.21.10",
		.wan_len = "45.10.21.10/28",
		.wan6 = "2001:db8:a::10",
		.wan6_len = "2001:db8:a::10/64",
		.lan_gw = "10.1.0.1",
		.lan_gw_len = "10.1.0.1/24",
		.lan = "10.1.0.2",
		.lan_len = "10.1.0.2/24",
		.open_net = "45.10.21.128/25",
		.open_gw = "45.10.21.129",
		.open_gw_len = "45.10.21.129/25",
		.open = "45.10.21.130",
		.open_len = "45.10.21.130/25",
		.open6_net = "2001:db8:a:1::/64",
		.open6_gw = "2001:db8:a:1::1",
		.open6_gw_len = "2001:db8:a:1::1/64",
		.open6_len = "2001:db8:a:1::2/64",
	},
	{
		.host = BK_LAB_B,
		.router = BK_LAB_RB,
		.carrier = BK_LAB_CB,
		.net_if = "to-b",
		.gw = "45.10.22.1",
		.gw_len = "45.10.22.1/28",
		.gw6 = "2001:db8:b::1",
		.gw6_len = "2001:db8:b::1/64",
		.wan = "45.10.22.10",
		.wan_len = "45.10.22.10/28",
		.wan6 = "2001:db8:b::10",
		.wan6_len = "2001:db8:b::10/64",
		.lan_gw = "10.2.0.1",
		.lan_gw_len = "10.2.0.1/24",
		.lan = "10.2.0.2",
		.lan_len = "10.2.0.2/24",
		.open_net = "45.10.22.128/25",
		.open_gw = "45.10.22.129",
		.open_gw_len = "45.10.22.129/25",
		.open = "45.10.22.130",
		.open_len = "45.10.22.130/25",
		.open6_net = "2001:db8:b:1::/64",
		.open6_gw = "2001:db8:b:1::1",
		.open6_gw_len = "2001:db8:b:1::1/64",
		.open6_len = "2001:db8:b:1::2/64",
	},
};

#define CARRIER_GW     "100.64.0.1"
#define CARRIER_INSIDE "100.64.0.2"
#define NET_S          "45.10.20.254"
#define NET_S6         "2001:db8:5::ff"

static const char *const node_names[] = {
	[BK_LAB_NET] = "net",
	[BK_LAB_S] = "s",
	[BK_LAB_A] = "a",
	[BK_LAB_RA] = "ra",
	[BK_LAB_CA] = "ca",
	[BK_LAB_B] = "b",
	[BK_LAB_RB] = "rb",
	[BK_LAB_CB] = "cb",
	[BK_LAB_WIRE] = "wire",
};

const char *bk_lab_node_name(enum bk_lab_node n)
{
	return node_names[n];
}

enum bk_lab_node bk_lab_node_find(const char *name)
{
	int n = 0;

	while (n < BK_LAB_NODES && strcmp(node_names[n], name) != 0)
		n++;
	return (enum bk_lab_node)n;
}

static void add_link(struct bk_lab_plan *p, struct bk_lab_end from, struct bk_lab_end to, bool wired)
{
	p->used[from.node] = p->used[to.node] = true;
	p->links[p->link_count++] = (struct bk_lab_link){{from, to}, wired};
}

static void add_route(struct bk_lab_plan *p, enum bk_lab_node node, const char *to, const char *via)
{
	p->routes[p->route_count++] = (struct bk_lab_route){node, to, via};
}

static void plan_server(struct bk_lab_plan *p)
{
	add_link(p,
		(struct bk_lab_end){
			BK_LAB_S, "eth0", {BK_LAB_SERVER_1 "/24", BK_LAB_SERVER_2 "/24", "2001:db8:5::1/64"}},
		(struct bk_lab_end){BK_LAB_NET, "to-s", {NET_S "/24", NET_S6 "/64"}}, false);
	add_route(p, BK_LAB_S, "default", NET_S);
	add_route(p, BK_LAB_S, "default", NET_S6);
	p->ipv6[BK_LAB_S] = true;
	p->ipv6[BK_LAB_NET] = p->forwards[BK_LAB_NET] = true;
}

/* The same whatever stands in front of IPv4. */
static void plan_ipv6(struct bk_lab_plan *p, const struct side *s)
{
	add_route(p, s->host, "default", s->open6_gw);
	add_route(p, s->router, "default", s->gw6);
	add_route(p, BK_LAB_NET, s->open6_net, s->wan6);
	p->ipv6[s->host] = p->ipv6[s->router] = true;
}

static void plan_open(struct bk_lab_plan *p, const struct side *s, bool wired)
{
	add_link(p, (struct bk_lab_end){s->host, "eth0", {s->open_len, s->open6_len}},
		(struct bk_lab_end){s->router, "lan", {s->open_gw_len, s->open6_gw_len}}, false);
	add_link(p, (struct bk_lab_end){s->router, "wan", {s->wan_len, s->wan6_len}},
		(struct bk_lab_end){BK_LAB_NET, s->net_if, {s->gw_len, s->gw6_len}}, wired);
	add_route(p, s->host, "default", s->open_gw);
	add_route(p, s->router, "default", s->gw);
	add_route(p, BK_LAB_NET, s->open_net, s->wan);
	p->forwards[s->router] = true;
	plan_ipv6(p, s);
}

static void plan_nat(
	struct bk_lab_plan *p, const struct side *s, const struct bk_lab_nat_type *type, bool wired)
{
	bool stacked = type->inner != NULL;
	enum bk_lab_node edge = stacked ? s->carrier : s->router;

	add_link(p, (struct bk_lab_end){s->host, "eth0", {s->lan_len, s->open6_len}},
		(struct bk_lab_end){s->router, "lan", {s->lan_gw_len, s->open6_gw_len}}, false);
	add_route(p, s->host, "default", s->lan_gw);
	if (p->options.with[s - sides].habits & BK_LAB_FW6)
		plan_ipv6(p, s);
	if (stacked) {
		add_link(p, (struct bk_lab_end){s->router, "wan", {CARRIER_INSIDE "/10"}},
			(struct bk_lab_end){s->carrier, "lan", {CARRIER_GW "/10"}}, false);
		add_route(p, s->router, "default", CARRIER_GW);
		p->router[s->router] = (struct bk_lab_router){
			bk_lab_nat_type_find(type->inner), CARRIER_INSIDE, s->lan, {0}};
		p->forwards[s->router] = true;
	}
	add_link(p, (struct bk_lab_end){edge, "wan", {s->wan_len, s->wan6_len}},
		(struct bk_lab_end){BK_LAB_NET, s->net_if, {s->gw_len, s->gw6_len}}, wired);
	add_route(p, edge, "default", s->gw);
	p->router[edge] = (struct bk_lab_router){
		type, s->wan, stacked ? CARRIER_INSIDE : s->lan, p->options.with[s - sides]};
	p->forwards[edge] = true;
}

void bk_lab_plan_init(struct bk_lab_plan *p, const struct bk_lab_options *o)
{
	bool wired = bk_lab_options_shaped(o);

	memset(p, 0, sizeof(*p));
	p->options = *o;
	plan_server(p);
	for (int i = 0; i < 2; i++)
		if (o->type[i]->translates)
			plan_nat(p, &sides[i], o->type[i], wired);
		else
			plan_open(p, &sides[i], wired);
	p->used[BK_LAB_WIRE] = wired;
}

const char *bk_lab_plan_host(const struct bk_lab_plan *p, int side)
{
	return p->options.type[side]->translates ? sides[side].lan : sides[side].open;
}

const char *bk_lab_plan_public(const struct bk_lab_plan *p, int side)
{
	return p->options.type[side]->translates ? sides[side].wan : sides[side].open;
}

const char *bk_lab_plan_gateway(int side)
{
	return sides[side].lan_gw;
}
