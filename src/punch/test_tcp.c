/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "punch/tcp.h"

#define T0    (1000 * BK_SEC)
#define START (T0 + 100 * BK_MS)
#define ops   bk_punch_tcp_ops

enum { EAGER = 20 };

static struct bk_attempt punch(bool at_start)
{
	return (struct bk_attempt){
		.remote = bk_addr_v4(203, 0, 113, 2, 41000),
		.is_from_shared_port = true,
		.is_at_start = at_start,
		.try_timeout = 200 * BK_MS,
		.retry_gap = 10 * BK_MS,
		.eager = EAGER,
	};
}

static struct bk_punch_tcp *engine(const struct bk_attempt *attempts, size_t n, bool listens, bool briefly)
{
	struct bk_punch_tcp_opts opts = {.shared = bk_addr_v4(10, 0, 0, 2, 41000), .start = START, .seed = 1};
	struct bk_punch_tcp *e;

	for (size_t i = 0; i < n; i++)
		opts.plan.attempts[opts.plan.attempts_len++] = attempts[i];
	opts.plan.wants_listener = listens;
	opts.plan.is_listener_brief = briefly;
	opts.plan.budget = BK_PLAN_BUDGET;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), 0);
	return e;
}

static struct bk_punch_tcp *one_punch(void)
{
	struct bk_attempt a = punch(true);

	return engine(&a, 1, false, false);
}

static struct bk_action expect(struct bk_punch_tcp *e, enum bk_action_type type)
{
	struct bk_action a;

	assert_true(ops.next_action(e, &a));
	assert_int_equal(a.type, type);
	return a;
}

static void expect_nothing(struct bk_punch_tcp *e)
{
	struct bk_action a;

	assert_false(ops.next_action(e, &a));
}

static void expect_done(struct bk_punch_tcp *e)
{
	assert_int_equal(expect(e, BK_ACT_REPORT).report, BK_REPORT_DONE);
	expect_nothing(e);
	assert_true(ops.next_wake(e) == BK_NEVER);
}

static void connects_at_the_agreed_instant_and_not_before(void **state)
{
	struct bk_punch_tcp *e = one_punch();
	struct bk_action a;

	(void)state;
	expect_nothing(e);
	assert_true(ops.next_wake(e) == START);
	ops.on_time(e, START - 1);
	expect_nothing(e);
	ops.on_time(e, START);
	a = expect(e, BK_ACT_TCP_CONNECT);
	assert_int_not_equal(a.id, 0);
	assert_int_equal(a.local.port, 41000);
	assert_int_equal(a.remote.ip[3], 2);
	expect_nothing(e);
	bk_punch_tcp_free(e);
}

static void an_attempt_without_instant_begins_at_once_from_any_port(void **state)
{
	struct bk_attempt a = punch(false);
	struct bk_punch_tcp *e;

	(void)state;
	a.is_from_shared_port = false;
	e = engine(&a, 1, false, false);
	assert_int_equal(expect(e, BK_ACT_TCP_CONNECT).local.family, 0);
	bk_punch_tcp_free(e);
}

static void a_refused_try_is_repeated_with_a_fresh_socket_after_5_to_15_ms(void **state)
{
	struct bk_punch_tcp *e = one_punch();
	bk_time now = START;
	uint32_t last = 0;

	(void)state;
	for (int i = 0; i < EAGER; i++) {
		uint32_t id;

		ops.on_time(e, now);
		id = expect(e, BK_ACT_TCP_CONNECT).id;
		assert_true(id > last);
		last = id;
		ops.on_failed(e, id, i % 2 ? BK_E_RESET : BK_E_ADDRESS, now);
		expect_nothing(e);
		assert_in_range(ops.next_wake(e) - now, 5 * BK_MS, 15 * BK_MS);
		ops.on_time(e, ops.next_wake(e) - 1);
		expect_nothing(e);
		now = ops.next_wake(e);
	}
	bk_punch_tcp_free(e);
}

