/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_SCENARIOS_H
#define BK_LAB_SCENARIOS_H

#include <stddef.h>

/* The one list of scenarios, for the kernel laboratory and for the simulator in virtual time: where the two
 * disagree, one of them is wrong. */
struct bk_lab_scenario {
	const char *a, *b;     /* names of NAT types */
	const char *transport; /* "tcp" or "udp" alone; "any": all techniques at once, as people have it */
	const char *answer;   /* what a router does with an unsolicited packet: drop, reject, reset, accept */
	int delay_ms;         /* one way between the hosts, as `lab up --delay` */
	int loss_percent;     /* one way between the hosts, as `lab up --loss` */
	const char *expected; /* "direct" or "relay": the path of the session */
	int runs;             /* how often a full test tries it; each run is a fresh lab or fresh flows */
	int min_direct_percent; /* of the runs, at least so many direct; with "relay" 0, and none may fail */
	int median_max_ms; /* of the slower side, from both introductions known to the link secure; 0: any */
};

/* Row i, NULL behind the last one. */
const struct bk_lab_scenario *bk_lab_scenario_at(size_t i);

#endif
