/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/quest.h"

#include "base/error.h"

#define HEAD_START  (50 * BK_MS) /* of the LAN */
#define TRYING_WAIT (50 * BK_MS)

void bk_quest_begin(struct bk_sides *b)
{
	b->has_near_had = false;
	if (!b->near.box && bk_side_open(&b->near) < 0)
		b->has_near_had = true;
	else if (b->near.ops->claim(b->near.box, b->number) < 0)
		b->has_near_had = true;
}

static void ask_far(struct bk_sides *b)
{
	b->is_far_asked = true;
	bk_side_close(&b->near);
	if (b->far.ops->claim(b->far.box, b->number) < 0)
		bk_quest_begin(b); /* its end follows */
}

/* Where the claim goes next, if anywhere. */
void bk_quest_advance(struct bk_sides *b)
{
	bk_dur age = bk_loop_now(b->loop) - b->born;

	if (b->chosen || !b->is_asked || b->is_far_asked || !(b->far.is_ready || b->far.is_early))
		return;
	if (b->has_near_had || (age >= HEAD_START && !b->m->is_trying(b->near.box)))
		ask_far(b);
	else
		bk_timer_start(b->timer, age < HEAD_START ? HEAD_START - age : TRYING_WAIT);
}

void bk_quest_near_failed(struct bk_sides *b, const char *text)
{
	b->has_near_had = true;
	if (!b->is_far_asked && b->far.box)
		bk_quest_advance(b);
	else if (!b->is_told_ready)
		bk_sides_say_end(b, b->far_error, b->text);
	else if (b->is_asked)
		bk_sides_say_error(b, BK_E_NO_SUCH_PEER, b->is_far_asked ? "" : text);
}

bool bk_quest_far_failed(struct bk_sides *b, int code)
{
	if (!b->is_far_asked || code != BK_E_NO_SUCH_PEER)
		return false;
	bk_quest_begin(b);
	return true;
}
