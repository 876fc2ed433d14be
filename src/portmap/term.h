/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_TERM_H
#define BK_PORTMAP_TERM_H

#include <stdbool.h>

#include "base/time.h"

/* How long a UPnP router keeps a port, and when it is asked for anew: at half that time. Where nobody answers
 * then, half a minute later and so on, each time after twice as long, and what was given is held as long as
 * the router has to keep it. Zeroed: nothing was given, and it is time to ask. */
struct bk_portmap_term {
	bk_time until, next;
	unsigned unanswered; /* in a row */
};

/* lifetime 0: for good, which is asked for anew now and then, in case the router has forgotten it. */
void bk_portmap_term_give(struct bk_portmap_term *t, bk_dur lifetime, bk_time now);
/* The router has said no: not again for ten minutes. */
void bk_portmap_term_refuse(struct bk_portmap_term *t, bk_time now);
/* Nobody has answered. True: what was given is there still. */
bool bk_portmap_term_go_on(struct bk_portmap_term *t, bk_time now);

#endif
