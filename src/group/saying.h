/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_SAYING_H
#define BK_GROUP_SAYING_H

#include "base/list.h"
#include "base/time.h"
#include "group/remark.h"

/* What we want to say, in order, one at a time: the next goes when the one before has come back from the server with
 * its number. So nothing overtakes, whatever is denied or lost; and a post that is sent again is the same bytes, by
 * which whoever has it already knows it. */
enum { BK_SAYING_MAX = 64, BK_SAYING_BYTES = 1024 * 1024 };

#define BK_SAYING_PATIENCE (10 * BK_SEC) /* then it is asked whether the server has had it at all */
#define BK_SAYING_GRACE    (2 * BK_SEC)  /* and a server that has, and does not tell it, withholds it */

enum bk_saying_doubt {
	BK_SAYING_TRUSTED, /* there is none */
	BK_SAYING_ASKED,   /* it should have come back; whether the server has had it is not known */
	BK_SAYING_HAD,
	BK_SAYING_WITHHELD, /* that it does not come back was said */
};

struct bk_saying {
	struct bk_list all;
	unsigned count;
	size_t bytes;
	unsigned again;    /* in front of the others: what is told again, with ticket 0, beyond `count` */
	bool is_under_way; /* the first one was sent, over this connection */
	enum bk_saying_doubt doubt;
	bk_time due; /* when it should have come back; while not under way: not before */
};

struct bk_outgoing {
	struct bk_list link;
	uint32_t ticket;      /* what it is called until it has a number */
	struct bk_buf sealed; /* empty until it is sent for the first time */
	uint8_t hash[BK_REMARK_HASH_LEN];
	uint64_t sent_ms;
	bk_time until; /* not sealed by then, it is of no use any more */
	uint8_t kind;
	size_t len;
	uint8_t content[];
};

void bk_saying_init(struct bk_saying *o);
void bk_saying_done(struct bk_saying *o);

/* A post that was told before goes first: sealed bytes with their hash, copied. BK_E_NOMEM. */
int bk_saying_put_again(
	struct bk_saying *o, const uint8_t hash[BK_REMARK_HASH_LEN], const uint8_t *sealed, size_t len);
void bk_saying_drop_again(struct bk_saying *o); /* none of them goes */

/* A copy; of use until then. BK_E_AGAIN: as much waits as may; BK_E_TOO_BIG, BK_E_NOMEM. */
int bk_saying_put(struct bk_saying *o, uint32_t ticket, uint8_t kind, uint64_t sent_ms, bk_time until,
	const void *content, size_t len);

struct bk_outgoing *bk_saying_next(
	const struct bk_saying *o, bk_time now); /* to be sent now; NULL: nothing is */
void bk_saying_sent(struct bk_saying *o, bk_time now);

/* That post was told: positive where it is the one under way, or was in a life before: it is done with. Ticket 0: it
 * was told again. */
int bk_saying_heard(struct bk_saying *o, const uint8_t hash[BK_REMARK_HASH_LEN], uint32_t *ret_ticket);
/* That one was denied: again after so long, or (0) never; the ticket of another one is nobody's. True: it is gone. */
bool bk_saying_denied(struct bk_saying *o, uint32_t ticket, bk_dur wait, bk_time now);
void bk_saying_lost(struct bk_saying *o); /* the connection: it is to be sent again */
/* Whether what was under way was told cannot be known any more: it is gone, and what was to be told again, too. True
 * where one had a ticket. */
bool bk_saying_give_up(struct bk_saying *o, uint32_t *ret_ticket);
/* True: the next one is of no use any more, and gone. */
bool bk_saying_expire(struct bk_saying *o, bk_time now, uint32_t *ret_ticket);

/* True once: what is under way should have come back by now; a connection that is dead, and does not know it yet, looks
 * no other than a server that withholds it. / The server has handled all that was sent until it was overdue. / True
 * once: then it withholds it. */
bool bk_saying_is_overdue(struct bk_saying *o, bk_time now);
void bk_saying_had(struct bk_saying *o, bk_time now);
bool bk_saying_is_withheld(struct bk_saying *o, bk_time now);
bk_time bk_saying_next_wake(const struct bk_saying *o); /* BK_NEVER */

#endif
