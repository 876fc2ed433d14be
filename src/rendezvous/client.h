/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_CLIENT_H
#define BK_RENDEZVOUS_CLIENT_H

#include "rendezvous/known.h"
#include "rendezvous/mailbox.h"

/* The control connection: finds the server, checks who it is, says hello, keeps the connection alive,
 * measures the server's clock, and learns how this side's NAT maps the connection's local port. Mail goes
 * through it. The local port is bound so that punching may share it. */
struct bk_rdv;

enum { BK_RDV_ERROR_TEXT_MAX = BK_KNOWN_TEXT_MAX };

/* A box at `mailbox`, which must stay. events without on_mail: only on_ready, on_view, on_note and on_end are
 * called. */
int bk_rdv_new(struct bk_loop *loop, struct bk_rdv_mailbox *mailbox, const struct bk_mailbox_events *events,
	void *arg, struct bk_rdv **ret_rdv);
void bk_rdv_free(struct bk_rdv *r);

/* Of its samples [0] is the control connection itself. */
const struct bk_mailbox_view *bk_rdv_view(const struct bk_rdv *r);

/* The same as a table, whose `arg` is a struct bk_rdv_mailbox. A rejoin goes out right behind the hello, a clock is
 * measured with three round trips. */
extern const struct bk_mailbox_ops bk_rdv_ops;

#endif
