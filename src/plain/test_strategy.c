/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/strategy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

#define PEER_IP 203, 0, 113, 9

/* The engine with what it has open, in virtual time. */
struct bench {
	struct bk_strategy *s;
	bk_time now;
	uint32_t listener, attempt, winner;
	struct bk_addr remote; /* of the last attempt */
	unsigned attempts, listens;
	int report;
	bool is_done;
};

static void drain(struct bench *b)
{
	struct bk_action a;

	while (bk_strategy_ops.next_action(b->s, &a)) {
		switch (a.type) {
		case BK_ACT_TCP_LISTEN:
			assert_int_equal(a.local.port, 4000);
			assert_int_equal(b->listener, 0);
			b->listener = a.id;
			b->listens++;
			break;
		case BK_ACT_TCP_CONNECT:
			assert_int_equal(a.local.port, 4000);
			assert_int_equal(b->attempt, 0);
			b->attempt = a.id;
			b->remote = a.remote;
			b->attempts++;
			break;
		case BK_ACT_TCP_CLOSE:
			if (a.id == b->listener)
				b->listener = 0;
			else if (a.id == b->attempt)
				b->attempt = 0;
			else
				fail_msg("closes what is not open");
			break;
		case BK_ACT_REPORT:
			if (a.report == BK_REPORT_DONE) {
				b->is_done = true;
				break;
			}
			b->winner = a.id;
			b->report = a.report;
			if (a.id == b->attempt)
				b->attempt = 0;
			break;
		default:
			fail_msg("no such action here");
		}
	}
}

static void start(struct bench *b, enum bk_plain_action action)
{
	const struct bk_strategy_opts opts = {
		.action = action,
		.local = bk_addr_v4(10, 0, 0, 2, 4000),
		.peer = bk_addr_v4(PEER_IP, 5000),
		.budget = 20 * BK_SEC,
		.seed = 1,
	};

	*b = (struct bench){.now = 100 * BK_SEC};
	assert_int_equal(bk_strategy_new(&opts, b->now, &b->s), 0);
	bk_strategy_ops.on_time(b->s, b->now);
	drain(b);
}

/* To the next thing that is due, if it is due by then. */
static void pass(struct bench *b, bk_dur d)
{
	bk_time until = b->now + d, wake;

	while ((wake = bk_strategy_ops.next_wake(b->s)) <= until) {
		b->now = wake > b->now ? wake : b->now;
		bk_strategy_ops.on_time(b->s, b->now);
		drain(b);
	}
	b->now = until;
}

static void refuse(struct bench *b, int error)
{
	uint32_t id = b->attempt;

	assert_int_not_equal(id, 0);
	b->attempt = 0;
	bk_strategy_ops.on_failed(b->s, id, error, b->now);
	drain(b);
}

static void connected(struct bench *b)
{
	bk_strategy_ops.on_connected(b->s, b->attempt, b->now);
	drain(b);
}

static uint32_t accepted(struct bench *b, struct bk_addr from)
{
	uint32_t id = bk_strategy_ops.on_accepted(b->s, b->listener, &from, b->now);

	drain(b);
	return id;
}

static void expect_end(struct bench *b, uint32_t winner, int report)
{
	assert_true(b->is_done);
	assert_int_equal(b->winner, winner);
	assert_int_equal(b->report, report);
	assert_int_equal(b->listener, 0);
	assert_int_equal(b->attempt, 0);
	assert_true(bk_strategy_ops.next_wake(b->s) == BK_NEVER);
	bk_strategy_free(b->s);
}

