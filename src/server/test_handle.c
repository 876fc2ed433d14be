/* SPDX-License-Identifier: Apache-2.0 */
#include "server/handle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

enum { MANY = 500 };

static void a_number_finds_its_thing_until_it_leaves(void **state)
{
	struct bk_handles *h = bk_handles_new(MANY);
	uint64_t number[MANY];
	int things[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++)
		assert_int_equal(bk_handles_add(h, &things[i], &number[i]), 0);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(bk_handles_find(h, number[i]), &things[i]);
	assert_int_equal(bk_handles_add(h, &things[0], &number[0]), BK_E_FULL);
	bk_handles_remove(h, number[7]);
	bk_handles_remove(h, number[7]);
	assert_null(bk_handles_find(h, number[7]));
	bk_handles_free(h);
}

static void no_number_is_given_twice(void **state)
{
	struct bk_handles *h = bk_handles_new(3);
	uint64_t first, last = 0, next;
	int a, b;

	(void)state;
	assert_int_equal(bk_handles_add(h, &a, &first), 0);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(bk_handles_add(h, &b, &next), 0);
		assert_true(next && next != last && next != first);
		bk_handles_remove(h, next);
		assert_null(bk_handles_find(h, next));
		assert_ptr_equal(bk_handles_find(h, first), &a);
		last = next;
	}
	bk_handles_free(h);
}

static void nobody_has_zero_or_a_number_out_of_range(void **state)
{
	struct bk_handles *h = bk_handles_new(3);
	uint64_t number;
	int a;

	(void)state;
	assert_null(bk_handles_find(h, 0));
	assert_int_equal(bk_handles_add(h, &a, &number), 0);
	assert_null(bk_handles_find(h, 0));
	assert_null(bk_handles_find(h, number + 1000000));
	assert_null(bk_handles_find(h, UINT64_MAX));
	bk_handles_remove(h, 0);
	bk_handles_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_finds_its_thing_until_it_leaves),
		cmocka_unit_test(no_number_is_given_twice),
		cmocka_unit_test(nobody_has_zero_or_a_number_out_of_range),
	};

	return cmocka_run_group_tests_name("handle", tests, NULL, NULL);
}
