/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_MEET_H
#define BK_SESSION_MEET_H

#include <bodkin/session.h>

#include "rendezvous/client.h"
#include "secure/identity.h"
#include "session/self.h"
#include "wire/intro.h"

/* Two people meet at the server: by the code they become known to each other, and to nobody else. */
struct bk_meet;

/* In an introduction's capabilities: what this side insists on. */
enum { BK_MEET_ONLY_RELAY = 1, BK_MEET_ONLY_DIRECT = 2 };

struct bk_meet_events {
	void (*on_code)(void *arg, const char *code);
	void (*on_met)(
		void *arg); /* bk_meet_result is complete; again after each bk_meet_again of either side */
	/* The other side has left the server. May be NULL. */
	void (*on_left)(void *arg);
	/* Once, last, from the loop. Before on_met: the meeting failed. After it: the server is gone, which
	 * need not matter, or, with BK_E_WRONG_CODE, the other side could not open our introduction. */
	void (*on_end)(void *arg, int error, const char *text);
};

struct bk_meeting {
	struct bk_intro own, peer;
	uint8_t relay_token[BK_RDV_SECRET_LEN];
	bk_time introduced;    /* when both introductions were known here */
	bk_time start;         /* the agreed instant on our clock */
	struct bk_addr shared; /* of the control connection: the port that punching shares */
	struct bk_addr server;
};

/* opts as for bk_session_new; identity is borrowed. */
int bk_meet_new(struct bk_loop *loop, const struct bk_session_opts *opts, const struct bk_identity *identity,
	const struct bk_meet_events *events, void *arg, struct bk_meet **ret_meet);
/* After on_met: the path is gone; both sides introduce themselves anew, with a fresh relay token, through the
 * same server. BK_E_SERVER_GONE, BK_E_PEER_VANISHED. */
int bk_meet_again(struct bk_meet *m);
/* Leaves the server. NULL is fine. */
void bk_meet_free(struct bk_meet *m);

const struct bk_meeting *bk_meet_result(const struct bk_meet *m);
/* The listeners behind our host candidates; whoever takes them closes them (sets them to -1). */
struct bk_self *bk_meet_self(struct bk_meet *m);

#endif