static void every_word_of_the_dialect_is_an_action(void **state)
{
	(void)state;
	assert_int_equal(bk_plain_action_from_str("Listen"), BK_PLAIN_LISTEN);
	assert_int_equal(bk_plain_action_from_str("Connect"), BK_PLAIN_CONNECT);
	assert_int_equal(bk_plain_action_from_str("TryAndListen"), BK_PLAIN_TRY_AND_LISTEN);
	assert_int_equal(bk_plain_action_from_str("DelayConnect"), BK_PLAIN_DELAY_CONNECT);
	assert_int_equal(bk_plain_action_from_str("TryAndReport"), BK_PLAIN_TRY_AND_REPORT);
	assert_int_equal(bk_plain_action_from_str("Standby"), BK_PLAIN_STANDBY);
	assert_int_equal(bk_plain_action_from_str(""), BK_PLAIN_NO_STRATEGY);
	assert_int_equal(bk_plain_action_from_str("listen"), BK_PLAIN_NO_STRATEGY);
	assert_int_equal(bk_plain_action_from_str("Dance"), BK_PLAIN_NO_STRATEGY);
}

static void who_listens_takes_only_the_peer(void **state)
{
	struct bench b;
	uint32_t id;

	(void)state;
	start(&b, BK_PLAIN_LISTEN);
	assert_int_equal(b.attempts, 0);
	assert_int_not_equal(b.listener, 0);
	assert_int_equal(accepted(&b, bk_addr_v4(203, 0, 113, 10, 5000)), 0);
	assert_false(b.is_done);
	id = accepted(&b, bk_addr_v4(PEER_IP, 7777)); /* any port: the NAT may be symmetric */
	assert_int_not_equal(id, 0);
	expect_end(&b, id, BK_REPORT_ACCEPTED);
}

static void who_connects_goes_on_until_it_works(void **state)
{
	struct bench b;
	uint32_t id;

	(void)state;
	start(&b, BK_PLAIN_CONNECT);
	assert_int_equal(b.listens, 0);
	for (int i = 0; i < 20; i++) {
		refuse(&b, BK_E_REFUSED);
		assert_int_equal(b.attempt, 0);
		pass(&b, 15 * BK_MS);
		assert_int_not_equal(b.attempt, 0);
	}
	assert_int_equal(b.attempts, 21);
	id = b.attempt;
	connected(&b);
	expect_end(&b, id, 0);
}

static void silence_is_met_with_fresh_sockets_and_growing_patience(void **state)
{
	struct bench b;

	(void)state;
	start(&b, BK_PLAIN_CONNECT);
	pass(&b, 249 * BK_MS);
	assert_int_equal(b.attempts, 1);
	pass(&b, 1 * BK_MS);
	assert_int_equal(b.attempts, 2);
	assert_int_not_equal(b.attempt, 0); /* never without one */
	pass(&b, 19 * BK_SEC);
	assert_in_range(b.attempts, 6, 10);
	pass(&b, 1 * BK_SEC);
	expect_end(&b, 0, 0);
}

static void a_try_stays_while_it_is_listened(void **state)
{
	struct bench b;
	uint32_t id;

	(void)state;
	start(&b, BK_PLAIN_TRY_AND_LISTEN);
	id = b.attempt;
	assert_int_not_equal(id, 0);
	assert_int_not_equal(b.listener, 0);
	assert_true(b.listener > b.attempt); /* the SYN is out before */
	pass(&b, 10 * BK_SEC);
	assert_int_equal(b.attempts, 1);
	connected(&b); /* a simultaneous open */
	expect_end(&b, id, 0);
}

static void a_try_that_fails_leaves_the_listener(void **state)
{
	struct bench b;
	uint32_t id;

	(void)state;
	start(&b, BK_PLAIN_TRY_AND_LISTEN);
	refuse(&b, BK_E_REFUSED);
	assert_int_not_equal(b.listener, 0);
	id = accepted(&b, bk_addr_v4(PEER_IP, 5000));
	expect_end(&b, id, BK_REPORT_ACCEPTED);
}

