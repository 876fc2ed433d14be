/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_MATCH_H
#define BK_SERVER_MATCH_H

/* What the plain dialect tells two clients to do, from their NAT types. */
struct bk_match {
	const char *client_action; /* of the side that named a peer; NULL: no strategy */
	const char *peer_action;
};

struct bk_match bk_match_nats(const char *client_nat, const char *peer_nat);

#endif
