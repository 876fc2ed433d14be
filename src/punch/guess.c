/* SPDX-License-Identifier: Apache-2.0 */

/* What is guessed, of whom, and how likely it is. Measured against kernel NATs: with nothing between the observation
 * and the punching the next port hits; 20 other flows a second and 100 ms take a window of 16, 200 flows 64.
 *
 * One side hard: it opens its own filter towards the other side's port, which gives it the port that is guessed, and
 * waits to be spoken to. The other side sends to the likely ports. Both hard and sequential: every packet to another
 * port takes a port of the sender's own, so two windows of the same stride would run beside each other for ever. One
 * side takes every step, the other one every second: then, however many ports others took on either side (i and j),
 * its packet m = i + j and the other one's k = i + 2 j are the two ends of one flow. */

#include "punch/guess.h"

#include <stdio.h>
#include <string.h>

#include "nat/profile.h"
#include "punch/candidate.h"
#include "punch/chance.h"
#include "punch/explain.h"
#include "punch/fit.h"
#include "punch/mapped.h"
#include "punch/sequence.h"
#include "punch/udp.h"

enum {
	WINDOW = 64,    /* ports that are opened at once */
	SCAN_MAX = 512, /* ports beyond it that are tried one by one */
	BEFORE = 24,    /* so many steps before the one that hit the last time it is begun */
	REMEMBERED_MAX = 2 * (WINDOW + SCAN_MAX), /* ports from the last one; what is farther is no step */
};

#define PACE      (1 * BK_MS)
#define GRACE     (8 * BK_MS)  /* the window is open by then */
#define SHORT_RTT (24 * BK_MS) /* a longer way leaves the openers time enough before the instant */
#define ENOUGH    0.5
#define PATIENCE  (60 * BK_MS) /* and two round trips: by then what worked before has worked */

/* A server sees both where it is itself. Who is seen among public addresses, and hears of a peer at a private one,
 * would knock at every port of a neighbour. */
static bool are_seen_in_one_realm(const struct bk_nat_profile *own, const struct bk_nat_profile *peer)
{
	return bk_addr_realm(&own->public_addr) == bk_addr_realm(&peer->public_addr);
}

bool bk_guess_is_wanted(const struct bk_pair *pair, enum bk_transport t)
{
	const struct bk_nat_profile *own = bk_candidate_profile(pair->own, t),
				    *peer = bk_candidate_profile(pair->peer, t);

	return (pair->own->capabilities & pair->peer->capabilities & BK_INTRO_GUESSES) &&
	       own->public_addr.family == 4 && peer->public_addr.family == 4 &&
	       are_seen_in_one_realm(own, peer) && !bk_nat_is_reachable(own) && !bk_nat_is_reachable(peer) &&
	       !bk_mapped_is_open_between(pair, t) &&
	       !bk_addr_equal_ip(&own->public_addr, &peer->public_addr);
}

bool bk_guess_fits(const struct bk_technique *t, const struct bk_pair *pair)
{
	return t->chance(pair) > ENOUGH;
}

/* Lets in nothing but from a port that was sent to; where nobody looked, that has to be assumed. */
static bool is_strict(const struct bk_nat_profile *p)
{
	return p->filtering == BK_NAT_ADDRESS_AND_PORT_DEPENDENT || p->filtering == BK_NAT_UNKNOWN;
}

const struct bk_intro *bk_guess_hard_side(const struct bk_pair *pair, enum bk_transport t)
{
	const struct bk_nat_profile *own = bk_candidate_profile(pair->own, t),
				    *peer = bk_candidate_profile(pair->peer, t);
	bool is_own = bk_nat_is_dependent(own);

	if (is_own == bk_nat_is_dependent(peer) || !is_strict(is_own ? peer : own))
		return NULL;
	return is_own ? pair->own : pair->peer;
}

static bool are_both_sequential(const struct bk_pair *pair)
{
	return bk_sequence_is(&pair->own->udp) && bk_sequence_is(&pair->peer->udp);
}

/* --- what is remembered --- */

static bk_dur patience(const struct bk_pair *pair)
{
	return PATIENCE + 2 * bk_plan_path_rtt(pair);
}

/* How long a guess may wait, since these two were connected without one the last time. 0: they were not. */
static bk_dur patience_of_one(const struct bk_pair *pair)
{
	return pair->memo && !pair->memo->is_guess ? patience(pair) : 0;
}

/* Hundreds of packets, and what is guessed stays where it is: two firewalls that let themselves be opened are first. */
static bk_dur patience_of_many(const struct bk_pair *pair)
{
	return !pair->memo && bk_fit_firewalls(pair, BK_TRANSPORT_UDP) ? patience(pair)
								       : patience_of_one(pair);
}

void bk_guess_memo(const struct bk_pair *pair, const struct bk_technique *t, const struct bk_addr *remote,
	struct bk_memo *ret_memo)
{
	const struct bk_intro *hard = bk_guess_hard_side(pair, BK_TRANSPORT_UDP);

	*ret_memo = (struct bk_memo){.is_guess = t->chance};
	snprintf(ret_memo->technique, sizeof(ret_memo->technique), "%s", t->name);
	if (!t->chance || !hard || hard != pair->peer)
		return;
	ret_memo->port = remote->port;
	if (bk_sequence_is(&hard->udp))
		ret_memo->step = bk_sequence_steps_to(&hard->udp, remote->port, REMEMBERED_MAX);
}

