/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "punch/test_kit.h"

/* --- schedule --- */

static void openers_die_behind_the_own_nat_until_the_instant_and_full_packets_follow(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a = kit_expect(e, BK_ACT_DATAGRAM);
	struct bk_addr peer = kit_mapped(1);

	(void)state;
	assert_int_equal(a.ttl, BK_PUNCH_UDP_OPENER_TTL);
	assert_int_equal(a.id, BK_PUNCH_UDP_SOCKET4);
	assert_true(bk_addr_equal(&a.remote, &peer));
	assert_true(ops.next_wake(e) == T0 + 20 * BK_MS);
	assert_int_equal(kit_probe_at(e, T0 + 20 * BK_MS).ttl, BK_PUNCH_UDP_OPENER_TTL);
	assert_true(ops.next_wake(e) == START);
	ops.on_time(e, START - 1);
	kit_expect_nothing(e);
	assert_int_equal(kit_probe_at(e, START).ttl, 0);
	bk_punch_udp_free(e);
}

static struct bk_punch_udp *engine_that_knew_first(const struct bk_intro *own, const struct bk_intro *peer)
{
	struct bk_plan plan = kit_plan(own, peer);
	struct bk_punch_udp_opts opts = {
		.own = own, .peer = peer, .plan = &plan, .start = START, .seed = 1, .is_first_to_know = true};
	struct bk_punch_udp *e;

	memcpy(opts.own_key, own->probe_key, sizeof(opts.own_key));
	memcpy(opts.peer_key, peer->probe_key, sizeof(opts.peer_key));
	assert_int_equal(bk_punch_udp_new(&opts, T0, &e), 0);
	kit_forget_actions(e);
	ops.on_time(e, T0 + 20 * BK_MS);
	kit_forget_actions(e);
	return e;
}

/* On a short path the peer's opener may still be on its way to the wire at the instant. */
static void who_knew_first_waits_15_ms_to_be_spoken_to_on_a_short_path(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_punch_udp *e;

	(void)state;
	own.server_rtt = peer.server_rtt = 1 * BK_MS;
	e = engine_that_knew_first(&own, &peer);
	assert_true(ops.next_wake(e) == START + 15 * BK_MS);
	kit_peer_probes(e, kit_mapped(1), 1, 1, START + BK_MS);
	assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).ttl, 0);
	bk_punch_udp_free(e);
	peer.server_rtt = 12 * BK_MS;
	e = engine_that_knew_first(&own, &peer);
	assert_true(ops.next_wake(e) == START);
	bk_punch_udp_free(e);
	peer.server_rtt = 1 * BK_MS;
	own.udp.mapping = BK_NAT_ADDRESS_AND_PORT_DEPENDENT; /* the peer cannot speak first */
	peer.udp.filtering = BK_NAT_ADDRESS_DEPENDENT;
	e = engine_that_knew_first(&own, &peer);
	assert_true(ops.next_wake(e) == START);
	bk_punch_udp_free(e);
}

/* In a later round: both introduced themselves, each chose an instant, and the later one was agreed. */
static void in_a_later_round_full_packets_leave_from_the_own_instant_on_where_the_peer_counted(void **state)
{
	static const struct {
		uint32_t peer;
		bk_dur lead; /* of the own instant */
		bk_time full_from;
	} rows[] = {
		{BK_INTRO_COUNTED, 30 * BK_MS, START - 30 * BK_MS},
		{BK_INTRO_COUNTED, 500 * BK_MS, T0 + 1 * BK_MS},
		{BK_INTRO_COUNTED, -30 * BK_MS, START},
		{0, 30 * BK_MS, START},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = kit_intro(0), peer = kit_intro(1);
		struct bk_plan plan = kit_plan(&own, &peer);
		struct bk_pair pair = {.own = &own, .peer = &peer, .is_again = true};
		struct bk_method_opts opts = {
			.pair = &pair, .plan = &plan, .is_controlling = i % 2, .start = START, .seed = 1};
		bk_time full = BK_NEVER;
		struct bk_action a;
		void *e;

		own.start = 1000 * BK_SEC;
		peer.start = own.start + rows[i].lead;
		peer.capabilities = rows[i].peer;
		assert_int_equal(bk_method_udp.new(&opts, T0, &e), 0);
		for (bk_time now = T0; full == BK_NEVER; now = ops.next_wake(e)) {
			ops.on_time(e, now);
			while (kit_next(e, &a))
				full = a.ttl ? full : bk_time_min(full, now);
		}
		assert_true(full == rows[i].full_from);
		bk_method_udp.free(e);
	}
}

