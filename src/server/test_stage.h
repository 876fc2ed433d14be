/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_TEST_STAGE_H
#define BK_SERVER_TEST_STAGE_H

#include "server/board.h"
#include "server/counter.h"

/* A board with its owner, and one suite over every kind of board. What the board tells is written down as words, in the
 * order told: "1:ok7 " (member 1 allocated or claimed 7), "1:done ", "1:exists " (an error), "1:claimed7 ",
 * "1:mail[abc] ", "1:round3 " (the third token), "1:released7(timeout) ". */

#define STAGE_LIFETIME (10 * BK_SEC)

struct stage {
	struct bk_board *board;
	struct bk_counters counters;
	char book[4096];
	size_t len;
	uint32_t number; /* of the last plate allocated */
	uint8_t token[BK_BOARD_TOKEN_LEN], tokens;
	uint64_t deaf;  /* takes no mail; 0: nobody */
	bool is_mean;   /* nobody may spend */
	bool is_strict; /* nobody may try */
	int spent;
	size_t kept[4];                  /* of each cost, on the accounts of all */
	size_t open;                     /* accounts that are to be settled */
	unsigned wrong;                  /* the last wrong guess: number times 100 and who */
	unsigned missed;                 /* claims that found nothing */
	size_t mail_max;                 /* 0: no end */
	size_t news_max;                 /* likewise */
	uint8_t life[BK_GROUP_LIFE_LEN]; /* of the group that somebody joined last */
	unsigned made, told;             /* news, and how often they were told */
	bool is_quiet;                   /* news are counted, not noted */
	char met[64];                    /* "7:1,2": the last meeting */
	bk_time now;
};

void stage_expect(struct stage *s, const char *told); /* since the last time it was asked */
void stage_ask(struct stage *s, uint64_t who, struct bk_board_request r);
void stage_allocate(struct stage *s, uint64_t who, uint32_t number, const char *left);
void stage_claim(struct stage *s, uint64_t who, uint32_t number);
void stage_mail_bytes(struct stage *s, uint64_t who, uint32_t number, const void *body, size_t len);
void stage_mail(struct stage *s, uint64_t who, const char *text);
void stage_release(struct stage *s, uint64_t who, uint32_t number);
/* knows: which token it names, 0: none. */
void stage_rejoin(struct stage *s, uint64_t who, uint8_t secret, unsigned seat, uint64_t order, uint8_t knows,
	bool asks);
void stage_leave(struct stage *s, uint64_t who, bool is_closed);
bk_time stage_next_wake(const struct stage *s);
void stage_wake_at(struct stage *s, bk_time t);
uint64_t stage_plates(const struct stage *s);
uint64_t stage_meetings(const struct stage *s);
void stage_pair(struct stage *s); /* 1 and 2 share plate 7 */
void stage_meet(struct stage *s); /* and meet by secret 9 */

struct stage_claim {
	const char *name;
	void (*fn)(void **state); /* *state: a struct stage */
};

#define STAGE_CLAIM(name)                                                                                    \
	{                                                                                                    \
#name, name                                                                                  \
	}

/* Each claim on each kind of board; the exit code of the program. */
int stage_run(const char *suite, const struct stage_claim *claims, size_t n);

#endif
