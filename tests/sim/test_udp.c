/* SPDX-License-Identifier: Apache-2.0 */

/* UDP punching through simulated NATs: the rows of the shared list, all pairs, and what measuring on kernel
 * NATs has taught. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lab/scenarios.h"
#include "net.h"
#include "udp_story.h"

enum { SEEDS = 100 };

struct tally {
	int direct;
	bk_dur median, p95, worst; /* of `elapsed`, of all runs */
};

static int compare(const void *a, const void *b)
{
	bk_dur x = *(const bk_dur *)a, y = *(const bk_dur *)b;

	return (x > y) - (x < y);
}

static struct tally run(struct sim_udp_story s)
{
	struct tally t = {0};
	bk_dur took[SEEDS];

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim_udp_ending e;

		s.seed = seed;
		s.b_controls = seed % 2;
		sim_udp_story_run(&s, &e);
		assert_true(e.ended_once[0] && e.ended_once[1]);
		assert_int_equal(e.stats[0].forged + e.stats[1].forged, 0);
		t.direct += e.is_direct;
		took[seed - 1] = e.elapsed;
	}
	qsort(took, SEEDS, sizeof(took[0]), compare);
	t.median = took[SEEDS / 2];
	t.p95 = took[SEEDS * 95 / 100];
	t.worst = took[SEEDS - 1];
	return t;
}

static void show(const struct sim_udp_story *s, const struct tally *t)
{
	print_message("%10s %-10s %-6s %3d ms %2d %%: %3d direct, median %.1f, 95 %% %.1f, worst %.1f ms\n",
		s->a, s->b, sim_answer_name(s->answer), (int)(s->delay / BK_MS), (int)(s->loss * 100 + 0.5),
		t->direct, bk_dur_to_ms(t->median), bk_dur_to_ms(t->p95), bk_dur_to_ms(t->worst));
}

static bk_dur three_round_trips(const struct sim_udp_story *s)
{
	return 3 * 2 * (s->delay + BK_MS / 5) + 50 * BK_MS;
}

static bool is_easy(const struct bk_lab_nat_type *t)
{
	return t->mapping == BK_LAB_ENDPOINT_INDEPENDENT;
}

static bool can_meet(const struct bk_lab_nat_type *a, const struct bk_lab_nat_type *b)
{
	return is_easy(a) || is_easy(b) || (sim_nat_is_sequence(a) && sim_nat_is_sequence(b));
}

/* Chance decides how long it takes: half of them within 200 ms of guessing, 98 % within 1100. */
static bool is_birthday(const struct bk_lab_nat_type *a, const struct bk_lab_nat_type *b)
{
	const struct bk_lab_nat_type *easy = is_easy(a) ? a : b, *hard = is_easy(a) ? b : a;

	return is_easy(easy) && easy->filtering == BK_LAB_ADDRESS_AND_PORT_DEPENDENT &&
	       (hard->allocation == BK_LAB_RANDOM || hard->allocation == BK_LAB_BLOCK);
}

static void run_row(const struct bk_lab_scenario *row, bool filtering_unknown)
{
	struct sim_udp_story s = {
		.a = row->a,
		.b = row->b,
		.answer = sim_answer_from_name(row->answer),
		.delay = row->delay_ms * BK_MS,
		.loss = row->loss_percent / 100.0,
		.timer_slack = 1 * BK_MS,
		.filtering_unknown = filtering_unknown,
	};
	bool wants_direct = !strcmp(row->expected, "direct");
	struct tally t = run(s);

	if (wants_direct ? t.direct * 100 < row->min_direct_percent * SEEDS : t.direct > 0)
		fail_msg("%s and %s, %s, %d ms: %d of %d direct", row->a, row->b, row->answer, row->delay_ms,
			t.direct, SEEDS);
	if (is_birthday(bk_lab_nat_type_find(row->a), bk_lab_nat_type_find(row->b))) {
		if (t.median > row->median_max_ms * BK_MS || t.worst > BK_PLAN_BUDGET)
			fail_msg("%s and %s: median %.1f ms", row->a, row->b, bk_dur_to_ms(t.median));
	} else if (wants_direct && t.worst > (row->delay_ms ? three_round_trips(&s) : 20 * BK_MS))
		fail_msg("%s and %s, %s, %d ms: took %.1f ms", row->a, row->b, row->answer, row->delay_ms,
			bk_dur_to_ms(t.worst));
	if (!filtering_unknown)
		show(&s, &t);
}

