/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/hops.h"

static void nothing_is_known_before_it_was_asked(void **state)
{
	struct bk_addr six = {.family = 6};
	struct bk_hops h;

	(void)state;
	bk_hops_init(&h);
	assert_int_equal(bk_hops_count(&h), 0);
	bk_hops_ask(&h, &six);
	assert_int_equal(bk_hops_count(&h), 0);
	bk_hops_done(&h);
	bk_hops_done(&h);
}

/* Routers in between need a laboratory; here the machine itself holds the address. */
static void silence_counts_as_one_router_and_is_not_waited_for(void **state)
{
	struct bk_addr own = bk_addr_v4(127, 0, 0, 1, 41000);
	struct bk_hops h;

	(void)state;
	bk_hops_init(&h);
	bk_hops_ask(&h, &own);
	assert_int_equal(bk_hops_count(&h), 1);
	bk_hops_ask(&h, &own);
	assert_int_equal(bk_hops_count(&h), 1);
	bk_hops_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_before_it_was_asked),
		cmocka_unit_test(silence_counts_as_one_router_and_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