static void probes_follow_after_5_10_20_40_ms_and_then_every_half_second(void **state)
{
	static const int offsets_ms[] = {5, 10, 20, 40, 80, 160, 320, 640, 1140, 1640, 2140, 2640};
	struct bk_punch_udp *e = kit_engine(0, true);
	bk_time at = START;

	(void)state;
	kit_forget_actions(e);
	ops.on_time(e, START);
	kit_forget_actions(e);
	for (size_t i = 0; i < sizeof(offsets_ms) / sizeof(offsets_ms[0]); i++) {
		at = ops.next_wake(e);
		assert_in_range(at - START, offsets_ms[i] * BK_MS * 8 / 10, offsets_ms[i] * BK_MS * 12 / 10);
		kit_probe_at(e, at);
		kit_expect_nothing(e);
	}
	ops.on_time(e, START + BK_PLAN_BUDGET);
	kit_expect_done(e);
	kit_peer_probes(e, kit_mapped(1), 1, 0, START + BK_PLAN_BUDGET);
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
}

/* Until the budget ends, with nobody there. */
static unsigned count_likely(struct bk_punch_udp *e)
{
	struct bk_action a;
	bk_time at;

	kit_likelies = 0;
	do {
		while (kit_next(e, &a))
			assert_true(a.type != BK_ACT_REPORT || a.report == BK_REPORT_DONE);
		at = ops.next_wake(e);
		ops.on_time(e, at);
	} while (at != BK_NEVER);
	bk_punch_udp_free(e);
	return kit_likelies;
}

static void a_handshake_may_go_with_the_first_probes_to_where_the_peer_is_expected(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_punch_udp *e = kit_engine(0, true);

	(void)state;
	kit_likelies = 0;
	kit_forget_actions(e);
	assert_int_equal(kit_likelies, 0); /* no opener gets there */
	kit_probe_at(e, START);
	kit_expect_nothing(e);
	assert_int_equal(kit_likelies, 1);
	assert_true(bk_addr_equal(&kit_likely_at, &peer.candidates[0].addr));
	assert_int_equal(1 + count_likely(e), 4);
	assert_int_equal(count_likely(kit_engine(0, false)), 0); /* the other side begins */
	for (uint8_t i = 3; i < 6; i++)
		kit_add(&peer, BK_CANDIDATE_MAPPED, bk_addr_v4(203, 0, 113, 2, i));
	assert_true(count_likely(kit_engine_of(&own, &peer, true)) <= 2 * 4);
	peer = kit_intro(1);
	peer.udp.mapping = BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
	own.udp.filtering = peer.udp.filtering = BK_NAT_ADDRESS_DEPENDENT;
	assert_int_equal(count_likely(kit_engine_of(&own, &peer, true)), 0); /* its port is another one */
}

static void a_handshake_may_begin_where_the_peer_was_heard_three_times(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, false);
	struct bk_addr from = kit_mapped(1);

	(void)state;
	kit_forget_actions(e);
	kit_likelies = 0;
	for (uint8_t i = 1; i < 8; i++) {
		from.port = (uint16_t)(40000 + i / 2);
		kit_peer_probes(e, from, i, 1, START + i * BK_MS);
		kit_forget_actions(e);
	}
	assert_int_equal(kit_likelies, 3);
	bk_punch_udp_free(e);

	e = kit_engine(0, false);
	kit_forget_actions(e);
	kit_peer_probes(e, kit_mapped(1), 1, 1, START);
	kit_forget_actions(e);
	kit_likelies = 0;
	kit_peer_probes(e, from, 1, 1, START + BK_MS); /* a copy, from elsewhere */
	kit_forget_actions(e);
	assert_int_equal(kit_likelies, 0);
	bk_punch_udp_free(e);
}

static void addresses_of_the_machine_and_reachable_peers_are_probed_at_once_with_full_ttl(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_punch_udp *e;

	(void)state;
	kit_add(&peer, BK_CANDIDATE_HOST, bk_addr_v4(203, 0, 113, 2, 5000));
	kit_add(&peer, BK_CANDIDATE_HOST, bk_addr_v4(192, 168, 1, 5, 5000)); /* a stranger's, here */
	e = kit_engine_of(&own, &peer, false);
	assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).ttl, 0); /* the better technique goes first */
	assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).ttl, BK_PUNCH_UDP_OPENER_TTL);
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
	peer.udp.filtering = BK_NAT_ENDPOINT_INDEPENDENT;
	peer.candidates_len = 1;
	e = kit_engine_of(&own, &peer, false);
	assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).ttl, 0);
	bk_punch_udp_free(e);
}

