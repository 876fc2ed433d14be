/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_BOARD_H
#define BK_SERVER_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chunk.h"
#include "base/time.h"
#include "wire/group.h"

/* The board: where clients find each other and leave each other mail.
 *
 * A plate is a small number that people tell each other. Member 0 allocated it, the others claim it; each
 * claim is one guess at a code, so a seat is never claimed twice. Once the members have a secret in common,
 * one of them turns the plate into a meeting: the number is free for others, and the secret is what they come
 * back by. They have met when member 0 has shown it: anybody else may have made it up. A meeting has rounds:
 * whoever lost the path begins another one, mail of the round before is forgotten, and only who is in the
 * round gets mail. A plate has as many seats as its maker says; two is usual.
 *
 * A group is what many members share for long, by an id that nobody can guess: what one posts is told to all of them,
 * numbered, in one order, and kept for a while for who comes late. A member is in one group at most, beside its plates.
 *
 * A board knows no client and no connection, only handles: numbers that its owner gives, each once, 0
 * nobody's. What becomes of a request is told by callback, perhaps from inside the call that asked, perhaps
 * later (a board may be a store elsewhere); so the owner must bear both, and looks the handle up each time.
 * The owner may not ask the board anything from inside a callback.
 *
 * Thread rule: one thread. Time comes in by the door. Bodies and secrets given to the board are copied; those
 * given to a callback are good until it returns. */
struct bk_board;
struct bk_counters;

enum { BK_BOARD_TOKEN_LEN = 32, BK_BOARD_SEATS_MAX = 16 };

enum bk_board_wish {
	BK_BOARD_ALLOCATE,
	BK_BOARD_CLAIM,
	BK_BOARD_REJOIN,
	BK_BOARD_MAIL,
	BK_BOARD_RELEASE,
	/* of groups */
	BK_BOARD_JOIN,
	BK_BOARD_CARD,
	BK_BOARD_POST,
	BK_BOARD_PART,
};

/* What a member asks for. Fields that a wish does not use are ignored. */
struct bk_board_request {
	enum bk_board_wish wish;
	uint32_t number;  /* of the plate. Allocate: wanted, 0: a free one, short while few are taken. Mail,
			     release: 0 means the member's newest, also when it has no number any more */
	unsigned seats;   /* allocate, and rejoin where it makes the meeting: how many; 0: two */
	const void *body; /* allocate: what is told to whoever claims; mail: the letter */
	size_t len;
	/* BK_BOARD_TOKEN_LEN bytes, all zero: none. Rejoin: the meeting's. Allocate: whoever wishes for that
	 * number and shows it again has the plate anew, and its old seat is nobody's; NULL is none, too. */
	const uint8_t *secret;
	/* allocate, likewise: when this plate is claimed, its number is kept for whoever wishes for it and shows the
	 * same, and who claims it meanwhile is told to wait. NULL: the number is free then. */
	const uint8_t *heir;
	/* join: secret is the group's id, body the card; the life of the group that it knows (NULL: none) and the last
	 * number that it was told. card, post: body. post: what its verdict is told by. */
	const uint8_t *life;
	uint64_t last;
	uint32_t ticket;
	/* rejoin */
	const uint8_t *token; /* of the round that it knows; all zero: none */
	unsigned seat;
	uint64_t order;  /* rising from one rejoin of that seat to its next */
	bool asks_round; /* for another round */
};

/* 0 or an error:
 *   allocate  BK_E_EXISTS: taken; BK_E_FULL: no more for this member or at all; BK_E_INVALID; BK_E_TOO_BIG;
 *             BK_E_RATE_LIMITED
 *   claim     BK_E_NO_SUCH_PEER (also for the own one); BK_E_CODE_USED; BK_E_FULL; BK_E_RATE_LIMITED
 *   rejoin    BK_E_INVALID: the seat, or it is the member's other one; BK_E_EXISTS: a later one was here;
 *             BK_E_FULL, also for the seat of a maker that has not shown the secret; BK_E_RATE_LIMITED: the
 *             account does not bear it
 *   mail      BK_E_NOT_FOUND: no such plate; BK_E_FULL, BK_E_TOO_BIG: for one of the others, and then for
 *             none
 *   release   BK_E_NOT_FOUND
 *   join      BK_E_INVALID: no id, or it is in a group; BK_E_FULL; BK_E_TOO_BIG
 *   card, post   BK_E_NOT_FOUND: it is in none; BK_E_TOO_BIG, BK_E_FULL, BK_E_RATE_LIMITED
 *   part      BK_E_NOT_FOUND */
struct bk_board_verdict {
	enum bk_board_wish wish;
	int error;
	uint32_t number;      /* allocate, claim */
	const uint8_t *token; /* claim */
	const void *body;     /* claim: what was left; NULL: nothing */
	size_t len;
	uint32_t ticket; /* post */
	bk_dur wait; /* card, post that are rate-limited, or a plate that is about to be another one: until then */
};

