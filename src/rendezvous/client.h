/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_CLIENT_H
#define BK_RENDEZVOUS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <bodkin/mailbox.h>

#include "base/time.h"
#include "secure/identity.h"
#include "wire/rdv.h"

/* The control connection: finds the server, checks who it is, says hello, keeps the connection alive,
 * measures the server's clock, and learns how this side's NAT maps the connection's local port. Mail goes
 * through it. The local port is bound so that punching may share it. */
struct bk_rdv;

enum { BK_RDV_ERROR_TEXT_MAX = 768 };

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

/* Goes out right behind the hello, or at once when that has gone. Before the hello a later one takes the
 * place of an earlier one. */
int bk_rdv_rejoin(struct bk_rdv *r, const struct bk_mailbox_rejoin *rejoin);

/* wish 0: any nameplate. */
int bk_rdv_allocate(struct bk_rdv *r, uint32_t wish, const void *left, size_t n);
int bk_rdv_claim(struct bk_rdv *r, uint32_t nameplate);
/* Done with the nameplate or the meeting: the other side is told at once. */
void bk_rdv_release(struct bk_rdv *r);
int bk_rdv_mail(struct bk_rdv *r, const void *body, size_t n);
bool bk_rdv_is_mail_taken(const struct bk_rdv *r); /* the server has said so of all that was sent */

/* Measures the clock afresh with three round trips (traversal needs it recent). */
void bk_rdv_measure_clock(struct bk_rdv *r);
/* Calls fn from the loop when the server has handled everything sent before, or the connection ends. */
void bk_rdv_flush(struct bk_rdv *r, void (*fn)(void *arg), void *arg);
/* The mapping is known: stop listening on the local port, so that punching may have it to itself. */
void bk_rdv_yield_port(struct bk_rdv *r);

#endif
