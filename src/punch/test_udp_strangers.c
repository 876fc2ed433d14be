/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "punch/test_kit.h"
#include "punch/udp_target.h"
#include "stun/msg.h"

/* --- the peer where it was not expected --- */

/* The answer completes the nomination over there: whatever follows it shall find our own probe answered. */
static void an_unlisted_address_of_the_peer_is_probed_with_a_nomination_and_then_answered(void **state)
{
	struct bk_addr from = bk_addr_v4(203, 0, 113, 2, 50000);
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_probe answer;
	struct bk_action probe, a;
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	kit_forget_actions(e);
	kit_peer_probes(e, from, 9, 0, START - BK_MS);
	probe = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&probe.remote, &from));
	assert_int_equal(probe.ttl, 0);
	assert_int_equal(kit_read_probe(&probe).nomination, 2);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&a.remote, &from));
	answer = kit_read_probe(&a);
	assert_true(answer.is_answer && bk_addr_equal(&answer.seen, &from));
	assert_int_equal(answer.tid[0], 9);
	kit_peer_answers(e, from, &probe, START);
	kit_expect_nominated(e, from);
	assert_non_null(strstr(bk_punch_udp_target_to_str(e, 1, out), "(not told)"));
	bk_punch_udp_free(e);
}

static void an_unlisted_address_is_only_probed_where_the_listed_one_was_heard_from(void **state)
{
	struct bk_addr from = bk_addr_v4(203, 0, 113, 2, 50000);
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	kit_peer_probes(e, kit_mapped(1), 8, 0, START - BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_int_equal(kit_read_probe(&a).nomination, 1);
	kit_forget_actions(e);
	kit_peer_probes(e, from, 9, 0, START - BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_int_equal(kit_read_probe(&a).nomination, 0);
	bk_punch_udp_free(e);
}

static void what_is_heard_from_is_not_nominated_at_once_while_a_better_address_is_untried(void **state)
{
	struct bk_intro own = kit_intro(0), peer = kit_intro(1);
	struct bk_punch_udp *e;
	struct bk_action a;

	(void)state;
	kit_add(&peer, BK_CANDIDATE_HOST, bk_addr_v4(198, 51, 100, 9, 5000));
	e = kit_engine_of(&own, &peer, true);
	kit_forget_actions(e);
	kit_peer_probes(e, kit_mapped(1), 9, 0, START - 50 * BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_int_equal(kit_read_probe(&a).nomination, 0);
	kit_forget_actions(e);
	kit_peer_probes(e, bk_addr_v4(198, 51, 100, 9, 5000), 10, 0, START - 49 * BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_int_equal(kit_read_probe(&a).nomination, 1);
	bk_punch_udp_free(e);
}

static void hearing_a_listed_peer_before_the_instant_ends_the_low_ttl(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	kit_peer_probes(e, kit_mapped(1), 1, 0, T0 + 50 * BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_int_equal(a.ttl, 0);
	bk_punch_udp_free(e);
}

static void probes_after_hearing_the_peer_are_few_however_often_it_sends(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	unsigned before;

	(void)state;
	kit_forget_actions(e);
	before = kit_stats(e).probes_sent;
	for (unsigned i = 0; i < 10000; i++) {
		bk_time now = START + i * BK_US * 100;

		if (ops.next_wake(e) <= now)
			ops.on_time(e, now);
		kit_peer_probes(e, kit_mapped(1), (uint8_t)i, 0, now);
		kit_forget_actions(e);
	}
	assert_true(kit_stats(e).probes_sent - before < 30);
	bk_punch_udp_free(e);
}

/* On a long path the peer is heard many times before it answers. */
static void the_first_probe_is_still_remembered_after_300_ms_of_hearing_the_peer(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, false);
	struct bk_action first;
	bk_time now = START;

	(void)state;
	kit_forget_actions(e);
	first = kit_probe_at(e, START);
	for (uint8_t i = 1; i <= 60; i++) {
		now += 5 * BK_MS;
		if (ops.next_wake(e) <= now)
			ops.on_time(e, now);
		kit_peer_probes(e, kit_mapped(1), i, 1, now);
		kit_forget_actions(e);
	}
	kit_peer_answers(e, kit_mapped(1), &first, now);
	kit_expect_nominated(e, kit_mapped(1));
	assert_true(kit_stats(e).stray == 0 && kit_stats(e).rtt == 300 * BK_MS);
	bk_punch_udp_free(e);
}

/* --- strangers --- */

static void forged_requests_are_counted_and_never_answered(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_probe_auth wrong_key = kit_peer_auth(), wrong_name = kit_peer_auth(),
			     right = kit_peer_auth();
	struct bk_probe p = {.tid = {1}};
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n;

	(void)state;
	kit_forget_actions(e);
	wrong_key.peer_key[5] ^= 1;
	n = bk_probe_encode(&wrong_key, &p, bytes, sizeof(bytes));
	kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
	snprintf(wrong_name.to_peer, sizeof(wrong_name.to_peer), "side1:side0");
	n = bk_probe_encode(&wrong_name, &p, bytes, sizeof(bytes));
	kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
	assert_int_equal(kit_stats(e).forged, 2);
	n = bk_probe_encode(&right, &p, bytes, sizeof(bytes));
	for (int i = 0; i < n; i++) { /* one bit anywhere */
		bytes[i] ^= 0x10;
		kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
		bytes[i] ^= 0x10;
	}
	for (int i = 0; i < n; i++)
		kit_hear(e, kit_mapped(1), bytes, (size_t)i, START - BK_MS);
	kit_expect_nothing(e);
	assert_int_equal(kit_stats(e).probes_received, 0);
	assert_int_equal(kit_stats(e).targets, 1);
	kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
	assert_int_equal(kit_stats(e).probes_received, 1);
	bk_punch_udp_free(e);
}

/* With the key, but without the attribute: no MESSAGE-INTEGRITY, no FINGERPRINT. */
static void a_message_without_its_checks_is_nothing(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_stun_msg m = {.class = BK_STUN_REQUEST, .username = "side0:side1"};
	struct bk_stun_key key = {(const uint8_t[32]){0}, 32};
	struct bk_intro own = kit_intro(0);
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n = bk_stun_encode(&m, NULL, true, bytes, sizeof(bytes));

	(void)state;
	kit_forget_actions(e);
	kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
	key.bytes = own.probe_key;
	n = bk_stun_encode(&m, &key, false, bytes, sizeof(bytes));
	kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
	m.class = BK_STUN_INDICATION;
	n = bk_stun_encode(&m, &key, true, bytes, sizeof(bytes));
	kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
	m.class = BK_STUN_ERROR;
	m.error_code = 400;
	n = bk_stun_encode(&m, &key, true, bytes, sizeof(bytes));
	kit_hear(e, kit_mapped(1), bytes, (size_t)n, START - BK_MS);
	kit_expect_nothing(e);
	assert_int_equal(kit_stats(e).probes_received + kit_stats(e).answers_received, 0);
	bk_punch_udp_free(e);
}

static void our_own_packets_reflected_are_forged_to_us(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action probe = kit_expect(e, BK_ACT_DATAGRAM), answer;

	(void)state;
	kit_peer_probes(e, kit_mapped(1), 1, 0, T0 + BK_MS);
	answer = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(kit_read_probe(&answer).is_answer);
	kit_forget_actions(e);
	kit_hear(e, kit_mapped(1), probe.data, probe.len, T0 + BK_MS);
	kit_hear(e, kit_mapped(1), answer.data, answer.len, T0 + BK_MS);
	kit_expect_nothing(e);
	assert_int_equal(kit_stats(e).forged, 2);
	bk_punch_udp_free(e);
}

static void an_answer_from_another_address_than_was_asked_proves_nothing(void **state)
{
	struct bk_addr attacker = bk_addr_v4(192, 0, 2, 66, 666);
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	a = kit_probe_at(e, START);
	kit_peer_answers(e, attacker, &a, START + BK_MS);
	kit_expect_nothing(e);
	assert_int_equal(kit_stats(e).stray, 1);
	kit_peer_agrees(e, kit_mapped(1), &a, START + 2 * BK_MS);
	kit_expect_nominated(e, kit_mapped(1));
	bk_punch_udp_free(e);
}

static void a_replayed_nomination_does_not_move_the_path(void **state)
{
	struct bk_addr attacker = bk_addr_v4(192, 0, 2, 66, 666);
	struct bk_punch_udp *e = kit_engine(0, false);
	struct bk_probe_auth auth = kit_peer_auth();
	struct bk_probe p = {.tid = {7}, .is_controlling = true, .nomination = 1};
	uint8_t bytes[BK_DATAGRAM_MAX];
	size_t n = (size_t)bk_probe_encode(&auth, &p, bytes, sizeof(bytes));
	struct bk_action a;
	bk_time now;

	(void)state;
	kit_forget_actions(e);
	kit_hear(e, attacker, bytes, n, START - BK_MS); /* the copy overtakes: answered and probed, no more */
	kit_forget_actions(e);
	kit_hear(e, kit_mapped(1), bytes, n, START - BK_MS);
	assert_int_equal(kit_stats(e).replayed, 1);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(kit_read_probe(&a).is_answer);
	kit_expect_nothing(e);
	a = kit_next_probe_to(e, kit_mapped(1), &now);
	kit_peer_answers(e, kit_mapped(1), &a, now + BK_MS);
	kit_peer_probes(e, kit_mapped(1), 8, 1, START + 11 * BK_MS);
	while (kit_next(e, &a) && a.type == BK_ACT_DATAGRAM)
		continue;
	assert_int_equal(a.report, BK_REPORT_CHOSEN);
	assert_int_equal(a.remote.port, 41000);
	kit_hear(e, attacker, bytes, n, START + 20 * BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&a.remote, &attacker));
	kit_expect_nothing(e);
	bk_punch_udp_free(e);
}

static void a_thousand_strangers_with_copied_requests_fill_nothing(void **state)
{
	struct bk_punch_udp *e = kit_engine(0, true);
	const struct bk_addr peer = kit_mapped(1);
	unsigned answered = 0;
	struct bk_action a;

	(void)state;
	kit_forget_actions(e);
	for (unsigned i = 0; i < 1000; i++) {
		struct bk_addr from = bk_addr_v4(192, 0, (uint8_t)(i >> 8), (uint8_t)i, (uint16_t)(1000 + i));

		kit_peer_probes(e, from, (uint8_t)(i / 250), 0, START - BK_MS);
		while (kit_next(e, &a))
			answered += kit_read_probe(&a).is_answer;
	}
	assert_int_equal(kit_stats(e).targets, 1 + 4);
	assert_int_equal(kit_stats(e).replayed, 996);
	assert_true(answered <= 64 + 4);
	a = kit_probe_at(e, START);
	while (a.remote.port != 41000)
		a = kit_expect(e, BK_ACT_DATAGRAM);
	kit_peer_answers(e, kit_mapped(1), &a, START + BK_MS);
	while (kit_next(e, &a) && !bk_addr_equal(&a.remote, &peer))
		continue;
	assert_true(kit_read_probe(&a).nomination > 0);
	kit_peer_agrees(e, peer, &a, START + 2 * BK_MS);
	kit_expect_nominated(e, peer);
	bk_punch_udp_free(e);
}

/* Each with a fresh request, so that only the peer or who cuts its line can be the writer. */
static void a_thousand_addresses_of_the_peer_stay_within_the_table_and_the_last_can_win(void **state)
{
	struct bk_addr from = {0};
	struct bk_punch_udp *e = kit_engine(0, true);
	struct bk_action a = {0};

	(void)state;
	kit_forget_actions(e);
	for (uint16_t i = 0; i < 1000; i++) {
		struct bk_probe p = {.tid = {(uint8_t)i, (uint8_t)(i >> 8), 1}};

		from = bk_addr_v4(192, 0, (uint8_t)(i >> 8), (uint8_t)i, (uint16_t)(1000 + i));
		kit_peer_says(e, from, &p, START - BK_SEC + i * BK_US);
		a = kit_expect(e, BK_ACT_DATAGRAM);
		kit_forget_actions(e);
	}
	assert_int_equal(kit_stats(e).targets, BK_PUNCH_UDP_TARGETS_MAX);
	assert_true(bk_addr_equal(&a.remote, &from));
	assert_false(kit_read_probe(&a).is_answer);
	kit_peer_answers(e, from, &a, START);
	while (kit_next(e, &a) && !bk_addr_equal(&a.remote, &from))
		continue;
	kit_peer_answers(e, from, &a, START + BK_MS);
	kit_expect_nominated(e, from);
	bk_punch_udp_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_unlisted_address_of_the_peer_is_probed_with_a_nomination_and_then_answered),
		cmocka_unit_test(an_unlisted_address_is_only_probed_where_the_listed_one_was_heard_from),
		cmocka_unit_test(
			what_is_heard_from_is_not_nominated_at_once_while_a_better_address_is_untried),
		cmocka_unit_test(hearing_a_listed_peer_before_the_instant_ends_the_low_ttl),
		cmocka_unit_test(probes_after_hearing_the_peer_are_few_however_often_it_sends),
		cmocka_unit_test(the_first_probe_is_still_remembered_after_300_ms_of_hearing_the_peer),
		cmocka_unit_test(forged_requests_are_counted_and_never_answered),
		cmocka_unit_test(a_message_without_its_checks_is_nothing),
		cmocka_unit_test(our_own_packets_reflected_are_forged_to_us),
		cmocka_unit_test(an_answer_from_another_address_than_was_asked_proves_nothing),
		cmocka_unit_test(a_replayed_nomination_does_not_move_the_path),
		cmocka_unit_test(a_thousand_strangers_with_copied_requests_fill_nothing),
		cmocka_unit_test(a_thousand_addresses_of_the_peer_stay_within_the_table_and_the_last_can_win),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
