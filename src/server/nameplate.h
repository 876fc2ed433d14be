/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_NAMEPLATE_H
#define BK_SERVER_NAMEPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"

/* Nameplates: small numbers under which two clients find each other, each with a mailbox in both directions.
 * Side 0 allocated the number, side 1 claimed it. Once the two have a secret in common, either turns the
 * nameplate into a meeting: the number is free for others, and the secret is what its two come back by. Pure
 * memory; whoever holds a nameplate embeds a holder. */
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
	struct bk_nameplate_holder *holder; /* NULL: not claimed yet; of a meeting: away */
	struct bk_list link;                /* in holder->plates */
	struct bk_list mail;                /* waits for this side */
	unsigned mail_count;
	bool is_known;   /* of a meeting: has shown the secret, so that it may be away for a while */
	bool is_in;      /* of a meeting's round: mail reaches it */
	uint64_t rejoin; /* the number of its last one: an older one comes too late */
};

enum { BK_NAMEPLATE_TOKEN_LEN = 32 };

struct bk_nameplate {
	uint32_t number; /* 0: a meeting */
	uint8_t secret[BK_NAMEPLATE_TOKEN_LEN];
	struct bk_nameplate_side side[2];
	uint8_t relay_token[BK_NAMEPLATE_TOKEN_LEN]; /* from the claim on; of a meeting: of its round */
	bk_time round;                               /* of a meeting: when it began; BK_NEVER: none yet */
	struct bk_mail *left;                        /* what side 0 left for who claims; may be NULL */
	bk_time expires; /* BK_NEVER until claimed; of a meeting: unless one is away */
	struct bk_list by_expiry;
};

struct bk_nameplates_opts {
	size_t max;
	bk_dur lifetime; /* after the claim */
	bk_dur grace;    /* of a meeting's side that is away; 0: the default */
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

/* The two still need it: its time begins anew. A meeting's does not run while both are here. */
void bk_nameplates_refresh(struct bk_nameplates *t, struct bk_nameplate *p, bk_time now);
bool bk_nameplate_is_claimed(const struct bk_nameplate *p);

struct bk_rejoin {
	const uint8_t *secret;
	unsigned side;
	uint64_t number;
};

/* The holder takes its side of the meeting with that secret, whoever had it before: the secret is the
 * authority. Where there is none the holder's nameplate becomes it, else (may_make) one is made. Positive:
 * taken over from somebody else, or from nobody. BK_E_INVALID: the side, or it is the holder's other one;
 * BK_E_EXISTS: a later one was here; BK_E_FULL; BK_E_RATE_LIMITED: there is none, and it may not be made. */
int bk_nameplates_rejoin(struct bk_nameplates *t, struct bk_nameplate_holder *h, const struct bk_rejoin *r,
	bool may_make, bk_time now, struct bk_nameplate **ret_plate);
/* Is there one, or what becomes one? */
bool bk_nameplates_has(
	const struct bk_nameplates *t, const struct bk_nameplate_holder *h, const struct bk_rejoin *r);
size_t bk_nameplates_meetings(const struct bk_nameplates *t);

/* The holder is gone without a word. True: the meeting waits for it for a while, which is short where its
 * system closed the connection (then its program ended, or it comes back at once); false: it is to be
 * released, because it is none, because that side never showed the secret, or because nobody is left in it.
 */
bool bk_nameplates_await(struct bk_nameplates *t, struct bk_nameplate *p, struct bk_nameplate_holder *h,
	bool is_closed, bk_time now);

/* Another round of the meeting: what its mailboxes hold is of an earlier one. Only who is in gets mail. */
void bk_nameplates_begin_round(struct bk_nameplates *t, struct bk_nameplate *p,
	const uint8_t token[BK_NAMEPLATE_TOKEN_LEN], bk_time now);
bool bk_nameplate_gets_mail(const struct bk_nameplate *p, int side);

/* One whose time has come, or NULL; the caller tells both sides and releases it. */
struct bk_nameplate *bk_nameplates_expired(const struct bk_nameplates *t, bk_time now);
bk_time bk_nameplates_next_expiry(const struct bk_nameplates *t);

#endif
