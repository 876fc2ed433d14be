/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_GUESS_H
#define BK_PUNCH_GUESS_H

#include "punch/technique.h"

/* The techniques for a side whose next port has to be guessed: its mapping depends on the destination, and the filter
 * of the other side knows ports. Over IPv4 alone, with both sides' consent, and only where the chance within
 * the budget is more than one half. */
extern const struct bk_technique bk_technique_predict, bk_technique_blocks, bk_technique_birthday;
/* The next port of a sequence over TCP, where the two have no UDP between them. */
extern const struct bk_technique bk_technique_predict_tcp;

/* What their rows have in common. */
#define BK_GUESS .rank = BK_RANK_NAT, .method = &bk_method_udp, .fits = bk_guess_fits, .tell = bk_tell_guessed

/* `fits` of each of them. */
bool bk_guess_fits(const struct bk_technique *t, const struct bk_pair *pair);
/* Are the ports of the hard side from a block that is small enough? */
bool bk_guess_has_block(const struct bk_pair *pair);
/* Do both sides want that, and is nobody of them to be reached anyway? */
bool bk_guess_is_wanted(const struct bk_pair *pair, enum bk_transport t);
/* The one side whose port has to be guessed; NULL: it is none of the two, or both. */
const struct bk_intro *bk_guess_hard_side(const struct bk_pair *pair, enum bk_transport t);
/* Is it our next port over TCP that connects the two, or nothing does, however old what we know of it is? */
bool bk_guess_needs_tcp(const struct bk_pair *pair);

/* The hard side opens many ports, from fresh sockets; the other one tries many, from the shared port. */
struct bk_guess_many {
	unsigned sockets, probes;
	struct bk_ports ports; /* of which `probes` are tried */
	bk_dur pace;
	unsigned brisk; /* so many of them twice as fast */
};
/* Adds this side's part of it, if it fits. */
void bk_guess_add_many(const struct bk_technique *t, const struct bk_pair *pair,
	const struct bk_guess_many *m, struct bk_plan *plan);

/* How much later than the instant who is guessed speaks, so that the window is open by then. */
bk_dur bk_guess_grace(const struct bk_pair *pair);
/* What there is to remember of a technique that led there. */
void bk_guess_memo(const struct bk_pair *pair, const struct bk_technique *t, const struct bk_addr *remote,
	struct bk_memo *ret_memo);

#endif
