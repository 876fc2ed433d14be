/* SPDX-License-Identifier: Apache-2.0 */

/* The model of nf_conntrack's TCP tracking (net/netfilter/nf_conntrack_proto_tcp.c) that decides whether two
 * SYNs make a connection: a reset as the only reply deletes the flow; a SYN/ACK with another sequence number
 * than the SYN of its direction is invalid; a second SYN in the state of a simultaneous open is invalid; an
 * ICMP error changes nothing. */

#include "nat.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char *const answers[] = {"drop", "reset", "reject", "accept"};

const char *sim_answer_name(enum sim_answer answer)
{
	return answers[answer];
}

enum sim_answer sim_answer_from_name(const char *name)
{
	enum sim_answer answer = SIM_DROP;

	while (strcmp(name, answers[answer])) {
		answer++;
		assert(answer <= SIM_ACCEPT);
	}
	return answer;
}

static struct sim_flow *find_flow(
	struct sim_nat *n, const struct bk_addr *inside, uint16_t port, const struct bk_addr *remote)
{
	for (size_t i = 0; i < n->flows_len; i++) {
		struct sim_flow *f = &n->flows[i];

		if (f->state != SIM_FLOW_FREE && bk_addr_equal(&f->remote, remote) &&
			(inside ? bk_addr_equal(&f->inside, inside) : f->port == port))
			return f;
	}
	return NULL;
}

static struct sim_flow *new_flow(struct sim_nat *n)
{
	for (size_t i = 0; i < n->flows_len; i++) {
		if (n->flows[i].state == SIM_FLOW_FREE)
			return &n->flows[i];
	}
	assert(n->flows_len < SIM_FLOWS_MAX);
	return &n->flows[n->flows_len++];
}

bool sim_nat_is_sequence(const struct bk_lab_nat_type *t)
{
	return t->allocation == BK_LAB_SEQUENTIAL || t->allocation == BK_LAB_DESCENDING ||
	       t->allocation == BK_LAB_PARITY;
}

/* What others took by now. */
static void make_noise(struct sim_nat *n)
{
	bool has_parity = n->type->allocation == BK_LAB_PARITY;

	while (n->noise > 0 && n->noise_next <= n->clock->now) {
		double u = (double)((bk_rng_next(n->rng) >> 11) + 1) / (double)(1ull << 53);

		n->sequence[has_parity ? bk_rng_next(n->rng) % 2 : 0] += n->noise_next > 0;
		n->noise_next += 1 + (bk_dur)(-log(u) / n->noise * BK_SEC);
	}
}

uint16_t sim_nat_next_in_sequence(struct sim_nat *n, uint16_t inside)
{
	bool has_parity = n->type->allocation == BK_LAB_PARITY;
	unsigned odd = has_parity ? inside % 2 : 0;
	unsigned i;

	make_noise(n);
	i = (n->sequence[odd]++ * (has_parity ? 2 : 1) + odd) % BK_LAB_SEQUENTIAL_COUNT;

	if (n->type->allocation == BK_LAB_DESCENDING)
		i = BK_LAB_SEQUENTIAL_COUNT - 1 - i;
	return (uint16_t)(BK_LAB_SEQUENTIAL_FIRST + i);
}

static uint16_t allocate(struct sim_nat *n, const struct bk_addr *inside, const struct bk_addr *remote)
{
	uint16_t port = inside->port;

	switch (n->type->allocation) {
	case BK_LAB_PRESERVING:
		break;
	case BK_LAB_SEQUENTIAL:
	case BK_LAB_DESCENDING:
	case BK_LAB_PARITY:
		port = sim_nat_next_in_sequence(n, inside->port);
		break;
	case BK_LAB_BLOCK:
	case BK_LAB_RANDOM:
		port = (uint16_t)bk_rng_range(n->rng, 1024, 65535);
		break;
	}
	while (find_flow(n, NULL, port, remote))
		port = (uint16_t)bk_rng_range(n->rng, 1024, 65535);
	return port;
}

