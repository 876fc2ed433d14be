/* SPDX-License-Identifier: Apache-2.0 */
#include "net/turn.h"

#include "base/assert.h"
#include "net/loop.h"

void bk_turn_init(struct bk_turn *t, struct bk_loop *loop, void (*fn)(void *arg), void *arg)
{
	bk_assert(loop && fn);
	*t = (struct bk_turn){.loop = loop, .fn = fn, .arg = arg};
	bk_list_init(&t->link);
}

void bk_turn_ask(struct bk_turn *t)
{
	bk_assert(t->loop); /* it was initialised */
	if (!t->fn || !bk_list_empty(&t->link))
		return;
	bk_list_append(&t->loop->asked, &t->link);
	bk_loop_nudge(t->loop);
}

void bk_turn_done(struct bk_turn *t)
{
	t->fn = NULL;
	if (t->link.next)
		bk_list_remove(&t->link);
}

bool bk_loop_has_turns(const struct bk_loop *loop)
{
	return !bk_list_empty(&loop->asked) || !bk_list_empty(&loop->turning);
}

/* What a stop interrupted comes first at the next run. */
void bk_loop_take_turns(struct bk_loop *loop)
{
	bk_list_splice(&loop->turning, &loop->asked);
	while (!bk_list_empty(&loop->turning) && !bk_loop_is_stopping(loop)) {
		struct bk_turn *t = bk_container_of(loop->turning.next, struct bk_turn, link);

		bk_list_remove(&t->link);
		t->fn(t->arg);
	}
}
