/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_MEET_H
#define BK_MEET_MEET_H

#include <bodkin/session.h>

#include "secure/identity.h"
#include "meet/reunion.h"
#include "meet/self.h"

/* Two people meet at the server: by the code they become known to each other, and to nobody else. */
struct bk_meet;

/* In an introduction's capabilities: what this side insists on. */
enum { BK_MEET_ONLY_RELAY = 1, BK_MEET_ONLY_DIRECT = 2 };

struct bk_meet_events {
	void (*on_code)(void *arg, const char *code);
	/* bk_meet_result is complete; again after each round that either side's bk_meet_again began. */
	void (*on_met)(void *arg);
	/* The other side has left the server: by its own word, before it had met us, or it has been away for
	 * too long, and then it may still come back and on_met follow. May be NULL. */
	void (*on_left)(void *arg);
	/* Once, last, from the loop. Before on_met: the meeting failed. After it: BK_E_WRONG_CODE, the other
	 * side could not open our introduction. A server that is lost after on_met is no end. */
	void (*on_end)(void *arg, int error, const char *text);
	/* May be NULL. */
	void (*on_note)(void *arg, int verbosity, const char *text);
};

/* opts as for bk_session_new; identity is borrowed. */
int bk_meet_new(struct bk_loop *loop, const struct bk_session_opts *opts, const struct bk_identity *identity,
	const struct bk_meet_events *events, void *arg, struct bk_meet **ret_meet);
/* After on_met: the path is gone; both sides introduce themselves anew, with a fresh relay token and from
 * fresh ports, through the server as soon as it can be reached. 0 while that is possible. BK_E_SERVER_GONE:
 * the meeting has ended, or has not been; BK_E_PEER_VANISHED: the other side left by its own word. */
int bk_meet_again(struct bk_meet *m);
/* This host's addresses changed: the connection to the server is made anew at once. Before on_met nothing
 * happens. */
void bk_meet_address_changed(struct bk_meet *m);
/* Leaves the server. NULL is fine. */
void bk_meet_free(struct bk_meet *m);

const struct bk_meeting *bk_meet_result(const struct bk_meet *m);
/* The listeners behind our host candidates; whoever takes them closes them (sets them to -1). */
struct bk_self *bk_meet_self(struct bk_meet *m);

#endif
