/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_PLACES_H
#define BK_LAN_PLACES_H

#include <bodkin/loop.h>

#include "lan/beacon.h"

/* Inside a box: the places where what is claimed may be, as the air tells of them. They may be anybody's invention: few
 * of them are tried, one after the other, each for a while, until one has it. Where all say that they do not, they are
 * gone through again, since who keeps it may be about to leave it anew. */
struct bk_places_ops {
	int (*go)(void *arg, const struct bk_addr *to); /* negative: that leads nowhere */
	void (*leave)(void *arg);                       /* where we went, if anywhere */
	void (*on_due)(void *arg);   /* bk_places_go_on is, from the loop, if wants_next is set by then */
	void (*on_empty)(void *arg); /* there is none left to be tried */
};

struct bk_places {
	const struct bk_places_ops *ops;
	void *arg;
	struct bk_addr all[BK_BEACON_PLACES_MAX];
	size_t count, tried;
	unsigned rounds;           /* through all of them */
	struct bk_timer *deadline; /* of the place that is tried, or of the pause between two rounds */
	bool is_at_one;            /* it is being tried */
	bool wants_next;           /* it is not the one */
	bool is_settled;           /* it is */
	int refusal;               /* what the last one said; 0: nothing */
};

int bk_places_init(struct bk_places *p, struct bk_loop *loop, const struct bk_places_ops *ops, void *arg);
void bk_places_done(struct bk_places *p); /* goes nowhere any more; fine on a zeroed one */

void bk_places_forget(struct bk_places *p); /* leaves, and begins anew with none */
void bk_places_add(struct bk_places *p, const struct bk_addr *place);
void bk_places_go_on(struct bk_places *p); /* to the next one, unless one is being tried */
void bk_places_not_here(struct bk_places *p, int refusal);
void bk_places_settle(struct bk_places *p);
void bk_places_wait(struct bk_places *p); /* for the last of them, anew, if it is being tried */

/* Is there one to hope for? */
bool bk_places_is_trying(const struct bk_places *p);
/* The one that was tried last; NULL: none was. */
const struct bk_addr *bk_places_last(const struct bk_places *p);

#endif
