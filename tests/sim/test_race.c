/* SPDX-License-Identifier: Apache-2.0 */

/* All rows of bodkin at the same time, as a session runs them: what one of them connects is connected, and
 * none is in another one's way. And a row of a test beside them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lab/scenarios.h"
#include "many.h"
#include "race_story.h"

enum { SEEDS = 20, MANY_SOCKETS = 64 };

/* How many of SEEDS are direct; the worst time. */
static int run(struct sim_race_story s, bk_dur *ret_worst)
{
	int direct = 0;

	*ret_worst = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim_race_ending e;

		s.seed = seed;
		s.b_controls = seed % 2;
		sim_race_story_run(&s, &e);
		direct += e.is_direct;
		*ret_worst = bk_time_max(*ret_worst, e.elapsed);
	}
	return direct;
}

/* The bound of UDP alone, the proof of the path within it. */
static bk_dur three_round_trips(const struct sim_race_story *s)
{
	return 3 * 2 * (s->delay + BK_MS / 5) + 50 * BK_MS;
}

static bool is_relayed(const struct bk_lab_scenario *row)
{
	return !strcmp(row->expected, "relay");
}

/* Another row has these two, and a direct path: over another transport, say. */
static bool is_direct_otherwise(const struct bk_lab_scenario *row)
{
	const struct bk_lab_scenario *o;

	for (size_t i = 0; (o = bk_lab_scenario_at(i)); i++) {
		bool is_same = !strcmp(o->a, row->a) && !strcmp(o->b, row->b),
		     is_mirror = !strcmp(o->a, row->b) && !strcmp(o->b, row->a);

		if (!is_relayed(o) && (is_same || is_mirror))
			return true;
	}
	return false;
}

/* Chance decides how long it takes. */
static bool is_birthday(const struct bk_lab_scenario *row)
{
	const struct bk_lab_nat_type *a = bk_lab_nat_type_find(row->a), *b = bk_lab_nat_type_find(row->b);

	return a->allocation == BK_LAB_RANDOM || b->allocation == BK_LAB_RANDOM || a->block || b->block;
}

/* A row of either transport: with both at once it is no worse. */
static void every_row_of_the_list_is_connected_by_the_race_too(void **state)
{
	const struct bk_lab_scenario *row;

	(void)state;
	for (size_t i = 0; (row = bk_lab_scenario_at(i)); i++) {
		struct sim_race_story s = {
			.a = row->a,
			.b = row->b,
			.sides = {{.answer = sim_answer_from_name(row->answer)},
				{.answer = sim_answer_from_name(row->answer)}},
			.delay = row->delay_ms * BK_MS,
			.loss = row->loss_percent / 100.0,
			.timer_slack = 1 * BK_MS,
			.filtering_unknown = i % 2,
			.has_counted_tcp = {true, true},
		};
		bk_dur worst;
		int direct = run(s, &worst);

		if (is_relayed(row) && !is_direct_otherwise(row))
			assert_int_equal(direct, 0);
		if (row->min_direct_percent < 100)
			continue;
		if (direct < SEEDS || worst > (is_birthday(row) ? BK_PLAN_BUDGET : three_round_trips(&s)))
			fail_msg("%s and %s, %s, %d ms: %d of %d direct, worst %.1f ms", row->a, row->b,
				row->answer, row->delay_ms, direct, SEEDS, bk_dur_to_ms(worst));
	}
}

/* A technique of this test alone: 64 sockets call the one that the other side has told. */
static int many_make(const struct bk_method_opts *opts, bk_time now, void **ret_engine)
{
	struct many_opts o = {.answered = MANY_SOCKETS / 2};

	if (opts->is_controlling) {
		o.sockets = MANY_SOCKETS;
		o.peer = opts->pair->peer->udp.public_addr;
	}
	*ret_engine = many_new(&o, now);
	return 0;
}

static void many_end(void *engine)
{
	many_free(engine);
}

