/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_ENDING_H
#define BK_NET_ENDING_H

#include "net/turn.h"

/* The end of something: the first one counts, is said in one sentence, and is told from the loop, so that
 * whoever hears of it may free everything. Embedded in what ends; the loop's thread only. */
enum { BK_ENDING_TEXT_MAX = 512 };

struct bk_ending {
	struct bk_turn turn;
	void (*at_once)(void *arg); /* for what stops before it is told; may be NULL */
	bool is_set;
	int error; /* what was set; before that it is the owner's, to be set later */
	char text[BK_ENDING_TEXT_MAX];
};

/* tell is called once, from the loop, after it was set. */
void bk_ending_init(struct bk_ending *e, struct bk_loop *loop, void (*tell)(void *arg), void *arg);

/* Set before: nothing happens. The arguments may stand in e->text. */
void bk_ending_set(struct bk_ending *e, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* After it tell is not called. Fine on a zeroed one, and twice. */
void bk_ending_done(struct bk_ending *e);

#endif
