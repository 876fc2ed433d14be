/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that answer, late, twice, or never, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stun/gather.h"
#include "stun/msg.h"

enum { SOCKET = 7, PORT = 50000, SERVERS = 3 };

#define ops bk_stun_gather_ops
#define T0  (1000 * BK_SEC)

static const uint8_t key[BK_STUN_GATHER_KEY_LEN] = {1};

static struct bk_addr server(size_t i)
{
	return bk_addr_v4(203, 0, 113, (uint8_t)(i + 1), 3478);
}

static struct bk_addr mapped(size_t i)
{
	return bk_addr_v4(198, 51, 100, 1, (uint16_t)(40000 + i));
}

static struct bk_stun_gather *begin(size_t len)
{
	struct bk_stun_gather *g;
	struct bk_addr servers[BK_STUN_SAMPLES_MAX + 1];

	for (size_t i = 0; i < len; i++)
		servers[i] = server(i);
	assert_int_equal(bk_stun_gather_new(SOCKET, PORT, key, &g), 0);
	assert_true(ops.next_wake(g) == BK_NEVER);
	bk_stun_gather_begin(g, servers, len, T0);
	return g;
}

/* A question goes out: where to, and its id. */
static struct bk_addr expect_question(struct bk_stun_gather *g, struct bk_stun_id *ret_id)
{
	struct bk_stun_msg m;
	struct bk_action a;

	assert_true(ops.next_action(g, &a));
	assert_int_equal(a.type, BK_ACT_DATAGRAM);
	assert_int_equal(a.id, SOCKET);
	assert_int_equal(bk_stun_decode(a.data, a.len, &m), 0);
	assert_int_equal(m.class, BK_STUN_REQUEST);
	*ret_id = m.id;
	return a.remote;
}

static void expect_report(struct bk_stun_gather *g, struct bk_addr remote, struct bk_addr local)
{
	struct bk_action a;

	assert_true(ops.next_action(g, &a));
	assert_int_equal(a.type, BK_ACT_REPORT);
	assert_int_equal(a.report, BK_STUN_GATHERED);
	assert_int_equal(a.id, SOCKET);
	assert_true(bk_addr_equal(&a.remote, &remote));
	assert_true(bk_addr_equal(&a.local, &local));
}

static void expect_nothing(struct bk_stun_gather *g)
{
	struct bk_action a;

	assert_false(ops.next_action(g, &a));
}

static bool answer(struct bk_stun_gather *g, const struct bk_stun_id *id, uint32_t socket,
	struct bk_addr from, struct bk_addr seen, bk_time now)
{
	const struct bk_stun_msg m = {.class = BK_STUN_SUCCESS, .id = *id, .xor_mapped = seen};
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n = bk_stun_encode(&m, NULL, false, bytes, sizeof(bytes));

	assert_true(n > 0);
	return ops.on_datagram(g, socket, &from, bytes, (size_t)n, now);
}

static struct bk_addr sample(const struct bk_stun_gather *g, size_t i)
{
	size_t len;
	const struct bk_stun_sample *samples = bk_stun_gather_samples(g, &len);

	assert_true(i < len);
	return samples[i].mapped;
}

static size_t count(const struct bk_stun_gather *g)
{
	size_t len;

	bk_stun_gather_samples(g, &len);
	return len;
}

static void all_servers_are_asked_at_once_and_each_answer_is_kept(void **state)
{
	struct bk_stun_gather *g = begin(SERVERS);
	struct bk_stun_id ids[SERVERS];

	(void)state;
	for (size_t i = 0; i < SERVERS; i++) {
		struct bk_addr to = expect_question(g, &ids[i]), want = server(i);

		assert_true(bk_addr_equal(&to, &want));
	}
	expect_nothing(g);
	assert_int_equal(bk_stun_gather_awaited(g), SERVERS);
	for (size_t i = SERVERS; i-- > 0;) { /* the last one is the fastest */
		struct bk_addr want = mapped(i), got;

		assert_true(answer(g, &ids[i], SOCKET, server(i), want, T0 + BK_MS));
		expect_report(g, server(i), want);
		got = sample(g, 0);
		assert_true(bk_addr_equal(&got, &want));
		assert_int_equal(bk_stun_gather_awaited(g), i);
	}
	bk_stun_gather_free(g);
}

