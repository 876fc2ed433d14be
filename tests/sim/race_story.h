/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RACE_STORY_H
#define SIM_RACE_STORY_H

#include "nat.h"
#include "punch/technique.h"

/* A whole race of rows in virtual time: on each of two simulated machines the engines of all rows run at the
 * same time, on the shared sockets and on those that they open; the first path that is proven wins. */

/* One of the two, and its network. */
struct sim_race_side {
	enum sim_answer answer;
	bool opens;   /* its router opens ports for it */
	bool has_ip6; /* beside IPv4, behind a firewall */
	bool is_udp_blocked;
	double noise; /* other users' flows behind its NAT, a second */
};

struct sim_race_story {
	const struct bk_technique *const *rows; /* NULL: bk_techniques. Without the relay: there is none */
	const char *a, *b;                      /* names of NAT types, or SIM_FW6 */
	struct sim_race_side sides[2];          /* a, b */
	bk_dur delay, jitter;                   /* one way */
	bk_dur age;                             /* of what was learnt, when both introductions are known */
	double loss;
	bk_dur timer_slack; /* timers are late by up to this */
	bool filtering_unknown;
	bool b_controls;
	bk_dur late;             /* a hears so much later than the mail takes */
	bool has_counted_tcp[2]; /* they know how far a SYN has to go to open the own filter alone */
	uint64_t seed;
};

struct sim_race_ending {
	bool is_direct;                       /* both sides took the same path, and words went over it */
	const struct bk_technique *technique; /* of the controlling side; NULL: none */
	const struct bk_technique *told[2];   /* what each side calls it; NULL: none */
	bk_dur elapsed;    /* from both introductions known until both have a path, or all engines ended */
	unsigned engines;  /* of one side */
	unsigned reported; /* paths worth proving, both sides */
	unsigned sent[2];  /* packets of each machine until both ended */
};

void sim_race_story_run(const struct sim_race_story *s, struct sim_race_ending *ret_ending);

#endif
