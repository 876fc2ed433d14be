/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_FIT_H
#define BK_PUNCH_FIT_H

#include "punch/technique.h"

/* Inside punch: what the two NATs allow. Each answer is the same from both sides. */

/* Can one be punched to the other through these two NATs? */
bool bk_fit_punch(const struct bk_nat_profile *own, const struct bk_nat_profile *peer);

/* Where one can: is that known? The port of one side is not to be known beforehand, and whether the other side's filter
 * minds has perhaps been seen by nobody. */
bool bk_fit_is_sure(const struct bk_nat_profile *own, const struct bk_nat_profile *peer);

/* Have both an IPv6 address behind a firewall, which opens where both send? */
bool bk_fit_firewalls(const struct bk_pair *pair, enum bk_transport t);

#endif
