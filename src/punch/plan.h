/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_PLAN_H
#define BK_PUNCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/time.h"
#include "wire/intro.h"

/* The planner: a pure function of two introductions. Both sides compute the same plan (mirrored), and it is
 * data: what is tried, by which technique, when. The words for it are in punch/explain.h. */

struct bk_technique;
struct bk_method;
struct bk_pair;

enum {
	BK_PLAN_ATTEMPTS_MAX = 24,
	BK_PLAN_TEXT_MAX = 512,
	BK_PLAN_PASSES = 3,      /* with full TTL, of a set of guessed ports that is fast as a whole */
	BK_PLAN_FAN_PACKETS = 2, /* from each of the fresh sockets */
};

/* Ports of one address: first, first + step, ... len of them; or the same set in another order. */
enum bk_ports_order {
	BK_PORTS_UP,
	BK_PORTS_OUTWARD,   /* first, first + step, first - step, first + 2 step, ... */
	BK_PORTS_SCATTERED, /* no two neighbours after one another */
};

struct bk_ports {
	uint16_t first, len;
	int16_t step;
	enum bk_ports_order order;
	/* UP: it begins with that one, and goes round; SCATTERED: its neighbours come first; 0: neither. */
	uint16_t pivot;
};

struct bk_attempt {
	const struct bk_technique *technique;
	struct bk_addr remote;
	struct bk_ports ports;    /* len 0: the port of `remote` alone */
	bool is_from_shared_port; /* bind the port of the control connection */
	bool is_from_shared6; /* ... or over IPv6 the port that our own candidates name, where there is one */
	bool is_at_start;     /* wait for the agreed instant; otherwise begin at once */
	bk_dur delay;         /* after its beginning */
	bk_dur try_timeout;   /* an unanswered SYN is given up and sent afresh after this */
	bk_dur retry_gap;     /* after refused, reset, unreachable; +- 50 % jitter */
	unsigned eager;       /* after so many of them the gap grows */
	/* Over UDP, where a port is guessed: so many of the ports are sent to, once or a few times each, and whoever
	 * is heard from there is a target. 0: each port is a target. `fast`: so many of them at once, openers before
	 * the agreed instant; the others one by one, each `pace` after the last. */
	uint16_t probes, fast;
	bk_dur pace;
	/* Over UDP: nobody is there; a request is sent that has the own NAT let in more (punch/helper.h). */
	bool is_request;
	/* Over UDP: from so many fresh sockets, each of which opens the own filter, and sends no more until it is
	 * spoken to. 0: from the one that all share. */
	uint16_t sockets;
};

/* What one engine is to do. */
struct bk_plan {
	const struct bk_technique *const *rows; /* of which it was made */
	const struct bk_method *method;         /* whose engine carries it out */
	struct bk_attempt attempts[BK_PLAN_ATTEMPTS_MAX];
	size_t attempts_len;
	const struct bk_technique
		*guest;         /* by which somebody comes of whom no attempt knows; NULL: see looks_like */
	bool wants_listener;    /* a listener on the shared port helps */
	bool is_listener_brief; /* ... but only until a try of ours from that port is refused */
	bk_dur budget;          /* from the agreed instant; then there is no more hope */
	bool is_hopeful; /* false: no technique fits this pair; addresses of the other machine are tried,
			    briefly, if they make sense */
};

/* budget: BK_PLAN_BUDGET unless asked otherwise. */
#define BK_PLAN_BUDGET (3 * BK_SEC)

/* What the engine of `method` does for all rows of the table that are its. */
void bk_plan_make(const struct bk_pair *pair, const struct bk_technique *const *rows,
	const struct bk_method *method, struct bk_plan *ret_plan);

/* Both sides' agreed instant on the server's clock: chosen by the side that answers last, at least one and a
 * half of the larger server round trip ahead of server_now. */
int64_t bk_plan_start_instant(int64_t server_now, bk_dur own_rtt, bk_dur peer_rtt);

/* --- for rows and engines --- */

/* What is there already, and what does not fit in, is left out. */
void bk_plan_add(struct bk_plan *p, const struct bk_attempt *a);
/* How long a SYN is waited for. A shorter time would cut off the handshake of a peer that began late: nothing
 * is seen of it before it is complete. */
bk_dur bk_plan_try_timeout(const struct bk_pair *pair);
/* The round trip between the two, as far as their ways to the server tell. */
bk_dur bk_plan_path_rtt(const struct bk_pair *pair);
/* How many packets to guessed ports, or from fresh sockets so that those are guessed, it sends at most; 0: nothing is
 * guessed. */
unsigned bk_attempt_guesses(const struct bk_attempt *a);
/* How many addresses the attempt goes to (at least one), and the i-th. */
size_t bk_attempt_len(const struct bk_attempt *a);
struct bk_addr bk_attempt_remote(const struct bk_attempt *a, size_t i);

/* Attempt i as a line for -v: "punch 192.0.2.7:40001 from the shared port at the agreed instant". */
const char *bk_plan_attempt_to_str(const struct bk_plan *p, size_t i, char out[BK_PLAN_TEXT_MAX]);

#endif
