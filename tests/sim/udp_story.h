/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_UDP_STORY_H
#define SIM_UDP_STORY_H

#include "nat.h"
#include "punch/udp.h"

/* One connecting over UDP, from the introductions to a nomination on both sides or the end of the budget, in
 * virtual time: two real engines, one datagram socket of each family on each simulated machine. */

struct sim_udp_story {
	const char *a, *b; /* names of NAT types, or SIM_FW6 */
	enum sim_answer answer;
	bk_dur delay, jitter; /* one way */
	double loss;
	double noise;           /* other users' flows behind each NAT, a second */
	bk_dur age;             /* of what was learnt, when both introductions are known */
	bk_dur skew;            /* b begins that much later than a believes */
	bk_dur timer_slack;     /* timers are late by up to this */
	bool filtering_unknown; /* as usual: nobody waits for that test */
	bool b_controls;
	bool a_has_helper;     /* a's NAT looks into TFTP */
	bool without_guessing; /* b does not want it */
	void (*tweak)(struct bk_punch_udp_opts *opts);
	bool is_peer_unsure; /* nobody knows whether openers pass: all wait for the instant */
	uint64_t seed;
};

struct sim_udp_ending {
	bool is_direct;    /* both sides have nominated, and what one sends there reaches the other */
	bk_dur elapsed;    /* from both introductions known until both have nominated or given up */
	bk_dur from_start; /* the same, from the agreed instant */
	bk_dur behind; /* the controlled side's nomination, behind what the other one could send it upon its
			  own */
	bool ended_once[2];
	unsigned nominations;
	struct bk_punch_udp_stats stats[2];
};

void sim_udp_story_run(const struct sim_udp_story *s, struct sim_udp_ending *ret_ending);

#endif
