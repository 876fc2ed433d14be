/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_REUNION_H
#define BK_MEET_REUNION_H

#include <bodkin/loop.h>

#include "rendezvous/client.h"
#include "meet/pairing.h"
#include "meet/self.h"
#include "wire/intro.h"

/* What two people need to look for a path: both introductions, and an instant. */
struct bk_meeting {
	struct bk_intro own, peer;
	uint8_t relay_token[BK_RDV_SECRET_LEN];
	bk_time introduced;    /* when both introductions were known here */
	bk_time start;         /* the agreed instant on our clock */
	struct bk_addr shared; /* of the control connection: the port that punching shares */
	struct bk_addr server;
};

/* The later of both instants, on our clock. The clocks of the server and of the peer are theirs to say, and
 * they may say anything. */
bk_time bk_meeting_start(const struct bk_meeting *g, int64_t clock_offset);

/* Two who have met can meet again, in rounds: through this server or through one that remembers nothing, from
 * this address or another one. */
struct bk_reunion;

struct bk_reunion_opts {
	struct bk_loop *loop;
	const char *server, *token, *known_servers; /* as for bk_rdv_opts; copied */
	struct bk_pairing *pairing;                 /* keyed; borrowed */
	struct bk_self *self;                       /* borrowed */
	bool needs_port; /* TCP may be punched: an introduction wants a port that nobody has used */
};

struct bk_reunion_events {
	/* Ours, as it is now. */
	void (*describe)(void *arg, const struct bk_rdv_view *view, struct bk_intro *ret_own);
	void (*on_together)(void *arg, const struct bk_meeting *round);
	/* The other side left by its own word, or has been away for too long: then it may still come back. */
	void (*on_left)(void *arg);
	void (*on_wrong)(void *arg); /* it says that our introduction does not open */
	void (*on_note)(void *arg, const char *text);
};

int bk_reunion_new(const struct bk_reunion_opts *opts, const struct bk_reunion_events *events, void *arg,
	struct bk_reunion **ret_reunion);
/* Tells the other side that we left, for good. NULL is fine. */
void bk_reunion_free(struct bk_reunion *r);

/* The connection over which the two met is ours from now on, in any case. */
int bk_reunion_start(struct bk_reunion *r, struct bk_rdv *met_over, bk_dur peer_rtt);

/* Asks for a round. BK_E_PEER_VANISHED when the other side left by its own word. */
int bk_reunion_ask(struct bk_reunion *r);
/* Another control connection at once: the one that is there may be dead and not know it. */
void bk_reunion_move(struct bk_reunion *r);
/* bk_self has learnt something. */
void bk_reunion_look(struct bk_reunion *r);

#endif
