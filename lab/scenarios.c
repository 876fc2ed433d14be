/* SPDX-License-Identifier: Apache-2.0 */
/* The table of scenarios. Rows whose routers answer have a delay, since without one the window in which two
 * SYNs can cross is a few microseconds and luck would decide; over UDP openers decide, so they have none. A
 * pair and its mirror image are different rows where the two sides do different things. */
#include "lab/scenarios.h"

/* clang-format off */
static const struct bk_lab_scenario scenarios[] = {
	/* a       b       over   answer ms  loss expected runs percent median */
	{"full", "full", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"full", "port", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"restricted", "restricted", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"restricted", "port", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"port", "port", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"open", "port", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"cgn-port", "port", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"full", "sym", "tcp", "drop", 0, 0, "direct", 1, 100, 0},

	{"port", "port", "tcp", "reset", 20, 0, "direct", 20, 100, 0},

	{"sym", "sym", "tcp", "drop", 0, 0, "relay", 1, 0, 0},
	{"port", "sym", "tcp", "drop", 0, 0, "relay", 1, 0, 0},

	{"open", "open", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"open", "sym", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"sym", "full", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"port", "restricted", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"restricted", "sym", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"cgn-port", "cgn-port", "tcp", "drop", 0, 0, "direct", 1, 100, 0},
	{"cgn-sym", "port", "tcp", "drop", 0, 0, "relay", 1, 0, 0},
	{"port", "port", "tcp", "drop", 20, 0, "direct", 5, 100, 0},
	{"port", "port", "tcp", "accept", 20, 0, "direct", 10, 100, 0},
	{"port", "port", "tcp", "reject", 20, 0, "direct", 10, 100, 0},
	{"restricted", "port", "tcp", "reset", 20, 0, "direct", 5, 100, 0},

	{"full", "full", "udp", "drop", 0, 0, "direct", 10, 100, 20},
	{"full", "port", "udp", "drop", 0, 0, "direct", 10, 100, 20},
	{"full", "sym", "udp", "drop", 0, 0, "direct", 10, 100, 20},
	{"restricted", "restricted", "udp", "drop", 0, 0, "direct", 10, 100, 20},
	{"restricted", "port", "udp", "drop", 0, 0, "direct", 10, 100, 20},
	{"restricted", "sym", "udp", "drop", 0, 0, "direct", 10, 100, 60},
	{"port", "port", "udp", "drop", 0, 0, "direct", 10, 100, 20},
	{"open", "port", "udp", "drop", 0, 0, "direct", 10, 100, 20},
	{"cgn-port", "port", "udp", "drop", 0, 0, "direct", 10, 100, 20},

	{"full", "full", "udp", "reject", 0, 0, "direct", 3, 100, 20},
	{"full", "port", "udp", "reject", 0, 0, "direct", 3, 100, 20},
	{"full", "sym", "udp", "reject", 0, 0, "direct", 3, 100, 20},
	{"restricted", "restricted", "udp", "reject", 0, 0, "direct", 3, 100, 20},
	{"restricted", "port", "udp", "reject", 0, 0, "direct", 3, 100, 20},
	{"restricted", "sym", "udp", "reject", 0, 0, "direct", 3, 100, 60},
	{"port", "port", "udp", "reject", 0, 0, "direct", 3, 100, 20},
	{"open", "port", "udp", "reject", 0, 0, "direct", 3, 100, 20},
	{"cgn-port", "port", "udp", "reject", 0, 0, "direct", 3, 100, 20},

	{"full", "full", "udp", "reset", 0, 0, "direct", 3, 100, 20},
	{"full", "port", "udp", "reset", 0, 0, "direct", 3, 100, 20},
	{"full", "sym", "udp", "reset", 0, 0, "direct", 3, 100, 20},
	{"restricted", "restricted", "udp", "reset", 0, 0, "direct", 3, 100, 20},
	{"restricted", "port", "udp", "reset", 0, 0, "direct", 3, 100, 20},
	{"restricted", "sym", "udp", "reset", 0, 0, "direct", 3, 100, 60},
	{"port", "port", "udp", "reset", 0, 0, "direct", 3, 100, 20},
	{"open", "port", "udp", "reset", 0, 0, "direct", 3, 100, 20},
	{"cgn-port", "port", "udp", "reset", 0, 0, "direct", 3, 100, 20},

	{"full", "full", "udp", "accept", 0, 0, "direct", 3, 100, 20},
	{"full", "port", "udp", "accept", 0, 0, "direct", 3, 100, 20},
	{"full", "sym", "udp", "accept", 0, 0, "direct", 3, 100, 20},
	{"restricted", "restricted", "udp", "accept", 0, 0, "direct", 3, 100, 20},
	{"restricted", "port", "udp", "accept", 0, 0, "direct", 3, 100, 20},
	{"restricted", "sym", "udp", "accept", 0, 0, "direct", 3, 100, 60},
	{"port", "port", "udp", "accept", 0, 0, "direct", 3, 100, 20},
	{"open", "port", "udp", "accept", 0, 0, "direct", 3, 100, 20},
	{"cgn-port", "port", "udp", "accept", 0, 0, "direct", 5, 100, 20},

	{"full", "full", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"full", "port", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"full", "sym", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"restricted", "restricted", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"restricted", "port", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"restricted", "sym", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"port", "port", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"open", "port", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"cgn-port", "port", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"sym", "full", "udp", "drop", 40, 0, "direct", 3, 100, 330},
	{"sym", "restricted", "udp", "drop", 40, 0, "direct", 3, 100, 330},
	{"port", "port", "udp", "accept", 40, 0, "direct", 3, 100, 290},
	{"cgn-port", "port", "udp", "accept", 40, 0, "direct", 3, 100, 290},

	{"full", "full", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"full", "port", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"full", "sym", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"restricted", "restricted", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"restricted", "port", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"restricted", "sym", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"port", "port", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"open", "port", "udp", "drop", 40, 5, "direct", 3, 100, 290},
	{"cgn-port", "port", "udp", "drop", 40, 5, "direct", 3, 100, 290},

	{"port", "symseq", "udp", "drop", 0, 0, "direct", 3, 100, 60},
	{"symseq", "port", "udp", "drop", 0, 0, "direct", 3, 100, 60},
	{"port", "symdec", "udp", "drop", 0, 0, "direct", 3, 100, 60},
	{"port", "symseq", "udp", "accept", 0, 0, "direct", 3, 100, 60},
	{"port", "symseq", "udp", "drop", 40, 0, "direct", 3, 100, 290},
	{"port", "sympar", "udp", "drop", 0, 0, "direct", 3, 100, 60},
	{"sympar", "port", "udp", "drop", 40, 0, "direct", 3, 100, 330},
	{"sympar", "symseq", "udp", "drop", 0, 0, "direct", 3, 98, 100},
	{"symseq", "symseq", "udp", "drop", 0, 0, "direct", 3, 98, 100},
	{"symseq", "symdec", "udp", "drop", 0, 0, "direct", 3, 98, 100},
	{"symseq", "sym", "udp", "drop", 0, 0, "relay", 1, 0, 0},
	{"port", "symseq", "tcp", "drop", 0, 0, "direct", 3, 100, 25},
	{"symdec", "port", "tcp", "drop", 0, 0, "direct", 3, 100, 25},
	{"port", "symseq", "tcp", "accept", 20, 0, "direct", 3, 100, 0},
	{"symdec", "port", "tcp", "reset", 20, 0, "direct", 3, 100, 0},
	{"sympar", "port", "tcp", "reject", 20, 0, "direct", 3, 100, 0},
	{"port", "symblock:128", "udp", "drop", 0, 0, "direct", 3, 99, 100},
	{"symblock:512", "port", "udp", "drop", 0, 0, "direct", 3, 99, 100},
	{"port", "symblock:2048", "udp", "drop", 0, 0, "direct", 3, 99, 100},
	{"port", "symblock:512", "udp", "accept", 0, 0, "direct", 3, 99, 100},
	{"port", "sym", "udp", "drop", 0, 0, "direct", 3, 100, 300},
	{"sym", "port", "udp", "drop", 0, 0, "direct", 3, 100, 300},
	{"port", "sym", "udp", "accept", 0, 0, "direct", 3, 100, 300},
	{"port", "sym", "udp", "drop", 40, 0, "direct", 3, 100, 600},
	{"sym", "sym", "udp", "drop", 0, 0, "relay", 1, 0, 0},
	{"cgn-sym", "port", "udp", "drop", 0, 0, "direct", 3, 100, 300},

	/* A technique that is neither of the two above is tried here. */
	{"port", "port", "any", "drop", 0, 0, "direct", 5, 100, 20},
	{"full", "sym", "any", "drop", 0, 0, "direct", 5, 100, 20},
	{"port", "port", "any", "accept", 40, 0, "direct", 3, 100, 290},
	{"port", "sym", "any", "drop", 0, 0, "direct", 3, 100, 300},
	{"sym", "sym", "any", "drop", 40, 0, "relay", 1, 0, 0},
};

/* clang-format on */

const struct bk_lab_scenario *bk_lab_scenario_at(size_t i)
{
	return i < sizeof(scenarios) / sizeof(scenarios[0]) ? &scenarios[i] : NULL;
}
