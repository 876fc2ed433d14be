/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/test_kit.h"

#include "net/test_clock.h"

enum { TURNS = 8 };

static struct test_clock fast_clock;

struct bk_loop *kit_loop_new(void)
{
	struct bk_loop *loop;

	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	assert_int_equal(test_clock_init(&fast_clock, loop), 0);
	return loop;
}

void kit_loop_free(struct bk_loop *loop)
{
	test_clock_done(&fast_clock);
	bk_loop_free(loop);
}

void kit_let_time_fly(bk_dur d)
{
	test_clock_fly(&fast_clock, d);
}

struct turns {
	struct bk_loop *loop;
	struct bk_timer *timer;
	int left;
};

static void on_turn(void *arg)
{
	struct turns *t = arg;

	if (t->left-- > 0)
		bk_timer_start(t->timer, 0);
	else
		bk_loop_stop(t->loop);
}

void kit_settle(struct bk_loop *loop)
{
	struct turns t = {.loop = loop, .left = TURNS};

	assert_int_equal(bk_timer_new(loop, on_turn, &t, &t.timer), 0);
	bk_timer_start(t.timer, 0);
	assert_int_equal(bk_loop_run(loop), 0);
	bk_timer_free(t.timer);
}
