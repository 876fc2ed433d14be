/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_SELF_H
#define BK_MEET_SELF_H

#include <bodkin/session.h>

#include "rendezvous/client.h"
#include "secure/identity.h"
#include "path/hub.h"
#include "wire/intro.h"

/* What this side says of itself: listeners for the peer's direct attempts, and the introduction. */
enum { BK_SELF_LISTENERS = 2 };

struct bk_self {
	int listeners[BK_SELF_LISTENERS]; /* TCP over IPv4, IPv6; -1 where there is none */
	uint16_t ports[BK_SELF_LISTENERS];
	struct bk_hub *hub; /* the UDP sockets; NULL: no UDP */
	bool has_tcp;
};

/* Opens what the transport choice asks for: listeners behind the host candidates, UDP sockets. What the
 * machine lacks is left out. on_view is called from the loop when UDP learnt something. */
int bk_self_init(struct bk_self *s, struct bk_loop *loop, enum bk_transport_choice transport,
	void (*on_view)(void *arg), void *arg);
/* The listeners were taken: opens others, with other ports. */
void bk_self_reopen(struct bk_self *s);
/* The server is known: learn from it what UDP looks like from outside. */
void bk_self_gather(struct bk_self *s, const struct bk_rdv_view *view);
/* How long introducing ourselves should wait from now on for what the NAT's answers may still tell; 0: they
 * are all here. */
bk_dur bk_self_wait(const struct bk_self *s, const struct bk_rdv_view *view);
/* Closes the UDP sockets, and listeners that were not taken (taken: set to -1). */
void bk_self_done(struct bk_self *s);

/* What the control connection tells of the NAT over TCP. */
void bk_self_judge_tcp(const struct bk_rdv_view *view, struct bk_nat_profile *ret_profile);

/* Everything but id, name, pin, tie_breaker, capabilities and start, which the caller fills. */
void bk_self_describe(const struct bk_self *s, const struct bk_rdv_view *view, struct bk_intro *intro);

#endif
