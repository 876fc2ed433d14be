/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_PLAN_H
#define BK_PUNCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/time.h"
#include "wire/intro.h"

/* The planner: a pure function of two introductions. Both sides compute the same plan (mirrored), it is data,
 * and it can be printed and explained. TCP and UDP have a plan each. */

enum bk_technique {
	BK_TECHNIQUE_LAN,   /* a host candidate, no translation involved */
	BK_TECHNIQUE_IPV6,  /* a global IPv6 address */
	BK_TECHNIQUE_PUNCH, /* to the mapped address from the shared port */
	BK_TECHNIQUE_RELAY,
};

const char *bk_technique_name(enum bk_technique t); /* "lan", "ipv6", "punch", "relay" */

enum { BK_PLAN_ATTEMPTS_MAX = 24, BK_PLAN_TEXT_MAX = 512 };

struct bk_attempt {
	enum bk_technique technique;
	struct bk_addr remote;
	bool from_shared_port; /* bind the port of the control connection (or the shared IPv6 port) */
	bool at_start;         /* wait for the agreed instant; otherwise begin at once */
	bk_dur delay;          /* after its beginning */
	bk_dur try_timeout;    /* an unanswered SYN is given up and sent afresh after this */
	bk_dur retry_gap;      /* after refused, reset, unreachable; +- 50 % jitter */
};

struct bk_plan {
	struct bk_attempt attempts[BK_PLAN_ATTEMPTS_MAX];
	size_t attempts_len;
	bool listen_shared;        /* a listener on the shared port helps */
	bool listen_until_refused; /* ... but only until a try of ours from that port is refused */
	bk_dur budget;             /* from the agreed instant; then the relay is taken */
	bool punch_possible; /* false: no punching technique fits this pair; only host candidates are tried,
				briefly */
	char why[BK_PLAN_TEXT_MAX]; /* one plain sentence: what is tried, or why a relay */
};

enum bk_path_policy { BK_PATH_AUTO, BK_PATH_DIRECT, BK_PATH_RELAY };

/* budget: BK_PLAN_BUDGET unless asked otherwise. */
#define BK_PLAN_BUDGET (3 * BK_SEC)

void bk_plan_make(const struct bk_intro *own, const struct bk_intro *peer, enum bk_path_policy policy,
	struct bk_plan *ret_plan);

/* Over UDP: where to probe from the shared port, at once or at the instant (until then only openers go).
 * Nobody listens, and the timing of retries is the engine's. */
void bk_plan_make_udp(const struct bk_intro *own, const struct bk_intro *peer, struct bk_plan *ret_plan);

/* Does any technique of UDP fit these two, through their NATs or their IPv6 firewalls? */
bool bk_plan_udp_fits(const struct bk_intro *own, const struct bk_intro *peer);

/* Does any punching technique fit these two NATs? The same answer from both sides. */
bool bk_plan_punch_fits(const struct bk_nat_profile *own, const struct bk_nat_profile *peer);

/* Both sides' agreed instant on the server's clock: chosen by the side that answers last, at least one and a
 * half of the larger server round trip ahead of server_now. */
int64_t bk_plan_start_instant(int64_t server_now, bk_dur own_rtt, bk_dur peer_rtt);

/* Which pair, in words, as TCP sees it: "both NATs port-restricted", "open here, symmetric there". */
const char *bk_plan_pair_to_str(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX]);
/* The same of two profiles, as UDP may see it otherwise. */
const char *bk_plan_nats_to_str(
	const struct bk_nat_profile *own, const struct bk_nat_profile *peer, char out[BK_PLAN_TEXT_MAX]);
/* Why the peer is reached by relay, over whatever transports both sides have: one sentence with what would
 * help. */
const char *bk_plan_relay_reason(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX]);
/* Attempt i as a line for -v: "punch 192.0.2.7:40001 from the shared port at the agreed instant". */
const char *bk_plan_attempt_to_str(const struct bk_plan *p, size_t i, char out[BK_PLAN_TEXT_MAX]);

#endif
