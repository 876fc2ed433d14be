/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NAT_LIFETIME_H
#define BK_NAT_LIFETIME_H

#include "base/engine.h"

/* How long the NAT keeps a UDP mapping that nobody uses (RFC 5780 section 4.6), as a pure engine. It takes as
 * long as the mapping lives, five minutes at most. Needs a server that knows RESPONSE-PORT. */
struct bk_nat_lifetime;

struct bk_nat_lifetime_opts {
	struct bk_addr local; /* of the interface towards the server, port 0 */
	struct bk_addr server;
	uint64_t seed;
};

/* BK_E_INVALID without a server or of another family than local; BK_E_NOMEM. */
int bk_nat_lifetime_new(
	const struct bk_nat_lifetime_opts *opts, bk_time now, struct bk_nat_lifetime **ret_engine);
void bk_nat_lifetime_free(struct bk_nat_lifetime *e); /* NULL is fine */

/* Reports BK_REPORT_DONE once. */
extern const struct bk_engine_ops bk_nat_lifetime_ops;

/* It lives at least and at most so long. Both 0: the server does not answer such questions; max 0: longer
 * than was tried. */
bk_dur bk_nat_lifetime_min(const struct bk_nat_lifetime *e);
bk_dur bk_nat_lifetime_max(const struct bk_nat_lifetime *e);

#endif