static void every_row_of_the_list_ends_as_expected(void **state)
{
	const struct bk_lab_scenario *row;

	(void)state;
	for (size_t i = 0; (row = bk_lab_scenario_at(i)); i++) {
		if (!strcmp(row->transport, "udp"))
			run_row(row, false);
	}
}

static void every_row_ends_as_expected_with_filtering_unknown(void **state)
{
	const struct bk_lab_scenario *row;

	(void)state;
	for (size_t i = 0; (row = bk_lab_scenario_at(i)); i++) {
		if (!strcmp(row->transport, "udp"))
			run_row(row, true);
	}
}

/* All types with all types, all answers, three delays: direct exactly where nothing has to be guessed. */
static void every_pair_of_types_meets_within_three_round_trips_or_not_at_all(void **state)
{
	static const int delays_ms[] = {0, 5, 40};
	const struct bk_lab_nat_type *a, *b;

	(void)state;
	for (size_t i = 0; (a = bk_lab_nat_type_at(i)); i++) {
		for (size_t k = 0; (b = bk_lab_nat_type_at(k)); k++) {
			for (int j = 0; j < 3 * 4; j++) {
				struct sim_udp_story s = {
					.a = a->name, .b = b->name, .answer = (enum sim_answer)(j / 3)};
				struct sim_udp_ending e;

				s.delay = delays_ms[j % 3] * BK_MS;
				s.timer_slack = 1 * BK_MS;
				s.seed = i * 100 + k * 20 + (uint64_t)j + 1;
				s.b_controls = (i + k + (size_t)j) % 2;
				sim_udp_story_run(&s, &e);
				assert_true(e.ended_once[0] && e.ended_once[1]);
				if (e.is_direct != can_meet(a, b) ||
					(e.is_direct &&
						e.elapsed > (is_birthday(a, b) ? BK_PLAN_BUDGET
									       : three_round_trips(&s))))
					fail_msg("%s and %s, %s: %d, %.1f ms", a->name, b->name,
						sim_answer_name(s.answer), e.is_direct,
						bk_dur_to_ms(e.elapsed));
			}
		}
	}
}

static void loss_of_5_percent_costs_retries_but_no_connection(void **state)
{
	static const struct {
		const char *a, *b;
	} pairs[] = {{"full", "full"}, {"full", "port"}, {"full", "sym"}, {"restricted", "restricted"},
		{"restricted", "port"}, {"restricted", "sym"}, {"port", "port"}, {"open", "port"},
		{"cgn-port", "port"}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		for (int answer = SIM_DROP; answer <= SIM_ACCEPT; answer++) {
			struct sim_udp_story s = {.a = pairs[i].a, .b = pairs[i].b};
			struct tally t;

			s.answer = (enum sim_answer)answer;
			s.delay = 40 * BK_MS;
			s.loss = 0.05;
			s.timer_slack = 1 * BK_MS;
			t = run(s);
			show(&s, &t);
			assert_int_equal(t.direct, SEEDS);
			assert_true(t.worst <= three_round_trips(&s));
		}
	}
}

/* What the controlling side says upon the nomination finds the other one ready: every pair that meets,
 * without loss at once, with loss within a few probes. */
static void the_first_packet_on_the_path_is_expected_there(void **state)
{
	const struct bk_lab_nat_type *a, *b;

	(void)state;
	for (size_t i = 0; (a = bk_lab_nat_type_at(i)); i++) {
		for (size_t k = 0; (b = bk_lab_nat_type_at(k)); k++) {
			for (uint64_t j = 0; can_meet(a, b) && j < 40; j++) {
				struct sim_udp_story s = {.a = a->name, .b = b->name, .delay = 40 * BK_MS};
				struct sim_udp_ending e;

				s.seed = j + 1;
				s.b_controls = j % 2;
				s.loss = j < 20 ? 0 : 0.05;
				s.timer_slack = 1 * BK_MS;
				sim_udp_story_run(&s, &e);
				if (!e.is_direct || e.behind > (j < 20 ? BK_MS / 10 : 50 * BK_MS))
					fail_msg("%s and %s, seed %u: %d, %.1f ms behind", a->name, b->name,
						(unsigned)s.seed, e.is_direct, bk_dur_to_ms(e.behind));
			}
		}
	}
}

static struct sim_udp_story port_port(enum sim_answer answer, bk_dur delay, bk_dur skew)
{
	return (struct sim_udp_story){.a = "port",
		.b = "port",
		.answer = answer,
		.delay = delay,
		.skew = skew,
		.timer_slack = BK_MS};
}

