/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"

static void wakes_come_in_their_order(void **state)
{
	enum { ITEMS = 500 };
	struct bk_wakes w = {0};
	struct bk_wake items[ITEMS] = {0};
	struct bk_rng rng = {3};
	bk_time last = 0;
	size_t left = 0;

	(void)state;
	assert_int_equal(bk_wakes_reserve(&w, ITEMS), 0);
	for (int round = 0; round < 5000; round++) {
		struct bk_wake *item = &items[bk_rng_range(&rng, 0, ITEMS - 1)];

		if (bk_rng_range(&rng, 0, 3) == 0)
			bk_wakes_remove(&w, item);
		else
			bk_wakes_set(&w, item, (bk_time)bk_rng_range(&rng, 1, 1000));
	}
	for (int i = 0; i < ITEMS; i++)
		left += items[i].place != 0;
	assert_int_equal(left, w.len);
	for (struct bk_wake *first; (first = bk_wakes_first(&w)); left--) {
		assert_true(first->at >= last);
		last = first->at;
		bk_wakes_remove(&w, first);
	}
	assert_int_equal(left, 0);
	bk_wakes_done(&w);
}

static void a_wake_never_moves_away(void **state)
{
	struct bk_wakes w = {0};
	struct bk_wake item = {0};

	(void)state;
	assert_int_equal(bk_wakes_reserve(&w, 1), 0);
	bk_wakes_set(&w, &item, 10);
	bk_wakes_set(&w, &item, 20);
	assert_int_equal(item.at, 10);
	bk_wakes_set(&w, &item, 5);
	assert_int_equal(item.at, 5);
	bk_wakes_remove(&w, &item);
	bk_wakes_set(&w, &item, 20);
	assert_int_equal(item.at, 20);
	bk_wakes_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wakes_come_in_their_order),
		cmocka_unit_test(a_wake_never_moves_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