void bk_guess_add_many(const struct bk_technique *t, const struct bk_pair *pair,
	const struct bk_guess_many *m, struct bk_plan *plan)
{
	struct bk_attempt a = {.technique = t,
		.remote = pair->peer->udp.public_addr,
		.is_at_start = true,
		.delay = patience_of_many(pair)};

	if (!bk_guess_fits(t, pair))
		return;
	if (bk_guess_hard_side(pair, BK_TRANSPORT_UDP) == pair->own) {
		a.sockets = (uint16_t)m->sockets;
	} else {
		a.is_from_shared_port = true;
		a.ports = m->ports;
		a.probes = (uint16_t)m->probes;
		a.pace = m->pace;
		a.brisk = (uint16_t)m->brisk;
	}
	bk_plan_add(plan, &a);
}

/* --- the next port of a sequence --- */

static double chance_of_predicting(const struct bk_pair *pair)
{
	const struct bk_intro *hard = bk_guess_hard_side(pair, BK_TRANSPORT_UDP);

	if (!bk_guess_is_wanted(pair, BK_TRANSPORT_UDP))
		return 0;
	if (are_both_sequential(pair)) /* i + 2 j is in the window */
		return bk_sequence_chance(pair, &pair->own->udp, 0, WINDOW / 3) *
		       bk_sequence_chance(pair, &pair->peer->udp, 0, WINDOW / 3);
	return hard && bk_sequence_is(&hard->udp) ? bk_sequence_chance(pair, &hard->udp, 0, WINDOW + SCAN_MAX)
						  : 0;
}

/* The same answer from both sides. */
static bool is_stride_of_two(const struct bk_pair *pair)
{
	if (pair->own->tie_breaker != pair->peer->tie_breaker)
		return pair->own->tie_breaker > pair->peer->tie_breaker;
	return memcmp(pair->own->probe_key, pair->peer->probe_key, sizeof(pair->own->probe_key)) > 0;
}

static void add_spray(const struct bk_technique *t, const struct bk_pair *pair, const struct bk_ports *ports,
	unsigned fast, struct bk_plan *p)
{
	bk_plan_add(p, &(struct bk_attempt){
			       .technique = t,
			       .remote = pair->peer->udp.public_addr,
			       .ports = *ports,
			       .is_from_shared_port = true,
			       .is_at_start = true,
			       .probes = ports->len,
			       .fast = (uint16_t)fast,
			       .pace = PACE,
			       .delay = patience_of_one(pair),
		       });
}

bk_dur bk_guess_grace(const struct bk_pair *pair)
{
	return bk_plan_path_rtt(pair) < SHORT_RTT ? GRACE : 0;
}

/* Who is guessed speaks a little late: a router that accepts what it did not expect would note its packets of full
 * TTL as flows of their own, if they came before the own side's openers had left for where they come from. */
static void add_waiting(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	bk_plan_add(p, &(struct bk_attempt){
			       .technique = t,
			       .remote = pair->peer->udp.public_addr,
			       .is_from_shared_port = true,
			       .is_at_start = true,
			       .delay = bk_guess_grace(pair),
		       });
}

/* The scan goes round from a little before where it hit the last time. */
static uint16_t pivot_of(const struct bk_pair *pair, const struct bk_ports *ports)
{
	const struct bk_nat_profile *peer = &pair->peer->udp;
	int first, at, step = bk_sequence_step(peer);

	if (!step || !pair->memo || !pair->memo->step)
		return 0;
	first = (int16_t)(ports->first - peer->ports.last) / step;
	at = pair->memo->step - first - BEFORE;
	return at > 0 && at < ports->len ? (uint16_t)at : 0;
}

static void plan_predict(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	const struct bk_nat_profile *peer = &pair->peer->udp;
	struct bk_ports ports;

	if (!bk_guess_fits(t, pair))
		return;
	if (!are_both_sequential(pair) && bk_guess_hard_side(pair, BK_TRANSPORT_UDP) == pair->own) {
		add_waiting(t, pair, p);
		return;
	}
	if (are_both_sequential(pair)) {
		ports = bk_sequence_window(pair, peer, WINDOW, is_stride_of_two(pair) ? 2 : 1);
	} else {
		ports = bk_sequence_window(pair, peer, WINDOW + SCAN_MAX, 1);
		ports.pivot = pivot_of(pair, &ports);
	}
	add_spray(t, pair, &ports, WINDOW, p);
}

static void hope_predict(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	char nats[BK_PLAN_TEXT_MAX], odds[BK_CHANCE_STR_MAX];
	const char *who = are_both_sequential(pair) ? "each side guesses the other's next port"
			  : bk_nat_is_dependent(&pair->own->udp)
				  ? "the other side guesses this one's next port"
				  : "this side guesses the other one's next port";

	bk_explain_nats(&pair->own->udp, &pair->peer->udp, nats);
	snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: %s, with a chance of %s", nats, who,
		bk_chance_to_str(bk_chance_of_technique(&bk_technique_predict, pair), odds));
}

const struct bk_technique bk_technique_predict = {
	BK_GUESS,
	.name = "predict",
	.plan = plan_predict,
	.chance = chance_of_predicting,
	.hope = hope_predict,
};