static void an_unanswered_try_is_closed_and_repeated_in_one_go(void **state)
{
	struct bk_punch_tcp *e = one_punch();
	struct bk_attempt_stats stats;
	uint32_t id;
	bk_time wake;

	(void)state;
	ops.on_time(e, START);
	id = expect(e, BK_ACT_TCP_CONNECT).id;
	wake = ops.next_wake(e);
	assert_in_range(wake - START, 200 * BK_MS, 250 * BK_MS);
	ops.on_time(e, wake - 1);
	expect_nothing(e);
	ops.on_time(e, wake);
	assert_int_equal(expect(e, BK_ACT_TCP_CLOSE).id, id);
	assert_int_not_equal(expect(e, BK_ACT_TCP_CONNECT).id, id);
	expect_nothing(e);
	bk_punch_tcp_stats(e, 0, &stats);
	assert_int_equal(stats.tries, 2);
	assert_int_equal(stats.timed_out, 1);
	assert_true(stats.first_try == START);
	bk_punch_tcp_free(e);
}

static void a_connection_is_reported_once(void **state)
{
	struct bk_attempt both[] = {punch(true), punch(false)};
	struct bk_punch_tcp *e;
	uint32_t opened;
	struct bk_action a;

	(void)state;
	both[1].is_from_shared_port = false;
	e = engine(both, 2, true, false);
	expect(e, BK_ACT_TCP_LISTEN);
	expect(e, BK_ACT_TCP_CONNECT);
	ops.on_time(e, START);
	opened = expect(e, BK_ACT_TCP_CONNECT).id;
	ops.on_connected(e, opened, START + 1);
	a = expect(e, BK_ACT_REPORT);
	assert_int_equal(a.id, opened);
	assert_int_equal(a.report, 0);
	ops.on_connected(e, opened, START + 2);
	expect_nothing(e);
	bk_punch_tcp_free(e);
}

static void a_failed_proof_goes_on_trying(void **state)
{
	struct bk_punch_tcp *e = one_punch();
	uint32_t id;

	(void)state;
	ops.on_time(e, START);
	id = expect(e, BK_ACT_TCP_CONNECT).id;
	ops.on_connected(e, id, START);
	expect(e, BK_ACT_REPORT);
	bk_method_tcp.disprove(e, id, START + BK_SEC);
	expect_nothing(e);
	ops.on_time(e, ops.next_wake(e));
	expect(e, BK_ACT_TCP_CONNECT);
	bk_punch_tcp_free(e);
}

static void an_attempt_waits_2_s_for_its_verdict_and_goes_on(void **state)
{
	struct bk_punch_tcp *e = one_punch();
	uint32_t id;

	(void)state;
	ops.on_time(e, START);
	id = expect(e, BK_ACT_TCP_CONNECT).id;
	ops.on_connected(e, id, START);
	expect(e, BK_ACT_REPORT);
	assert_true(ops.next_wake(e) == START + 2 * BK_SEC);
	ops.on_time(e, START + 2 * BK_SEC);
	ops.on_time(e, ops.next_wake(e));
	expect(e, BK_ACT_TCP_CONNECT);
	bk_punch_tcp_free(e);
}

static void the_budget_ends_after_3_s_with_done(void **state)
{
	struct bk_punch_tcp *e = one_punch();
	uint32_t id = 0;

	(void)state;
	while (ops.next_wake(e) < START + BK_PLAN_BUDGET) {
		struct bk_action a;

		ops.on_time(e, ops.next_wake(e));
		while (ops.next_action(e, &a))
			id = a.id;
	}
	ops.on_time(e, START + BK_PLAN_BUDGET - 1);
	expect_nothing(e);
	ops.on_time(e, START + BK_PLAN_BUDGET);
	assert_int_equal(expect(e, BK_ACT_TCP_CLOSE).id, id);
	expect_done(e);
	bk_punch_tcp_free(e);
}

static void the_end_waits_for_a_proof_under_way(void **state)
{
	struct bk_punch_tcp *e = one_punch();
	uint32_t id;

	(void)state;
	ops.on_time(e, START);
	id = expect(e, BK_ACT_TCP_CONNECT).id;
	ops.on_connected(e, id, START + 2900 * BK_MS);
	expect(e, BK_ACT_REPORT);
	ops.on_time(e, START + BK_PLAN_BUDGET);
	expect_nothing(e);
	assert_true(ops.next_wake(e) == START + 4900 * BK_MS);
	bk_method_tcp.disprove(e, id, START + 3100 * BK_MS);
	expect_done(e);
	bk_punch_tcp_free(e);
}

