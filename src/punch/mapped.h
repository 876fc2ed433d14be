/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_MAPPED_H
#define BK_PUNCH_MAPPED_H

#include "punch/technique.h"

/* Through a port that a side's own router has opened for it (PCP, NAT-PMP, UPnP). Whatever the NATs,
 * the other side connects there at once. Over IPv6 that is a hole in a firewall, of which the technique "ipv6" makes
 * use. */

/* Is that a port over that transport of that side's which everybody reaches, and can the other one go there? Over IPv6,
 * too. */
bool bk_mapped_is_open_at(const struct bk_intro *side, const struct bk_intro *other, enum bk_transport t,
	const struct bk_addr *at);
/* Has either of the two? */
bool bk_mapped_is_open_between(const struct bk_pair *pair, enum bk_transport t);

bool bk_mapped_fits(const struct bk_technique *t, const struct bk_pair *pair);
void bk_mapped_plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *plan);
void bk_mapped_hope(const struct bk_pair *pair, enum bk_transport t, char out[BK_PLAN_TEXT_MAX]);
void bk_mapped_tell(
	const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words);

#endif
