/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct bk_stun_id id = {{1}};

/* The instants of sending, and last the instant of giving up, from start. */
static size_t play(struct bk_stun_transaction *t, bk_time start, bk_time out[16])
{
	size_t n = 0;

	for (bk_time now = start; n < 16; now = bk_stun_transaction_next_wake(t)) {
		assert_true(now != BK_NEVER);
		if (bk_stun_transaction_is_over(t, now)) {
			out[n++] = now - start;
			return n;
		}
		if (bk_stun_transaction_is_due(t, now))
			out[n++] = now - start;
	}
	return n;
}

static void the_schedule_of_the_rfc_comes_out(void **state)
{
	static const bk_time expected[] = {0, 500, 1500, 3500, 7500, 15500, 31500, 39500};
	struct bk_stun_transaction t;
	bk_time at[16];

	(void)state;
	bk_stun_transaction_init(&t, &id, 500 * BK_MS, 60 * BK_SEC, 7, 60 * BK_SEC, 1000);
	assert_int_equal(play(&t, 1000, at), 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(at[i], expected[i] * BK_MS);
	assert_int_equal(t.sent, 7);
}

static void intervals_and_the_last_wait_have_ceilings(void **state)
{
	static const bk_time expected[] = {0, 100, 300, 500, 750};
	struct bk_stun_transaction t;
	bk_time at[16];

	(void)state;
	bk_stun_transaction_init(&t, &id, 100 * BK_MS, 200 * BK_MS, 4, 250 * BK_MS, 0);
	assert_int_equal(play(&t, 0, at), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(at[i], expected[i] * BK_MS);
}

static void nothing_is_sent_before_its_time_nor_twice(void **state)
{
	struct bk_stun_transaction t;

	(void)state;
	bk_stun_transaction_init(&t, &id, 100 * BK_MS, 100 * BK_MS, 2, BK_SEC, 50);
	assert_false(bk_stun_transaction_is_due(&t, 49));
	assert_true(bk_stun_transaction_is_due(&t, 50));
	assert_false(bk_stun_transaction_is_due(&t, 50));
	assert_true(bk_stun_transaction_is_due(&t, 50 + 100 * BK_MS));
	assert_false(bk_stun_transaction_is_due(&t, BK_NEVER - 1));
	assert_false(bk_stun_transaction_is_over(&t, 50 + 100 * BK_MS + BK_SEC - 1));
	assert_true(bk_stun_transaction_is_over(&t, 50 + 100 * BK_MS + BK_SEC));
}

static void a_known_round_trip_shortens_what_is_to_come(void **state)
{
	struct bk_stun_transaction t;
	bk_time at[16];

	(void)state;
	bk_stun_transaction_init(&t, &id, 100 * BK_MS, 400 * BK_MS, 3, BK_SEC, 0);
	assert_true(bk_stun_transaction_is_due(&t, 0));
	bk_stun_transaction_adapt(&t, 1 * BK_MS);
	assert_int_equal(bk_stun_transaction_next_wake(&t), 13 * BK_MS);
	assert_int_equal(play(&t, 13 * BK_MS, at), 3);
	assert_true(at[2] < 100 * BK_MS);
}

static void a_slow_path_never_prolongs_it(void **state)
{
	struct bk_stun_transaction t;

	(void)state;
	bk_stun_transaction_init(&t, &id, 100 * BK_MS, 400 * BK_MS, 2, BK_SEC, 0);
	assert_true(bk_stun_transaction_is_due(&t, 0));
	bk_stun_transaction_adapt(&t, 2 * BK_SEC);
	assert_int_equal(bk_stun_transaction_next_wake(&t), 100 * BK_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_schedule_of_the_rfc_comes_out),
		cmocka_unit_test(intervals_and_the_last_wait_have_ceilings),
		cmocka_unit_test(nothing_is_sent_before_its_time_nor_twice),
		cmocka_unit_test(a_known_round_trip_shortens_what_is_to_come),
		cmocka_unit_test(a_slow_path_never_prolongs_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
