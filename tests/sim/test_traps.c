/* SPDX-License-Identifier: Apache-2.0 */

/* What measuring on kernel NATs has taught, as claims about the engine in virtual time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "story.h"

enum { SEEDS = 200 };

struct tally {
	int direct, first_try;     /* first_try: one SYN from each side was enough */
	bk_dur median, worst, sum; /* from the agreed instant */
};

static int compare(const void *a, const void *b)
{
	bk_dur x = *(const bk_dur *)a, y = *(const bk_dur *)b;

	return (x > y) - (x < y);
}

static struct tally run(struct sim_story s)
{
	struct tally t = {0};
	bk_dur took[SEEDS];

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim_ending e;

		s.seed = seed;
		sim_story_run(&s, &e);
		assert_true(e.done_once[0] && e.done_once[1]);
		t.sum += e.from_start;
		if (!e.is_direct)
			continue;
		took[t.direct++] = e.from_start;
		t.first_try += e.tries == 2;
	}
	if (t.direct == 0)
		return t;
	qsort(took, (size_t)t.direct, sizeof(took[0]), compare);
	t.median = took[t.direct / 2];
	t.worst = took[t.direct - 1];
	return t;
}

static struct sim_story port_port(enum sim_answer answer, bk_dur delay, bk_dur skew)
{
	return (struct sim_story){.a = "port", .b = "port", .answer = answer, .delay = delay, .skew = skew};
}

static void force_listener(struct bk_plan *p)
{
	p->wants_listener = true;
	p->is_listener_brief = false;
}

static void gap_50(struct bk_plan *p)
{
	for (size_t i = 0; i < p->attempts_len; i++)
		p->attempts[i].retry_gap = 50 * BK_MS;
}

static void skew_up_to_0_8_of_the_delay_connects_at_the_first_try(void **state)
{
	static const int delays_ms[] = {5, 15, 40, 80};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (int answer = SIM_DROP; answer <= SIM_ACCEPT; answer++) {
			bk_dur delay = delays_ms[i] * BK_MS;

			assert_int_equal(run(port_port((enum sim_answer)answer, delay, 0)).first_try, SEEDS);
			assert_int_equal(
				run(port_port((enum sim_answer)answer, delay, delay * 8 / 10)).first_try,
				SEEDS);
		}
	}
}

static void skew_does_not_matter_where_routers_drop(void **state)
{
	(void)state;
	assert_int_equal(run(port_port(SIM_DROP, 20 * BK_MS, 26 * BK_MS)).first_try, SEEDS);
	assert_int_equal(run(port_port(SIM_DROP, 40 * BK_MS, 48 * BK_MS)).first_try, SEEDS);
	assert_int_equal(run(port_port(SIM_DROP, 40 * BK_MS, 500 * BK_MS)).direct, SEEDS);
}

static void skew_beyond_the_delay_misses_the_first_try_where_routers_reset(void **state)
{
	struct tally t = run(port_port(SIM_RESET, 20 * BK_MS, 26 * BK_MS));

	(void)state;
	assert_int_equal(t.first_try, 0);
	assert_int_equal(t.direct, SEEDS);
}

static void retries_after_resets_connect_within_400_ms_at_100_ms_of_skew(void **state)
{
	struct tally t = run(port_port(SIM_RESET, 20 * BK_MS, 100 * BK_MS));

	(void)state;
	assert_int_equal(t.direct, SEEDS);
	assert_true(t.worst <= 400 * BK_MS);
}

static void a_gap_of_50_ms_takes_longer_at_worst(void **state)
{
	struct sim_story s = port_port(SIM_RESET, 20 * BK_MS, 100 * BK_MS);
	struct tally quick = run(s), slow;

	(void)state;
	s.tweak = gap_50;
	slow = run(s);
	assert_true(slow.worst > 2 * quick.worst);
	assert_true(slow.worst > 500 * BK_MS);
}

/* Where the flow survives the router's refusal, the peer's late SYN comes in between two tries. */
static void a_listener_traps_port_restricted_sides_whose_flows_survive_the_answer(void **state)
{
	struct sim_story s = port_port(SIM_REJECT, 0, 0);
	struct tally with, without;

	(void)state;
	s.timer_slack = 1 * BK_MS;
	without = run(s);
	s.tweak = force_listener;
	with = run(s);
	assert_true(without.direct >= SEEDS * 95 / 100);
	assert_true(with.direct <= SEEDS * 40 / 100);
}

static void a_brief_listener_is_no_trap(void **state)
{
	struct sim_story s = port_port(SIM_REJECT, 0, 0);

	(void)state;
	s.timer_slack = 1 * BK_MS;
	s.filtering_unknown = true;
	assert_true(run(s).direct >= SEEDS * 95 / 100);
}

static void connects_alone_meet_without_any_delay_though_routers_reset(void **state)
{
	struct sim_story s = port_port(SIM_RESET, 0, 0);
	struct tally t;

	(void)state;
	s.timer_slack = 1 * BK_MS;
	t = run(s);
	assert_true(t.direct >= SEEDS * 95 / 100);
	assert_true(t.median < 500 * BK_MS);
}