static void full_ttl(struct bk_punch_udp_opts *o)
{
	o->opener_ttl = SIM_TTL;
}

static void at_once(struct bk_punch_udp_opts *o)
{
	o->start = 0;
}

static void ttl_2(struct bk_punch_udp_opts *o)
{
	o->opener_ttl = 2;
}

static void routers_that_drop_or_reject_need_no_cure(void **state)
{
	struct sim_udp_story s;

	(void)state;
	for (int answer = SIM_DROP; answer <= SIM_REJECT; answer++) {
		s = port_port((enum sim_answer)answer, 5 * BK_MS, 100 * BK_MS);
		s.tweak = at_once;
		assert_int_equal(run(s).direct, SEEDS);
	}
}

/* The measured trap: an early packet is noted as a flow, and later ones get another port. */
static void an_early_packet_of_full_ttl_is_a_trap_where_routers_accept(void **state)
{
	struct sim_udp_story s = port_port(SIM_ACCEPT, 5 * BK_MS, 0);

	(void)state;
	s.tweak = full_ttl;
	assert_true(run(s).direct <= SEEDS / 20);
}

static void the_opener_cures_any_skew_up_to_300_ms(void **state)
{
	static const int skews_ms[] = {0, 5, 26, 100, 300};

	(void)state;
	for (size_t i = 0; i < sizeof(skews_ms) / sizeof(skews_ms[0]); i++) {
		assert_int_equal(run(port_port(SIM_ACCEPT, 0, skews_ms[i] * BK_MS)).direct, SEEDS);
		assert_int_equal(run(port_port(SIM_ACCEPT, 20 * BK_MS, skews_ms[i] * BK_MS)).direct, SEEDS);
	}
}

/* Without an opener that passes both NATs of a stacked side, starting together is the cure. */
static void starting_together_cures_where_the_opener_is_too_short(void **state)
{
	struct sim_udp_story s = port_port(SIM_ACCEPT, 20 * BK_MS, 0);

	(void)state;
	s.a = s.b = "cgn-port";
	s.tweak = ttl_2;
	s.is_peer_unsure = true;
	assert_int_equal(run(s).direct, SEEDS);
	s.skew = 16 * BK_MS;
	assert_int_equal(run(s).direct, SEEDS);
	s.skew = 50 * BK_MS;
	assert_int_equal(run(s).direct, 0);
}

/* Half a round trip to the server, and 6 ms, are what the instant is waited for. */
static void who_hears_last_from_openers_that_pass_waits_for_nothing(void **state)
{
	(void)state;
	for (int answer = SIM_DROP; answer <= SIM_ACCEPT; answer++) {
		struct sim_udp_story s = port_port((enum sim_answer)answer, 40 * BK_MS, 0);
		struct tally sure = run(s), unsure;

		s.is_peer_unsure = true;
		unsure = run(s);
		assert_int_equal(sure.direct, SEEDS);
		assert_int_equal(unsure.direct, SEEDS);
		assert_true(sure.median < unsure.median);
	}
}

static void firewalled_ipv6_is_opened_from_both_sides(void **state)
{
	(void)state;
	for (int answer = SIM_DROP; answer <= SIM_ACCEPT; answer++) {
		struct sim_udp_story s = {.a = SIM_FW6, .b = SIM_FW6, .answer = (enum sim_answer)answer};
		struct tally t;

		s.delay = 20 * BK_MS;
		t = run(s);
		assert_int_equal(t.direct, SEEDS);
		assert_true(t.worst <= 100 * BK_MS);
	}
}

static void an_open_peer_is_reached_without_waiting_for_the_instant(void **state)
{
	struct sim_udp_story s = {.a = "open", .b = "port", .delay = 100 * BK_MS, .seed = 7};
	struct sim_udp_ending e;

	(void)state;
	sim_udp_story_run(&s, &e);
	assert_true(e.is_direct);
	assert_true(e.elapsed < 310 * BK_MS);
	assert_true(e.from_start < 255 * BK_MS);
}

