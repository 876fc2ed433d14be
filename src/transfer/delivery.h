/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_DELIVERY_H
#define BK_TRANSFER_DELIVERY_H

#include "transfer/offering.h"
#include "transfer/talk.h"

/* The sending end of one conversation: an offering goes to one receiver, at its own speed, with a reader of its own.
 * The loop's thread only. */
struct bk_delivery;

/* What is pointed to is copied, but the offering, which is borrowed. The events are those of a sender, with `arg`; the
 * delivery may be freed from inside the last of them. BK_E_INVALID, BK_E_NOMEM. */
int bk_delivery_new(struct bk_loop *loop, struct bk_offering *offering, const struct bk_talk_place *place,
	const struct bk_transfer_events *events, void *arg, struct bk_delivery **ret_delivery);
void bk_delivery_cancel(struct bk_delivery *d);
/* It has to go, for this reason, which the other side hears as well. */
void bk_delivery_turn_out(struct bk_delivery *d, const char *text);
void bk_delivery_free(struct bk_delivery *d); /* at once and silently; NULL is fine */

#endif
