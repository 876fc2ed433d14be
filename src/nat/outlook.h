/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NAT_OUTLOOK_H
#define BK_NAT_OUTLOOK_H

#include "nat/profile.h"

/* What a profile means for connecting, in plain words: one row for each kind of peer. */
struct bk_nat_prospect {
	const char *peer, *expectation;
	bool is_direct; /* for sure */
};

enum { BK_NAT_PROSPECTS = 5 };

void bk_nat_outlook(const struct bk_nat_profile *own, struct bk_nat_prospect ret_prospects[BK_NAT_PROSPECTS]);

#endif
