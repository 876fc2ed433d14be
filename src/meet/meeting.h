/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_MEETING_H
#define BK_MEET_MEETING_H

#include <bodkin/mailbox.h>

#include "base/time.h"
#include "meet/pairing.h"
#include "wire/intro.h"

/* What two people need to look for a path: both introductions, and an instant. */
struct bk_meeting {
	struct bk_intro own, peer;
	uint8_t token[BK_MAILBOX_TOKEN_LEN];       /* of the round; the same for both */
	uint8_t name[BK_PAIRING_SECRET_LEN];       /* of the meeting, in all its rounds; the same for both */
	bk_time introduced;                        /* when both introductions were known here */
	bk_time start;                             /* the agreed instant on our clock */
	bk_dur delay;                              /* the other side may know as much later */
	struct bk_addr shared;                     /* the port that punching shares; family 0: none */
	struct bk_addr relay;                      /* family 0: none */
	uint8_t relay_token[BK_MAILBOX_TOKEN_LEN]; /* what this side shows there */
};

/* Our introduction's instant, chosen by the side that knows the other one: on the clock in common; 0 without
 * such a clock. */
int64_t bk_meeting_choose_start(const struct bk_mailbox_view *view, bk_time now, bk_dur peer_rtt);

/* Both introductions and the token are there, as of now; the rest is filled in. */
void bk_meeting_complete(struct bk_meeting *g, const struct bk_mailbox_view *view, bk_time now);

#endif
