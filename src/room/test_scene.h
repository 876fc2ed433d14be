/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROOM_TEST_SCENE_H
#define BK_ROOM_TEST_SCENE_H

#include <bodkin/group.h>

#include "rendezvous/test_kit.h"
#include "server/test_lying_board.h"

/* Three honest members of a group at a server whose board lies, end to end over real sockets. */
enum { SCENE_PEOPLE = 3, SCENE_SAID_MAX = 32 };

struct scene;

struct person {
	struct scene *s;
	struct bk_group *group;
	char lines[512], doubts[2048];
	unsigned opens, heard, doubted, ends;
	int error;
};

/* A number that the server tells, and what stands under it. */
struct said {
	struct bk_group_msg m;
	uint8_t bytes[1024];
};

struct scene {
	struct world w;
	struct lies lies;
	struct person people[SCENE_PEOPLE];
	uint64_t handles[SCENE_PEOPLE]; /* in the order they came */
	unsigned came;
	uint8_t life[BK_GROUP_LIFE_LEN];  /* of the group that they came to first */
	struct said said[SCENE_SAID_MAX]; /* what the honest board has told the first one, by number */
	/* The lie, to a member, instead of what was said; NULL: the truth. */
	void (*tell)(struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m);
	uint64_t told[SCENE_PEOPLE]; /* numbers of their own, where the server has parted them */
	int speaker;
	const unsigned *stop_when;
	unsigned stop_at;
};

#define ANNA (&s->people[0])
#define BERT (&s->people[1])
#define CARL (&s->people[2])

/* The post under that number, under another one. */
void tell_as(struct scene *s, struct lying *board, int whom, unsigned number, uint64_t as);
void scene_run_until(struct scene *s, const unsigned *counter, unsigned at);
void scene_come(struct person *p, const char *name, const char *invite);
/* Everybody hears it, whatever else is told. */
void scene_say(struct person *p, const char *text);
void scene_say_to_all(struct person *p, const char *text);
void serve(struct scene *s);
int scene_set_up(void **state);
int scene_tear_down(void **state);
void check_doubt(const struct person *p, const char *words);
void check_all_quiet(const struct person *p);

#endif
