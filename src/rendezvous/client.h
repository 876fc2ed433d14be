/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_CLIENT_H
#define BK_RENDEZVOUS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <bodkin/mailbox.h>

#include "base/time.h"
#include "rendezvous/known.h"
#include "secure/identity.h"
#include "wire/rdv.h"

/* The control connection: finds the server, checks who it is, says hello, keeps the connection alive,
 * measures the server's clock, and learns how this side's NAT maps the connection's local port. Mail goes
 * through it. The local port is bound so that punching may share it. */
struct bk_rdv;

enum { BK_RDV_ERROR_TEXT_MAX = BK_KNOWN_TEXT_MAX };

/* The key that the server must have, whatever `server` says, once it is known; until then the first hello
 * tells. */
struct bk_rdv_key {
	bool is_known;
	struct bk_pin pin;
};

struct bk_rdv_opts {
	const char *server;     /* HOST[:PORT][#PIN] */
	const char *client_id;  /* NULL: one of chance */
	const char *token;      /* may be NULL */
	const char *state_dir;  /* the file of servers met before lives there; NULL: none kept.
				   A token goes only to a server that is in it, or has a pin */
	bool is_hidden;         /* nothing is learnt of the NAT */
	struct bk_rdv_key *key; /* NULL: the key is as `server` says. Borrowed */
	const uint8_t *owner;   /* BK_RDV_SECRET_LEN bytes: whoever knows them may have our nameplate. NULL:
				   nobody may */
};

/* BK_E_INVALID when `server` cannot be read. */
/* events without on_mail: only on_ready, on_view, on_note and on_end are called. */
int bk_rdv_new(struct bk_loop *loop, const struct bk_rdv_opts *opts, const struct bk_mailbox_events *events,
	void *arg, struct bk_rdv **ret_rdv);
void bk_rdv_free(struct bk_rdv *r);

/* Of its samples [0] is the control connection itself. */
const struct bk_mailbox_view *bk_rdv_view(const struct bk_rdv *r);

/* The same as a mailbox, whose `arg` is a struct bk_rdv_opts and whose boxes are struct bk_rdv. A rejoin goes out
 * right behind the hello, a clock is measured with three round trips. */
extern const struct bk_mailbox_ops bk_rdv_ops;

#endif
