/* SPDX-License-Identifier: Apache-2.0 */
#include "path/manners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#define T0 (1000 * BK_SEC)

enum { LARGEST = 2800, PREDICTED = 576, FAST = 64 };

static const struct bk_technique hard = {.name = "hard", .is_hard = true}, light = {.name = "light"},
				 easy = {.name = "easy"};

/* Each test has networks of its own. */
static uint8_t subnet;

static int next_subnet(void **state)
{
	(void)state;
	subnet++;
	return 0;
}

static struct bk_plan plan_to(uint8_t network, const struct bk_technique *guess)
{
	struct bk_plan p = {.attempts_len = 2};

	p.attempts[0].technique = &easy;
	p.attempts[1].technique = guess;
	for (size_t i = 0; i < 2; i++)
		p.attempts[i].remote = bk_addr_v4(45, subnet, network, 9, 7);
	p.attempts[1].probes = guess == &light ? PREDICTED : LARGEST;
	p.attempts[1].fast = guess == &light ? FAST : 0;
	return p;
}

static bool begins(uint8_t network, const struct bk_technique *guess, struct bk_manners_purse *purse,
	bk_time now, struct bk_manners_turn *ret_turn)
{
	struct bk_plan p = plan_to(network, guess);
	const char *why = bk_manners_begin(&p, purse, now, ret_turn);

	assert_int_equal(!why, ret_turn->weight > 0);
	assert_int_equal(p.attempts_len, why ? 1 : 2);
	assert_ptr_equal(p.attempts[0].technique, &easy);
	return !why;
}

/* And is over at once. */
static bool may(
	uint8_t network, const struct bk_technique *guess, struct bk_manners_purse *purse, bk_time now)
{
	struct bk_manners_turn turn;
	bool begun = begins(network, guess, purse, now, &turn);

	bk_manners_end(&turn);
	return begun;
}

static void what_guesses_nothing_needs_no_turn(void **state)
{
	struct bk_plan p = plan_to(0, &hard);
	struct bk_manners_turn turn;

	(void)state;
	p.attempts_len = 1;
	assert_null(bk_manners_begin(&p, NULL, T0, &turn));
	assert_true(!turn.weight && p.attempts_len == 1);
}

static void one_at_a_time_and_twenty_seconds_before_the_next_to_the_same_network(void **state)
{
	struct bk_manners_turn turn, other;

	(void)state;
	assert_true(begins(1, &hard, NULL, T0, &turn));
	assert_false(begins(2, &hard, NULL, T0, &other)); /* the first one is still at it */
	bk_manners_end(&turn);
	assert_true(may(2, &hard, NULL, T0));
	assert_false(may(1, &hard, NULL, T0 + 20 * BK_SEC - 1));
	assert_true(may(1, &hard, NULL, T0 + 20 * BK_SEC + 1));
}

static void a_few_small_guesses_are_under_way_together_and_count_as_what_they_are(void **state)
{
	struct bk_manners_turn turns[4], more;

	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		assert_true(begins(i, &light, NULL, T0, &turns[i]));
	assert_false(begins(5, &light, NULL, T0, &more));
	assert_false(begins(5, &hard, NULL, T0, &more));
	for (int i = 0; i < 4; i++)
		bk_manners_end(&turns[i]);
	assert_true(begins(5, &hard, NULL, T0, &more));
	bk_manners_end(&more);

	/* In one network there is room for four, or for one after another as the packets come back. */
	for (int i = 0; i < 4; i++)
		assert_true(may(6, &light, NULL, T0));
	assert_false(may(6, &light, NULL, T0));
	assert_true(may(6, &light, NULL, T0 + 5 * BK_SEC));
}

/* As the seeker asks for rounds: 2, 10 and 60 s after the end of one that took 3 s. */
static void two_without_luck_try_again_three_times_whatever_their_network_has(void **state)
{
	static const bk_dur waits[] = {0, 3 + 2, 3 + 10, 3 + 60};
	struct bk_manners_purse purse = {0}, other = {0};
	bk_time now = T0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		now += waits[i] * BK_SEC;
		assert_true(may(1, &hard, &purse, now));
		assert_false(may(1, &hard, &other, now + 1)); /* who is new waits for the network */
	}
	assert_false(may(1, &hard, &purse, now + 1)); /* the purse is empty, and fills slowly */
	assert_false(may(1, &hard, &purse, now + 200 * BK_SEC));
	assert_true(may(1, &hard, &purse, now + 300 * BK_SEC));
	assert_true(may(1, &hard, &other, now + 320 * BK_SEC + 1));
}