static void remember(struct sim_nat *n, const struct sim_flow *f)
{
	for (size_t i = 0; i < n->open_len; i++) {
		if (n->open[i].port == f->port && bk_addr_equal(&n->open[i].remote, &f->remote))
			return;
	}
	assert(n->open_len < SIM_OPEN_MAX);
	n->open[n->open_len++] = (struct sim_open){.port = f->port, .inside = f->inside, .remote = f->remote};
}

/* One SYN in direction `dir` (0: of the opener). */
static bool track_syn(struct sim_flow *f, int dir, uint32_t seq)
{
	if (f->has_isn[dir] && f->isn[dir] == seq)
		return true;
	if (f->state == SIM_FLOW_SYN_SENT) {
		f->isn[dir] = seq;
		f->has_isn[dir] = true;
		if (dir == 1) {
			f->state = SIM_FLOW_SYN_SENT2;
			f->has_reply = true;
		}
		return true;
	}
	if (f->state != SIM_FLOW_CLOSE || dir == 1)
		return false;
	if (f->reset_dir != dir) {
		f->has_ignored = true;
		f->ignored = seq;
		return true;
	}
	f->state = SIM_FLOW_SYN_SENT; /* reopened by the side that reset it */
	f->has_reply = f->has_isn[1] = f->has_ignored = false;
	f->isn[0] = seq;
	return true;
}

static bool track_syn_ack(struct sim_flow *f, int dir, const struct sim_packet *p)
{
	if (dir == 0 && f->state == SIM_FLOW_SYN_SENT)
		return false;
	if (f->state == SIM_FLOW_CLOSE && dir == 1 && f->has_ignored && f->ignored + 1 == p->ack) {
		f->isn[0] = f->ignored;
		f->has_isn[1] = false;
		f->state = SIM_FLOW_SYN_SENT;
	}
	if (f->has_isn[dir] && f->isn[dir] != p->seq)
		return false;
	if (!f->has_isn[!dir] || f->isn[!dir] + 1 != p->ack)
		return false;
	f->isn[dir] = p->seq;
	f->has_isn[dir] = true;
	f->has_reply |= dir == 1;
	if (f->state == SIM_FLOW_SYN_SENT || f->state == SIM_FLOW_SYN_SENT2)
		f->state = SIM_FLOW_SYN_RECV;
	return true;
}

/* May this packet pass as a part of the flow? A reset passes even when it ends the flow. */
static bool track(struct sim_flow *f, int dir, const struct sim_packet *p)
{
	if (p->flags & SIM_ICMP)
		return true;
	if (p->flags & SIM_RST) {
		f->state = f->has_reply ? SIM_FLOW_CLOSE : SIM_FLOW_FREE;
		f->reset_dir = dir;
		return true;
	}
	if ((p->flags & (SIM_SYN | SIM_ACK)) == SIM_SYN)
		return track_syn(f, dir, p->seq);
	if ((p->flags & (SIM_SYN | SIM_ACK)) == (SIM_SYN | SIM_ACK))
		return track_syn_ack(f, dir, p);
	if (f->state == SIM_FLOW_SYN_RECV)
		f->state = SIM_FLOW_ESTABLISHED;
	return f->state >= SIM_FLOW_ESTABLISHED;
}

/* An address-dependent mapping is the same for every port of one address. */
static uint16_t outside_port(struct sim_nat *n, const struct bk_addr *inside, const struct bk_addr *remote)
{
	for (size_t i = 0; n->type->mapping == BK_LAB_ADDRESS_DEPENDENT && i < n->flows_len; i++) {
		const struct sim_flow *f = &n->flows[i];

		if (f->state != SIM_FLOW_FREE && bk_addr_equal(&f->inside, inside) &&
			bk_addr_equal_ip(&f->remote, remote))
			return f->port;
	}
	return allocate(n, inside, remote);
}

