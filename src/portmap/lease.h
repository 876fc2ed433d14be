/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_LEASE_H
#define BK_PORTMAP_LEASE_H

#include <bodkin/path.h>
#include <stdbool.h>

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"
#include "portmap/trouble.h"

/* One port of the router's that we want: what we know of it, and when to ask (again). Pure; it knows neither
 * messages nor routers. */
struct bk_portmap_lease {
	enum bk_transport transport;
	uint16_t own_port;
	struct bk_addr external;         /* by it we are reached; family 0: we are not, or not yet */
	bk_time until;                   /* as long as the router keeps it, unless it is renewed */
	enum bk_portmap_trouble trouble; /* why there is none; FINE: it is there, or asked for */
};

enum bk_lease_state {
	BK_LEASE_FREE, /* the slot is nobody's */
	BK_LEASE_IDLE, /* wanted; not begun */
	BK_LEASE_ASKING,
	BK_LEASE_RESTING, /* held, or refused: until the next time */
	BK_LEASE_LEAVING, /* it is being given back */
};

struct bk_lease {
	struct bk_portmap_lease told;
	enum bk_lease_state state;
	bk_time next; /* when it is its turn */
	bk_dur interval;
	int left;     /* sendings of this round */
	int rounds;   /* of renewal without an answer */
	int refusals; /* in a row */
	bool is_patient; /* its owner awaits nothing: it is asked again after seconds, as RFC 6887 section 8.1.1 has it */
	bool was_held;
	bk_time since; /* when it was given */
};

enum bk_lease_turn {
	BK_LEASE_NOTHING,
	BK_LEASE_SEND,    /* ask now, or, while leaving, give back */
	BK_LEASE_CHANGED, /* its owner should look */
};

void bk_lease_want(struct bk_lease *l, enum bk_transport t, uint16_t own_port, bool is_patient);
/* From `at` on it asks. */
void bk_lease_begin(struct bk_lease *l, bk_time at);
/* The router has given it. True: it is another address than before. */
bool bk_lease_grant(
	struct bk_lease *l, const struct bk_addr *external, bk_dur lifetime, struct bk_rng *rng, bk_time now);
/* The router has said no, and will for `wait` (0: it did not say for how long). BK_NEVER: not again. */
void bk_lease_refuse(struct bk_lease *l, enum bk_portmap_trouble why, bk_dur wait, bk_time now);
/* Not wanted any more: given back if the router may have it. */
void bk_lease_leave(struct bk_lease *l, bk_time now);
/* Until NOTHING comes. */
enum bk_lease_turn bk_lease_run(struct bk_lease *l, struct bk_rng *rng, bk_time now);
bk_time bk_lease_next_wake(const struct bk_lease *l);

#endif
