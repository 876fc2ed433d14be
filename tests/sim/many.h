/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MANY_H
#define SIM_MANY_H

#include "base/engine.h"

/* An engine of many sockets, each of which may be the one that wins, as a technique for hard NATs will be:
 * one side opens them all and asks from each; the other one, on the socket that it has from its owner,
 * answers one way alone. For tests on real sockets and in the simulator. */
struct many;

enum { MANY_OWN_SOCKET = 1, MANY_FIRST_SOCKET = 3 };

struct many_opts {
	size_t sockets;      /* to be opened; 0: the side that answers */
	struct bk_addr peer; /* of the side that asks */
	size_t answered;     /* of the side that answers: which way, counted as they are heard from 0 */
};

/* Never NULL. */
struct many *many_new(const struct many_opts *opts, bk_time now);
void many_free(struct many *m);

/* REPORT says BK_REPORT_CHOSEN with socket and remote, once; or BK_REPORT_DONE when nobody answered for two seconds.
 */
extern const struct bk_engine_ops many_ops;

#endif
