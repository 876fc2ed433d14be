/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_VISITS_H
#define BK_MEET_VISITS_H

#include "base/rate.h"
#include "base/time.h"
#include "meet/box.h"
#include "meet/self.h"

/* Two boxes at one mailbox: the one that stands, and the one that is being made to take its place. One that is
 * lost is followed by another one, with growing patience. Embedded; the loop's thread only. */
struct bk_visits;

struct bk_visit {
	struct bk_visits *of;
	struct bk_box box;
	bk_time since;
	bool is_ready;
	bool is_used;                        /* its port has been punched from */
	bool has_round;                      /* one was completed over it */
	bool has_gathered;                   /* how we look from outside was asked by it */
	bool has_stun;                       /* and of its STUN servers */
	uint8_t token[BK_MAILBOX_TOKEN_LEN]; /* of the round that it is in */
};

struct bk_visits {
	struct bk_loop *loop;
	struct bk_mailbox_ops ops; /* the mailbox's, with something for most of what it may lack */
	void *mailbox;             /* its own */
	const struct bk_mailbox_events *events;
	void (*on_next)(void *arg, struct bk_visit *v);
	void *arg;
	struct bk_visit *now, *next; /* either may be NULL */
	struct bk_timer *retry;
	unsigned tries; /* in a row; 0: the next one is made at once */
	struct bk_rate
		openings; /* however it comes about: the mailbox shall not make us come as often as it likes */
};

/* Nothing is opened yet. The events, borrowed, get their visit as argument. on_next: `next` was opened; it is told
 * from inside bk_visits_open_next, too. BK_E_INVALID: a table without a member that is required. */
int bk_visits_init(struct bk_visits *s, struct bk_loop *loop, const struct bk_mailbox *mailbox,
	const struct bk_mailbox_events *events, void (*on_next)(void *arg, struct bk_visit *v), void *arg);
/* Closes both. Fine on a zeroed one. */
void bk_visits_done(struct bk_visits *s);

const char *bk_visits_place(const struct bk_visits *s); /* the mailbox's name */

/* The first one; it is `now`. */
int bk_visits_open(struct bk_visits *s);
/* Another one, instead of one that is being made; when it cannot be opened, or too many were of late, it is tried
 * again later. */
void bk_visits_open_next(struct bk_visits *s);
/* `next` stands from now on. */
void bk_visits_move(struct bk_visits *s);
/* `next` is not wanted. */
void bk_visits_stay(struct bk_visits *s);
/* It is out of reach. */
void bk_visits_lose(struct bk_visits *s, struct bk_visit *v, bool wants_another);

/* Begins to learn how we look from outside by what this box names. */
void bk_visit_gather(struct bk_visit *v, struct bk_self *self);
/* What the box names is asked, or was asked before it was ready. */
void bk_visit_gather_more(struct bk_visit *v, struct bk_self *self);
/* The mailbox looks which ports new flows over TCP get, if that may be of use. */
void bk_visit_look_at_flows(struct bk_visit *v, const struct bk_self *self);

/* A round is complete, and the other side may never hear of us: our introduction went out and may not have
 * reached the mailbox. v may be NULL. */
bool bk_visit_owes_round(const struct bk_visit *v);

#endif