static const struct bk_method many_method = {
	.transport = BK_TRANSPORT_UDP, .ops = &many_ops, .new = many_make, .free = many_end};

static bool many_fits(const struct bk_technique *t, const struct bk_pair *pair)
{
	(void)t;
	(void)pair;
	return true;
}

static void many_plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *plan)
{
	(void)t;
	(void)pair;
	(void)plan;
}

static const struct bk_technique many = {
	.name = "many", .method = &many_method, .fits = many_fits, .plan = many_plan};

static const struct bk_technique *const many_alone[] = {&many, NULL};

static void a_row_of_a_test_wins_from_one_of_its_64_sockets(void **state)
{
	static const char *const types[] = {"open", "port", "sym", "cgn-sym"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct sim_race_story s = {.rows = many_alone, .a = types[i], .b = "full", .seed = 3 + i};
		struct sim_race_ending e;

		s.delay = 10 * BK_MS;
		sim_race_story_run(&s, &e);
		assert_true(e.is_direct);
		assert_string_equal(e.technique->name, "many");
		assert_int_equal(e.engines, 1);
	}
}

/* So many engines carry the rows of bodkin out, the relay's aside. */
static unsigned engines_of_bodkin(void)
{
	unsigned n = 0;

	for (size_t i = 0; bk_techniques[i]; i++) {
		bool is_first = !bk_techniques[i]->method->is_relay;

		for (size_t k = 0; k < i; k++)
			is_first &= bk_techniques[k]->method != bk_techniques[i]->method;
		n += is_first;
	}
	return n;
}

/* Several engines of one side on one shared socket, each hears its own. */
static void a_row_beside_the_others_is_in_nobodys_way(void **state)
{
	static const char *const pairs[][2] = {{"port", "port"}, {"full", "sym"}, {"restricted", "port"},
		{"open", "sym"}, {"cgn-port", "port"}};
	const struct bk_technique *rows[16] = {&many};

	(void)state;
	for (size_t n = 0; bk_techniques[n]; n++)
		rows[n + 1] = bk_techniques[n];
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct sim_race_story s = {.rows = rows, .a = pairs[i][0], .b = pairs[i][1]};
		struct sim_race_ending e;
		bk_dur worst;

		s.delay = 20 * BK_MS;
		s.timer_slack = 1 * BK_MS;
		assert_int_equal(run(s, &worst), SEEDS);
		assert_true(worst <= three_round_trips(&s));
		sim_race_story_run(&s, &e);
		assert_int_equal(e.engines, 1 + engines_of_bodkin());
	}
}

/* Over UDP alone, and with both. */
static void an_opened_port_connects_any_two(void **state)
{
	static const char *const types[] = {
		"open", "full", "restricted", "port", "sym", "symseq", "cgn-port", "cgn-sym"};
	static const char *const behind[] = {"port", "sym"};
	static const enum sim_answer answers[] = {SIM_DROP, SIM_RESET, SIM_REJECT, SIM_ACCEPT};
	bk_dur worst;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) * 2; i++) {
		for (int is_alone = 0; is_alone < 2; is_alone++) {
			const struct bk_technique *rows[16] = {0};
			struct sim_race_story s = {.rows = rows, .a = behind[i % 2], .b = types[i / 2]};

			for (size_t k = 0, n = 0; bk_techniques[k]; k++)
				if (!is_alone || bk_techniques[k]->method->transport == BK_TRANSPORT_UDP)
					rows[n++] = bk_techniques[k];
			s.sides[0] = (struct sim_race_side){.opens = true, .answer = answers[i % 4]};
			s.sides[1].answer = answers[i % 4];
			s.delay = 20 * BK_MS;
			s.timer_slack = 1 * BK_MS;
			assert_int_equal(run(s, &worst), SEEDS);
			assert_true(worst <= three_round_trips(&s));
		}
	}
}