static void a_fresh_socket_asks_the_first_server_once_and_is_closed(void **state)
{
	struct bk_stun_gather *g = begin(1);
	struct bk_action a;
	struct bk_stun_id id, fresh;
	struct bk_stun_msg m;
	uint32_t socket;

	(void)state;
	expect_question(g, &id);
	bk_stun_gather_freshen(g, 1);
	assert_true(ops.next_action(g, &a));
	assert_int_equal(a.type, BK_ACT_UDP_OPEN);
	socket = a.id;
	assert_true(socket >= BK_STUN_FRESH_FIRST);
	expect_nothing(g);
	ops.on_opened(g, a.id, &a.local, T0 + BK_MS);
	assert_true(ops.next_action(g, &a));
	assert_int_equal(a.id, socket);
	assert_int_equal(bk_stun_decode(a.data, a.len, &m), 0);
	fresh = m.id;
	assert_int_equal(bk_stun_gather_awaited(g), 1); /* nobody waits for it */
	assert_false(answer(g, &fresh, SOCKET, server(0), mapped(7), T0 + 2 * BK_MS));
	assert_int_equal(bk_stun_gather_fresh(g)->mapped.family, 0);
	assert_true(answer(g, &fresh, socket, server(0), mapped(7), T0 + 2 * BK_MS));
	assert_int_equal(bk_stun_gather_fresh(g)->mapped.port, mapped(7).port);
	assert_true(bk_stun_gather_fresh(g)->asked == T0 + BK_MS);
	assert_int_equal(count(g), 0);
	assert_true(ops.next_action(g, &a) && a.type == BK_ACT_UDP_CLOSE);
	bk_stun_gather_freshen(
		g, BK_STUN_FRESH_MAX); /* there is room for one less: the last one is forgotten */
	assert_int_equal(bk_stun_gather_fresh(g)->mapped.port, mapped(7).port);
	bk_stun_gather_free(g);
}

/* A NAT may keep whether a port is even: each of the two has a sequence of its own then. */
static void a_fresh_socket_has_a_port_that_is_even_like_the_own_one(void **state)
{
	struct bk_stun_gather *g = begin(1);
	struct bk_action a;
	struct bk_stun_id id;

	(void)state;
	expect_question(g, &id);
	for (uint16_t i = 0; i < 2; i++) {
		bk_stun_gather_freshen(g, 1);
		assert_true(ops.next_action(g, &a) && a.type == BK_ACT_UDP_OPEN);
		assert_int_equal(a.local.port, PORT + 2 + 2 * i);
		if (i) { /* somebody else has it */
			ops.on_failed(g, a.id, -1, T0);
			assert_true(ops.next_action(g, &a) && a.type == BK_ACT_UDP_OPEN && !a.local.port);
		}
		ops.on_opened(g, a.id, &a.local, T0);
		assert_true(ops.next_action(g, &a) && a.type == BK_ACT_DATAGRAM);
		expect_nothing(g);
	}
	bk_stun_gather_free(g);
}

static void a_fresh_socket_that_checks_asks_the_second_server_as_well(void **state)
{
	struct bk_stun_gather *g = begin(2);
	struct bk_action a;
	struct bk_stun_id id;
	struct bk_stun_msg m;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		expect_question(g, &id);
	bk_stun_gather_check(g, 1);
	assert_true(ops.next_action(g, &a) && a.type == BK_ACT_UDP_OPEN);
	ops.on_opened(g, a.id, &a.local, T0);
	for (size_t i = 0; i < 2; i++) {
		struct bk_addr to = server(i);

		assert_int_equal(bk_stun_gather_fresh_awaited(g), 1);
		assert_int_equal(bk_stun_gather_fresh(g)->other.family, 0);
		assert_true(ops.next_action(g, &a) && a.type == BK_ACT_DATAGRAM);
		assert_true(bk_addr_equal(&a.remote, &to));
		assert_int_equal(bk_stun_decode(a.data, a.len, &m), 0);
		assert_true(answer(g, &m.id, a.id, server(i), mapped(i + 5), T0));
	}
	assert_int_equal(bk_stun_gather_fresh(g)->mapped.port, mapped(5).port);
	assert_int_equal(bk_stun_gather_fresh(g)->other.port, mapped(6).port);
	assert_int_equal(bk_stun_gather_fresh_awaited(g), 0);
	assert_int_equal(count(g), 0);
	bk_stun_gather_free(g);
}

static void no_more_servers_are_asked_than_have_a_place(void **state)
{
	struct bk_stun_gather *g = begin(BK_STUN_SAMPLES_MAX + 1);

	(void)state;
	assert_int_equal(bk_stun_gather_awaited(g), BK_STUN_SAMPLES_MAX);
	bk_stun_gather_free(g);
}

static void only_the_answer_that_was_asked_for_there_counts(void **state)
{
	struct bk_stun_gather *g = begin(1);
	struct bk_stun_id id, other;

	(void)state;
	expect_question(g, &id);
	other = id;
	other.bytes[15] ^= 1;
	assert_false(answer(g, &other, SOCKET, server(0), mapped(0), T0));
	assert_false(answer(g, &id, SOCKET, server(1), mapped(0), T0));
	assert_false(answer(g, &id, SOCKET + 1, server(0), mapped(0), T0));
	expect_nothing(g);
	assert_true(answer(g, &id, SOCKET, server(0), mapped(0), T0));
	assert_false(answer(g, &id, SOCKET, server(0), mapped(1), T0)); /* twice */
	assert_int_equal(count(g), 1);
	bk_stun_gather_free(g);
}

