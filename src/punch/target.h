/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_TARGET_H
#define BK_PUNCH_TARGET_H

#include "punch/technique.h"

/* What may be sent to at all, by any technique over either transport. The addresses are the peer's word, and
 * its word alone opens nothing but public addresses, a few of them. */

/* So many addresses, with their ports, for each technique over each transport; the rest are left out. */
enum { BK_PUNCH_TARGETS_MAX = 6 };

/* Is that address worth a packet, whoever named it? Anything but a public one takes evidence of our own: we
 * have an interface in that network, our own server sees us in such a network, or we are on one machine with
 * it. */
bool bk_punch_target_is_allowed(const struct bk_pair *pair, enum bk_transport t, const struct bk_addr *a);

/* The same of a candidate of the peer's, which also has to be what its kind says: a mapped one is where the
 * peer's profile says that its shared port is. */
bool bk_punch_target_makes_sense(const struct bk_pair *pair, const struct bk_candidate *c);

/* Takes out of the plan what a row has added from `first` on and should not have. */
void bk_punch_target_sift(const struct bk_pair *pair, struct bk_plan *p, size_t first);

#endif
