/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_ATTEMPT_H
#define BK_PUNCH_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/time.h"

/* What a plan is made of: one address, or a set of ports of it, and how it is tried. */

struct bk_technique;

enum {
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
	unsigned tries;       /* of each port, at most; 0: as many as the engine has */
	unsigned eager;       /* after so many of them the gap grows */
	/* Where a port is guessed: so many of the ports are sent to, over UDP once or a few times each, and whoever is
	 * heard from there is a target; over TCP each from a socket of its own, all at once. 0: each port is a target.
	 * `fast`: so many of them at once, openers before the agreed instant; the others one by one, each `pace` after
	 * the last, the first `brisk` ones half of it. */
	uint16_t probes, fast, brisk;
	bk_dur pace;
	/* Over UDP: nobody is there; a request is sent that has the own NAT let in more (punch/helper.h). */
	bool is_request;
	/* Over UDP: from so many fresh sockets, each of which opens the own filter, and sends no more until it is
	 * spoken to. 0: from the one that all share. */
	uint16_t sockets;
};

/* How many packets to guessed ports, or from fresh sockets so that those are guessed, it sends at most; 0: nothing is
 * guessed. */
unsigned bk_attempt_guesses(const struct bk_attempt *a);
/* Does it do so, or ask the own NAT to make that needless? Not what is tried of an address as a matter of course. */
bool bk_attempt_is_guess(const struct bk_attempt *a);
/* How many addresses the attempt goes to (at least one), and the i-th. */
size_t bk_attempt_len(const struct bk_attempt *a);
struct bk_addr bk_attempt_remote(const struct bk_attempt *a, size_t i);

#endif
