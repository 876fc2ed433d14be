/* SPDX-License-Identifier: Apache-2.0 */

/* The side whose ports are random opens many of them towards the other side's one port, and waits. The other one
 * tries ports there, none twice: with 256 of 64512 open the chance is one half after 174 probes, 98 % after 1024. In
 * which order does not matter, since theirs is chance. */

#include <stdio.h>

#include "nat/profile.h"
#include "punch/chance.h"
#include "punch/explain.h"
#include "punch/guess.h"
#include "punch/odds.h"
#include "punch/udp.h"
#include "punch/udp_fan.h"

enum {
	SOCKETS = 256,
	PROBES = 2800, /* as many as there is time for */
	BRISK = 256,   /* which is where two of three end */
	PORT_FIRST = 1024,
	PORTS = 65536 - PORT_FIRST,
};

_Static_assert((int)SOCKETS <= (int)BK_UDP_FAN_MAX, "each has its place");

#define PACE (1 * BK_MS)

static double chance(const struct bk_pair *pair)
{
	const struct bk_intro *hard = bk_guess_hard_side(pair, BK_TRANSPORT_UDP);

	if (!hard || !bk_guess_is_wanted(pair, BK_TRANSPORT_UDP) ||
		hard->udp.allocation == BK_NAT_SEQUENTIAL || bk_guess_has_block(pair))
		return 0;
	return bk_odds_birthday(SOCKETS, PROBES, PORTS);
}

static void plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	struct bk_guess_many many = {
		.sockets = SOCKETS,
		.probes = PROBES,
		.ports = {.first = PORT_FIRST, .len = PORTS, .step = 1, .order = BK_PORTS_SCATTERED},
		.pace = PACE,
		.brisk = BRISK,
	};

	if (pair->memo && pair->memo->port > PORT_FIRST) /* of a block that looks like none, perhaps */
		many.ports.pivot = (uint16_t)(pair->memo->port - PORT_FIRST);
	bk_guess_add_many(t, pair, &many, p);
}

static void hope(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	bool is_own = bk_guess_hard_side(pair, BK_TRANSPORT_UDP) == pair->own;
	char nats[BK_PLAN_TEXT_MAX], odds[BK_CHANCE_STR_MAX];

	bk_explain_nats(&pair->own->udp, &pair->peer->udp, nats);
	snprintf(out, BK_PLAN_TEXT_MAX,
		"%.200s: %s tries %u ports, of which %s opens %u, with a chance of %s", nats,
		is_own ? "the other side" : "this side", PROBES, is_own ? "this one" : "the other one",
		SOCKETS, bk_chance_to_str(bk_chance_of_technique(&bk_technique_birthday, pair), odds));
}

const struct bk_technique bk_technique_birthday = {
	BK_GUESS,
	.name = "birthday",
	.is_hard = true,
	.plan = plan,
	.chance = chance,
	.hope = hope,
};