/* What comes there over TCP comes to a listener that is no engine's. */
static void an_opened_port_connects_any_two_where_udp_is_blocked(void **state)
{
	static const char *const types[] = {"open", "port", "sym", "symseq", "cgn-sym"};
	static const enum sim_answer answers[] = {SIM_DROP, SIM_RESET, SIM_REJECT, SIM_ACCEPT};
	bk_dur worst;

	(void)state;
	for (size_t i = 0; i < 5 * 4; i++) {
		for (int opens = 0; opens < 2; opens++) {
			struct sim_race_story s = {
				.a = opens ? types[i / 4] : "port", .b = opens ? "sym" : types[i / 4]};

			s.sides[opens].opens = true;
			s.sides[0].is_udp_blocked = true;
			s.sides[0].answer = s.sides[1].answer = answers[i % 4];
			s.delay = 20 * BK_MS;
			assert_int_equal(run(s, &worst), SEEDS);
			assert_true(worst <= three_round_trips(&s));
		}
	}
}

/* Whatever routers answer, and however late the one hears who hears last: SYNs need not cross. Where one side alone has
 * counted, the other calls it at the instant. */
static void openers_make_tcp_direct_at_any_skew(void **state)
{
	static const char *const types[] = {"full", "restricted", "port", "cgn-port"};
	static const bk_dur lates[] = {0, 30 * BK_MS, 60 * BK_MS};
	const struct bk_technique *rows[16] = {0};

	(void)state;
	for (size_t k = 0, n = 0; bk_techniques[k]; k++)
		if (bk_techniques[k]->method->transport == BK_TRANSPORT_TCP &&
			!bk_techniques[k]->method->is_relay)
			rows[n++] = bk_techniques[k];
	for (size_t i = 0; i < 4 * 4 * 4 * 3 * 3; i++) {
		enum sim_answer answer = i / 16 % 4;
		struct sim_race_story s = {.rows = rows,
			.a = types[i % 4],
			.b = types[i / 4 % 4],
			.sides = {{.answer = answer}, {.answer = answer}},
			.delay = 20 * BK_MS,
			.timer_slack = 1 * BK_MS,
			.late = lates[i / 64 % 3],
			.filtering_unknown = i % 2,
			.has_counted_tcp = {i / 192 != 1, i / 192 != 2}};

		for (s.seed = 1; s.seed <= SEEDS; s.seed++) {
			struct sim_race_ending e;

			sim_race_story_run(&s, &e);
			if (!e.is_direct || e.elapsed > s.late + (i < 192 ? 5 : 6) * s.delay + 10 * BK_MS)
				fail_msg("%s and %s, %s, %d ms late, counted by %d: %.1f ms", s.a, s.b,
					sim_answer_name(answer), (int)(s.late / BK_MS), (int)(i / 192),
					bk_dur_to_ms(e.elapsed));
		}
	}
}

static void two_with_both_families_meet_over_ipv6_whatever_their_nats_are(void **state)
{
	static const char *const types[] = {"port", "sym", "symseq", "cgn-sym"};

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim_race_story s = {.a = types[i / 4], .b = types[i % 4], .delay = 20 * BK_MS};
			struct sim_race_ending e;

			s.sides[0].has_ip6 = s.sides[1].has_ip6 = true;
			s.seed = seed;
			sim_race_story_run(&s, &e);
			assert_true(e.is_direct && e.elapsed <= three_round_trips(&s));
			if (i / 4 && i % 4)
				assert_string_equal(e.technique->name, "ipv6");
			assert_true(e.sent[0] > 0 && e.sent[1] > 0);
			if (!strchr(types[i / 4], 'q') && !strchr(types[i % 4], 'q'))
				assert_true(e.sent[0] + e.sent[1] < 100); /* no birthday is begun */
		}
	}
}

static void where_one_network_blocks_udp_tcp_connects_what_it_can(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_direct;
	} rows[] = {{"port", "port", true}, {"open", "sym", true}, {"port", "full", true},
		{"port", "sym", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_race_story s = {.a = rows[i].a, .b = rows[i].b, .delay = 20 * BK_MS};
		bk_dur worst;

		s.sides[0].is_udp_blocked = true;
		assert_int_equal(run(s, &worst), rows[i].is_direct ? SEEDS : 0);
	}
}

