/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_MEET_H
#define BK_MEET_MEET_H

#include <bodkin/mailbox.h>
#include <bodkin/session.h>

#include "meet/meeting.h"
#include "meet/self.h"
#include "meet/watchword.h"
#include "secure/identity.h"

/* Two people meet at a mailbox: by the code they become known to each other, and to nobody else. Two who have
 * met can meet again, in rounds: through the same mailbox or through one that remembers nothing, from this
 * address or another one. */
struct bk_meet;

struct bk_meet_events {
	void (*on_code)(void *arg, const char *code); /* again: the one before is used up */
	/* bk_meet_result is complete; again after each round that either side's bk_meet_again began. */
	void (*on_met)(void *arg);
	/* Since then our router has opened a port by which the other side could come at once: bk_meet_again tells it.
	 * May be NULL. */
	void (*on_news)(void *arg);
	/* The other side has left the mailbox: by its own word, before it had met us, or it has been away for
	 * too long, and then it may still come back and on_met follow. May be NULL. */
	void (*on_left)(void *arg);
	/* Once, last, from the loop. Before on_met: the meeting failed. After it: BK_E_WRONG_CODE, the other
	 * side could not open our introduction. A mailbox that is lost after on_met is no end. */
	void (*on_end)(void *arg, int error, const char *text);
	/* verbosity 0: what is waited for, before on_met. May be NULL. */
	void (*on_note)(void *arg, int verbosity, const char *text);
};

struct bk_meet_opts {
	struct bk_loop *loop;
	const struct bk_session_opts *session; /* its server is not looked at; not kept */
	struct bk_mailbox mailbox;             /* what it points to is borrowed */
	struct bk_pin pin;                     /* of the certificate that the links will present */
	struct bk_watchword_share *share;      /* borrowed; NULL: a code that is made is for one */
};

/* BK_E_INVALID: options that cannot work, or a table without a member that is required. */
int bk_meet_new(const struct bk_meet_opts *opts, const struct bk_meet_events *events, void *arg,
	struct bk_meet **ret_meet);
/* After on_met: the path is gone; both sides introduce themselves anew, with a fresh token and from fresh
 * ports, through the mailbox as soon as it can be reached. 0 while that is possible. BK_E_SERVER_GONE: the
 * meeting has ended, or has not been, or the mailbox brings nobody together twice; BK_E_PEER_VANISHED: the
 * other side left by its own word. */
int bk_meet_again(struct bk_meet *m);
/* This host's addresses changed: another box is opened at once, before on_met where the code waits for
 * somebody. */
void bk_meet_address_changed(struct bk_meet *m);
/* Leaves the mailbox, and tells the other side that it is for good. NULL is fine. */
void bk_meet_free(struct bk_meet *m);

const struct bk_meeting *bk_meet_result(const struct bk_meet *m);
/* The listeners behind our host candidates; whoever takes them closes them (sets them to -1). */
struct bk_self *bk_meet_self(struct bk_meet *m);

#endif