enum sim_verdict sim_nat_outbound(struct sim_nat *n, struct sim_packet *p)
{
	struct sim_flow *f = find_flow(n, &p->src, 0, &p->dst);

	if (f && !track(f, f->from_outside, p))
		return SIM_LOST;
	if (!f) {
		if (p->flags != SIM_SYN)
			return SIM_LOST;
		f = new_flow(n);
		*f = (struct sim_flow){.state = SIM_FLOW_SYN_SENT, .inside = p->src, .remote = p->dst};
		f->state = SIM_FLOW_FREE;
		f->port = outside_port(n, &p->src, &p->dst);
		f->state = SIM_FLOW_SYN_SENT;
		f->isn[0] = p->seq;
		f->has_isn[0] = true;
	}
	remember(n, f);
	p->src = bk_addr_with_port(n->wan, f->port);
	return SIM_PASS;
}

bool sim_nat_has_given(
	const struct sim_nat *n, enum bk_transport t, const struct bk_addr *to, struct bk_addr *ret_inside)
{
	if (!n->given[t].port || n->given[t].port != to->port)
		return false;
	*ret_inside = n->given[t].inside;
	return true;
}

bool sim_nat_lets_in(const struct sim_nat *n, enum bk_transport t, const struct bk_addr *from,
	const struct bk_addr *to, struct bk_addr *ret_inside)
{
	const struct sim_open *open = t == BK_TRANSPORT_UDP ? n->udp_open : n->open;
	size_t len = t == BK_TRANSPORT_UDP ? n->udp_open_len : n->open_len;

	if (sim_nat_has_given(n, t, to, ret_inside))
		return true;
	for (const struct sim_open *o = open; o < open + len; o++) {
		if (o->port != to->port || n->type->filtering == BK_LAB_ADDRESS_AND_PORT_DEPENDENT)
			continue;
		if (n->type->filtering == BK_LAB_ADDRESS_DEPENDENT && !bk_addr_equal_ip(&o->remote, from))
			continue;
		*ret_inside = o->inside;
		return true;
	}
	return false;
}

/* Whether the router itself accepts the SYN and its kernel finds no socket, or a rule answers: the same
 * reset, at once. */
static enum sim_verdict answer_unsolicited(
	const struct sim_nat *n, const struct sim_packet *p, struct sim_packet *ret_answer)
{
	if (n->answer == SIM_DROP || (p->flags & (SIM_RST | SIM_ICMP)))
		return SIM_LOST;
	*ret_answer = (struct sim_packet){.src = p->dst, .dst = p->src};
	if (n->answer == SIM_REJECT) {
		ret_answer->flags = SIM_ICMP;
		ret_answer->seq = p->seq;
	} else if (p->flags & SIM_ACK) {
		ret_answer->flags = SIM_RST;
		ret_answer->seq = p->ack;
	} else {
		ret_answer->flags = SIM_RST | SIM_ACK;
		ret_answer->ack = p->seq + 1;
	}
	return SIM_ANSWER;
}

enum sim_verdict sim_nat_inbound(struct sim_nat *n, struct sim_packet *p, struct sim_packet *ret_answer)
{
	struct sim_flow *f = find_flow(n, NULL, p->dst.port, &p->src);
	struct bk_addr inside;

	if (f) {
		inside = f->inside;
		if (!track(f, !f->from_outside, p))
			return answer_unsolicited(n, p, ret_answer);
		p->dst = inside;
		return SIM_PASS;
	}
	if (p->flags != SIM_SYN || !sim_nat_lets_in(n, BK_TRANSPORT_TCP, &p->src, &p->dst, &inside))
		return answer_unsolicited(n, p, ret_answer);
	f = new_flow(n);
	*f = (struct sim_flow){
		.state = SIM_FLOW_SYN_SENT,
		.inside = inside,
		.remote = p->src,
		.port = p->dst.port,
		.from_outside = true,
		.has_isn = {true},
		.isn = {p->seq},
	};
	p->dst = inside;
	return SIM_PASS;
}
