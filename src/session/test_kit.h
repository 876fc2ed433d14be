/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_TEST_KIT_H
#define BK_SESSION_TEST_KIT_H

#include <bodkin/session.h>

#include "base/time.h"
#include "net/test_kit.h"
#include "server/server.h"
#include "server/test_lying_board.h"

/* A story for the tests of this folder: two sessions and a server in one loop on loopback. a makes the code,
 * b joins with it. The story ends when both have closed. */
enum { STORY_TEXT_MAX = 512, STORY_CODE_MAX = 128, STORY_BULK = 3 * 1024 * 1024 };

struct story;

struct side {
	struct story *story;
	struct bk_session *session;
	struct bk_channel *channel;
	enum bk_path_choice path_choice;
	char code[STORY_CODE_MAX];
	int codes; /* so many were told; at the second one the side has seen enough, and ends with WRONG_CODE */
	char technique[16], text[STORY_TEXT_MAX];
	enum bk_path_kind kind;
	int paths;
	bool opened, closed, finished;
	int error;
	size_t received, sent;
};

struct story {
	char state_dir[64];
	char target[STORY_CODE_MAX];
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_timer *timeout, *killer;
	struct side a, b;
	const char *join_with; /* "-some-words" for the wrong code; NULL: the right one */
	bool bulk;             /* a sends STORY_BULK bytes, b closes when it has them */
	bool kill_server_when_open;
	bool nobody_joins;
	bool joiner_dies;                      /* as soon as it has met the other side */
	bk_dur wait;                           /* of a */
	void (*before_join)(struct story *st); /* may be NULL */
	bool timed_out;
	struct lies lies; /* of its server's board; may be changed at any time */
	void *arg;        /* the test's own */
};

void story_set_up(struct story *st);
void story_set_up_with(struct story *st, struct bk_server_opts opts);
void story_join(struct story *st, const char *code);
void story_begin(struct story *st); /* a starts */
void story_run(struct story *st);   /* begins it and runs it to its end, or fails the test */
void story_let_time_fly(bk_dur d);  /* after story_set_up */
void story_jump(bk_dur d);          /* it has passed, and nobody did anything in it */
void story_tear_down(struct story *st);

/* The clock alone, for a loop without a story. */
void story_clock_init(struct bk_loop *loop);
void story_clock_done(void);

#endif
