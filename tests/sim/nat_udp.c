/* SPDX-License-Identifier: Apache-2.0 */

/* The model of nf_conntrack's UDP tracking, as far as punching feels it: the first packet decides where a
 * flow's packets go for as long as it lives. One that the router itself accepts is noted as a flow too, and
 * then holds the tuple against the host behind. What is dropped or rejected leaves no trace, and neither does
 * what runs out of TTL. */

#include <assert.h>

#include "nat.h"

static struct sim_udp_flow *find_outside(struct sim_nat *n, uint16_t port, const struct bk_addr *remote)
{
	for (size_t i = 0; i < n->udp_len; i++) {
		if (n->udp[i].port == port && bk_addr_equal(&n->udp[i].remote, remote))
			return &n->udp[i];
	}
	return NULL;
}

static struct sim_udp_flow *find_inside(
	struct sim_nat *n, const struct bk_addr *inside, const struct bk_addr *remote)
{
	for (size_t i = 0; i < n->udp_len; i++) {
		if (bk_addr_equal(&n->udp[i].inside, inside) && bk_addr_equal(&n->udp[i].remote, remote))
			return &n->udp[i];
	}
	return NULL;
}

static struct sim_udp_flow *new_flow(
	struct sim_nat *n, const struct bk_addr *inside, uint16_t port, const struct bk_addr *remote)
{
	struct sim_udp_flow *f = &n->udp[n->udp_len++];

	assert(n->udp_len <= SIM_UDP_FLOWS_MAX);
	*f = (struct sim_udp_flow){.inside = *inside, .remote = *remote, .port = port};
	return f;
}

static uint16_t allocate_in_block(struct sim_nat *n, const struct bk_addr *remote)
{
	uint16_t port;

	do
		port = (uint16_t)bk_rng_range(
			n->rng, BK_LAB_BLOCK_FIRST, BK_LAB_BLOCK_FIRST + n->type->block - 1);
	while (find_outside(n, port, remote));
	return port;
}

static uint16_t allocate(struct sim_nat *n, const struct bk_addr *inside, const struct bk_addr *remote)
{
	uint16_t port = inside->port;

	if (sim_nat_is_sequence(n->type))
		port = sim_nat_next_in_sequence(n, inside->port);
	if (n->type->allocation == BK_LAB_BLOCK)
		return allocate_in_block(n, remote);
	if (n->type->allocation == BK_LAB_RANDOM)
		port = (uint16_t)bk_rng_range(n->rng, 1024, 65535);
	while (find_outside(n, port, remote))
		port = (uint16_t)bk_rng_range(n->rng, 1024, 65535);
	return port;
}

/* What the forward chain learns: the inside port, whatever it is outside. */
static void remember(struct sim_nat *n, const struct sim_packet *p)
{
	for (size_t i = 0; i < n->udp_open_len; i++) {
		if (n->udp_open[i].port == p->src.port && bk_addr_equal(&n->udp_open[i].remote, &p->dst))
			return;
	}
	assert(n->udp_open_len < SIM_UDP_FLOWS_MAX);
	n->udp_open[n->udp_open_len++] =
		(struct sim_open){.port = p->src.port, .inside = p->src, .remote = p->dst};
}

/* As Linux's helper for TFTP expects an answer: from any port of the address that was asked, once. */
static void expect_answer(struct sim_nat *n, const struct sim_packet *p, uint16_t port)
{
	if (n->has_helper && p->dst.port == 69 && p->len > 1 && p->bytes[1] == 1)
		n->answers = (struct sim_open){.port = port, .inside = p->src, .remote = p->dst};
}

static bool is_expected(
	struct sim_nat *n, const struct bk_addr *from, uint16_t port, struct bk_addr *ret_inside)
{
	bool is_it = n->answers.remote.family && n->answers.port == port &&
		     bk_addr_equal_ip(&n->answers.remote, from);

	if (is_it)
		*ret_inside = n->answers.inside;
	if (is_it)
		n->answers = (struct sim_open){0};
	return is_it;
}

enum sim_verdict sim_nat_udp_outbound(struct sim_nat *n, struct sim_packet *p)
{
	struct sim_udp_flow *f;

	if (--p->ttl == 0)
		return SIM_LOST;
	remember(n, p);
	f = find_inside(n, &p->src, &p->dst);
	if (!f)
		f = new_flow(n, &p->src, allocate(n, &p->src, &p->dst), &p->dst);
	expect_answer(n, p, f->port);
	p->src = bk_addr_with_port(n->wan, f->port);
	return SIM_PASS;
}

enum sim_verdict sim_nat_udp_inbound(struct sim_nat *n, struct sim_packet *p)
{
	struct sim_udp_flow *f = find_outside(n, p->dst.port, &p->src);
	struct bk_addr inside = {0};

	if (f) {
		inside = f->inside;
	} else if (!is_expected(n, &p->src, p->dst.port, &inside) &&
		   !sim_nat_lets_in(n, BK_TRANSPORT_UDP, &p->src, &p->dst, &inside)) {
		/* Between machines with public addresses a firewall drops in forward, whatever the answer. */
		if (n->answer == SIM_ACCEPT && n->type->translates)
			new_flow(n, &inside, p->dst.port, &p->src);
		return SIM_LOST;
	}
	if (inside.family == 0 || --p->ttl == 0)
		return SIM_LOST;
	if (!f)
		new_flow(n, &inside, p->dst.port, &p->src);
	p->dst = inside;
	return SIM_PASS;
}