static void accepted_connections_have_a_ceiling_of_8_and_are_forgotten_after_2_s(void **state)
{
	struct bk_attempt none = punch(true);
	struct bk_punch_tcp *e = engine(&none, 1, true, false);
	uint32_t listener = expect(e, BK_ACT_TCP_LISTEN).id;
	struct bk_addr from = bk_addr_v4(198, 51, 100, 1, 1234);

	(void)state;
	for (int i = 0; i < 8; i++) {
		uint32_t id = ops.on_accepted(e, listener, &from, T0);

		assert_int_not_equal(id, 0);
		assert_int_equal(expect(e, BK_ACT_REPORT).report, BK_REPORT_ACCEPTED);
	}
	assert_int_equal(ops.on_accepted(e, listener, &from, T0), 0);
	assert_int_equal(ops.on_accepted(e, listener + 77, &from, T0), 0);
	ops.on_time(e, T0 + 2 * BK_SEC);
	assert_int_not_equal(ops.on_accepted(e, listener, &from, T0 + 2 * BK_SEC), 0);
	bk_punch_tcp_free(e);
}

static void a_brief_listener_ends_with_the_first_refusal_from_the_shared_port(void **state)
{
	struct bk_attempt both[] = {punch(true), punch(false)};
	struct bk_punch_tcp *e;
	uint32_t called, opened, listener;

	(void)state;
	both[1].is_from_shared_port = false;
	e = engine(both, 2, true, true);
	listener = expect(e, BK_ACT_TCP_LISTEN).id;
	called = expect(e, BK_ACT_TCP_CONNECT).id;
	ops.on_failed(e, called, BK_E_REFUSED, T0 + 1);
	expect_nothing(e);
	ops.on_time(e, START);
	opened = expect(e, BK_ACT_TCP_CONNECT).id;
	called = expect(e, BK_ACT_TCP_CONNECT).id;
	ops.on_failed(e, called, BK_E_RESET, START + 1);
	ops.on_failed(e, opened, BK_E_ADDRESS, START + 1);
	expect_nothing(e);
	ops.on_time(e, START + 50 * BK_MS);
	opened = expect(e, BK_ACT_TCP_CONNECT).id;
	expect(e, BK_ACT_TCP_CONNECT);
	ops.on_failed(e, opened, BK_E_REFUSED, START + 60 * BK_MS);
	assert_int_equal(expect(e, BK_ACT_TCP_CLOSE).id, listener);
	bk_punch_tcp_free(e);
}

static void a_local_refusal_is_not_repeated(void **state)
{
	struct bk_punch_tcp *e = one_punch();

	(void)state;
	ops.on_time(e, START);
	ops.on_failed(e, expect(e, BK_ACT_TCP_CONNECT).id, BK_E_ACCESS, START);
	assert_true(ops.next_wake(e) == START + BK_PLAN_BUDGET);
	bk_punch_tcp_free(e);
}

static void an_empty_plan_is_done_at_once_and_a_far_instant_has_a_ceiling(void **state)
{
	struct bk_punch_tcp_opts opts = {.start = T0};
	struct bk_attempt a = punch(true);
	struct bk_punch_tcp *e;

	(void)state;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), 0);
	expect_done(e);
	bk_punch_tcp_free(e);
	opts.start = T0 + 1000 * BK_SEC;
	opts.plan.attempts[0] = a;
	opts.plan.attempts_len = 1;
	opts.plan.budget = BK_PLAN_BUDGET;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), 0);
	assert_true(ops.next_wake(e) == T0 + 5 * BK_SEC);
	bk_punch_tcp_free(e);
	bk_punch_tcp_free(NULL);
	opts.plan.attempts_len = BK_PLAN_ATTEMPTS_MAX + 1;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), BK_E_INVALID);
}

