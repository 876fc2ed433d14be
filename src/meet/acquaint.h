/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_ACQUAINT_H
#define BK_MEET_ACQUAINT_H

#include <bodkin/session.h>

#include "meet/box.h"
#include "meet/meeting.h"
#include "meet/pairing.h"
#include "meet/self.h"
#include "meet/watchword.h"

/* The first round of two who know nothing of each other but a code: afterwards each has the other's
 * introduction, and both have a key. */
struct bk_acquaint;

struct bk_acquaint_opts {
	struct bk_loop *loop;
	const struct bk_session_opts *session; /* the codes and wait_ns are looked at; not kept */
	bool is_once;                          /* the mailbox: there is no other box when one is lost */
	bool is_reusable;                      /* its boxes: after a release another code can be left */
	struct bk_watchword_share *share;      /* borrowed; NULL: the code is for one */
	const char *place;                     /* the mailbox's name; borrowed, as the next three */
	struct bk_self *self;
	struct bk_pairing *pairing;
	struct bk_meeting *meeting;
	/* Whoever wants to know; may be NULL. Again when the code before is used up and nobody was met by it. */
	void (*on_code)(void *arg, const char *code);
	void *on_code_arg;
};

struct bk_acquaint_events {
	/* The meeting has both introductions and the token, and the pairing its key. */
	void (*on_known)(void *arg);
	/* Once, instead. The acquaintance does nothing more. */
	void (*on_failed)(void *arg, int error, const char *text);
	/* For a person: what is waited for, or is there again. */
	void (*on_waiting)(void *arg, const char *text);
};

/* BK_E_INVALID: a code that cannot be read. */
int bk_acquaint_new(const struct bk_acquaint_opts *opts, const struct bk_acquaint_events *events, void *arg,
	struct bk_acquaint **ret_acquaint);
void bk_acquaint_free(struct bk_acquaint *a);

/* A box is about to be ready, and takes along what we want of it, if we have not been at any before. */
void bk_acquaint_ask_early(struct bk_acquaint *a, struct bk_box *box);
/* A box is ready, and borrowed from now on, in place of another one. False: it is not wanted, because the one
 * before serves, or nothing is wanted any more. */
bool bk_acquaint_begin(struct bk_acquaint *a, struct bk_box *box);
/* The box, or an attempt to get another one, has ended. True: bk_acquaint_begin with another one goes on
 * under the same code. False: on_failed has told, or will not be told anything more. */
bool bk_acquaint_lost(struct bk_acquaint *a, int error, const char *text);
/* Would another box be taken in place of this one? */
bool bk_acquaint_may_move(const struct bk_acquaint *a);

/* What happens at the box; the events as struct bk_mailbox_events has them. */
void bk_acquaint_nameplate(struct bk_acquaint *a, uint32_t nameplate);
void bk_acquaint_claimed(struct bk_acquaint *a, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n);
void bk_acquaint_mail(struct bk_acquaint *a, const uint8_t *body, size_t n);
void bk_acquaint_released(struct bk_acquaint *a, int code);
void bk_acquaint_refused(struct bk_acquaint *a, int code, const char *text);
/* The box's view, or bk_self, has learnt something. */
void bk_acquaint_look(struct bk_acquaint *a);

#endif