static void candidates_of_tcp_are_not_probed(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_punch_udp *e;

	(void)state;
	peer.candidates[0].transport = BK_TRANSPORT_TCP;
	e = kit_engine_of(&own, &peer, false);
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
}

static void nothing_to_try_on_either_side_is_done_at_once(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_punch_udp *e;

	(void)state;
	peer.udp.mapping = BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
	e = kit_engine_of(&own, &peer, true);
	kit_expect_done(e);
	bk_punch_udp_free(e);
}

static void transaction_ids_do_not_repeat_and_differ_between_keys(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true), *other;
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_probe a, b;
	struct bk_action first = kit_expect(e, BK_ACT_DATAGRAM), second = kit_probe_at(e, START), third;

	(void)state;
	a = kit_read_probe(&first);
	b = kit_read_probe(&second);
	assert_memory_not_equal(a.tid, b.tid, sizeof(a.tid));
	own.probe_key[0]++;
	other = kit_engine_of(&own, &peer, true);
	third = kit_expect(other, BK_ACT_DATAGRAM);
	b = kit_read_probe(&third);
	assert_memory_not_equal(a.tid, b.tid, sizeof(a.tid));
	bk_punch_udp_free(e);
	bk_punch_udp_free(other);
}

static void keys_that_are_absent_or_alike_are_refused(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_plan plan = kit_plan(&own, &peer);
	struct bk_punch_udp_opts opts = {.own = &own, .peer = &peer, .plan = &plan};
	struct bk_punch_udp *e = NULL;

	(void)state;
	assert_int_equal(bk_punch_udp_new(&opts, T0, &e), BK_E_INVALID);
	opts.own_key[0] = 1;
	assert_int_equal(bk_punch_udp_new(&opts, T0, &e), BK_E_INVALID);
	opts.peer_key[0] = 1;
	assert_int_equal(bk_punch_udp_new(&opts, T0, &e), BK_E_INVALID);
	opts.peer_key[0] = 2;
	opts.budget = -1;
	assert_int_equal(bk_punch_udp_new(&opts, T0, &e), BK_E_INVALID);
	assert_null(e);
	bk_punch_udp_free(NULL);
}

/* --- nomination --- */

