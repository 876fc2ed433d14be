/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int take_all(struct bk_rate *r, bk_time now)
{
	int n = 0;

	while (bk_rate_take(r, 1, now))
		n++;
	return n;
}

static void a_burst_is_allowed_once(void **state)
{
	struct bk_rate r;

	(void)state;
	bk_rate_init(&r, 10, 5, 0);
	assert_int_equal(take_all(&r, 0), 5);
	assert_int_equal(take_all(&r, 0), 0);
	assert_int_equal(take_all(&r, 100 * BK_MS), 1);
	assert_int_equal(take_all(&r, 150 * BK_MS), 0);
	assert_int_equal(take_all(&r, 3600 * BK_SEC), 5);
}

static void the_long_run_is_the_rate(void **state)
{
	struct bk_rate r;
	int taken = 0;

	(void)state;
	bk_rate_init(&r, 100, 10, 0);
	for (bk_time now = 0; now < 10 * BK_SEC; now += 7 * BK_MS)
		taken += take_all(&r, now);
	assert_in_range(taken, 1000, 1010);
}

static void a_refusal_takes_nothing(void **state)
{
	struct bk_rate r;

	(void)state;
	bk_rate_init(&r, 1, 5, 0);
	assert_false(bk_rate_take(&r, 6, 0));
	assert_true(bk_rate_take(&r, 5, 0));
}

static void a_clock_that_steps_back_gives_nothing(void **state)
{
	struct bk_rate r;

	(void)state;
	bk_rate_init(&r, 1000, 1, 10 * BK_SEC);
	assert_int_equal(take_all(&r, 10 * BK_SEC), 1);
	assert_int_equal(take_all(&r, 0), 0);
	assert_int_equal(take_all(&r, 10 * BK_SEC), 0);
}

static void never_stays_never(void **state)
{
	(void)state;
	assert_true(bk_time_add(BK_NEVER, -5) == BK_NEVER);
	assert_true(bk_time_add(BK_NEVER - 1, BK_SEC) == BK_NEVER);
	assert_true(bk_time_add(5, 6) == 11);
	assert_true(bk_time_min(BK_NEVER, 3) == 3 && bk_time_max(2, 3) == 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_allowed_once),
		cmocka_unit_test(the_long_run_is_the_rate),
		cmocka_unit_test(a_refusal_takes_nothing),
		cmocka_unit_test(a_clock_that_steps_back_gives_nothing),
		cmocka_unit_test(never_stays_never),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
