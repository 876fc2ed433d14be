/* SPDX-License-Identifier: Apache-2.0 */
#include "punch/helper.h"

#include "punch/explain.h"
#include "punch/guess.h"
#include "punch/udp.h"

enum { TFTP = 69 };

/* Where the other side's port cannot be known, and it comes here all the same, since nobody has looked whether the
 * own filter knows ports. */
static void plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	if (!bk_guess_is_wanted(pair, BK_TRANSPORT_UDP) ||
		bk_guess_hard_side(pair, BK_TRANSPORT_UDP) != pair->peer ||
		pair->own->udp.filtering != BK_NAT_UNKNOWN)
		return;
	bk_plan_add(p, &(struct bk_attempt){
			       .technique = t,
			       .remote = bk_addr_with_port(pair->peer->udp.public_addr, TFTP),
			       .is_from_shared_port = true,
			       .is_at_start = true,
			       .is_request = true,
		       });
}

const struct bk_technique bk_technique_helper = {
	.name = "helper",
	.rank = BK_RANK_NAT,
	.method = &bk_method_udp,
	.plan = plan,
	.tell = bk_tell_direct,
};