static void sides_that_jitter_alike_meet_later(void **state)
{
	struct sim_story s = port_port(SIM_RESET, 0, 100 * BK_MS);
	struct tally own_jitter = run(s), same_jitter;

	(void)state;
	s.same_seed = true;
	same_jitter = run(s);
	assert_true(own_jitter.sum < same_jitter.sum);
}

static void an_open_peer_is_reached_without_waiting_for_the_instant(void **state)
{
	struct sim_story s = {.a = "open", .b = "port", .answer = SIM_RESET, .delay = 100 * BK_MS, .seed = 7};
	struct sim_ending e;
	size_t early = 0;

	(void)state;
	sim_story_run(&s, &e);
	assert_true(e.is_direct);
	for (size_t i = 0; i < e.plans[1].attempts_len; i++)
		early += !e.plans[1].attempts[i].is_at_start && e.stats[1][i].connected == 1;
	assert_true(early >= 1);
}

static void a_symmetric_side_reaches_a_restricted_one_in_one_round_trip(void **state)
{
	struct sim_story s = {.a = "restricted", .b = "sym", .answer = SIM_DROP, .delay = 20 * BK_MS};
	struct tally t = run(s);

	(void)state;
	assert_int_equal(t.direct, SEEDS);
	assert_true(t.worst < 100 * BK_MS);
}

static void full_cones_of_unknown_filtering_meet_at_once_thanks_to_the_brief_listener(void **state)
{
	struct sim_story s = {.a = "full", .b = "full", .filtering_unknown = true, .timer_slack = 1 * BK_MS};
	struct tally t = run(s);

	(void)state;
	assert_int_equal(t.direct, SEEDS);
	assert_true(t.worst < 25 * BK_MS);
}

/* An ICMP refusal can leave a flow half dead in a NAT, which no retry revives: about 1 in 500 here. */
static void a_failed_proof_goes_on_and_connects_again(void **state)
{
	(void)state;
	for (int answer = SIM_DROP; answer <= SIM_ACCEPT; answer++) {
		struct sim_story s = port_port((enum sim_answer)answer, 20 * BK_MS, 0);

		s.deaf_first = true;
		assert_true(run(s).direct >= (answer == SIM_REJECT ? SEEDS * 98 / 100 : SEEDS));
	}
}

static void loss_and_jitter_cost_time_but_no_connection(void **state)
{
	(void)state;
	for (int answer = SIM_DROP; answer <= SIM_ACCEPT; answer++) {
		struct sim_story s = port_port((enum sim_answer)answer, 20 * BK_MS, 2 * BK_MS);

		s.jitter = 10 * BK_MS;
		assert_int_equal(run(s).direct, SEEDS);
		s.loss = 0.05;
		assert_true(run(s).direct >= SEEDS * 97 / 100);
	}
}

static void symmetric_pair_is_given_up_at_once(void **state)
{
	struct sim_story s = {.a = "sym", .b = "port", .delay = 20 * BK_MS, .seed = 1};
	struct sim_ending e;

	(void)state;
	sim_story_run(&s, &e);
	assert_false(e.is_direct);
	assert_true(e.from_start <= 0);
}

static void symmetric_pair_of_unknown_filtering_is_given_up_after_the_budget(void **state)
{
	struct sim_story s = {
		.a = "sym", .b = "port", .filtering_unknown = true, .delay = 20 * BK_MS, .seed = 1};
	struct sim_ending e;

	(void)state;
	sim_story_run(&s, &e);
	assert_false(e.is_direct);
	assert_true(e.from_start >= BK_PLAN_BUDGET && e.from_start < BK_PLAN_BUDGET + 10 * BK_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skew_up_to_0_8_of_the_delay_connects_at_the_first_try),
		cmocka_unit_test(skew_does_not_matter_where_routers_drop),
		cmocka_unit_test(skew_beyond_the_delay_misses_the_first_try_where_routers_reset),
		cmocka_unit_test(retries_after_resets_connect_within_400_ms_at_100_ms_of_skew),
		cmocka_unit_test(a_gap_of_50_ms_takes_longer_at_worst),
		cmocka_unit_test(a_listener_traps_port_restricted_sides_whose_flows_survive_the_answer),
		cmocka_unit_test(a_brief_listener_is_no_trap),
		cmocka_unit_test(connects_alone_meet_without_any_delay_though_routers_reset),
		cmocka_unit_test(sides_that_jitter_alike_meet_later),
		cmocka_unit_test(an_open_peer_is_reached_without_waiting_for_the_instant),
		cmocka_unit_test(a_symmetric_side_reaches_a_restricted_one_in_one_round_trip),
		cmocka_unit_test(full_cones_of_unknown_filtering_meet_at_once_thanks_to_the_brief_listener),
		cmocka_unit_test(a_failed_proof_goes_on_and_connects_again),
		cmocka_unit_test(loss_and_jitter_cost_time_but_no_connection),
		cmocka_unit_test(symmetric_pair_is_given_up_at_once),
		cmocka_unit_test(symmetric_pair_of_unknown_filtering_is_given_up_after_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
