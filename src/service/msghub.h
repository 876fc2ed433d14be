/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_MSGHUB_H
#define BK_SERVICE_MSGHUB_H

#include <bodkin/loop.h>

#include "base/buf.h"
#include "base/wakes.h"

/* What all message connections of a loop share: the space they read into and compose in, and one timer for
 * all their deadlines. */
struct bk_conn;

enum { BK_MSGHUB_SCRATCH = 64 * 1024, BK_MSGHUB_RECORD = 16 * 1024 };

struct bk_msghub {
	struct bk_loop *loop;
	void (*on_wake)(struct bk_conn *c, bk_time now); /* the same for all of them */
	unsigned holders;
	size_t conns;
	struct bk_timer *alarm; /* for the earliest wake */
	struct bk_wakes wakes;
	bk_time alarm_at;                   /* BK_NEVER: not set */
	struct bk_buf head;                 /* for composing; never held across a call */
	uint8_t scratch[BK_MSGHUB_SCRATCH]; /* for what is read; never held across a call */
	uint8_t record[BK_MSGHUB_RECORD];   /* for what is encrypted; not held at all */
};

/* The hub of the loop, made when it is first asked for. Each hold needs its bk_msghub_release. */
int bk_msghub_hold(struct bk_loop *loop, struct bk_msghub **ret_hub);
void bk_msghub_release(struct bk_msghub *hub); /* NULL is fine */

/* A connection enters (room for its wake is made; BK_E_NOMEM) and leaves. on_wake is told when it is time. */
int bk_msghub_enter(struct bk_msghub *hub, void (*on_wake)(struct bk_conn *c, bk_time now));
void bk_msghub_leave(struct bk_msghub *hub, struct bk_conn *c);

void bk_msghub_wake(struct bk_msghub *hub, struct bk_conn *c, bk_time at); /* not later: on_wake */

#endif
