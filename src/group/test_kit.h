/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_TEST_KIT_H
#define BK_GROUP_TEST_KIT_H

#include "group/chain.h"

/* Three members and a board between them, which is honest unless a test has it lie. Time is the test's. */
enum { PEOPLE = 3, LOG_MAX = 1500, TEXT = 4096, DOUBTS = BK_DOUBT_WITHHELD + 1 };

struct person {
	struct world *w;
	struct bk_chain *chain;
	struct bk_signer signer;
	bool is_away, has_pushed;
	char lines
		[TEXT]; /* "anna:hello " with a '*' for history, '!' for the name of another, '~' for a whisper */
	char invite[BK_INVITE_STR_MAX];
	unsigned doubts[DOUBTS], sent, unsent, restarts;
	uint64_t dropped, missed, last_sent;
	int unsent_error, came, gone, impostors;
};

struct post {
	uint8_t *bytes;
	size_t len;
};

struct world {
	struct person people[PEOPLE];
	struct bk_group_keys keys;
	uint8_t life[BK_GROUP_LIFE_LEN];
	struct post log[LOG_MAX]; /* by number, from 1 */
	uint64_t newest, kept;
	bk_time now;
	/* Instead of the honest board. */
	void (*lie)(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len);
	struct post held;
};

#define nobody ((struct person *)NULL)
#define ANNA   (&w->people[0])
#define BERT   (&w->people[1])
#define CARL   (&w->people[2])

/* A test's world, in *state. */
int set_up(void **state);
int tear_down(void **state);

/* --- the board --- */

void tell(struct person *p, uint64_t number, const uint8_t *post, size_t len);
uint64_t keep(struct world *w, const uint8_t *post, size_t len); /* under the next number, which it returns */
void tell_all_but(struct world *w, const struct person *but, const uint8_t *post, size_t len);
void run(struct world *w); /* everything that can go, goes */
void say(struct person *p, const char *text);
void come(struct person *p); /* what an honest board answers to who comes, or comes back */
void leave(struct person *p);
void restart(struct world *w); /* the board has lost all */
/* Another person; who has it frees the chain. */
void start(struct world *w, struct person *p, const char *name, uint8_t seed);

unsigned doubts_of(const struct person *p);
void assert_nobody_doubts(struct world *w);

#endif
