/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_TCP_H
#define BK_PUNCH_TCP_H

#include "base/engine.h"
#include "base/rng.h"
#include "punch/technique.h"

/* TCP punching as a pure engine (Ford, Srisuresh, Kegel 2005; RFC 5128 section 3.3; RFC 9293 section 3.5
 * simultaneous open): carries out a plan. Each attempt connects, again and again with fresh sockets and
 * jitter, until its connection is proven or the budget ends. Every connection made or accepted is reported
 * once, and the owner proves it (the authenticated handshake): one that holds is the end, and who has it frees the
 * engine; one that does not the owner closes and disproves (any id, also one that is not the engine's), and its attempt
 * goes on trying. An attempt waits 2 s for that and then goes on; the connection stays the owner's, and may still be
 * proven. When the budget has ended DONE waits for proofs under way. Both sides may prove different connections: only
 * the controlling side may choose, the other one follows. */
struct bk_punch_tcp;

struct bk_punch_tcp_opts {
	struct bk_plan plan;
	struct bk_addr shared;  /* local address and port of the control connection; sockets of
				   is_from_shared_port bind it */
	struct bk_addr shared6; /* the same for IPv6; family 0: none */
	bk_time start;          /* the agreed instant on our clock; in the past means now */
	/* Not 0: what waits for the instant opens the own filter meanwhile, from the shared port, by a SYN that passes
	 * every router of this side and goes no further; a SYN of the peer's makes that a connection. */
	uint8_t opener_ttl;
	bk_time full_from; /* when full ones go, sooner or later than the instant; 0: at the instant */
	uint64_t seed;
};

int bk_punch_tcp_new(const struct bk_punch_tcp_opts *opts, bk_time now, struct bk_punch_tcp **ret_engine);
void bk_punch_tcp_free(struct bk_punch_tcp *e); /* sockets are the driver's; it closes them */

extern const struct bk_engine_ops bk_punch_tcp_ops;
extern const struct bk_method bk_method_tcp;

/* What an attempt met so far. */
struct bk_attempt_stats {
	unsigned tries, refused, reset, timed_out, unreachable, other, connected;
	bk_time first_try; /* BK_NEVER: none yet */
};
/* As struct bk_method has it. */
void bk_punch_tcp_disprove(struct bk_punch_tcp *e, uint32_t id, bk_time now);
/* Who came to the listener came by what needs one: no port was guessed. NULL: that way is another one. */
const struct bk_technique *bk_punch_tcp_technique(const struct bk_punch_tcp *e, const struct bk_way *way);
/* What attempt i of the plan met, in a line; false: there is none. */
bool bk_punch_tcp_saw(const struct bk_punch_tcp *e, size_t i, char out[BK_PLAN_TEXT_MAX]);

void bk_punch_tcp_stats(const struct bk_punch_tcp *e, size_t attempt, struct bk_attempt_stats *ret_stats);

#endif
