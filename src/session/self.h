/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_SELF_H
#define BK_SESSION_SELF_H

#include "rendezvous/client.h"
#include "secure/identity.h"
#include "wire/intro.h"

/* What this side says of itself: listeners for the peer's direct attempts, and the introduction. */
enum { BK_SELF_LISTENERS = 2 };

struct bk_self {
	int listeners[BK_SELF_LISTENERS]; /* IPv4, IPv6; -1 where there is none */
	uint16_t ports[BK_SELF_LISTENERS];
};

/* Opens the listeners behind the host candidates; a family that the machine lacks is left out. */
void bk_self_init(struct bk_self *s);
/* Closes listeners that were not taken (taken: set to -1). */
void bk_self_done(struct bk_self *s);

/* Everything but id, name, pin, tie_breaker, capabilities and start, which the caller fills. */
void bk_self_describe(const struct bk_self *s, const struct bk_rdv_view *view, struct bk_intro *intro);

#endif
