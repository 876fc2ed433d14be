/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_NAMEPLATE_H
#define BK_SERVER_NAMEPLATE_H

#include "base/list.h"
#include "base/time.h"

/* Nameplates: small numbers under which two clients find each other, each with a mailbox in both directions.
 * Side 0 allocated the number, side 1 claimed it. Pure memory; whoever holds a nameplate embeds a holder. */
struct bk_nameplates;

struct bk_nameplate_holder {
	struct bk_list plates; /* newest last */
	unsigned count;
};

struct bk_mail {
	struct bk_list link;
	size_t len;
	uint8_t body[];
};

struct bk_nameplate;

struct bk_nameplate_side {
	struct bk_nameplate *plate;
	struct bk_nameplate_holder *holder; /* NULL: not claimed yet */
	struct bk_list link;                /* in holder->plates */
	struct bk_list mail;                /* waits for this side */
	unsigned mail_count;
};

enum { BK_NAMEPLATE_TOKEN_LEN = 32 };

struct bk_nameplate {
	uint32_t number;
	struct bk_nameplate_side side[2];
	uint8_t relay_token[BK_NAMEPLATE_TOKEN_LEN]; /* from the claim on */
	struct bk_mail *left;                        /* what side 0 left for who claims; may be NULL */
	bk_time expires;                             /* BK_NEVER until claimed */
	struct bk_list by_expiry;
};

struct bk_nameplates_opts {
	size_t max;
	bk_dur lifetime; /* after the claim */
	uint64_t seed;
};

struct bk_nameplates *bk_nameplates_new(const struct bk_nameplates_opts *opts);
void bk_nameplates_free(struct bk_nameplates *t); /* NULL is fine */
size_t bk_nameplates_count(const struct bk_nameplates *t);

void bk_nameplate_holder_init(struct bk_nameplate_holder *h);

/* wish 0: a random free number, short while few are taken. BK_E_EXISTS: the wish is taken; BK_E_FULL: no more
 * for this holder or at all; BK_E_INVALID: no such number; BK_E_TOO_BIG: the body. */
int bk_nameplates_allocate(struct bk_nameplates *t, struct bk_nameplate_holder *h, uint32_t wish,
	const void *body, size_t len, struct bk_nameplate **ret_plate);

/* BK_E_NO_SUCH_PEER (also for the own one), BK_E_CODE_USED, BK_E_FULL. */
int bk_nameplates_claim(struct bk_nameplates *t, struct bk_nameplate_holder *h, uint32_t number,
	const uint8_t relay_token[BK_NAMEPLATE_TOKEN_LEN], bk_time now, struct bk_nameplate **ret_plate);

/* The holder's nameplate of that number, or its newest for 0; NULL: none. */
struct bk_nameplate *bk_nameplate_of(const struct bk_nameplate_holder *h, uint32_t number);
int bk_nameplate_side_of(const struct bk_nameplate *p, const struct bk_nameplate_holder *h);

/* Mail for that side waits until it is popped. BK_E_FULL, BK_E_TOO_BIG, BK_E_NOMEM. */
int bk_nameplates_put(
	struct bk_nameplates *t, struct bk_nameplate *p, int side, const void *body, size_t len);
struct bk_mail *bk_nameplate_front(const struct bk_nameplate *p, int side); /* NULL: nothing waits */
void bk_nameplates_pop(struct bk_nameplates *t, struct bk_nameplate *p, int side);

/* Both sides lose it; the number is free again. */
void bk_nameplates_release(struct bk_nameplates *t, struct bk_nameplate *p);

/* One whose time has come, or NULL; the caller tells both sides and releases it. */
/* The two still need it: its time begins anew. */
void bk_nameplates_refresh(struct bk_nameplates *t, struct bk_nameplate *p, bk_time now);
bool bk_nameplate_is_claimed(const struct bk_nameplate *p);

struct bk_nameplate *bk_nameplates_expired(const struct bk_nameplates *t, bk_time now);
bk_time bk_nameplates_next_expiry(const struct bk_nameplates *t);

#endif