static void a_single_target_is_nominated_by_its_first_answer(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	kit_forget_actions(e);
	a = kit_probe_at(e, START);
	assert_int_equal(kit_read_probe(&a).nomination, 1);
	kit_peer_agrees(e, kit_mapped(1), &a, START + 12 * BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	kit_expect_nothing(e);
	assert_true(ops.next_wake(e) == BK_NEVER);
	assert_true(kit_stats(e).rtt == 12 * BK_MS);
	assert_string_equal(bk_punch_udp_target_to_str(e, 0, out),
		"punch 203.0.113.2:41000: 2 sent, 1 heard, answered in 12.0 ms");
	assert_string_equal(bk_punch_udp_target_to_str(e, 1, out), "none");
	bk_punch_udp_free(e);
}

/* The peer has no answer of ours yet, so it does not follow yet; what is said to it now would be lost. */
static void a_nomination_waits_15_ms_for_a_probe_of_the_peers_and_no_longer(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	a = kit_probe_at(e, START);
	kit_peer_answers(e, kit_mapped(1), &a, START + 10 * BK_MS);
	kit_expect_nothing(e);
	assert_true(ops.next_wake(e) == START + 25 * BK_MS);
	ops.on_time(e, START + 25 * BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	kit_expect_nothing(e);
	assert_true(ops.next_wake(e) == BK_NEVER);
	bk_punch_udp_free(e);
}

static void late_requests_are_still_answered_after_the_nomination(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	a = kit_probe_at(e, START);
	kit_peer_agrees(e, kit_mapped(1), &a, START + BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	kit_peer_probes(e, kit_mapped(1), 1, 0, START + 10 * BK_SEC);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(kit_read_probe(&a).is_answer);
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
}

static void a_double_answer_nominates_once(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	a = kit_probe_at(e, START);
	kit_peer_agrees(e, kit_mapped(1), &a, START + BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	kit_peer_answers(e, kit_mapped(1), &a, START + 2 * BK_MS);
	kit_expect_nothing(e);
	assert_int_equal(kit_stats(e).answers_received, 1);
	assert_int_equal(kit_stats(e).stray, 1);
	bk_punch_udp_free(e);
}

/* [1] to host 198.51.100.9 and [0] to the mapped address. */
static struct bk_punch_udp *two_targets(struct bk_action ret_probes[2])
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_punch_udp *e;

	kit_add(&peer, BK_CANDIDATE_HOST, bk_addr_v4(198, 51, 100, 9, 5000));
	e = kit_engine_of(&own, &peer, true);
	kit_forget_actions(e);
	ops.on_time(e, START);
	ret_probes[1] = kit_expect(e, BK_ACT_DATAGRAM);
	ret_probes[0] = kit_expect(e, BK_ACT_DATAGRAM);
	kit_forget_actions(e);
	return e;
}

static void a_better_path_that_answers_in_a_moment_is_preferred(void **state)
{
	struct bk_action probes[2], a;
	struct bk_punch_udp *e = two_targets(probes);
	struct bk_addr host = bk_addr_v4(198, 51, 100, 9, 5000);

	(void)state;
	assert_int_equal(kit_read_probe(&probes[0]).nomination, 0);
	kit_peer_answers(e, kit_mapped(1), &probes[0], START + 2 * BK_MS);
	kit_expect_nothing(e);
	kit_peer_answers(e, host, &probes[1], START + 4 * BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&a.remote, &host));
	assert_int_equal(kit_read_probe(&a).nomination, 1);
	kit_peer_agrees(e, host, &a, START + 5 * BK_MS);
	kit_expect_nominated(e, host);
	bk_punch_udp_free(e);
}

static void a_proven_path_waits_5_ms_for_a_better_one_and_no_longer(void **state)
{
	struct bk_action probes[2], a;
	struct bk_punch_udp *e = two_targets(probes);
	bk_time now;

	(void)state;
	kit_peer_answers(e, kit_mapped(1), &probes[0], START + 2 * BK_MS);
	a = kit_next_probe_to(e, kit_mapped(1), &now);
	assert_true(now == START + 7 * BK_MS);
	assert_int_equal(kit_read_probe(&a).nomination, 1);
	bk_punch_udp_free(e);
}

static void a_lost_nomination_is_sent_again_and_again(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	for (int i = 0; i < 8; i++) {
		a = kit_probe_at(e, i == 0 ? START : ops.next_wake(e));
		assert_int_equal(kit_read_probe(&a).nomination, 1);
	}
	kit_peer_agrees(e, kit_mapped(1), &a, START + 700 * BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	bk_punch_udp_free(e);
}

static void another_path_is_nominated_when_no_answer_to_the_first_comes(void **state)
{
	struct bk_action probes[2], a;
	struct bk_punch_udp *e = two_targets(probes);
	struct bk_addr host = bk_addr_v4(198, 51, 100, 9, 5000);
	bk_time now;

	(void)state;
	kit_peer_answers(e, host, &probes[1], START + 2 * BK_MS);
	assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).remote.port, 5000);
	kit_peer_answers(e, kit_mapped(1), &probes[0], START + 3 * BK_MS);
	a = kit_next_probe_to(e, kit_mapped(1), &now);
	assert_true(now == START + 302 * BK_MS);
	assert_int_equal(kit_read_probe(&a).nomination, 2);
	kit_peer_agrees(e, kit_mapped(1), &a, now + BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	bk_punch_udp_free(e);
}

static void the_controlled_side_follows_once_it_has_proof_of_its_own(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, false);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	a = kit_probe_at(e, START);
	assert_int_equal(kit_read_probe(&a).nomination, 0);
	kit_peer_probes(e, kit_mapped(1), 1, 1, START + BK_MS);
	assert_true(kit_expect(e, BK_ACT_DATAGRAM).len > 0);
	kit_expect_nothing(e);
	kit_peer_answers(e, kit_mapped(1), &a, START + 2 * BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	kit_peer_probes(
		e, kit_mapped(1), 2, 1, START + 3 * BK_MS); /* our answer was lost: the same nomination */
	kit_expect(e, BK_ACT_DATAGRAM);
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
}

static void the_controlled_side_follows_a_later_nomination_and_never_an_earlier_one(void **state)
{
	struct bk_addr other = bk_addr_v4(203, 0, 113, 2, 50000);
	struct bk_punch_udp *e = kit_engine(0, false);
	struct bk_action a;
	bk_time now;

	(void)state;
	kit_forget_actions(e);
	kit_peer_says(e, other, &(struct bk_probe){.tid = {1}, .is_controlling = true}, START - BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	kit_expect(e, BK_ACT_DATAGRAM);
	kit_peer_answers(e, other, &a, START);
	a = kit_next_probe_to(e, kit_mapped(1), &now);
	kit_peer_answers(e, kit_mapped(1), &a, now + BK_MS);
	kit_peer_probes(e, kit_mapped(1), 2, 1, START + 42 * BK_MS);
	kit_expect(e, BK_ACT_DATAGRAM);
	kit_expect_nominated(e, kit_mapped(1));
	kit_peer_probes(e, other, 3, 2, START + 43 * BK_MS);
	kit_expect(e, BK_ACT_DATAGRAM);
	kit_expect_nominated(e, other);
	kit_peer_probes(e, kit_mapped(1), 4, 1, START + 44 * BK_MS);
	kit_expect(e, BK_ACT_DATAGRAM);
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
}

static void a_dead_socket_ends_its_targets_and_the_budget_the_rest(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);

	(void)state;
	kit_forget_actions(e);
	ops.on_failed(e, BK_PUNCH_UDP_SOCKET4, BK_E_UNREACHABLE, T0);
	assert_true(ops.next_wake(e) == START + BK_PLAN_BUDGET);
	ops.on_time(e, START + BK_PLAN_BUDGET);
	kit_expect_done(e);
	bk_punch_udp_free(e);
}

/* Each of a set of ports is probed, no address twice, and places stay for whom we hear. */
static void every_port_of_a_set_is_probed_as_far_as_the_table_goes(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_plan plan = kit_plan(&own, &peer);
	struct bk_punch_udp *e;

	(void)state;
	plan.attempts[0].ports = (struct bk_ports){.first = 41000, .len = 3, .step = 7};
	plan.attempts[plan.attempts_len++] = (struct bk_attempt){.technique = plan.attempts[0].technique,
		.remote = kit_mapped(1),
		.is_from_shared_port = true};
	e = kit_engine_with(&own, &peer, &plan, true);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).remote.port, 41000 + 7 * i);
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
	plan.attempts[0].ports.len = 5000;
	e = kit_engine_with(&own, &peer, &plan, true);
	assert_int_equal(kit_stats(e).targets, BK_PLAN_ATTEMPTS_MAX);
	kit_forget_actions(e);
	kit_peer_probes(e, bk_addr_v4(203, 0, 113, 2, 999), 1, 0, START);
	assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).remote.port, 999);
	bk_punch_udp_free(e);
}

