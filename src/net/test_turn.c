/* SPDX-License-Identifier: Apache-2.0 */
#include "net/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "net/test_kit.h"

struct story {
	struct bk_loop *loop;
	struct bk_turn turns[3];
	struct bk_timer *timer;
	struct bk_watch *watch;
	int pipe[2];
	char order[16];
	int count;
};

static void story_begin(struct story *s)
{
	*s = (struct story){.loop = kit_loop_new()};
	assert_int_equal(pipe(s->pipe), 0);
}

static void story_end(struct story *s)
{
	for (int i = 0; i < 3; i++)
		bk_turn_done(&s->turns[i]);
	bk_timer_free(s->timer);
	bk_watch_free(s->watch);
	close(s->pipe[0]);
	close(s->pipe[1]);
	bk_loop_free(s->loop);
}

static void note(struct story *s, const char *what)
{
	assert_true(strlen(s->order) + strlen(what) < sizeof(s->order));
	strcat(s->order, what);
}

static void on_a(void *arg)
{
	note(arg, "a");
}

static void on_b(void *arg)
{
	note(arg, "b");
}

static void on_last(void *arg)
{
	struct story *s = arg;

	note(s, ".");
	bk_loop_stop(s->loop);
}

static void on_readable(void *arg, int fd, int events)
{
	struct story *s = arg;
	char byte;

	(void)events;
	assert_int_equal(read(fd, &byte, 1), 1);
	note(s, "r");
	bk_turn_ask(&s->turns[1]);
}

static void on_timer(void *arg)
{
	struct story *s = arg;

	note(s, "t");
	bk_turn_ask(&s->turns[2]);
}

static void a_turn_comes_after_everything_that_is_ready_and_once(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s);
	bk_turn_init(&s.turns[0], s.loop, on_a, &s);
	bk_turn_init(&s.turns[1], s.loop, on_b, &s);
	bk_turn_init(&s.turns[2], s.loop, on_last, &s);
	assert_int_equal(bk_watch_new(s.loop, s.pipe[0], on_readable, &s, &s.watch), 0);
	assert_int_equal(bk_watch_set(s.watch, BK_READABLE), 0);
	assert_int_equal(write(s.pipe[1], "x", 1), 1);
	assert_int_equal(bk_timer_new(s.loop, on_timer, &s, &s.timer), 0);
	bk_timer_start(s.timer, 0);
	bk_turn_ask(&s.turns[0]); /* before it runs */
	bk_turn_ask(&s.turns[0]);
	kit_run(s.loop);
	assert_string_equal(s.order, "rtab.");
	story_end(&s);
}

static void on_again(void *arg)
{
	struct story *s = arg;

	s->count++;
	bk_turn_ask(&s->turns[0]);
}

static void a_turn_that_asks_itself_for_ever_starves_nobody(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s);
	bk_turn_init(&s.turns[0], s.loop, on_again, &s);
	bk_turn_init(&s.turns[1], s.loop, on_last, &s);
	assert_int_equal(bk_watch_new(s.loop, s.pipe[0], on_readable, &s, &s.watch), 0);
	assert_int_equal(bk_watch_set(s.watch, BK_READABLE), 0);
	bk_turn_ask(&s.turns[0]);
	assert_int_equal(write(s.pipe[1], "x", 1), 1);
	kit_run(s.loop);
	assert_string_equal(s.order, "r.");
	assert_int_equal(s.count, 1); /* once a turn, and this was one */
	assert_int_equal(bk_timer_new(s.loop, on_last, &s, &s.timer), 0);
	bk_timer_start(s.timer, BK_MS);
	kit_run(s.loop);
	assert_true(s.count > 1);
	story_end(&s);
}

static void on_ender(void *arg)
{
	struct story *s = arg;

	note(s, "e");
	bk_turn_done(&s->turns[1]);
	bk_turn_done(&s->turns[0]); /* itself */
	bk_turn_ask(&s->turns[0]);  /* which is not heard any more */
}

static void who_is_done_is_not_called(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s);
	bk_turn_init(&s.turns[0], s.loop, on_ender, &s);
	bk_turn_init(&s.turns[1], s.loop, on_b, &s);
	bk_turn_init(&s.turns[2], s.loop, on_a, &s);
	for (int i = 0; i < 3; i++)
		bk_turn_ask(&s.turns[i]);
	kit_run_idle(s.loop, 3);
	assert_string_equal(s.order, "ea");
	story_end(&s);
}

struct owner {
	struct story *story;
	struct bk_turn turn;
	struct owner *other;
};

static void owner_free(struct owner *o)
{
	bk_turn_done(&o->turn);
	free(o);
}

static void on_owner(void *arg)
{
	struct owner *o = arg;

	note(o->story, "o");
	owner_free(o->other);
	owner_free(o);
}

static void a_turn_may_free_its_owner_and_others(void **state)
{
	struct owner *o[2];
	struct story s;

	(void)state;
	story_begin(&s);
	for (int i = 0; i < 2; i++) {
		o[i] = calloc(1, sizeof(*o[i]));
		assert_non_null(o[i]);
		o[i]->story = &s;
		bk_turn_init(&o[i]->turn, s.loop, on_owner, o[i]);
		bk_turn_ask(&o[i]->turn);
	}
	o[0]->other = o[1];
	kit_run_idle(s.loop, 2);
	assert_string_equal(s.order, "o");
	story_end(&s);
}

static void done_is_fine_on_a_zeroed_one_and_twice(void **state)
{
	struct bk_turn t = {0};
	struct story s;

	(void)state;
	bk_turn_done(&t);
	bk_turn_done(&t);
	story_begin(&s);
	bk_turn_init(&t, s.loop, on_a, &s);
	bk_turn_ask(&t);
	bk_turn_done(&t);
	bk_turn_done(&t);
	kit_run_idle(s.loop, 2);
	assert_string_equal(s.order, "");
	story_end(&s);
}

static void what_a_stop_interrupts_comes_first_at_the_next_run(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s);
	bk_turn_init(&s.turns[0], s.loop, on_last, &s);
	bk_turn_init(&s.turns[1], s.loop, on_a, &s);
	bk_turn_init(&s.turns[2], s.loop, on_last, &s);
	bk_turn_ask(&s.turns[0]);
	bk_turn_ask(&s.turns[1]);
	kit_run(s.loop);
	assert_string_equal(s.order, ".");
	bk_turn_ask(&s.turns[2]);
	kit_run(s.loop);
	assert_string_equal(s.order, ".a.");
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_comes_after_everything_that_is_ready_and_once),
		cmocka_unit_test(a_turn_that_asks_itself_for_ever_starves_nobody),
		cmocka_unit_test(who_is_done_is_not_called),
		cmocka_unit_test(a_turn_may_free_its_owner_and_others),
		cmocka_unit_test(done_is_fine_on_a_zeroed_one_and_twice),
		cmocka_unit_test(what_a_stop_interrupts_comes_first_at_the_next_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