static void a_firewall_is_opened_from_the_port_that_our_candidate_names(void **state)
{
	struct bk_punch_tcp_opts opts = {.shared6 = {.family = 6, .port = 44000}, .start = START, .seed = 1};
	struct bk_punch_tcp *e;

	(void)state;
	assert_int_equal(
		bk_addr_from_str("[2001:db8::2]:41000", &opts.shared), 0); /* of the control connection */
	opts.plan.attempts[0] = punch(true);
	opts.plan.attempts[0].is_from_shared6 = true;
	assert_int_equal(bk_addr_from_str("[2001:db8::7]:42000", &opts.plan.attempts[0].remote), 0);
	opts.plan.attempts_len = 1;
	opts.plan.budget = BK_PLAN_BUDGET;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), 0);
	ops.on_time(e, START);
	assert_int_equal(expect(e, BK_ACT_TCP_CONNECT).local.port, 44000);
	bk_punch_tcp_free(e);
}

/* Everything that is tried there is answered with that error; 0: by nothing. */
static unsigned count_tries(const struct bk_attempt *attempt, int error)
{
	struct bk_punch_tcp *e = engine(attempt, 1, false, false);
	struct bk_attempt_stats stats;
	struct bk_action a;
	bk_time now = START;

	for (int i = 0; i < 2000 && now < START + BK_PLAN_BUDGET; i++) {
		ops.on_time(e, now);
		while (ops.next_action(e, &a)) {
			if (a.type == BK_ACT_TCP_CONNECT && error)
				ops.on_failed(e, a.id, error, now);
		}
		now = ops.next_wake(e);
	}
	bk_punch_tcp_stats(e, 0, &stats);
	bk_punch_tcp_free(e);
	return stats.tries;
}

/* docs/protocol/traversal.md names these numbers. */
static void a_target_that_only_refuses_is_asked_ever_more_seldom(void **state)
{
	struct bk_attempt host = punch(false), walled = punch(true);

	(void)state;
	host.retry_gap = 100 * BK_MS;
	host.eager = 0;
	assert_in_range(count_tries(&host, BK_E_REFUSED), 6, 12);
	assert_in_range(count_tries(&host, BK_E_RESET), 6, 12);
	assert_in_range(count_tries(&host, BK_E_UNREACHABLE), 6, 12);
	assert_in_range(count_tries(&walled, BK_E_REFUSED), EAGER, 60);
	host.try_timeout = walled.try_timeout = 100 * BK_MS; /* as short as any peer can make it */
	assert_in_range(count_tries(&host, 0), 20, 31);
	assert_in_range(count_tries(&walled, 0), 20, 31);
}

static void each_try_of_a_set_of_ports_goes_to_the_next_of_them(void **state)
{
	static const uint16_t ports[] = {41010, 41008, 41006, 41010};
	struct bk_attempt a = punch(true);
	struct bk_punch_tcp *e;
	uint32_t id = 0;

	(void)state;
	a.ports = (struct bk_ports){.first = 41010, .len = 3, .step = -2};
	e = engine(&a, 1, false, false);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct bk_action act;

		if (i > 0)
			ops.on_failed(e, id, BK_E_REFUSED, START);
		ops.on_time(e, ops.next_wake(e));
		act = expect(e, BK_ACT_TCP_CONNECT);
		assert_int_equal(act.remote.port, ports[i]);
		id = act.id;
	}
	ops.on_connected(e, id, START + BK_SEC);
	assert_int_equal(expect(e, BK_ACT_REPORT).remote.port, 41010);
	bk_punch_tcp_free(e);
}

/* --- openers --- */

static struct bk_punch_tcp *engine_with_opener(bk_time full_from)
{
	struct bk_punch_tcp_opts opts = {.shared = bk_addr_v4(10, 0, 0, 2, 41000),
		.start = START,
		.opener_ttl = 3,
		.full_from = full_from,
		.seed = 1};
	struct bk_punch_tcp *e;

	opts.plan.attempts[opts.plan.attempts_len++] = punch(true);
	opts.plan.budget = BK_PLAN_BUDGET;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), 0);
	return e;
}

