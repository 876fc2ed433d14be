/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ending.h"

#include <string.h>

#include "base/error.h"
#include "net/test_kit.h"

struct thing {
	struct bk_loop *loop;
	struct bk_ending ending;
	int stops, tells;
};

static void on_stop(void *arg)
{
	((struct thing *)arg)->stops++;
}

static void on_told(void *arg)
{
	struct thing *t = arg;

	t->tells++;
	bk_loop_stop(t->loop);
}

static void thing_init(struct thing *t)
{
	*t = (struct thing){.loop = kit_loop_new()};
	bk_ending_init(&t->ending, t->loop, on_told, t);
	t->ending.at_once = on_stop;
}

static void thing_done(struct thing *t)
{
	bk_ending_done(&t->ending);
	bk_loop_free(t->loop);
}

static void the_first_end_counts_and_is_told_once_from_the_loop(void **state)
{
	struct thing t;

	(void)state;
	thing_init(&t);
	bk_ending_set(&t.ending, BK_E_TIMEOUT, "nobody came in %d s", 5);
	bk_ending_set(&t.ending, BK_E_IO, "too late");
	assert_int_equal(t.stops, 1);
	assert_int_equal(t.tells, 0);
	kit_run(t.loop);
	kit_run_idle(t.loop, 3);
	assert_int_equal(t.tells, 1);
	assert_int_equal(t.ending.error, BK_E_TIMEOUT);
	assert_string_equal(t.ending.text, "nobody came in 5 s");
	thing_done(&t);
}

static void what_was_prepared_may_be_what_is_said(void **state)
{
	struct thing t;

	(void)state;
	thing_init(&t);
	strcpy(t.ending.text, "bye");
	bk_ending_set(&t.ending, 0, "%s, %s", t.ending.text, t.ending.text);
	assert_string_equal(t.ending.text, "bye, bye");
	kit_run(t.loop);
	thing_done(&t);
}

static void what_is_done_with_is_not_told(void **state)
{
	struct thing t;

	(void)state;
	thing_init(&t);
	bk_ending_set(&t.ending, BK_E_IO, "over");
	bk_ending_done(&t.ending);
	kit_run_idle(t.loop, 3);
	assert_int_equal(t.tells, 0);
	thing_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_end_counts_and_is_told_once_from_the_loop),
		cmocka_unit_test(what_was_prepared_may_be_what_is_said),
		cmocka_unit_test(what_is_done_with_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
