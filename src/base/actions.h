/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_ACTIONS_H
#define BK_BASE_ACTIONS_H

#include "base/engine.h"

/* What an engine wants done next, first in first out. The slots are the engine's own (an array beside the
 * queue), so that each engine states its ceiling and nothing is allocated. */
struct bk_actions {
	struct bk_action *slots;
	size_t max, head, len;
};

void bk_actions_init(struct bk_actions *q, struct bk_action *slots, size_t max);
/* How many more fit in. */
size_t bk_actions_room(const struct bk_actions *q);
/* Copies. False: it is full; the engine says whether that is a lost datagram or a bug. */
bool bk_actions_push(struct bk_actions *q, const struct bk_action *a);
/* Of a queue, or of an engine whose first member is its queue: so it is next_action of its table. False: it is
 * empty. */
bool bk_actions_next(void *queue, struct bk_action *ret_action);

#endif
