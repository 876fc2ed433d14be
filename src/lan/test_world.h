/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_TEST_WORLD_H
#define BK_LAN_TEST_WORLD_H

#include "base/time.h"
#include "lan/beside.h"

/* Two mailboxes of the test's own behind one, and its owner. What they are asked and what the owner hears stands in one
 * line, in its order: F and N are the far and the near one, + opened, - closed, l left, c claimed, m mail, r released,
 * j rejoin. */
struct world;

struct fake {
	struct world *w;
	char letter;
	const struct bk_mailbox_events *events; /* NULL: closed */
	void *arg;
};

struct world {
	struct bk_loop *loop;
	struct bk_beside beside;
	struct fake far, near;
	void *box; /* NULL: closed */
	const char *closes_at;
	bool claims;   /* as soon as it is ready */
	bool is_early; /* or before */
	bool is_near_trying;
	char line[400];
};

/* With a number: somebody who claims it. */
void world_begin(struct world *w, uint32_t number);
void world_end(struct world *w);
/* Its owner closes it, and opens another one. */
void world_shut(struct world *w);
void world_open(struct world *w);
void world_leave(struct world *w);
void world_pass(struct world *w, bk_dur d);
/* What has happened since it was asked last. */
void world_assert_happened(struct world *w, const char *line);

/* One of the two tells its owner. */
#define tell(who, event, ...) (who).events->event((who).arg __VA_OPT__(, ) __VA_ARGS__)

#endif
