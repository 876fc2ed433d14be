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

enum { GUESSED = 32, FEW = 3 };

static struct bk_attempt punch(void)
{
	return (struct bk_attempt){
		.remote = bk_addr_v4(203, 0, 113, 2, 41000),
		.is_from_shared_port = true,
		.is_at_start = true,
		.try_timeout = 200 * BK_MS,
		.retry_gap = 10 * BK_MS,
	};
}

static struct bk_action expect(struct bk_punch_tcp *e, enum bk_action_type type)
{
	struct bk_action a;

	assert_true(ops.next_action(e, &a));
	assert_int_equal(a.type, type);
	return a;
}

/* A known port, and beside it those that are guessed. */
static struct bk_punch_tcp *guesser_from(uint16_t first, uint8_t opener_ttl)
{
	struct bk_punch_tcp_opts opts = {.shared = bk_addr_v4(10, 0, 0, 2, 41000),
		.start = START,
		.opener_ttl = opener_ttl,
		.full_from = START + BK_SEC,
		.seed = 1};
	struct bk_punch_tcp *e;

	opts.plan.attempts[0] = punch();
	opts.plan.attempts[1] = punch();
	opts.plan.attempts[1].ports = (struct bk_ports){.first = first, .len = GUESSED, .step = 1};
	opts.plan.attempts[1].probes = GUESSED;
	opts.plan.attempts[1].tries = FEW;
	opts.plan.attempts_len = 2;
	opts.plan.budget = BK_PLAN_BUDGET;
	assert_int_equal(bk_punch_tcp_new(&opts, T0, &e), 0);
	return e;
}

static struct bk_punch_tcp *guesser(uint8_t opener_ttl)
{
	return guesser_from(20001, opener_ttl);
}

static void guessed_ports_are_opened_each_from_a_socket_and_reported_as_their_attempt(void **state)
{
	struct bk_punch_tcp *e = guesser(3);
	uint32_t third = 0;

	(void)state;
	for (int i = -1; i < GUESSED; i++) {
		struct bk_action a = expect(e, BK_ACT_TCP_CONNECT);

		assert_int_equal(a.ttl, 3);
		assert_int_equal(a.local.port, 41000);
		assert_int_equal(a.remote.port, i < 0 ? 41000 : 20001 + i);
		third = i == 2 ? a.id : third;
	}
	assert_false(ops.next_action(e, &(struct bk_action){0}));
	ops.on_connected(e, third, START);
	assert_int_equal(expect(e, BK_ACT_REPORT).report, 1);
	bk_punch_tcp_free(e);
}

static void a_guessed_port_that_refuses_is_asked_a_few_times_and_the_others_go_on(void **state)
{
	struct bk_punch_tcp *e = guesser(0);
	struct bk_attempt_stats stats;
	struct bk_action a;
	unsigned asked[GUESSED] = {0};

	(void)state;
	while (ops.next_wake(e) < START + BK_PLAN_BUDGET) {
		bk_time now = ops.next_wake(e);

		ops.on_time(e, now);
		while (ops.next_action(e, &a)) {
			if (a.type != BK_ACT_TCP_CONNECT)
				continue;
			assert_int_equal(a.ttl, 0);
			if (a.remote.port == 41000)
				continue;
			asked[a.remote.port - 20001]++;
			if (a.remote.port % 2)
				ops.on_failed(e, a.id, BK_E_REFUSED, now);
		}
	}
	for (size_t i = 0; i < GUESSED; i++)
		assert_int_equal(asked[i], FEW);
	bk_punch_tcp_stats(e, 1, &stats);
	assert_int_equal(stats.tries, FEW * GUESSED);
	assert_int_equal(stats.refused, FEW * GUESSED / 2);
	bk_punch_tcp_free(e);
}

/* Who is guessed names the port that was seen last, and the address. */
static void no_port_is_guessed_at_which_a_service_may_be(void **state)
{
	static const uint16_t firsts[] = {10, 1000, 65530};

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct bk_punch_tcp *e = guesser_from(firsts[i], 3);
		struct bk_action a;
		int asked = 0;

		while (ops.next_action(e, &a)) {
			assert_in_range(a.remote.port, 1024, 65535);
			asked += a.remote.port != 41000;
		}
		assert_int_equal(asked, firsts[i] == 10 ? 0 : firsts[i] == 1000 ? 8 : 6);
		bk_punch_tcp_free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guessed_ports_are_opened_each_from_a_socket_and_reported_as_their_attempt),
		cmocka_unit_test(no_port_is_guessed_at_which_a_service_may_be),
		cmocka_unit_test(a_guessed_port_that_refuses_is_asked_a_few_times_and_the_others_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
