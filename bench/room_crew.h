/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BENCH_ROOM_CREW_H
#define BK_BENCH_ROOM_CREW_H

#include <sys/types.h>

#include <bodkin/group.h>
#include <bodkin/loop.h>

#include "base/addr.h"
#include "base/time.h"
#include "group/invite.h"
#include "secure/stream.h"

/* All who are in the room, and what the run knows of them and of what was said. */
enum {
	MEMBERS_MAX = 1000,
	TEXT_LEN = 200,
	MARK_LEN = 8,     /* of a post: no two have the same */
	AT_ONCE = 8,      /* so many come at a time */
	PING_ROUNDS = 100 /* of a hundredth of the members each, ten a second */
};

struct light {
	unsigned index;
	int fd;
	struct bk_watch *watch;
	struct bk_tls *tls;
	struct bk_buf in; /* what is not a whole frame or line yet */
	bool is_greeted, is_in;
	uint64_t last;
};

struct full {
	struct bk_group *group;
	uint64_t last;
};

struct message {
	bk_time said;
	uint64_t rank; /* in the order in which they were told first */
	char mark[MARK_LEN];
};

struct arrival {
	uint64_t which;
	bk_time at;
};

/* What the process of the full members tells the other one, besides the messages. */
struct speech {
	size_t disorder, troubles, opened_len;
	struct arrival opened[];
};

struct crew {
	bool is_irc, is_speaker;
	struct speech *speech;
	pid_t speaker;
	int doors[2], go[2]; /* a byte for each of them who is in; one when all are */
	struct bk_watch *door;
	const char *target;
	struct bk_addr server;
	unsigned count, full_count, rate, in, opened;
	uint64_t posted, to_post, told; /* told: so many different ones, to anybody */
	struct bk_loop *loop;
	struct bk_timer *pace, *pinger, *patience;
	bk_time began, filled;
	struct full full[MEMBERS_MAX];
	struct light light[MEMBERS_MAX];
	struct message *messages;
	struct arrival *arrivals;
	size_t arrivals_len, expected, disorder, troubles;
	bk_time came_at; /* what is being read; 0: now */
	struct bk_group_keys keys;
	char invite[BK_GROUP_INVITE_MAX];
	unsigned ping_round;
};

extern struct crew crew;

/* What goes wrong ends the run. */
void trouble(const char *who, const char *what);

/* One of them is in. */
void on_in(void);

/* What was told to whom. With numbers: one behind the other, and the same under each for all. Without: nobody hears two
 * of them in another order than who heard them first. */
void told_number(uint64_t *last, uint64_t number, const char *mark);
void told_unnumbered(struct light *l, uint64_t which);

#endif
