/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STUN_TRANSACTION_H
#define BK_STUN_TRANSACTION_H

#include "base/rng.h"
#include "base/time.h"
#include "stun/msg.h"

/* The retransmission schedule of one request over UDP (RFC 8489 section 6.2.1), pure. */
struct bk_stun_transaction {
	struct bk_stun_id id;
	bk_dur rto; /* the interval behind the next sending */
	bk_dur rto_max;
	bk_dur wait_max;
	bk_time next; /* when to send (again); BK_NEVER when all are sent */
	bk_time last_sent;
	bk_time over_at; /* no answer until then: there is none; BK_NEVER while more is to be sent */
	int sent, sent_max;
};

/* An id by chance, for a schedule. */
struct bk_stun_id bk_stun_id_draw(struct bk_rng *rng);

/* rto: the first interval, doubled up to rto_max; sent_max sendings; behind the last one it waits 16 times
 * the first interval (Rm), at most wait_max. The first sending is due at once. */
void bk_stun_transaction_init(struct bk_stun_transaction *t, const struct bk_stun_id *id, bk_dur rto,
	bk_dur rto_max, int sent_max, bk_dur wait_max, bk_time now);
/* The path is known to answer within `rtt`: no reason to wait longer than that needs. Shortens what is still
 * to come, never prolongs it. */
void bk_stun_transaction_adapt(struct bk_stun_transaction *t, bk_dur rtt);
/* True: send the request now (and it has been counted). */
bool bk_stun_transaction_is_due(struct bk_stun_transaction *t, bk_time now);
bk_time bk_stun_transaction_next_wake(const struct bk_stun_transaction *t);
/* No answer came in time. */
bool bk_stun_transaction_is_over(const struct bk_stun_transaction *t, bk_time now);

#endif
