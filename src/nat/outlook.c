/* SPDX-License-Identifier: Apache-2.0 */
/* Which pairs find each other, and by what: the pairs of RFC 3489's types as everybody counts them, told to a
 * person. It promises only what src/punch/rows.c has a row for, where both sides have it. */
#include "nat/outlook.h"

enum own { EASY, BY_ADDRESS, BY_PORT, SEQUENTIAL, HARD, NONE };
enum peer { PEER_OPEN, PEER_RESTRICTED, PEER_PORT, PEER_SEQUENTIAL, PEER_RANDOM };

_Static_assert(PEER_RANDOM + 1 == BK_NAT_PROSPECTS, "one row for each kind");

#define DIRECT  "direct"
#define RELAYED "relayed"
#define TCP     "not over UDP; TCP or the relay"

static const char *const peers[BK_NAT_PROSPECTS] = {
	[PEER_OPEN] = "open, or behind a Full Cone",
	[PEER_RESTRICTED] = "behind a Restricted Cone",
	[PEER_PORT] = "behind a Port Restricted Cone or a firewall",
	[PEER_SEQUENTIAL] = "behind a Symmetric NAT with ports in sequence",
	[PEER_RANDOM] = "behind a Symmetric NAT with random ports",
};

static const char *const expectations[][BK_NAT_PROSPECTS] = {
	[EASY] = {DIRECT, DIRECT, DIRECT, DIRECT, DIRECT},
	[BY_ADDRESS] = {DIRECT, DIRECT, DIRECT, DIRECT, DIRECT},
	[BY_PORT] = {DIRECT, DIRECT, DIRECT, DIRECT, DIRECT},
	[SEQUENTIAL] = {DIRECT, DIRECT, DIRECT, DIRECT, RELAYED},
	[HARD] = {DIRECT, DIRECT, DIRECT, RELAYED, RELAYED},
	[NONE] = {TCP, TCP, TCP, TCP, TCP},
};

static enum own own_of(const struct bk_nat_profile *own)
{
	switch (bk_nat_class_of(own)) {
	case BK_NAT_CLASS_OPEN:
	case BK_NAT_CLASS_FULL_CONE:
		return EASY;
	case BK_NAT_CLASS_RESTRICTED:
		return BY_ADDRESS;
	case BK_NAT_CLASS_PORT_RESTRICTED:
	case BK_NAT_CLASS_FIREWALL:
	case BK_NAT_CLASS_UNKNOWN:
		return BY_PORT;
	case BK_NAT_CLASS_SYMMETRIC:
		return own->allocation == BK_NAT_SEQUENTIAL ? SEQUENTIAL : HARD;
	case BK_NAT_CLASS_BLOCKED:
		break;
	}
	return NONE;
}

void bk_nat_outlook(const struct bk_nat_profile *own, struct bk_nat_prospect ret_prospects[BK_NAT_PROSPECTS])
{
	const char *const *row = expectations[own_of(own)];

	for (int i = 0; i < BK_NAT_PROSPECTS; i++)
		ret_prospects[i] = (struct bk_nat_prospect){
			.peer = peers[i],
			.expectation = row[i],
			.is_direct = row[i][0] == 'd' && !row[i][sizeof(DIRECT) - 1],
		};
}
