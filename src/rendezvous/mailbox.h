/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_MAILBOX_H
#define BK_RENDEZVOUS_MAILBOX_H

#include <bodkin/mailbox.h>

#include "secure/identity.h"

/* bodkin's server as a mailbox: each box is a control connection with a port of its own. The first that
 * stands shows the server's key, and no later one is to show another. */
struct bk_rdv_mailbox;

/* The strings are copied; token and state_dir may be NULL. BK_E_INVALID when the server cannot be read. */
int bk_rdv_mailbox_new(
	const char *server, const char *token, const char *state_dir, struct bk_rdv_mailbox **ret_mailbox);
/* The key that it has shown, or must have; false before either. */
bool bk_rdv_mailbox_pin(const struct bk_rdv_mailbox *m, struct bk_pin *ret_pin);
/* After its boxes. NULL is fine. */
void bk_rdv_mailbox_free(struct bk_rdv_mailbox *m);

/* Its boxes learn nothing of the NAT: they neither listen nor connect elsewhere than to the server. */
void bk_rdv_mailbox_hide(struct bk_rdv_mailbox *m);

struct bk_mailbox bk_rdv_mailbox_as_mailbox(struct bk_rdv_mailbox *m);

#endif