static void an_opener_leaves_at_once_and_stays_until_a_full_syn_takes_its_place(void **state)
{
	struct bk_punch_tcp *e = engine_with_opener(START + 50 * BK_MS);
	struct bk_action opener = expect(e, BK_ACT_TCP_CONNECT), full;
	struct bk_attempt_stats stats;

	(void)state;
	assert_true(opener.ttl == 3 && opener.local.port == 41000 && opener.remote.port == 41000);
	assert_true(ops.next_wake(e) == START + 50 * BK_MS);
	ops.on_time(e, START + 50 * BK_MS);
	assert_int_equal(expect(e, BK_ACT_TCP_CLOSE).id, opener.id);
	full = expect(e, BK_ACT_TCP_CONNECT);
	assert_int_equal(full.ttl, 0);
	bk_punch_tcp_stats(e, 0, &stats);
	assert_true(stats.tries == 1 && !stats.timed_out && stats.first_try == START + 50 * BK_MS);
	bk_punch_tcp_free(e);
}

static void a_syn_that_meets_an_opener_makes_the_connection(void **state)
{
	struct bk_punch_tcp *e = engine_with_opener(0);
	struct bk_action a = expect(e, BK_ACT_TCP_CONNECT);

	(void)state;
	ops.on_connected(e, a.id, T0 + 20 * BK_MS);
	assert_int_equal(expect(e, BK_ACT_REPORT).id, a.id);
	bk_punch_tcp_free(e);
}

/* Where the system gives it up, or cannot do it. */
static void an_opener_that_does_not_hold_is_not_repeated_and_full_syns_leave_at_the_instant(void **state)
{
	struct bk_punch_tcp *e = engine_with_opener(START + 50 * BK_MS);
	struct bk_action a = expect(e, BK_ACT_TCP_CONNECT);

	(void)state;
	ops.on_failed(e, a.id, BK_E_UNREACHABLE, T0 + 10 * BK_MS);
	expect_nothing(e);
	assert_true(ops.next_wake(e) == START);
	ops.on_time(e, START);
	assert_int_equal(expect(e, BK_ACT_TCP_CONNECT).ttl, 0);
	bk_punch_tcp_free(e);
}

static void where_the_peer_is_open_the_first_syn_is_a_full_one_at_once(void **state)
{
	struct bk_punch_tcp *e = engine_with_opener(T0);

	(void)state;
	assert_int_equal(expect(e, BK_ACT_TCP_CONNECT).ttl, 0);
	expect_nothing(e);
	bk_punch_tcp_free(e);
}

static void over_ipv6_nobody_has_an_opener_and_full_syns_leave_at_the_instant(void **state)
{
	struct bk_punch_tcp_opts opts = {.shared6 = {.family = 6, .port = 44000},
		.start = START,
		.opener_ttl = 3,
		.full_from = T0,
		.seed = 1};
	struct bk_punch_tcp *e;

	(void)state;
	opts.plan.attempts[0] = punch(true);
	opts.plan.attempts[0].is_from_shared6 = true;
	assert_int_equal(bk_addr_from_str("[2001:db8::7]:42000", &opts.plan.attempts[0].remote), 0);
	opts.plan.attempts_len = 1;
	opts.plan.budget = BK_PLAN_BUDGET;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), 0);
	expect_nothing(e);
	assert_true(ops.next_wake(e) == START);
	ops.on_time(e, START);
	assert_int_equal(expect(e, BK_ACT_TCP_CONNECT).ttl, 0);
	bk_punch_tcp_free(e);
}

