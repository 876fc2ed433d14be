/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_PLATES_H
#define BK_SERVER_PLATES_H

#include <stdbool.h>

#include "base/map.h"
#include "base/rng.h"
#include "server/board.h"
#include "server/letters.h"

/* Plates, what became of them (meetings), and who sits at them: the tables of the board in memory. The rules
 * are the board's. */

/* Somebody who has a seat. */
struct bk_member {
	uint64_t who;
	struct bk_list seats; /* newest last */
	unsigned count;
};

struct bk_seat {
	struct bk_plate *plate;
	struct bk_member *member; /* NULL: not claimed yet; of a meeting: away */
	struct bk_list link;      /* in member->seats */
	struct bk_letters letters;
	void *claim;    /* the account of who claimed it, or wished for the number (seat 0), until that led to
			   a meeting or was judged; NULL: nobody pays */
	bool is_known;  /* of a meeting: has shown the secret, so that it may be away for a while */
	bool is_in;     /* of a meeting's round: mail reaches it */
	uint64_t order; /* of its last rejoin: an older one comes too late */
};

struct bk_plate {
	uint32_t number; /* 0: a meeting */
	bool has_been_claimed;
	uint32_t was; /* of a meeting: its number, until its maker has shown the secret; 0 then */
	unsigned seats, taken;
	uint8_t secret[BK_BOARD_TOKEN_LEN]; /* a meeting's; of a number: its maker's, all zero: none */
	uint8_t heir[BK_BOARD_TOKEN_LEN];   /* who is to have the number next; all zero: nobody */
	bool is_kept;                       /* nobody has it: it waits for the heir */
	uint8_t token[BK_BOARD_TOKEN_LEN];  /* from the first claim on; of a meeting: of its round */
	bk_time round;                      /* of a meeting: when it began; BK_NEVER: none yet */
	struct bk_letters left;             /* what member 0 left for who claims: at most one */
	void *account;                      /* of who made it */
	bk_time expires;                    /* BK_NEVER until claimed; of a meeting: unless one is away */
	struct bk_list by_expiry;
	bk_time doubted; /* from then on who claimed it and has not met anybody guessed wrong */
	struct bk_list by_doubt;
	struct bk_seat seat[];
};

struct bk_plates {
	struct bk_map *plates;      /* by number */
	struct bk_map *meetings;    /* by secret */
	struct bk_map *members;     /* by handle */
	struct bk_list expiring[4]; /* each in order of expiry: what a list holds waits equally long */
	struct bk_list doubted;     /* likewise */
	struct bk_rng rng;
	struct bk_letter_bag bag;
	const struct bk_board_opts *opts; /* the board's: whose events settle accounts */
};

/* BK_E_NOMEM; bk_plates_done all the same. opts lives as long. */
int bk_plates_init(struct bk_plates *t, const struct bk_board_opts *opts);
void bk_plates_done(struct bk_plates *t);

struct bk_member *bk_plates_member(const struct bk_plates *t, uint64_t who); /* NULL: has no seat */
int bk_plates_make_member(struct bk_plates *t, uint64_t who, struct bk_member **ret_member);
void bk_plates_forget_idle(struct bk_plates *t, uint64_t who); /* if it has no seat */

/* 0: a free number, short while few are taken. BK_E_FULL, BK_E_NOMEM. On success the account is the plate's,
 * and is settled when that ends. */
int bk_plates_put(
	struct bk_plates *t, uint32_t number, unsigned seats, void *account, struct bk_plate **ret_plate);
int bk_plates_put_meeting(struct bk_plates *t, const uint8_t *secret, unsigned seats, void *account,
	struct bk_plate **ret_plate);
/* Who claimed the seat is settled with, or whoever claimed one of it. Of a wrong guess its maker is not guilty: that
 * somebody came pays for what it learned by its wish. */
void bk_plates_settle_claim(struct bk_plates *t, struct bk_seat *s, enum bk_board_outcome how);
void bk_plates_settle_claims(struct bk_plates *t, struct bk_plate *p, enum bk_board_outcome how);
/* Into a meeting, whose claims are judged when its maker shows the secret. */
int bk_plates_turn(struct bk_plates *t, struct bk_plate *p, const uint8_t *secret);
struct bk_plate *bk_plates_find(const struct bk_plates *t, uint32_t number);
struct bk_plate *bk_plates_find_meeting(const struct bk_plates *t, const uint8_t *secret);
void bk_plates_release(struct bk_plates *t, struct bk_plate *p); /* all lose it; the number is free again */

void bk_plates_sit(struct bk_seat *s, struct bk_member *h);
void bk_plates_stand(struct bk_plates *t, struct bk_seat *s); /* a member without a seat is forgotten */
struct bk_seat *bk_plate_seat_of(struct bk_plate *p, const struct bk_member *h); /* NULL for h: a free one */
/* The member's seat at the plate that has or had that number, or its newest for 0. NULL is fine for h. */
struct bk_seat *bk_member_seat(const struct bk_member *h, uint32_t number);

static inline bool bk_plate_is_complete(const struct bk_plate *p)
{
	return p->taken == p->seats;
}

/* list: of those that wait as long as this one. BK_NEVER: it does not expire. */
void bk_plates_expire_at(struct bk_plates *t, struct bk_plate *p, unsigned list, bk_time at);
struct bk_plate *bk_plates_first_to_expire(const struct bk_plates *t);        /* NULL: none does */
void bk_plates_doubt_at(struct bk_plates *t, struct bk_plate *p, bk_time at); /* BK_NEVER: not any more */
struct bk_plate *bk_plates_first_doubted(const struct bk_plates *t);          /* NULL: none is */

#endif
