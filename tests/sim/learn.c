/* SPDX-License-Identifier: Apache-2.0 */
#include "learn.h"

#include <stdio.h>
#include <string.h>

#include "nat/profile.h"

enum { FRESH = 5 };

typedef struct bk_addr map_fn(struct sim_side *s, const struct bk_addr *local, const struct bk_addr *server);

static enum bk_mailbox_reach reach(bool yes)
{
	return yes ? BK_MAILBOX_REACH_YES : BK_MAILBOX_REACH_NO;
}

/* A server of two ports, and another address. */
static void judge(struct sim_side *side, enum bk_transport t, map_fn *map, bool filtering_unknown,
	struct bk_nat_profile *ret_profile)
{
	const struct bk_addr server = bk_addr_v4(203, 0, 113, 1, 15005),
			     elsewhere = bk_addr_v4(203, 0, 113, 2, 15006);
	struct bk_nat_evidence e = {
		.local = bk_addr_with_port(side->host.ip, SIM_SHARED_PORT), .samples_len = 2};

	for (uint16_t i = 0; i < 2; i++) {
		e.samples[i].server = bk_addr_with_port(server, (uint16_t)(server.port + i));
		e.samples[i].mapped = map(side, &e.local, &e.samples[i].server);
	}
	if (!filtering_unknown) {
		struct bk_addr unused_port = bk_addr_with_port(server, 15007);

		e.same_address = reach(sim_net_lets_in(side, t, &unused_port, e.samples[0].mapped));
		e.other_address = reach(sim_net_lets_in(side, t, &elsewhere, e.samples[0].mapped));
	}
	/* One port in 128 is the same by chance. */
	e.samples[2] = (struct bk_nat_sample){elsewhere, map(side, &e.local, &elsewhere)};
	e.samples_len = 3;
	bk_nat_profile_judge(&e, ret_profile);
}

static void add(struct bk_intro *in, enum bk_transport t, enum bk_candidate_kind kind, struct bk_addr addr)
{
	in->candidates[in->candidates_len++] =
		(struct bk_candidate){.kind = kind, .addr = addr, .transport = t};
}

/* What other flows get, one after the other. */
static void look_closer(struct sim_side *side, map_fn *map, struct bk_nat_profile *p)
{
	const struct bk_addr server = bk_addr_v4(203, 0, 113, 1, 15005);
	struct bk_nat_later later[FRESH];

	p->ports.seen_at = SIM_SERVER_CLOCK + side->net->clock.now;
	if (!bk_nat_is_dependent(p))
		return;
	for (uint16_t i = 0; i < FRESH; i++) {
		struct bk_addr fresh =
			bk_addr_with_port(side->host.ip, (uint16_t)(SIM_SHARED_PORT + 2 + 2 * i));

		later[i] = (struct bk_nat_later){map(side, &fresh, &server).port, BK_MS};
	}
	bk_nat_profile_add_later(p, later, FRESH);
}

static void learn_rest(struct sim_side *side, struct bk_intro *in)
{
	snprintf(in->id, sizeof(in->id), "side%d", side->index);
	in->capabilities |= BK_INTRO_GUESSES;
	in->server_rtt = side->net->delay + BK_MS / 5;
	memset(in->probe_key, 0x40 + side->index, sizeof(in->probe_key));
}

void sim_learn_tcp(struct sim_side *side, bool filtering_unknown, struct bk_intro *in)
{
	learn_rest(side, in);
	if (side->host.ip.family == 6)
		return;
	judge(side, BK_TRANSPORT_TCP, sim_net_map, filtering_unknown, &in->tcp);
	look_closer(side, sim_net_map, &in->tcp);
	add(in, BK_TRANSPORT_TCP, BK_CANDIDATE_HOST, bk_addr_with_port(side->host.ip, SIM_HOST_PORT));
	add(in, BK_TRANSPORT_TCP, BK_CANDIDATE_MAPPED, in->tcp.public_addr);
}

void sim_learn_udp(struct sim_side *side, bool filtering_unknown, struct bk_intro *in)
{
	struct bk_addr local = bk_addr_with_port(side->host.ip, SIM_SHARED_PORT);

	learn_rest(side, in);
	if (side->is_udp_blocked)
		return;
	if (local.family == 6) {
		add(in, BK_TRANSPORT_UDP, BK_CANDIDATE_FIREWALLED, local);
		return;
	}
	judge(side, BK_TRANSPORT_UDP, sim_net_map_udp, filtering_unknown, &in->udp);
	look_closer(side, sim_net_map_udp, &in->udp);
	in->tie_breaker = (uint64_t)side->index + 1;
	add(in, BK_TRANSPORT_UDP, BK_CANDIDATE_HOST, local);
	if (side->ip6.family)
		add(in, BK_TRANSPORT_UDP, BK_CANDIDATE_FIREWALLED,
			bk_addr_with_port(side->ip6, SIM_SHARED_PORT));
	add(in, BK_TRANSPORT_UDP, BK_CANDIDATE_MAPPED, in->udp.public_addr);
}

void sim_learn_opened(struct sim_side *side, struct bk_intro *in)
{
	static const uint16_t own[] = {
		[BK_TRANSPORT_TCP] = SIM_HOST_PORT, [BK_TRANSPORT_UDP] = SIM_SHARED_PORT};
	static const enum bk_transport transports[] = {BK_TRANSPORT_TCP, BK_TRANSPORT_UDP};
	struct sim_nat *n = side->nats[0];

	for (int i = 0; i < 2; i++) {
		enum bk_transport t = transports[i];

		n->given[t] = (struct sim_open){.port = (uint16_t)(own[t] + 1000),
			.inside = bk_addr_with_port(side->host.ip, own[t])};
		add(in, t, BK_CANDIDATE_OPENED, bk_addr_with_port(n->wan, n->given[t].port));
	}
}