static void a_delayed_connect_waits_three_seconds(void **state)
{
	struct bench b;
	uint32_t id;

	(void)state;
	start(&b, BK_PLAIN_DELAY_CONNECT);
	pass(&b, 2999 * BK_MS);
	assert_int_equal(b.attempts + b.listens, 0);
	pass(&b, 1 * BK_MS);
	assert_int_equal(b.attempts, 1);
	id = b.attempt;
	connected(&b);
	expect_end(&b, id, 0);
}

static void a_standby_connects_to_the_reported_port(void **state)
{
	struct bench b;
	uint32_t id;

	(void)state;
	start(&b, BK_PLAIN_STANDBY);
	pass(&b, 5 * BK_SEC);
	assert_int_equal(b.attempts + b.listens, 0);
	bk_strategy_set_port(b.s, 6001, b.now);
	pass(&b, 0);
	assert_int_equal(b.remote.port, 6001);
	bk_strategy_set_port(b.s, 6002, b.now); /* once only */
	pass(&b, 1 * BK_SEC);
	assert_int_equal(b.remote.port, 6001);
	id = b.attempt;
	connected(&b);
	expect_end(&b, id, 0);
}

static void a_standby_that_hears_nothing_ends_with_its_budget(void **state)
{
	struct bench b;

	(void)state;
	start(&b, BK_PLAIN_STANDBY);
	pass(&b, 20 * BK_SEC);
	assert_int_equal(b.attempts, 0);
	expect_end(&b, 0, 0);
}

static void without_a_strategy_both_are_done_at_once(void **state)
{
	struct bench b;
	uint32_t id;

	(void)state;
	start(&b, BK_PLAIN_NO_STRATEGY);
	assert_int_not_equal(b.attempt, 0);
	assert_int_not_equal(b.listener, 0);
	pass(&b, 1 * BK_SEC);
	assert_true(b.attempts > 1);
	id = accepted(&b, bk_addr_v4(PEER_IP, 5000));
	expect_end(&b, id, BK_REPORT_ACCEPTED);
}

static void half_a_connection_in_the_listener_does_not_block_for_ever(void **state)
{
	struct bench b;

	(void)state;
	start(&b, BK_PLAIN_NO_STRATEGY);
	for (int i = 0; i < 5; i++) {
		refuse(&b, BK_E_ADDRESS);
		assert_int_not_equal(b.listener, 0);
		pass(&b, 150 * BK_MS);
	}
	refuse(&b, BK_E_ADDRESS);
	assert_int_equal(b.listener, 0);
	pass(&b, 150 * BK_MS);
	assert_int_not_equal(b.attempt, 0);
	bk_strategy_free(b.s);
}

static void refusals_do_not_become_a_flood(void **state)
{
	struct bench b;

	(void)state;
	start(&b, BK_PLAIN_CONNECT);
	while (!b.is_done) {
		if (b.attempt)
			refuse(&b, BK_E_REFUSED);
		pass(&b, 1 * BK_MS);
	}
	assert_in_range(b.attempts, 100, 500);
	bk_strategy_free(b.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_of_the_dialect_is_an_action),
		cmocka_unit_test(who_listens_takes_only_the_peer),
		cmocka_unit_test(who_connects_goes_on_until_it_works),
		cmocka_unit_test(silence_is_met_with_fresh_sockets_and_growing_patience),
		cmocka_unit_test(a_try_stays_while_it_is_listened),
		cmocka_unit_test(a_try_that_fails_leaves_the_listener),
		cmocka_unit_test(a_delayed_connect_waits_three_seconds),
		cmocka_unit_test(a_standby_connects_to_the_reported_port),
		cmocka_unit_test(a_standby_that_hears_nothing_ends_with_its_budget),
		cmocka_unit_test(without_a_strategy_both_are_done_at_once),
		cmocka_unit_test(half_a_connection_in_the_listener_does_not_block_for_ever),
		cmocka_unit_test(refusals_do_not_become_a_flood),
	};

	return cmocka_run_group_tests_name("strategy", tests, NULL, NULL);
}