/* docs/protocol/traversal.md names the number. */
static void an_address_that_says_nothing_is_sent_few_probes(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;
	int sent = 0;

	(void)state;
	for (bk_time now = T0; now < START + BK_PLAN_BUDGET; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		while (kit_next(e, &a))
			sent += a.type == BK_ACT_DATAGRAM;
	}
	assert_in_range(sent, 10, 20);
	bk_punch_udp_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			in_a_later_round_full_packets_leave_from_the_own_instant_on_where_the_peer_counted),
		cmocka_unit_test(a_handshake_may_go_with_the_first_probes_to_where_the_peer_is_expected),
		cmocka_unit_test(a_handshake_may_begin_where_the_peer_was_heard_three_times),
		cmocka_unit_test(openers_die_behind_the_own_nat_until_the_instant_and_full_packets_follow),
		cmocka_unit_test(who_knew_first_waits_15_ms_to_be_spoken_to_on_a_short_path),
		cmocka_unit_test(probes_follow_after_5_10_20_40_ms_and_then_every_half_second),
		cmocka_unit_test(
			addresses_of_the_machine_and_reachable_peers_are_probed_at_once_with_full_ttl),
		cmocka_unit_test(an_address_that_says_nothing_is_sent_few_probes),
		cmocka_unit_test(candidates_of_tcp_are_not_probed),
		cmocka_unit_test(nothing_to_try_on_either_side_is_done_at_once),
		cmocka_unit_test(transaction_ids_do_not_repeat_and_differ_between_keys),
		cmocka_unit_test(keys_that_are_absent_or_alike_are_refused),
		cmocka_unit_test(a_single_target_is_nominated_by_its_first_answer),
		cmocka_unit_test(a_nomination_waits_15_ms_for_a_probe_of_the_peers_and_no_longer),
		cmocka_unit_test(late_requests_are_still_answered_after_the_nomination),
		cmocka_unit_test(a_double_answer_nominates_once),
		cmocka_unit_test(a_better_path_that_answers_in_a_moment_is_preferred),
		cmocka_unit_test(a_proven_path_waits_5_ms_for_a_better_one_and_no_longer),
		cmocka_unit_test(a_lost_nomination_is_sent_again_and_again),
		cmocka_unit_test(another_path_is_nominated_when_no_answer_to_the_first_comes),
		cmocka_unit_test(the_controlled_side_follows_once_it_has_proof_of_its_own),
		cmocka_unit_test(the_controlled_side_follows_a_later_nomination_and_never_an_earlier_one),
		cmocka_unit_test(a_dead_socket_ends_its_targets_and_the_budget_the_rest),
		cmocka_unit_test(every_port_of_a_set_is_probed_as_far_as_the_table_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
