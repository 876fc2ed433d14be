/* SPDX-License-Identifier: Apache-2.0 */
#include "path/manners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define T0 (1000 * BK_SEC)

static const struct bk_technique hard = {.name = "hard", .is_hard = true}, easy = {.name = "easy"};

static struct bk_plan plan_to(uint8_t network, uint8_t host)
{
	struct bk_plan p = {.attempts_len = 2};

	for (size_t i = 0; i < 2; i++) {
		p.attempts[i].technique = i ? &hard : &easy;
		p.attempts[i].remote = bk_addr_v4(45, 10, network, host, 7);
	}
	return p;
}

static bool may(uint8_t network, bk_time now)
{
	struct bk_plan p = plan_to(network, 9);
	bool has_turn, may = bk_manners_begin(&p, now, &has_turn);

	assert_int_equal(has_turn, may);
	assert_int_equal(p.attempts_len, may ? 2 : 1);
	assert_ptr_equal(p.attempts[0].technique, &easy);
	return may;
}

static void one_at_a_time_and_twenty_seconds_before_the_next_to_the_same_network(void **state)
{
	struct bk_plan p = plan_to(0, 1);
	bool has_turn;

	(void)state;
	p.attempts_len = 1; /* nothing hard in it */
	assert_true(bk_manners_begin(&p, T0, &has_turn) && !has_turn && p.attempts_len == 1);
	assert_true(may(1, T0));
	assert_false(may(2, T0)); /* the first one is still at it */
	bk_manners_end();
	assert_true(may(2, T0));
	bk_manners_end();
	assert_false(may(1, T0 + 20 * BK_SEC - 1));
	assert_true(may(1, T0 + 20 * BK_SEC));
	bk_manners_end();
}

static void networks_are_remembered_up_to_a_ceiling(void **state)
{
	(void)state;
	for (uint8_t i = 10; i < 10 + 33; i++) {
		assert_true(may(i, T0 + 100 * BK_SEC + i));
		bk_manners_end();
	}
	assert_false(may(42, T0 + 101 * BK_SEC));
	assert_true(may(10, T0 + 101 * BK_SEC)); /* forgotten for the last one */
	bk_manners_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time_and_twenty_seconds_before_the_next_to_the_same_network),
		cmocka_unit_test(networks_are_remembered_up_to_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
