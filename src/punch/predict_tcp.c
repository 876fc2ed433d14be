/* SPDX-License-Identifier: Apache-2.0 */

/* The next port of a sequence over TCP, for two who have no UDP between them. The hard side connects from the shared
 * port, and gets a port soon behind the last one that its server saw; the other side connects to as many of the next
 * ones at once, from its own shared port. Each of these opens the own filter for one port, and the one that is right
 * meets the hard side's (a simultaneous open). A further try of the hard side keeps its port as long as its NAT keeps
 * the flow; where a reset has ended that, it takes the next one, so tries are few. It refuses what two flows alone say
 * of a sequence: 3 blocks of 128 ports in 100 look like one. */

#include <stdio.h>

#include "nat/profile.h"
#include "punch/chance.h"
#include "punch/explain.h"
#include "punch/guess.h"
#include "punch/sequence.h"
#include "punch/tcp.h"

enum {
	WINDOW = 32,   /* ports; each is a socket */
	TRIES = 12,    /* of each, and of the hard side */
	OWN_FLOWS = 5, /* of that very machine's since then: the relay's, to own addresses of the other one */
	SEEN_MIN = 5,
};

#define GAP (10 * BK_MS)

static bool has_udp(const struct bk_pair *pair)
{
	return pair->own->udp.public_addr.family && pair->peer->udp.public_addr.family;
}

/* NULL: there is none whose port is to be guessed, or not enough is known of it. */
static const struct bk_intro *hard_side(const struct bk_pair *pair)
{
	const struct bk_intro *hard = bk_guess_hard_side(pair, BK_TRANSPORT_TCP);

	if (!hard || has_udp(pair) || !bk_guess_is_wanted(pair, BK_TRANSPORT_TCP))
		return NULL;
	return bk_sequence_is(&hard->tcp) && hard->tcp.ports.seen >= SEEN_MIN ? hard : NULL;
}

bool bk_guess_needs_tcp(const struct bk_pair *pair)
{
	return hard_side(pair) == pair->own;
}

static double chance(const struct bk_pair *pair)
{
	const struct bk_intro *hard = hard_side(pair);

	return hard ? bk_sequence_chance(pair, &hard->tcp, OWN_FLOWS, WINDOW) : 0;
}

static void plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	struct bk_attempt a = {.technique = t,
		.remote = pair->peer->tcp.public_addr,
		.is_from_shared_port = true,
		.is_at_start = true,
		.tries = TRIES,
		.try_timeout = bk_plan_try_timeout(pair),
		.retry_gap = GAP};

	if (!bk_guess_fits(t, pair))
		return;
	if (hard_side(pair) == pair->own) {
		a.delay = bk_guess_grace(pair);
	} else {
		a.ports = bk_sequence_window(pair, &pair->peer->tcp, WINDOW, 1);
		a.probes = a.fast = WINDOW;
	}
	bk_plan_add(p, &a);
}

static void hope(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	char nats[BK_PLAN_TEXT_MAX], odds[BK_CHANCE_STR_MAX];

	bk_explain_nats(&pair->own->tcp, &pair->peer->tcp, nats);
	snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: %s, with a chance of %s", nats,
		hard_side(pair) == pair->own ? "the other side guesses this one's next port"
					     : "this side guesses the other one's next port",
		bk_chance_to_str(bk_chance_of_technique(&bk_technique_predict_tcp, pair), odds));
}

const struct bk_technique bk_technique_predict_tcp = {
	.name = "predict",
	.rank = BK_RANK_NAT,
	.method = &bk_method_tcp,
	.fits = bk_guess_fits,
	.plan = plan,
	.chance = chance,
	.hope = hope,
	.tell = bk_tell_guessed,
};
