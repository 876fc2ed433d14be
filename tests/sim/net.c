/* SPDX-License-Identifier: Apache-2.0 */

/* Carries packets from machine to machine through the NATs, in virtual time. */

#include "net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HOP_MIN (20 * BK_US) /* a router's and a cable's own time */
#define HOP_MAX (60 * BK_US)

static void on_outbound(void *self, const struct sim_packet *packet, int arg);
static void on_inbound(void *self, const struct sim_packet *packet, int arg);

/* Position i of a side is its NAT i, nats_len is the internet; going in, -1 is the machine. */
static void hop(struct sim_side *s, bool inward, const struct sim_packet *p, int to, bk_dur extra)
{
	struct sim_clock *c = &s->net->clock;
	bk_time at = c->now + bk_rng_range(&c->rng, HOP_MIN, HOP_MAX) + extra,
		*last = &s->last[inward][to + inward];

	if (s->net->jitter == 0 || extra == 0) {
		at = bk_time_max(at, *last + 1);
		*last = at;
	}
	sim_at(c, at, inward ? on_inbound : on_outbound, s, p, to);
}

/* What stands on the way of a packet of that family, from the machine outwards. */
static size_t boxes_len(const struct sim_side *s, uint8_t family)
{
	return family == s->ip6.family ? 1 : s->nats_len;
}

static struct sim_nat *box_at(const struct sim_side *s, uint8_t family, int i)
{
	return family == s->ip6.family ? s->wall6 : s->nats[i];
}

static struct bk_addr outer_address(const struct sim_side *s, uint8_t family)
{
	size_t n = boxes_len(s, family);

	return n == 0 ? s->host.ip : box_at(s, family, (int)n - 1)->wan;
}

static bool is_lost(struct sim_net *n)
{
	return n->loss > 0 && (double)(bk_rng_next(&n->clock.rng) >> 11) / (double)(1ull << 53) < n->loss;
}

static void cross_internet(struct sim_side *s, const struct sim_packet *p)
{
	struct sim_net *n = s->net;
	struct sim_side *other = &n->sides[!s->index];
	struct bk_addr to = outer_address(other, p->dst.family);
	struct sim_packet forwarded = *p;

	if (forwarded.ttl && --forwarded.ttl == 0)
		return;
	if (!bk_addr_equal_ip(&to, &p->dst) || is_lost(n))
		return;
	hop(other, true, &forwarded, (int)boxes_len(other, p->dst.family) - 1,
		n->delay + (n->jitter ? bk_rng_range(&n->clock.rng, 0, n->jitter) : 0));
}

static enum sim_verdict pass_outbound(struct sim_nat *n, struct sim_packet *p)
{
	return (p->flags & SIM_UDP) ? sim_nat_udp_outbound(n, p) : sim_nat_outbound(n, p);
}

static void on_outbound(void *self, const struct sim_packet *packet, int arg)
{
	struct sim_side *s = self;
	struct sim_packet p = *packet;

	if (!(p.flags & SIM_UDP) && (size_t)arg < boxes_len(s, p.src.family) && p.ttl && --p.ttl == 0)
		return;
	if ((size_t)arg == boxes_len(s, p.src.family))
		cross_internet(s, &p);
	else if (pass_outbound(box_at(s, p.src.family, arg), &p) == SIM_PASS)
		hop(s, false, &p, arg + 1, 0);
}

static enum sim_verdict pass_inbound(struct sim_nat *n, struct sim_packet *p, struct sim_packet *ret_answer)
{
	return (p->flags & SIM_UDP) ? sim_nat_udp_inbound(n, p) : sim_nat_inbound(n, p, ret_answer);
}

static void on_inbound(void *self, const struct sim_packet *packet, int arg)
{
	struct sim_side *s = self;
	struct sim_packet p = *packet, answer;

	if (arg < 0) {
		sim_host_receive(&s->host, &p);
		return;
	}
	switch (pass_inbound(box_at(s, p.dst.family, arg), &p, &answer)) {
	case SIM_PASS:
		hop(s, true, &p, arg - 1, 0);
		break;
	case SIM_ANSWER:
		hop(s, false, &answer, arg + 1, 0);
		break;
	case SIM_LOST:
		break;
	}
}

static void host_send(void *self, const struct sim_packet *p)
{
	struct sim_side *s = self;

	s->sent++;
	if (!s->is_udp_blocked || !(p->flags & SIM_UDP))
		hop(s, false, p, 0, 0);
}

