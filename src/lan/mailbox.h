/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_MAILBOX_H
#define BK_LAN_MAILBOX_H

#include <bodkin/mailbox.h>

#include "lan/home.h"
#include "lan/reach.h"

/* A LAN as a mailbox, with no server: whoever leaves something keeps it himself, in a small server of his own on a free
 * port, and tells the LAN by a beacon; who claims it asks there and connects. The boxes are those of that server. The
 * loop's thread only. */
struct bk_lan_mailbox {
	struct bk_lan_reach reach;
	int64_t patience;
	struct bk_home home; /* from the first thing on that is kept */
	bool has_heir;       /* what is left here goes on under its number: for several */
	uint8_t heir[BK_RDV_SECRET_LEN];
	uint32_t kept; /* the number that we had last: nobody else is asked for it again */
};

/* The options are copied. BK_E_INVALID: a peer that cannot be read; BK_E_NOMEM. Nothing is sent before something is
 * left, claimed or rejoined. */
int bk_lan_mailbox_new(const struct bk_lan_opts *opts, struct bk_lan_mailbox **ret_mailbox);
/* After its boxes. NULL is fine. */
void bk_lan_mailbox_free(struct bk_lan_mailbox *m);

/* For the boxes: our own server, that keeps what is left. Twice is once. */
int bk_lan_mailbox_keep(struct bk_lan_mailbox *m, struct bk_loop *loop);

/* Its table, whose `arg` is a struct bk_lan_mailbox. */
extern const struct bk_mailbox_ops bk_lan_ops;
/* Of a box: is a place that was found being tried? NULL: no. */
bool bk_lan_box_is_trying(const void *box);

#endif
