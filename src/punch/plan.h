/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_PLAN_H
#define BK_PUNCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/time.h"
#include "punch/attempt.h"
#include "wire/intro.h"

/* The planner: a pure function of two introductions. Both sides compute the same plan (mirrored), and it is
 * data: what is tried, by which technique, when. The words for it are in punch/explain.h. */

struct bk_technique;
struct bk_method;
struct bk_pair;

enum { BK_PLAN_ATTEMPTS_MAX = 24, BK_PLAN_TEXT_MAX = 512 };

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
/* Is the server so near to both that the instant says little? */
bool bk_plan_is_short(const struct bk_intro *own, const struct bk_intro *peer);
/* An agreed instant, as far as we believe it. */
bk_time bk_plan_believed(bk_time start, bk_time now);
/* Attempt i as a line for -v: "punch 192.0.2.7:40001 from the shared port at the agreed instant". */
const char *bk_plan_attempt_to_str(const struct bk_plan *p, size_t i, char out[BK_PLAN_TEXT_MAX]);

#endif