static struct sim_nat *nat_new(
	struct sim_side *s, const struct bk_lab_nat_type *type, enum sim_answer answer, struct bk_addr wan)
{
	struct sim_nat *n = calloc(1, sizeof(*n));

	assert(n);
	n->type = type;
	n->answer = answer;
	n->wan = wan;
	n->rng = &s->net->clock.rng;
	n->clock = &s->net->clock;
	return n;
}

static void add_nat(
	struct sim_side *s, const struct bk_lab_nat_type *type, enum sim_answer answer, struct bk_addr wan)
{
	s->nats[s->nats_len++] = nat_new(s, type, answer, wan);
}

/* A firewall is a NAT whose outside is its inside. */
static const struct bk_lab_nat_type firewall = {
	.name = SIM_FW6, .filtering = BK_LAB_ADDRESS_AND_PORT_DEPENDENT};

static struct bk_addr address6(const struct sim_side *s)
{
	struct bk_addr a = {.family = 6, .ip = {0x20, 0x01, 0x0d, 0xb8, 0, (uint8_t)(s->index + 1)}};

	a.ip[15] = 2;
	return a;
}

static void build_firewalled(struct sim_side *s, enum sim_answer answer)
{
	s->host.ip = address6(s);
	add_nat(s, &firewall, answer, s->host.ip);
}

void sim_net_add_ip6(struct sim_side *s, enum sim_answer answer)
{
	assert(s->host.ip.family == 4 && !s->wall6);
	s->ip6 = address6(s);
	s->wall6 = nat_new(s, &firewall, answer, s->ip6);
}

static void build_side(struct sim_side *s, const char *type_name, enum sim_answer answer)
{
	const struct bk_lab_nat_type *type = bk_lab_nat_type_find(type_name);
	uint8_t k = (uint8_t)(s->index + 1);

	s->host.clock = &s->net->clock;
	s->host.isn_base = (uint32_t)(bk_rng_next(&s->net->clock.rng) >> 33);
	s->host.send = host_send;
	s->host.net = s;
	if (!strcmp(type_name, SIM_FW6)) {
		build_firewalled(s, answer);
		return;
	}
	assert(type);
	s->host.ip = type->translates ? bk_addr_v4(10, k, 0, 2, 0)
				      : bk_addr_v4(203, 0, 113, (uint8_t)(10 * k + 1), 0);
	if (!type->translates)
		return;
	if (type->inner)
		add_nat(s, bk_lab_nat_type_find(type->inner), answer, bk_addr_v4(100, 64, k, 2, 0));
	add_nat(s, type, answer, bk_addr_v4(203, 0, 113, (uint8_t)(10 * k), 0));
}

struct sim_net *sim_net_new(const char *type_a, const char *type_b, enum sim_answer answer, uint64_t seed)
{
	struct sim_net *n = calloc(1, sizeof(*n));

	assert(n);
	n->clock.rng.state = seed;
	for (int i = 0; i < 2; i++) {
		n->sides[i].net = n;
		n->sides[i].index = i;
		build_side(&n->sides[i], i == 0 ? type_a : type_b, answer);
	}
	return n;
}

void sim_net_free(struct sim_net *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < n->sides[i].nats_len; k++)
			free(n->sides[i].nats[k]);
		free(n->sides[i].wall6);
	}
	sim_clock_done(&n->clock);
	free(n);
}

struct bk_addr sim_net_map(struct sim_side *s, const struct bk_addr *local, const struct bk_addr *server)
{
	struct sim_packet p = {.src = *local, .dst = *server, .flags = SIM_SYN};

	for (size_t i = 0; i < s->nats_len; i++)
		sim_nat_outbound(s->nats[i], &p);
	return p.src;
}

struct bk_addr sim_net_map_udp(struct sim_side *s, const struct bk_addr *local, const struct bk_addr *server)
{
	struct sim_packet p = {.src = *local, .dst = *server, .flags = SIM_UDP, .ttl = SIM_TTL};

	for (size_t i = 0; i < s->nats_len; i++)
		sim_nat_udp_outbound(s->nats[i], &p);
	return p.src;
}

bool sim_net_lets_in(
	const struct sim_side *s, enum bk_transport t, const struct bk_addr *from, struct bk_addr to)
{
	for (size_t i = s->nats_len; i-- > 0;) {
		if (!sim_nat_lets_in(s->nats[i], t, from, &to, &to))
			return false;
	}
	return true;
}
