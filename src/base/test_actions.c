/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/actions.h"

enum { SLOTS = 3 };

static bool push(struct bk_actions *q, uint32_t id)
{
	return bk_actions_push(q, &(struct bk_action){.type = BK_ACT_TCP_CLOSE, .id = id});
}

static void expect(struct bk_actions *q, uint32_t id)
{
	struct bk_action a;

	assert_true(bk_actions_next(q, &a));
	assert_int_equal(a.id, id);
}

static void what_is_asked_first_is_done_first_however_often_the_ring_turns(void **state)
{
	struct bk_action slots[SLOTS];
	struct bk_actions q;

	(void)state;
	bk_actions_init(&q, slots, SLOTS);
	for (uint32_t id = 1; id < 20; id += 2) {
		assert_true(push(&q, id) && push(&q, id + 1));
		expect(&q, id);
		expect(&q, id + 1);
		assert_false(bk_actions_next(&q, &slots[0]));
	}
}

static void a_full_queue_says_so_and_keeps_what_it_has(void **state)
{
	struct bk_action slots[SLOTS];
	struct bk_actions q;

	(void)state;
	bk_actions_init(&q, slots, SLOTS);
	for (uint32_t id = 1; id <= SLOTS; id++) {
		assert_int_equal(bk_actions_room(&q), SLOTS + 1 - id);
		assert_true(push(&q, id));
	}
	assert_false(push(&q, 9));
	assert_int_equal(bk_actions_room(&q), 0);
	expect(&q, 1);
	assert_true(push(&q, 4));
	for (uint32_t id = 2; id <= 4; id++)
		expect(&q, id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_first_is_done_first_however_often_the_ring_turns),
		cmocka_unit_test(a_full_queue_says_so_and_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
