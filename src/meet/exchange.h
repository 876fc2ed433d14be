/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_EXCHANGE_H
#define BK_MEET_EXCHANGE_H

#include "meet/box.h"
#include "meet/meeting.h"
#include "meet/pairing.h"
#include "meet/self.h"

/* One round of two who know each other: both introduce themselves, in no order. */
struct bk_exchange {
	struct bk_self *self;       /* borrowed */
	struct bk_pairing *pairing; /* keyed before the first round; borrowed */
	bool is_open, is_introduced, has_peer;
	uint8_t token[BK_MAILBOX_TOKEN_LEN];
	struct bk_intro own, peer;
};

void bk_exchange_init(struct bk_exchange *r, struct bk_self *self, struct bk_pairing *pairing);

/* Another round; of the one before nothing is left. */
void bk_exchange_open(struct bk_exchange *r, const uint8_t token[BK_MAILBOX_TOKEN_LEN]);
bool bk_exchange_is(const struct bk_exchange *r, const uint8_t token[BK_MAILBOX_TOKEN_LEN]);

/* Sends our introduction, as of now. */
int bk_exchange_introduce(struct bk_exchange *r, struct bk_box *box, bk_time now, bk_dur peer_rtt);
/* What does not open belongs to another round, or is the mailbox's invention: nothing happens. */
void bk_exchange_take(struct bk_exchange *r, const uint8_t *mail, size_t n);
bool bk_exchange_is_complete(const struct bk_exchange *r);
/* Ends it. */
void bk_exchange_close(struct bk_exchange *r, struct bk_meeting *ret_meeting);

#endif
