/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PLAIN_STRATEGY_H
#define BK_PLAIN_STRATEGY_H

#include "base/engine.h"
#include "base/rng.h"

/* What to do about a peer, as the plain dialect's actions name it. */
enum bk_plain_action {
	BK_PLAIN_NO_STRATEGY, /* null, and every word we do not know: listen and connect at once */
	BK_PLAIN_LISTEN,
	BK_PLAIN_CONNECT,
	BK_PLAIN_TRY_AND_LISTEN,
	BK_PLAIN_DELAY_CONNECT,
	BK_PLAIN_TRY_AND_REPORT,
	BK_PLAIN_STANDBY,
};

enum bk_plain_action bk_plain_action_from_str(const char *s);

/* Does it, as a pure engine on TCP sockets that share one local port. Reports one connection, and then
 * BK_REPORT_DONE; or BK_REPORT_DONE alone when the budget is spent. */
struct bk_strategy;

struct bk_strategy_opts {
	enum bk_plain_action action;
	struct bk_addr local; /* the shared port */
	struct bk_addr peer;  /* its public address */
	bk_dur budget;
	uint64_t seed;
};

int bk_strategy_new(const struct bk_strategy_opts *opts, bk_time now, struct bk_strategy **ret_strategy);
void bk_strategy_free(struct bk_strategy *s); /* NULL is fine */

/* The port that a standby waits for. */
void bk_strategy_set_port(struct bk_strategy *s, uint16_t port, bk_time now);

extern const struct bk_engine_ops bk_strategy_ops;

#endif
