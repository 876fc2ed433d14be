/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "portmap/term.h"

#define HOUR (3600 * BK_SEC)

static void a_port_is_asked_for_anew_at_half_its_life_and_one_for_good_each_hour(void **state)
{
	struct bk_portmap_term t = {0};

	(void)state;
	bk_portmap_term_give(&t, HOUR, 10 * BK_SEC);
	assert_true(t.until == 10 * BK_SEC + HOUR && t.next == 10 * BK_SEC + HOUR / 2);
	bk_portmap_term_give(&t, 0, 0);
	assert_true(t.next == HOUR);
}

static void what_nobody_answers_is_asked_again_soon_and_held_as_long_as_it_was_given(void **state)
{
	static const bk_dur waits[] = {30, 60, 120, 240, 480, 600, 600};
	struct bk_portmap_term t = {0};
	bk_time now;

	(void)state;
	bk_portmap_term_give(&t, 2 * HOUR, 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		now = t.next;
		assert_true(bk_portmap_term_go_on(&t, now));
		assert_true(t.next == now + waits[i] * BK_SEC);
	}
	while (t.next < t.until)
		assert_true(bk_portmap_term_go_on(&t, t.next));
	now = t.next;
	assert_false(bk_portmap_term_go_on(&t, now));
	assert_true(t.next == now + 600 * BK_SEC);
	bk_portmap_term_give(&t, HOUR, now);
	assert_true(bk_portmap_term_go_on(&t, t.next));
	assert_true(t.next == now + HOUR / 2 + 30 * BK_SEC);
}

static void who_never_answered_has_given_nothing_and_a_refusal_holds_for_ten_minutes(void **state)
{
	struct bk_portmap_term t = {0};

	(void)state;
	assert_false(bk_portmap_term_go_on(&t, 5 * BK_SEC));
	assert_true(t.next == 35 * BK_SEC);
	bk_portmap_term_give(&t, HOUR, 0);
	bk_portmap_term_refuse(&t, HOUR / 2);
	assert_true(t.next == HOUR / 2 + 600 * BK_SEC);
	assert_false(bk_portmap_term_go_on(&t, t.next));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_asked_for_anew_at_half_its_life_and_one_for_good_each_hour),
		cmocka_unit_test(what_nobody_answers_is_asked_again_soon_and_held_as_long_as_it_was_given),
		cmocka_unit_test(who_never_answered_has_given_nothing_and_a_refusal_holds_for_ten_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
