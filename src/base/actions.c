/* SPDX-License-Identifier: Apache-2.0 */
/* The queue behind next_action. A ring, since drivers drain it after every event. */
#include "base/actions.h"

void bk_actions_init(struct bk_actions *q, struct bk_action *slots, size_t max)
{
	*q = (struct bk_actions){.slots = slots, .max = max};
}

size_t bk_actions_room(const struct bk_actions *q)
{
	return q->max - q->len;
}

bool bk_actions_push(struct bk_actions *q, const struct bk_action *a)
{
	if (q->len == q->max)
		return false;
	q->slots[(q->head + q->len++) % q->max] = *a;
	return true;
}

bool bk_actions_next(void *queue, struct bk_action *ret_action)
{
	struct bk_actions *q = queue;

	if (q->len == 0)
		return false;
	*ret_action = q->slots[q->head];
	q->head = (q->head + 1) % q->max;
	q->len--;
	return true;
}