/* Other users take ports all the time; what was seen of them is a little old. */
static void ports_of_a_sequence_are_guessed_among_the_flows_of_others(void **state)
{
	static const struct {
		const char *a, *b;
		double noise;
		int age_ms, percent;
	} rows[] = {
		{"port", "symseq", 20, 20, 100},
		{"symdec", "port", 20, 100, 100},
		{"port", "symseq", 200, 20, 99},
		{"port", "symdec", 200, 100, 99},
		{"port", "symseq", 200, 1000, 95},
		{"symseq", "symseq", 20, 20, 95},
		{"symseq", "symdec", 20, 20, 95},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_udp_story s = {.a = rows[i].a, .b = rows[i].b, .noise = rows[i].noise};
		struct tally t;

		s.delay = 5 * BK_MS;
		s.age = rows[i].age_ms * BK_MS;
		s.timer_slack = 1 * BK_MS;
		t = run(s);
		show(&s, &t);
		if (t.direct < rows[i].percent)
			fail_msg("%s and %s, %.0f others a second: %d direct", s.a, s.b, s.noise, t.direct);
	}
}

static void hopeless_pair_is_given_up_at_once_and_an_unsure_one_after_the_budget(void **state)
{
	struct sim_udp_story s = {.a = "sym", .b = "port", .delay = 20 * BK_MS, .seed = 1};
	struct sim_udp_ending e;

	(void)state;
	s.without_guessing = true;
	sim_udp_story_run(&s, &e);
	assert_false(e.is_direct);
	assert_int_equal(e.nominations, 0);
	assert_true(e.from_start <= 0);
	s.filtering_unknown = true;
	sim_udp_story_run(&s, &e);
	assert_false(e.is_direct);
	assert_int_equal(e.nominations, 0);
	assert_true(e.from_start >= BK_PLAN_BUDGET && e.from_start < BK_PLAN_BUDGET + 10 * BK_MS);
}

static void jitter_and_much_loss_end_in_the_same_path_on_both_sides(void **state)
{
	static const char *const types[] = {"full", "restricted", "port"};

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		struct sim_udp_story s = {.a = types[i / 3], .b = types[i % 3], .delay = 30 * BK_MS};

		s.jitter = 20 * BK_MS;
		s.loss = 0.3;
		assert_int_equal(run(s).direct, SEEDS);
	}
}

/* The request has the filter forget ports: the symmetric side's first packet comes in. */
static void a_nat_that_looks_into_tftp_spares_the_guess(void **state)
{
	static const char *const hard[] = {"sym", "symblock:512", "cgn-sym"};
	static const bk_dur delays[] = {1 * BK_MS, 20 * BK_MS, 80 * BK_MS};

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		struct sim_udp_story s = {
			.a = i % 2 ? "port" : "cgn-port", .b = hard[i / 3], .a_has_helper = true};
		unsigned worst = 0;

		s.delay = delays[i % 3];
		s.filtering_unknown = true;
		s.timer_slack = 1 * BK_MS;
		for (s.seed = 1; s.seed <= SEEDS; s.seed++) {
			struct sim_udp_ending e;

			s.b_controls = s.seed % 2;
			sim_udp_story_run(&s, &e);
			assert_true(e.is_direct && e.elapsed <= three_round_trips(&s));
			worst = e.stats[0].probes_sent > worst ? e.stats[0].probes_sent : worst;
		}
		/* Of 2800, until the first is heard; a block is gone through four times as fast. */
		assert_true(worst <= 32 + 6 * (unsigned)(s.delay / BK_MS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_list_ends_as_expected),
		cmocka_unit_test(every_row_ends_as_expected_with_filtering_unknown),
		cmocka_unit_test(every_pair_of_types_meets_within_three_round_trips_or_not_at_all),
		cmocka_unit_test(loss_of_5_percent_costs_retries_but_no_connection),
		cmocka_unit_test(the_first_packet_on_the_path_is_expected_there),
		cmocka_unit_test(routers_that_drop_or_reject_need_no_cure),
		cmocka_unit_test(an_early_packet_of_full_ttl_is_a_trap_where_routers_accept),
		cmocka_unit_test(the_opener_cures_any_skew_up_to_300_ms),
		cmocka_unit_test(starting_together_cures_where_the_opener_is_too_short),
		cmocka_unit_test(who_hears_last_from_openers_that_pass_waits_for_nothing),
		cmocka_unit_test(firewalled_ipv6_is_opened_from_both_sides),
		cmocka_unit_test(an_open_peer_is_reached_without_waiting_for_the_instant),
		cmocka_unit_test(ports_of_a_sequence_are_guessed_among_the_flows_of_others),
		cmocka_unit_test(hopeless_pair_is_given_up_at_once_and_an_unsure_one_after_the_budget),
		cmocka_unit_test(jitter_and_much_loss_end_in_the_same_path_on_both_sides),
		cmocka_unit_test(a_nat_that_looks_into_tftp_spares_the_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
