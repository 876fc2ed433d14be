/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LEAST = 2, ROUNDS = 200 };

static void what_comes_in_goes_out_in_order_however_it_goes_round_and_grows(void **state)
{
	struct bk_ring r = {0};
	int *elements = NULL, in = 0, out = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) { /* three in, two out */
		for (int k = 0; k < 3; k++) {
			if (r.len == r.cap)
				elements = bk_ring_grow(&r, elements, sizeof(*elements), LEAST);
			assert_non_null(elements);
			elements[bk_ring_place(&r, r.len++)] = in++;
		}
		for (int k = 0; k < 2; k++) {
			assert_int_equal(elements[bk_ring_place(&r, 0)], out++);
			bk_ring_drop_first(&r);
		}
	}
	assert_int_equal(r.len, ROUNDS);
	assert_int_equal(r.cap, 256);
	for (size_t i = 0; i < r.len; i++)
		assert_int_equal(elements[bk_ring_place(&r, i)], out + (int)i);
	free(elements);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_goes_out_in_order_however_it_goes_round_and_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