/* Lets time pass until `until`; how often a question went out. */
static unsigned pass(struct bk_stun_gather *g, bk_time until)
{
	unsigned asked = 0;
	struct bk_action a;

	for (bk_time wake = ops.next_wake(g); wake <= until; wake = ops.next_wake(g)) {
		ops.on_time(g, wake);
		while (ops.next_action(g, &a))
			asked += a.type == BK_ACT_DATAGRAM;
	}
	return asked;
}

static void a_silent_server_is_asked_six_times_and_given_up_within_three_seconds(void **state)
{
	struct bk_stun_gather *g = begin(1);
	struct bk_stun_id id;

	(void)state;
	expect_question(g, &id);
	assert_int_equal(pass(g, T0 + 3 * BK_SEC), 5);
	assert_int_equal(bk_stun_gather_awaited(g), 0);
	assert_int_equal(count(g), 0);
	bk_stun_gather_free(g);
}

static void the_first_server_is_asked_again_every_fifteen_seconds(void **state)
{
	struct bk_stun_gather *g = begin(2);
	struct bk_stun_id ids[2], again;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		expect_question(g, &ids[i]);
	for (size_t i = 0; i < 2; i++) {
		assert_true(answer(g, &ids[i], SOCKET, server(i), mapped(i), T0));
		expect_report(g, server(i), mapped(i));
	}
	for (int round = 1; round <= 4; round++) {
		bk_time now = T0 + round * 15 * BK_SEC;
		struct bk_addr to, want = server(0), other = mapped((size_t)(10 + round)), got;

		assert_true(ops.next_wake(g) == now);
		ops.on_time(g, now);
		to = expect_question(g, &again);
		assert_true(bk_addr_equal(&to, &want));
		assert_memory_not_equal(&again, &ids[0], sizeof(again));
		assert_true(answer(g, &again, SOCKET, to, other, now));
		expect_report(g, to, other);
		expect_nothing(g);
		got = sample(g, 0);
		assert_true(bk_addr_equal(&got, &other)); /* the mapping that holds now */
		assert_int_equal(count(g), 2);
	}
	bk_stun_gather_free(g);
}

static void at_rest_it_asks_nobody_until_it_is_begun_anew(void **state)
{
	struct bk_stun_gather *g = begin(1);
	struct bk_addr again = server(1);
	struct bk_stun_id id;

	(void)state;
	expect_question(g, &id);
	assert_true(answer(g, &id, SOCKET, server(0), mapped(0), T0));
	expect_report(g, server(0), mapped(0));
	bk_stun_gather_rest(g);
	assert_true(ops.next_wake(g) == BK_NEVER);
	assert_int_equal(count(g), 1);
	bk_stun_gather_begin(g, &again, 1, T0 + 3600 * BK_SEC);
	expect_question(g, &id);
	assert_true(ops.next_wake(g) < BK_NEVER);
	bk_stun_gather_free(g);
}

static void begun_anew_it_forgets_what_was_true_before(void **state)
{
	struct bk_stun_gather *g = begin(2);
	struct bk_addr servers[] = {server(2)};
	struct bk_stun_id old[2], id;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		expect_question(g, &old[i]);
	assert_true(answer(g, &old[0], SOCKET, server(0), mapped(0), T0));
	bk_stun_gather_begin(g, servers, 1, T0 + BK_SEC); /* with a question open and a report not heard */
	assert_int_equal(count(g), 0);
	assert_int_equal(bk_stun_gather_awaited(g), 1);
	expect_question(g, &id);
	expect_nothing(g);
	assert_false(answer(g, &old[1], SOCKET, server(1), mapped(1), T0 + BK_SEC));
	assert_true(answer(g, &id, SOCKET, server(2), mapped(2), T0 + BK_SEC));
	assert_int_equal(count(g), 1);
	bk_stun_gather_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_servers_are_asked_at_once_and_each_answer_is_kept),
		cmocka_unit_test(a_fresh_socket_asks_the_first_server_once_and_is_closed),
		cmocka_unit_test(a_fresh_socket_has_a_port_that_is_even_like_the_own_one),
		cmocka_unit_test(a_fresh_socket_that_checks_asks_the_second_server_as_well),
		cmocka_unit_test(no_more_servers_are_asked_than_have_a_place),
		cmocka_unit_test(only_the_answer_that_was_asked_for_there_counts),
		cmocka_unit_test(a_silent_server_is_asked_six_times_and_given_up_within_three_seconds),
		cmocka_unit_test(the_first_server_is_asked_again_every_fifteen_seconds),
		cmocka_unit_test(at_rest_it_asks_nobody_until_it_is_begun_anew),
		cmocka_unit_test(begun_anew_it_forgets_what_was_true_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
