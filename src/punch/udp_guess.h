/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_UDP_GUESS_H
#define BK_PUNCH_UDP_GUESS_H

#include "punch/udp_fan.h"
#include "punch/udp_spray.h"

/* Inside punch: the part of the engine that guesses ports, or has its own guessed, until somebody is heard, or somebody
 * on the way says that it is forbidden. Embedded, zeroed at first, then bk_udp_guess_init: it is off. */

struct bk_udp_guess {
	struct bk_udp_spray spray;
	struct bk_udp_fan fan;
	bool is_on;                /* the plan had something for it */
	struct bk_addr request_to; /* punch/helper.h; family 0: none */
	bk_time request_again, request_wake;
	struct bk_addr forbidden_by; /* family 0: nobody did */
};

void bk_udp_guess_init(struct bk_udp_guess *g);
void bk_udp_guess_done(struct bk_udp_guess *g);
/* For what bk_attempt_is_guess says; the first of either kind counts. BK_E_NOMEM. */
int bk_udp_guess_add(struct bk_udp_guess *g, const struct bk_attempt *a, bk_time full_from, bk_time now);

/* Sends what is due by now, each like that probe; how many it sent. No more before bk_udp_guess_wake. */
unsigned bk_udp_guess_run(struct bk_udp_guess *g, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, const struct bk_udp_targets *targets, bk_time now);
bk_time bk_udp_guess_wake(const struct bk_udp_guess *g);

/* Somebody was heard: it rests for a moment. */
void bk_udp_guess_rest(struct bk_udp_guess *g, bk_time now);
void bk_udp_guess_stop(struct bk_udp_guess *g, bk_time now);
/* Does that ICMP message forbid what was sent there, from that socket to that very port? Then it is stopped.
 * A router that answers so for itself, where the ports are guessed, only says that this port was the wrong
 * one. */
bool bk_udp_guess_forbid(
	struct bk_udp_guess *g, const struct bk_way *to, const struct bk_icmp *icmp, bk_time now);

/* By what somebody came from there of whom the plan says nothing; NULL: not by this. */
const struct bk_technique *bk_udp_guess_technique(const struct bk_udp_guess *g, const struct bk_way *from);
/* May somebody come to that socket from there? */
bool bk_udp_guess_may_come(const struct bk_udp_guess *g, const struct bk_way *from);

#endif
