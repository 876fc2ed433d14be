/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_SELF_H
#define BK_MEET_SELF_H

#include <bodkin/mailbox.h>
#include <bodkin/session.h>

#include "meet/opened.h"
#include "net/hops.h"
#include "path/ways.h"
#include "secure/identity.h"
#include "wire/intro.h"

/* What this side says of itself: who it is, and every way by which it may be reached. */
enum { BK_SELF_LISTENERS = 2 };

struct bk_self {
	struct bk_pin pin; /* its owner sets it */
	char name[BK_INTRO_NAME_MAX + 1];
	uint32_t capabilities;
	int holds[BK_SELF_LISTENERS]; /* nobody listens there: they keep our ports between rounds; -1: none */
	int listeners[BK_SELF_LISTENERS]; /* TCP over IPv4, IPv6; -1 where there is none */
	uint16_t ports[BK_SELF_LISTENERS];
	struct bk_ways *ways; /* the UDP sockets; NULL: no UDP */
	struct bk_hops hops;  /* where there are no UDP sockets, which count for both */
	struct bk_opened opened;
	bool is_udp_known;  /* to pass: a STUN server has answered before */
	bool may_open;      /* the router may be asked for ports */
	bool has_explained; /* what is wrong with the ports it opens */
	bool may_guess;     /* ports, and have ours guessed */
	bool has_tcp;
	bool is_hidden; /* only the relay: nothing is opened, learnt or told */
};

/* In an introduction's capabilities: what this side insists on; and that its key is not this session's alone. (8 to 64
 * are in wire/intro.h.) */
enum { BK_MEET_ONLY_RELAY = 1, BK_MEET_ONLY_DIRECT = 2, BK_MEET_LASTING_KEY = 4 };

/* Opens what opts' transport choice asks for: listeners behind the host candidates, UDP sockets. What the
 * machine lacks is left out. on_view is called from the loop when UDP learnt something. */
int bk_self_init(struct bk_self *s, struct bk_loop *loop, const struct bk_session_opts *opts,
	void (*on_view)(void *arg), void *arg);
/* The listeners were taken: opens others, with the same ports, which a router may have opened. */
void bk_self_reopen(struct bk_self *s);
/* Begins to learn from what the mailbox names; what was learnt before is forgotten. */
void bk_self_gather(struct bk_self *s, const struct bk_mailbox_view *view);
/* The mailbox names the same, or more: what is asked already is not asked again. */
void bk_self_gather_more(struct bk_self *s, const struct bk_mailbox_view *view);
/* Should the mailbox look which ports new flows over TCP get (probe_flows)? Only they can tell where there is no UDP,
 * and they are asked for before that is sure, so that nothing has to wait for them: a mailbox that knows its local
 * address has greeted us, and by then who answers over UDP has done so. */
bool bk_self_wants_flows(const struct bk_self *s, const struct bk_mailbox_view *view);
/* Somebody comes: which port would a new flow get by now? Nothing waits for that. */
void bk_self_freshen(struct bk_self *s);
/* How long introducing ourselves should wait from now on for what is still being learnt; 0: it is all
 * here. */
bk_dur bk_self_wait(const struct bk_self *s, const struct bk_mailbox_view *view);
/* The same, once we know to whom: the latest flow over TCP is worth a round trip where nothing but the next port of our
 * sequence connects us. */
bk_dur bk_self_wait_for(
	const struct bk_self *s, const struct bk_mailbox_view *view, const struct bk_intro *peer);
/* UDP or the router has said something: is what the router says of its address still so? Else it is asked anew. */
void bk_self_compare_opened(struct bk_self *s);
/* Has our router opened a port, since we told that of ourselves, by which that peer could come to us? */
bool bk_self_has_news(const struct bk_self *s, const struct bk_intro *told, const struct bk_intro *peer);
/* Does our router give a port that is of no use, or refuse one? Said once; told: our last introduction. */
bool bk_self_explain_opened(struct bk_self *s, const struct bk_intro *told, char out[BK_OPENING_TEXT_MAX]);
/* Routers up to our own public address, as far as was counted; 0: unknown. */
unsigned bk_self_hops(struct bk_self *s);
/* Closes the UDP sockets, and listeners that were not taken (taken: set to -1). */
void bk_self_done(struct bk_self *s);

/* Everything but start, which the caller fills. */
void bk_self_describe(
	const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *ret_intro);

#endif
