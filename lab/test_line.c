/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_bare_line_only_delays(void **state)
{
	struct bk_lab_line l;

	(void)state;
	bk_lab_line_init(&l, 10 * BK_MS, 0, 0, 0, 1);
	for (bk_time now = 0; now < BK_SEC; now += BK_MS)
		assert_int_equal(bk_lab_line_pass(&l, 1500, now), now + 10 * BK_MS);
}

static void a_rate_spaces_frames_and_its_queue_is_bounded(void **state)
{
	struct bk_lab_line l;
	int passed = 0;

	(void)state;
	bk_lab_line_init(&l, 0, 0, 0, 12, 1); /* 1500 bytes take 1 ms */
	assert_int_equal(bk_lab_line_pass(&l, 1500, 0), BK_MS);
	assert_int_equal(bk_lab_line_pass(&l, 1500, 0), 2 * BK_MS);
	while (bk_lab_line_pass(&l, 1500, 0) != BK_NEVER)
		passed++;
	assert_in_range(passed, 98, 99);
	assert_int_equal(bk_lab_line_pass(&l, 1500, BK_SEC), BK_SEC + BK_MS);
}

static void jitter_stays_in_its_range_and_keeps_order(void **state)
{
	struct bk_lab_line l;
	bk_time last = 0, least = BK_NEVER, most = 0;

	(void)state;
	bk_lab_line_init(&l, 10 * BK_MS, 4 * BK_MS, 0, 0, 7);
	for (bk_time now = 0; now < 10 * BK_SEC; now += BK_MS) {
		bk_time due = bk_lab_line_pass(&l, 100, now);

		assert_true(due >= last);
		last = due;
		least = bk_time_min(least, due - now);
		most = bk_time_max(most, due - now);
	}
	assert_in_range(least, 10 * BK_MS, 11 * BK_MS);
	assert_in_range(most, 13 * BK_MS, 14 * BK_MS);
}

static void loss_is_as_frequent_as_asked(void **state)
{
	struct bk_lab_line l;
	int lost = 0;

	(void)state;
	bk_lab_line_init(&l, 0, 0, 0.1, 0, 3);
	for (int i = 0; i < 10000; i++)
		lost += bk_lab_line_pass(&l, 100, i) == BK_NEVER;
	assert_in_range(lost, 850, 1150);
	bk_lab_line_init(&l, 0, 0, 1, 0, 3);
	for (int i = 0; i < 1000; i++)
		assert_true(bk_lab_line_pass(&l, 100, i) == BK_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_line_only_delays),
		cmocka_unit_test(a_rate_spaces_frames_and_its_queue_is_bounded),
		cmocka_unit_test(jitter_stays_in_its_range_and_keeps_order),
		cmocka_unit_test(loss_is_as_frequent_as_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