/* What goes on somebody's account. */
enum bk_board_cost {
	BK_BOARD_PLATE,  /* one that stands, or a meeting made from nothing */
	BK_BOARD_LETTER, /* bytes that wait */
	BK_BOARD_TRY,    /* a claim, or a wish for a certain number: given back when it led to a meeting */
	BK_BOARD_NEWS,   /* bytes that a group keeps */
};

enum bk_board_outcome {
	BK_BOARD_OVER,   /* it is over, or led to a meeting */
	BK_BOARD_MISSED, /* a claim of what is not there; a wish that told whether something is */
	BK_BOARD_WRONG,  /* a claim that used up the plate `n`, and no meeting came of it, or not in time: a
			    wrong guess, most likely */
};

/* What its owner is told, and asked. */
struct bk_board_events {
	/* Once for each request, in the order of a member's requests. */
	void (*on_verdict)(void *arg, uint64_t who, const struct bk_board_verdict *v);
	/* Somebody claimed the plate that this member is at. */
	void (*on_claimed)(void *arg, uint64_t who, uint32_t number, const uint8_t *token);
	/* False: not now, it waits; the owner calls deliver when there is room. */
	bool (*on_mail)(void *arg, uint64_t who, const void *body, size_t len);
	/* A round of the meeting, and what its members find each other at the relay by. */
	void (*on_round)(void *arg, uint64_t who, unsigned seat, const uint8_t *token);
	/* The plate (number 0: the meeting) is gone. why 0: another member wanted it so; BK_E_PEER_VANISHED,
	 * BK_E_TIMEOUT. */
	void (*on_released)(void *arg, uint64_t who, uint32_t number, int why);
	/* A plate became a meeting of these (0: one that is away), and its maker has shown the secret. */
	void (*on_met)(void *arg, uint32_t number, const uint64_t *who, unsigned n);
	/* A fresh token for those whom that one put together, which the relay knows from now on. */
	void (*make_token)(void *arg, uint64_t who, uint8_t ret_token[BK_BOARD_TOKEN_LEN]);
	/* May this be kept for the member, or tried by it? Then 0, and *ret_account is good, also when the member
	 * has left, until it is settled, once. Otherwise the error for the verdict. */
	int (*charge)(void *arg, uint64_t who, enum bk_board_cost cost, size_t n, void **ret_account);
	void (*settle)(
		void *arg, void *account, enum bk_board_cost cost, size_t n, enum bk_board_outcome how);
	/* May the member make a meeting from nothing, or begin a round, once more? */
	bool (*may_spend)(void *arg, uint64_t who, bk_time now);
	/* What members of a group are told, as the owner would have it: it is made once and kept for all of
	 * them. NULL: no memory. */
	struct bk_chunk *(*make_news)(void *arg, const struct bk_group_msg *m);
	/* False: not now, it waits; the owner calls deliver when there is room. is_last: it is told in any case. */
	bool (*on_news)(void *arg, uint64_t who, struct bk_chunk *news, bool is_last);
};

struct bk_board_opts {
	const struct bk_board_events *events; /* lives as long as the board */
	void *arg;
	struct bk_counters *counters; /* registers "nameplates" and "meetings" there */
	size_t max;                   /* plates, and meetings likewise: more than `charge` allows */
	bk_dur lifetime;              /* of a plate after the last claim or sign of life */
	bk_dur grace;                 /* of a meeting, one of whose members is away */
	double posts_burst;           /* of a member of a group */
	uint64_t seed;
};

struct bk_board_ops {
	void (*ask)(struct bk_board *b, uint64_t who, const struct bk_board_request *r, bk_time now);
	/* The member lives: the time of its newest plate begins anew. */
	void (*refresh)(struct bk_board *b, uint64_t who, bk_time now);
	/* There is room for its mail again. */
	void (*deliver)(struct bk_board *b, uint64_t who);
	/* It is gone without a word: its plates end and the others are told; its meetings wait for it,
	 * shortly where its system closed the connection (then its program ended, or it comes back at once).
	 */
	void (*leave)(struct bk_board *b, uint64_t who, bool is_closed, bk_time now);
	/* Ends what is due. Call it at next_wake (BK_NEVER: nothing waits), which any other call may change.
	 */
	void (*wake)(struct bk_board *b, bk_time now);
	bk_time (*next_wake)(struct bk_board *b);
	void (*free)(struct bk_board *b); /* tells nobody */
};

/* Embedded first in each kind of board. */
struct bk_board {
	const struct bk_board_ops *ops;
};

/* A kind of board. BK_E_NOMEM. */
struct bk_board_kind {
	int (*new)(const struct bk_board_opts *opts, void *arg, struct bk_board **ret_board);
	void *arg;
};

/* In this process's memory; a restart forgets it. arg is not used. */
int bk_board_memory_new(const struct bk_board_opts *opts, void *arg, struct bk_board **ret_board);

static inline void bk_board_free(struct bk_board *b)
{
	if (b)
		b->ops->free(b);
}

#endif