/* A peer that says each time that it is elsewhere gets no more for it. */
static void another_network_is_new_but_the_purse_is_the_same(void **state)
{
	struct bk_manners_purse purse = {0};

	(void)state;
	assert_true(may(1, &hard, NULL, T0));
	assert_true(may(2, &hard, &purse, T0));
	assert_false(may(1, &hard, &purse, T0 + 5 * BK_SEC)); /* there it has not been */
	assert_true(may(2, &hard, &purse, T0 + 5 * BK_SEC));
	assert_true(may(3, &hard, &purse, T0 + 5 * BK_SEC));
	assert_true(may(4, &hard, &purse, T0 + 5 * BK_SEC));
	assert_false(may(5, &hard, &purse, T0 + 5 * BK_SEC));
	assert_false(may(4, &hard, &purse, T0 + 6 * BK_SEC));
}

static void who_was_not_let_has_paid_nothing(void **state)
{
	struct bk_manners_purse purse = {0};
	struct bk_manners_turn turn;

	(void)state;
	assert_true(begins(1, &hard, NULL, T0, &turn));
	for (int i = 0; i < 10; i++)
		assert_false(may(2, &hard, &purse, T0));
	bk_manners_end(&turn);
	for (int i = 0; i < 4; i++)
		assert_true(may(2, &hard, &purse, T0 + i));
}

static void what_was_forbidden_is_not_tried_again_there(void **state)
{
	struct bk_manners_purse purse = {0};

	(void)state;
	assert_true(may(1, &hard, &purse, T0));
	purse.forbidden_by = bk_addr_v4(10, 1, 0, 1, 0);
	assert_false(may(1, &hard, &purse, T0 + 30 * BK_SEC));
	assert_true(may(2, &hard, &purse, T0 + 30 * BK_SEC));
	assert_false(purse.forbidden_by.family);
}

static void networks_are_remembered_up_to_a_ceiling(void **state)
{
	(void)state;
	for (uint8_t i = 10; i < 10 + 33; i++)
		assert_true(may(i, &hard, NULL, T0 + 100 * BK_SEC + i));
	assert_false(may(42, &hard, NULL, T0 + 101 * BK_SEC));
	assert_true(may(10, &hard, NULL, T0 + 101 * BK_SEC)); /* forgotten for the last one */
}

/* Whoever has several sessions with this process could have it forget a network that way. */
static void no_network_is_forgotten_for_others_that_were_sent_less_to(void **state)
{
	const bk_time now = T0 + 1000 * BK_SEC; /* the others are long over */
	struct bk_manners_purse purse = {0};

	(void)state;
	assert_true(may(1, &hard, NULL, now));
	for (uint8_t i = 10; i < 10 + 100; i++)
		assert_true(may(i, &light, NULL, now + i));
	assert_false(may(1, &hard, NULL, now + BK_SEC));
	for (uint8_t i = 2; i < 6; i++)
		assert_true(may(i, &hard, &purse, now + BK_SEC));
	for (uint8_t i = 10; i < 10 + 100; i++) /* nor for those that nothing goes to */
		assert_false(may(i, &hard, &purse, now + BK_SEC));
	assert_false(may(1, &hard, NULL, now + BK_SEC));
}

#define CLAIM(f) cmocka_unit_test_setup(f, next_subnet)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(what_guesses_nothing_needs_no_turn),
		CLAIM(one_at_a_time_and_twenty_seconds_before_the_next_to_the_same_network),
		CLAIM(a_few_small_guesses_are_under_way_together_and_count_as_what_they_are),
		CLAIM(two_without_luck_try_again_three_times_whatever_their_network_has),
		CLAIM(another_network_is_new_but_the_purse_is_the_same),
		CLAIM(who_was_not_let_has_paid_nothing),
		CLAIM(what_was_forbidden_is_not_tried_again_there),
		CLAIM(networks_are_remembered_up_to_a_ceiling),
		CLAIM(no_network_is_forgotten_for_others_that_were_sent_less_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