/* As the rows see it: who joins, who made the code, a later round, a short way, and a side that counted nothing. */
static void who_hears_last_calls_at_once_and_who_heard_first_is_called(void **state)
{
	static const struct {
		bool controls, is_again;
		bk_dur rtt;
		uint32_t own, peer;
		int64_t own_start, peer_start;
		uint8_t ttl;       /* of the first SYN */
		bk_time full_from; /* of the first one that is full */
	} rows[] = {
		{true, false, 40 * BK_MS, 64, 64, 0, 7, 0, T0},
		{false, false, 40 * BK_MS, 64, 64, 7, 0, 2, START + 200 * BK_MS},
		{false, false, 4 * BK_MS, 64, 64, 7, 0, 2, START + 110 * BK_MS},
		{true, false, 40 * BK_MS, 64, 0, 0, 7, 2, START + 200 * BK_MS},
		{false, false, 40 * BK_MS, 64, 0, 7, 0, 2, START + 200 * BK_MS},
		{true, false, 40 * BK_MS, 0, 64, 0, 7, 2, START},
		{false, false, 40 * BK_MS, 0, 64, 7, 0, 2, START},
		{true, false, 4 * BK_MS, 64, 64, 0, 7, 2, START},
		{true, true, 40 * BK_MS, 64, 64, 1000 * BK_MS, 1200 * BK_MS, 2, START},
		{false, true, 40 * BK_MS, 64, 64, 1060 * BK_MS, 1000 * BK_MS, 2, START + 200 * BK_MS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = {.server_rtt = rows[i].rtt, .capabilities = rows[i].own},
				peer = {.server_rtt = rows[i].rtt, .capabilities = rows[i].peer};
		struct bk_pair pair = {.own = &own, .peer = &peer, .is_again = rows[i].is_again};
		struct bk_plan plan = {
			.attempts = {punch(true)}, .attempts_len = 1, .budget = BK_PLAN_BUDGET};
		struct bk_method_opts opts = {.pair = &pair,
			.plan = &plan,
			.is_controlling = rows[i].controls,
			.shared = bk_addr_v4(10, 0, 0, 2, 41000),
			.hops = 1,
			.start = START};
		struct bk_action a;
		void *e;

		own.start = rows[i].own_start;
		peer.start = rows[i].peer_start;
		assert_int_equal(bk_method_tcp.new(&opts, T0, &e), 0);
		a = expect(e, BK_ACT_TCP_CONNECT);
		assert_int_equal(a.ttl, rows[i].ttl);
		if (a.ttl)
			assert_true(ops.next_wake(e) == rows[i].full_from);
		bk_method_tcp.free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_opener_leaves_at_once_and_stays_until_a_full_syn_takes_its_place),
		cmocka_unit_test(a_syn_that_meets_an_opener_makes_the_connection),
		cmocka_unit_test(
			an_opener_that_does_not_hold_is_not_repeated_and_full_syns_leave_at_the_instant),
		cmocka_unit_test(where_the_peer_is_open_the_first_syn_is_a_full_one_at_once),
		cmocka_unit_test(over_ipv6_nobody_has_an_opener_and_full_syns_leave_at_the_instant),
		cmocka_unit_test(who_hears_last_calls_at_once_and_who_heard_first_is_called),
		cmocka_unit_test(connects_at_the_agreed_instant_and_not_before),
		cmocka_unit_test(an_attempt_without_instant_begins_at_once_from_any_port),
		cmocka_unit_test(a_refused_try_is_repeated_with_a_fresh_socket_after_5_to_15_ms),
		cmocka_unit_test(an_unanswered_try_is_closed_and_repeated_in_one_go),
		cmocka_unit_test(a_connection_is_reported_once),
		cmocka_unit_test(a_failed_proof_goes_on_trying),
		cmocka_unit_test(an_attempt_waits_2_s_for_its_verdict_and_goes_on),
		cmocka_unit_test(the_budget_ends_after_3_s_with_done),
		cmocka_unit_test(the_end_waits_for_a_proof_under_way),
		cmocka_unit_test(accepted_connections_have_a_ceiling_of_8_and_are_forgotten_after_2_s),
		cmocka_unit_test(a_brief_listener_ends_with_the_first_refusal_from_the_shared_port),
		cmocka_unit_test(a_local_refusal_is_not_repeated),
		cmocka_unit_test(an_empty_plan_is_done_at_once_and_a_far_instant_has_a_ceiling),
		cmocka_unit_test(a_target_that_only_refuses_is_asked_ever_more_seldom),
		cmocka_unit_test(a_firewall_is_opened_from_the_port_that_our_candidate_names),
		cmocka_unit_test(each_try_of_a_set_of_ports_goes_to_the_next_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
