/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_MAILBOX_H
#define BK_RENDEZVOUS_MAILBOX_H

#include <bodkin/mailbox.h>

#include "rendezvous/target.h"
#include "wire/rdv.h"

/* bodkin's server as a mailbox. Each box is a control connection: it finds the server, checks who it is, says hello,
 * keeps the connection alive, measures the server's clock, and learns how this side's NAT maps its local port, which
 * is bound so that punching may share it. The first that stands shows the server's key, and no later one is to show
 * another. The loop's thread only. */
struct bk_rdv_opts {
	const char *server;    /* HOST[:PORT][#PIN] */
	const char *token;     /* may be NULL */
	const char *state_dir; /* the file of servers met before lives there; NULL: none kept.
				  A token goes only to a server that is in it, or has a pin */
	const char *client_id; /* NULL: one of chance for each box */
	bool is_hidden; /* nothing is learnt of the NAT: its boxes neither listen nor connect elsewhere */
	/* BK_RDV_SECRET_LEN bytes: what several mailboxes leave, one after the other, under one number, which is kept
	 * for the next of them when it was claimed. NULL: it is free then. */
	const uint8_t *heir;
};

struct bk_rdv_mailbox {
	struct bk_target target;                                       /* with its key, once that is known */
	char token[BK_RDV_TEXT_MAX + 1], client_id[BK_RDV_ID_MAX + 1]; /* "": none */
	char *known_servers;                                           /* the file; NULL: none */
	uint8_t owner[BK_RDV_SECRET_LEN]; /* what a box of ours left, another one may replace */
	uint8_t heir[BK_RDV_SECRET_LEN];  /* all zero: none */
	bool is_hidden;
	/* What the server says to a member of a group (wire/group.h), with the argument of the box that it came to; NULL:
	 * nobody listens. The box may be closed from inside. */
	void (*on_group)(void *arg, const uint8_t *body, size_t n);
};

/* The options are copied. BK_E_INVALID when the server cannot be read, or a text is too long. */
int bk_rdv_mailbox_new(const struct bk_rdv_opts *opts, struct bk_rdv_mailbox **ret_mailbox);
/* After its boxes. NULL is fine. */
void bk_rdv_mailbox_free(struct bk_rdv_mailbox *m);

/* Its table, whose `arg` is a struct bk_rdv_mailbox. Events without on_mail: only on_ready, on_view, on_note and on_end
 * are called. Of a view's samples [0] is the control connection itself. */
extern const struct bk_mailbox_ops bk_rdv_ops;
/* A member's word to the server, once the box is ready. BK_E_SERVER_GONE, BK_E_NOMEM. */
int bk_rdv_send_group(void *box, const void *body, size_t n);
/* The network has changed: a server that does not answer now is taken for gone soon. */
void bk_rdv_hurry(void *box);
struct bk_mailbox bk_rdv_mailbox_as_mailbox(struct bk_rdv_mailbox *m);

#endif
