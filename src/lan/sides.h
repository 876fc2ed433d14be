/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_SIDES_H
#define BK_LAN_SIDES_H

#include "base/hold.h"
#include "base/time.h"
#include "lan/beside.h"

/* Inside beside: the two boxes that one box is made of, which of them is the one, and what its owner is told. */

enum { BK_SIDES_TEXT_MAX = 512 };

struct bk_side {
	struct bk_sides *of;
	const struct bk_mailbox_ops *ops;
	void *arg;
	void *box; /* NULL: closed */
	bool is_ready;
	bool is_early; /* it takes along what is asked already */
	bool has_view; /* what it tells of NATs may be asked already */
};

struct bk_sides {
	struct bk_beside *m;
	struct bk_loop *loop;
	const struct bk_mailbox_events *events; /* the owner's */
	const struct bk_mailbox_events *heard;  /* what the two boxes tell, to their struct bk_side */
	void *arg;
	struct bk_side far, near;
	struct bk_side *chosen; /* NULL: either */
	struct bk_timer *timer;
	bk_time born;
	struct bk_hold hold;
	bool is_told_ready;
	uint32_t number; /* left or claimed; 0: not known yet */
	/* leaving */
	uint8_t *left;
	size_t left_len;
	bool is_numbered;    /* the number was told */
	bool is_taken_along; /* by the server's greeting, and the server has not answered that yet */
	/* claiming */
	bool is_asked;     /* the owner has claimed */
	bool has_near_had; /* the LAN has had its time */
	bool is_far_asked;
	int far_error; /* why the server is out of reach */
	char text[BK_SIDES_TEXT_MAX];
	struct bk_mailbox_rejoin rejoin; /* wherever it was that they met */
	bool has_rejoin;
};

int bk_side_open(struct bk_side *s);
void bk_side_close(struct bk_side *s); /* twice is fine */
struct bk_side *bk_side_other(struct bk_side *s);
void bk_side_choose(struct bk_side *s); /* the first one that is; the other is closed */
int bk_side_leave(struct bk_side *s);   /* what is left, under the number */

struct bk_side *bk_sides_current(struct bk_sides *b); /* who answers for both */
void bk_sides_free(struct bk_sides *b);               /* once nobody is inside */

/* The owner may close the box inside, so it is held. */
void bk_sides_say_ready(struct bk_sides *b); /* once */
/* The same without the server: what it was to take along is left on the LAN. */
void bk_sides_go_near(struct bk_sides *b);
void bk_sides_say_error(struct bk_sides *b, int code, const char *text);
void bk_sides_say_end(struct bk_sides *b, int error, const char *text);
void bk_sides_say_note(struct bk_sides *b, int verbosity, const char *text);

#endif
