/* SPDX-License-Identifier: Apache-2.0 */

/* A carrier's NAT that gives each subscriber a block of ports, random within: 128 to 4096 of them, aligned at a power
 * of two or at 1024 + 128 k. The ports that were seen span most of it, so the other side goes outwards from their
 * middle. Few sockets do, and no more than a few fit into a small block. */

#include <stdio.h>

#include "nat/profile.h"
#include "punch/chance.h"
#include "punch/explain.h"
#include "punch/guess.h"
#include "punch/odds.h"
#include "punch/udp.h"

enum {
	SEEN_MIN = 3,
	SEEN_FEW = 4, /* fewer are near each other by chance, once in a thousand, in a block of BLOCK_FEW */
	BLOCK_FEW = 2048,
	BLOCK_MAX = 4096,
	BLOCK_MIN = 64,
	PROBES_MAX = 2800,
	WIDER = 4, /* the block may lie on either side of what was seen, and be larger than it looks */
	ROOM = 2,
};

#define PACE (BK_MS / 4)

/* How large the block is, as a rule, of which so many ports were seen; 0: it is none. */
static unsigned block_of(const struct bk_nat_ports *p)
{
	unsigned size;

	if (p->seen < SEEN_MIN || p->min < 1)
		return 0;
	size = (unsigned)(p->max - p->min) * (p->seen + 1) / (p->seen - 1) + 1;
	size = size < BLOCK_MIN ? BLOCK_MIN : size;
	return size <= (p->seen < SEEN_FEW ? BLOCK_FEW : BLOCK_MAX) ? size : 0;
}

/* So that a few dozen probes hit one, and a subscriber's quota is left alone. */
static unsigned sockets_for(unsigned block)
{
	static const struct {
		unsigned block, sockets;
	} rows[] = {{192, 8}, {768, 16}, {2400, 32}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (block <= rows[i].block)
			return rows[i].sockets;
	}
	return 64;
}

static unsigned probes_for(unsigned block)
{
	return WIDER * block < PROBES_MAX ? WIDER * block : PROBES_MAX;
}

/* 0: nothing to be guessed so. */
static unsigned block_between(const struct bk_pair *pair)
{
	const struct bk_intro *hard = bk_guess_hard_side(pair, BK_TRANSPORT_UDP);

	return hard && bk_guess_is_wanted(pair, BK_TRANSPORT_UDP) && hard->udp.allocation != BK_NAT_SEQUENTIAL
		       ? block_of(&hard->udp.ports)
		       : 0;
}

static double chance(const struct bk_pair *pair)
{
	unsigned block = block_between(pair);

	return block ? bk_odds_birthday(sockets_for(block), probes_for(block), ROOM * block) : 0;
}

static void plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	const struct bk_nat_ports *seen = &pair->peer->udp.ports;
	unsigned block = block_between(pair), probes = probes_for(block);
	const struct bk_guess_many many = {
		.sockets = sockets_for(block),
		.probes = probes,
		.ports = {.first = (uint16_t)((seen->min + seen->max) / 2),
			.len = (uint16_t)probes,
			.step = 1,
			.order = BK_PORTS_OUTWARD},
		.pace = PACE,
	};

	bk_guess_add_many(t, pair, &many, p);
}

static void hope(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	bool is_own = bk_guess_hard_side(pair, BK_TRANSPORT_UDP) == pair->own;
	unsigned block = block_between(pair);
	char nats[BK_PLAN_TEXT_MAX], odds[BK_CHANCE_STR_MAX];

	bk_explain_nats(&pair->own->udp, &pair->peer->udp, nats);
	snprintf(out, BK_PLAN_TEXT_MAX,
		"%.200s, from a block of about %u: %s tries at most %u of them, of which %s opens %u, with a chance of "
		"%s",
		nats, block, is_own ? "the other side" : "this side", probes_for(block),
		is_own ? "this one" : "the other one", sockets_for(block),
		bk_chance_to_str(bk_chance_of_technique(&bk_technique_blocks, pair), odds));
}

bool bk_guess_has_block(const struct bk_pair *pair)
{
	return bk_guess_fits(&bk_technique_blocks, pair);
}

const struct bk_technique bk_technique_blocks = {
	BK_GUESS,
	.name = "blocks",
	.is_hard = true,
	.plan = plan,
	.chance = chance,
	.hope = hope,
};
