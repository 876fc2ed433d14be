/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_CANDIDATE_H
#define BK_PUNCH_CANDIDATE_H

#include <stdbool.h>

#include "wire/intro.h"

/* Inside punch: what is asked of the addresses in an introduction. */

/* Of a network that many places have: private, link-local, a carrier's. */
bool bk_candidate_is_local(const struct bk_addr *a);

bool bk_candidate_has(
	const struct bk_intro *in, enum bk_transport t, enum bk_candidate_kind kind, uint8_t family);

/* May that be a hole in a firewall: an IPv6 address of the side's own, where nothing is translated, and can
 * the other side go there? */
bool bk_candidate_is_hole(const struct bk_intro *side, const struct bk_intro *other, enum bk_transport t,
	const struct bk_addr *at);

/* The side's NAT as that transport sees it. */
const struct bk_nat_profile *bk_candidate_profile(const struct bk_intro *in, enum bk_transport t);

#endif