/* With TCP beside it, whose SYNs take ports of the same NAT. */
static void ports_of_a_sequence_are_guessed_among_the_flows_of_others(void **state)
{
	static const struct {
		const char *a, *b;
		double noise;
		int least;
	} rows[] = {{"port", "symseq", 20, SEEDS}, {"symdec", "port", 200, SEEDS - 2},
		{"symseq", "symdec", 20, SEEDS - 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_race_story s = {
			.a = rows[i].a, .b = rows[i].b, .delay = 5 * BK_MS, .age = 50 * BK_MS};
		bk_dur worst;

		s.sides[0].noise = s.sides[1].noise = rows[i].noise;
		assert_true(run(s, &worst) >= rows[i].least);
	}
}

/* Where one network blocks UDP, whatever the routers answer; whoever has counted its routers, or nobody. */
static void a_port_of_a_sequence_is_guessed_over_tcp_where_udp_is_blocked(void **state)
{
	static const char *const types[] = {"symseq", "symdec", "sympar"};

	(void)state;
	for (unsigned i = 0; i < 3 * 4 * 2 * 4; i++) {
		bool is_turned = i / 12 % 2;
		struct sim_race_story s = {.a = is_turned ? types[i % 3] : "port",
			.b = is_turned ? "port" : types[i % 3],
			.delay = 20 * BK_MS,
			.age = 100 * BK_MS,
			.has_counted_tcp = {i / 24 & 1, i / 24 & 2},
			.timer_slack = BK_MS};
		bk_dur worst;
		int direct;

		s.sides[0].answer = s.sides[1].answer = (enum sim_answer)(i / 3 % 4);
		s.sides[i % 2].is_udp_blocked = true;
		s.sides[0].noise = s.sides[1].noise = 20;
		direct = run(s, &worst);
		if (direct < SEEDS - 2 || worst > three_round_trips(&s) + BK_SEC)
			fail_msg("%s and %s, answer %u, counted %u: %d, %d ms", s.a, s.b, i / 3 % 4, i / 24,
				direct, (int)(worst / BK_MS));
	}
}

static void without_a_row_that_fits_the_race_ends_without_a_path(void **state)
{
	struct sim_race_story s = {.a = "sym", .b = "sym", .delay = 20 * BK_MS, .seed = 1};
	const struct bk_technique *rows[16] = {0};
	struct sim_race_ending e;

	(void)state;
	for (size_t i = 0, n = 0; bk_techniques[i]; i++) {
		if (bk_techniques[i]->is_host) /* there is nothing to punch with */
			rows[n++] = bk_techniques[i];
	}
	s.rows = rows;
	sim_race_story_run(&s, &e);
	assert_false(e.is_direct);
	assert_null(e.technique);
	assert_int_equal(e.engines, 2);
	assert_int_equal(e.reported, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_list_is_connected_by_the_race_too),
		cmocka_unit_test(a_row_of_a_test_wins_from_one_of_its_64_sockets),
		cmocka_unit_test(a_row_beside_the_others_is_in_nobodys_way),
		cmocka_unit_test(an_opened_port_connects_any_two),
		cmocka_unit_test(an_opened_port_connects_any_two_where_udp_is_blocked),
		cmocka_unit_test(openers_make_tcp_direct_at_any_skew),
		cmocka_unit_test(two_with_both_families_meet_over_ipv6_whatever_their_nats_are),
		cmocka_unit_test(where_one_network_blocks_udp_tcp_connects_what_it_can),
		cmocka_unit_test(ports_of_a_sequence_are_guessed_among_the_flows_of_others),
		cmocka_unit_test(a_port_of_a_sequence_is_guessed_over_tcp_where_udp_is_blocked),
		cmocka_unit_test(without_a_row_that_fits_the_race_ends_without_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
