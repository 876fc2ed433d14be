/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "nat.h"
#include "punch/plan.h"
#include "punch/tcp.h"

/* One connecting, from the introductions to a proven connection or the end of the budget, in virtual time:
 * two simulated machines carry out what two real engines ask for. */

struct sim_story {
	const char *a, *b; /* names of NAT types */
	enum sim_answer answer;
	bk_dur delay, jitter; /* one way */
	double loss;
	bk_dur skew;            /* b begins that much later than a believes */
	bk_dur timer_slack;     /* timers are late by up to this */
	bool filtering_unknown; /* no server tried to connect back */
	bool has_counted;       /* both have counted their routers, as is usual */
	bool same_seed;         /* both engines draw the same jitter: as if on one fixed grid */
	bool deaf_first;        /* every side's first connection fails its proof */
	void (*tweak)(struct bk_plan *plan);
	uint64_t seed;
};

struct sim_ending {
	bool is_direct;       /* both sides proved the same connection */
	bk_dur elapsed;       /* from both introductions known until both sides have proven, or given up */
	bk_dur from_start;    /* the same, from the agreed instant */
	unsigned tries;       /* SYNs of new sockets, both sides */
	bool done_once[2];    /* it had a path, or the engine said that it is done, once */
	unsigned connections; /* reported to owners, both sides */
	struct bk_plan plans[2];
	struct bk_attempt_stats stats[2][BK_PLAN_ATTEMPTS_MAX];
};

void sim_story_run(const struct sim_story *s, struct sim_ending *ret_ending);

#endif
