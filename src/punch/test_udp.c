/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "punch/probe.h"
#include "punch/udp.h"
#include "stun/msg.h"

#define T0    (1000 * BK_SEC)
#define START (T0 + 100 * BK_MS)
#define ops   bk_punch_udp_ops

/* Side 0 (us, usually) is 203.0.113.1, side 1 is 203.0.113.2, both behind port-restricted NATs. */
static struct bk_addr mapped(int side)
{
	return bk_addr_v4(203, 0, 113, (uint8_t)(side + 1), 41000);
}

static void add(struct bk_intro *in, enum bk_candidate_kind kind, struct bk_addr addr)
{
	in->candidates[in->candidates_len++] =
		(struct bk_candidate){.kind = kind, .addr = addr, .transport = BK_TRANSPORT_UDP};
}

static struct bk_intro intro(int side)
{
	struct bk_intro in = {.tie_breaker = (uint64_t)side + 7, .server_rtt = 20 * BK_MS};

	snprintf(in.id, sizeof(in.id), "side%d", side);
	in.udp = (struct bk_nat_profile){
		.mapping = BK_NAT_ENDPOINT_INDEPENDENT,
		.filtering = BK_NAT_ADDRESS_AND_PORT_DEPENDENT,
		.is_translated = true,
		.public_addr = mapped(side),
	};
	memset(in.probe_key, 0x40 + side, sizeof(in.probe_key));
	add(&in, BK_CANDIDATE_MAPPED, mapped(side));
	return in;
}

static struct bk_punch_udp *engine_of(const struct bk_intro *own, const struct bk_intro *peer, bool controls)
{
	struct bk_punch_udp_opts opts = {
		.own = own,
		.peer = peer,
		.is_controlling = controls,
		.has_socket6 = true,
		.start = START,
		.seed = 1,
	};
	struct bk_punch_udp *e;

	memcpy(opts.own_key, own->probe_key, sizeof(opts.own_key));
	memcpy(opts.peer_key, peer->probe_key, sizeof(opts.peer_key));
	assert_int_equal(bk_punch_udp_new(&opts, T0, &e), 0);
	return e;
}

static struct bk_punch_udp *engine(int side, bool controls)
{
	struct bk_intro own = intro(side), peer = intro(!side);

	return engine_of(&own, &peer, controls);
}

/* What side 1 would write and read. */
static struct bk_probe_auth peer_auth(void)
{
	struct bk_intro own = intro(1), peer = intro(0);
	struct bk_probe_auth auth;

	assert_int_equal(bk_probe_auth_init(&auth, &own, &peer, own.probe_key, peer.probe_key), 0);
	return auth;
}

static struct bk_punch_udp_stats stats(const struct bk_punch_udp *e)
{
	struct bk_punch_udp_stats s;

	bk_punch_udp_stats(e, &s);
	return s;
}

static struct bk_action expect(struct bk_punch_udp *e, enum bk_action_type type)
{
	struct bk_action a;

	assert_true(ops.next_action(e, &a));
	assert_int_equal(a.type, type);
	return a;
}

static void expect_nothing(struct bk_punch_udp *e)
{
	struct bk_action a;

	assert_false(ops.next_action(e, &a));
}

static void expect_nominated(struct bk_punch_udp *e, struct bk_addr remote)
{
	struct bk_action a = expect(e, BK_ACT_REPORT);

	assert_int_equal(a.report, BK_PUNCH_UDP_NOMINATED);
	assert_int_equal(a.id, BK_PUNCH_UDP_SOCKET4);
	assert_true(bk_addr_equal(&a.remote, &remote));
}

static void expect_done(struct bk_punch_udp *e)
{
	assert_int_equal(expect(e, BK_ACT_REPORT).report, BK_REPORT_DONE);
	expect_nothing(e);
	assert_true(ops.next_wake(e) == BK_NEVER);
}

static void forget_actions(struct bk_punch_udp *e)
{
	struct bk_action a;

	while (ops.next_action(e, &a))
		assert_int_equal(a.type, BK_ACT_DATAGRAM);
}

static void hear(struct bk_punch_udp *e, struct bk_addr from, const uint8_t *data, size_t n, bk_time now)
{
	ops.on_datagram(e, from.family == 6 ? 2 : 1, &from, data, n, now);
}

/* Side 1 writes a probe or an answer and it arrives from there. */
static void peer_says(struct bk_punch_udp *e, struct bk_addr from, const struct bk_probe *p, bk_time now)
{
	struct bk_probe_auth auth = peer_auth();
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n = bk_probe_encode(&auth, p, bytes, sizeof(bytes));

	assert_true(n > 0);
	hear(e, from, bytes, (size_t)n, now);
}

static void peer_probes(
	struct bk_punch_udp *e, struct bk_addr from, uint8_t tid, uint32_t nomination, bk_time now)
{
	peer_says(e, from,
		&(struct bk_probe){.tid = {tid}, .is_controlling = nomination != 0, .nomination = nomination},
		now);
}

/* Side 1 reads what our engine sent. */
static struct bk_probe read_probe(const struct bk_action *a)
{
	struct bk_probe_auth auth = peer_auth();
	struct bk_probe p;

	assert_int_equal(bk_probe_decode(&auth, a->data, a->len, &p), 0);
	return p;
}

static void peer_answers(struct bk_punch_udp *e, struct bk_addr from, const struct bk_action *a, bk_time now)
{
	struct bk_probe p = read_probe(a);

	assert_false(p.is_answer);
	p.is_answer = true;
	p.seen = mapped(0);
	peer_says(e, from, &p, now);
}

static struct bk_action probe_at(struct bk_punch_udp *e, bk_time now)
{
	ops.on_time(e, now);
	return expect(e, BK_ACT_DATAGRAM);
}

/* The next probe that goes there, whatever else goes before it. */
static struct bk_action next_probe_to(struct bk_punch_udp *e, struct bk_addr to, bk_time *ret_now)
{
	struct bk_action a, found = {0};

	for (int i = 0; i < 100 && found.len == 0; i++) {
		*ret_now = ops.next_wake(e);
		ops.on_time(e, *ret_now);
		while (ops.next_action(e, &a)) {
			assert_int_equal(a.type, BK_ACT_DATAGRAM);
			if (bk_addr_equal(&a.remote, &to))
				found = a;
		}
	}
	assert_true(found.len > 0);
	return found;
}

/* ---- schedule ---- */

static void openers_die_behind_the_own_nat_until_the_instant_and_full_packets_follow(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a = expect(e, BK_ACT_DATAGRAM);
	struct bk_addr peer = mapped(1);

	(void)state;
	assert_int_equal(a.ttl, BK_PUNCH_UDP_OPENER_TTL);
	assert_int_equal(a.id, BK_PUNCH_UDP_SOCKET4);
	assert_true(bk_addr_equal(&a.remote, &peer));
	assert_true(ops.next_wake(e) == T0 + 20 * BK_MS);
	assert_int_equal(probe_at(e, T0 + 20 * BK_MS).ttl, BK_PUNCH_UDP_OPENER_TTL);
	assert_true(ops.next_wake(e) == START);
	ops.on_time(e, START - 1);
	expect_nothing(e);
	assert_int_equal(probe_at(e, START).ttl, 0);
	bk_punch_udp_free(e);
}

static void probes_follow_after_5_10_20_40_ms_and_then_every_half_second(void **state)
{
	static const int offsets_ms[] = {5, 10, 20, 40, 80, 160, 320, 640, 1140, 1640, 2140, 2640};
	struct bk_punch_udp *e = engine(0, true);
	bk_time at = START;

	(void)state;
	forget_actions(e);
	ops.on_time(e, START);
	forget_actions(e);
	for (size_t i = 0; i < sizeof(offsets_ms) / sizeof(offsets_ms[0]); i++) {
		at = ops.next_wake(e);
		assert_in_range(at - START, offsets_ms[i] * BK_MS * 8 / 10, offsets_ms[i] * BK_MS * 12 / 10);
		probe_at(e, at);
		expect_nothing(e);
	}
	ops.on_time(e, START + BK_PLAN_BUDGET);
	expect_done(e);
	peer_probes(e, mapped(1), 1, 0, START + BK_PLAN_BUDGET);
	expect_nothing(e);
	bk_punch_udp_free(e);
}

static void addresses_of_the_machine_and_reachable_peers_are_probed_at_once_with_full_ttl(void **state)
{
	struct bk_intro own = intro(0), peer = intro(1);
	struct bk_punch_udp *e;

	(void)state;
	add(&peer, BK_CANDIDATE_HOST, bk_addr_v4(203, 0, 113, 2, 5000));
	add(&peer, BK_CANDIDATE_HOST, bk_addr_v4(192, 168, 1, 5, 5000)); /* a stranger's, here */
	e = engine_of(&own, &peer, false);
	assert_int_equal(expect(e, BK_ACT_DATAGRAM).ttl, BK_PUNCH_UDP_OPENER_TTL);
	assert_int_equal(expect(e, BK_ACT_DATAGRAM).ttl, 0);
	expect_nothing(e);
	bk_punch_udp_free(e);
	peer.udp.filtering = BK_NAT_ENDPOINT_INDEPENDENT;
	peer.candidates_len = 1;
	e = engine_of(&own, &peer, false);
	assert_int_equal(expect(e, BK_ACT_DATAGRAM).ttl, 0);
	bk_punch_udp_free(e);
}

static void candidates_of_tcp_are_not_probed(void **state)
{
	struct bk_intro own = intro(0), peer = intro(1);
	struct bk_punch_udp *e;

	(void)state;
	peer.candidates[0].transport = BK_TRANSPORT_TCP;
	e = engine_of(&own, &peer, false);
	expect_nothing(e);
	bk_punch_udp_free(e);
}

static void nothing_to_try_on_either_side_is_done_at_once(void **state)
{
	struct bk_intro own = intro(0), peer = intro(1);
	struct bk_punch_udp *e;

	(void)state;
	peer.udp.mapping = BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
	e = engine_of(&own, &peer, true);
	expect_done(e);
	bk_punch_udp_free(e);
}

static void transaction_ids_do_not_repeat_and_differ_between_keys(void **state)
{
	struct bk_punch_udp *e = engine(0, true), *other;
	struct bk_intro own = intro(0), peer = intro(1);
	struct bk_probe a, b;
	struct bk_action first = expect(e, BK_ACT_DATAGRAM), second = probe_at(e, START), third;

	(void)state;
	a = read_probe(&first);
	b = read_probe(&second);
	assert_memory_not_equal(a.tid, b.tid, sizeof(a.tid));
	own.probe_key[0]++;
	other = engine_of(&own, &peer, true);
	third = expect(other, BK_ACT_DATAGRAM);
	b = read_probe(&third);
	assert_memory_not_equal(a.tid, b.tid, sizeof(a.tid));
	bk_punch_udp_free(e);
	bk_punch_udp_free(other);
}

static void keys_that_are_absent_or_alike_are_refused(void **state)
{
	struct bk_intro own = intro(0), peer = intro(1);
	struct bk_punch_udp_opts opts = {.own = &own, .peer = &peer};
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

/* ---- nomination ---- */

static void a_single_target_is_nominated_by_its_first_answer(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a;
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	forget_actions(e);
	a = probe_at(e, START);
	assert_int_equal(read_probe(&a).nomination, 1);
	peer_answers(e, mapped(1), &a, START + 12 * BK_MS);
	expect_nominated(e, mapped(1));
	expect_nothing(e);
	assert_true(ops.next_wake(e) == BK_NEVER);
	assert_true(stats(e).rtt == 12 * BK_MS);
	assert_string_equal(bk_punch_udp_target_to_str(e, 0, out),
		"punch 203.0.113.2:41000: 2 sent, 0 heard, answered in 12.0 ms");
	assert_string_equal(bk_punch_udp_target_to_str(e, 1, out), "none");
	bk_punch_udp_free(e);
}

static void late_requests_are_still_answered_after_the_nomination(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a;

	(void)state;
	forget_actions(e);
	a = probe_at(e, START);
	peer_answers(e, mapped(1), &a, START + BK_MS);
	expect_nominated(e, mapped(1));
	peer_probes(e, mapped(1), 1, 0, START + 10 * BK_SEC);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_true(read_probe(&a).is_answer);
	expect_nothing(e);
	bk_punch_udp_free(e);
}

static void a_double_answer_nominates_once(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a;

	(void)state;
	forget_actions(e);
	a = probe_at(e, START);
	peer_answers(e, mapped(1), &a, START + BK_MS);
	peer_answers(e, mapped(1), &a, START + 2 * BK_MS);
	expect_nominated(e, mapped(1));
	expect_nothing(e);
	assert_int_equal(stats(e).answers_received, 1);
	assert_int_equal(stats(e).stray, 1);
	bk_punch_udp_free(e);
}

/* Host 198.51.100.9 and the mapped address. */
static struct bk_punch_udp *two_targets(struct bk_action ret_probes[2])
{
	struct bk_intro own = intro(0), peer = intro(1);
	struct bk_punch_udp *e;

	add(&peer, BK_CANDIDATE_HOST, bk_addr_v4(198, 51, 100, 9, 5000));
	e = engine_of(&own, &peer, true);
	forget_actions(e);
	ops.on_time(e, START);
	ret_probes[0] = expect(e, BK_ACT_DATAGRAM);
	ret_probes[1] = expect(e, BK_ACT_DATAGRAM);
	forget_actions(e);
	return e;
}

static void a_better_path_that_answers_in_a_moment_is_preferred(void **state)
{
	struct bk_action probes[2], a;
	struct bk_punch_udp *e = two_targets(probes);
	struct bk_addr host = bk_addr_v4(198, 51, 100, 9, 5000);

	(void)state;
	assert_int_equal(read_probe(&probes[0]).nomination, 0);
	peer_answers(e, mapped(1), &probes[0], START + 2 * BK_MS);
	expect_nothing(e);
	peer_answers(e, host, &probes[1], START + 4 * BK_MS);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&a.remote, &host));
	assert_int_equal(read_probe(&a).nomination, 1);
	peer_answers(e, host, &a, START + 5 * BK_MS);
	expect_nominated(e, host);
	bk_punch_udp_free(e);
}

static void a_proven_path_waits_5_ms_for_a_better_one_and_no_longer(void **state)
{
	struct bk_action probes[2], a;
	struct bk_punch_udp *e = two_targets(probes);
	bk_time now;

	(void)state;
	peer_answers(e, mapped(1), &probes[0], START + 2 * BK_MS);
	a = next_probe_to(e, mapped(1), &now);
	assert_true(now == START + 7 * BK_MS);
	assert_int_equal(read_probe(&a).nomination, 1);
	bk_punch_udp_free(e);
}

static void a_lost_nomination_is_sent_again_and_again(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a;

	(void)state;
	forget_actions(e);
	for (int i = 0; i < 8; i++) {
		a = probe_at(e, i == 0 ? START : ops.next_wake(e));
		assert_int_equal(read_probe(&a).nomination, 1);
	}
	peer_answers(e, mapped(1), &a, START + 700 * BK_MS);
	expect_nominated(e, mapped(1));
	bk_punch_udp_free(e);
}

static void another_path_is_nominated_when_no_answer_to_the_first_comes(void **state)
{
	struct bk_action probes[2], a;
	struct bk_punch_udp *e = two_targets(probes);
	struct bk_addr host = bk_addr_v4(198, 51, 100, 9, 5000);
	bk_time now;

	(void)state;
	peer_answers(e, host, &probes[1], START + 2 * BK_MS);
	assert_int_equal(expect(e, BK_ACT_DATAGRAM).remote.port, 5000);
	peer_answers(e, mapped(1), &probes[0], START + 3 * BK_MS);
	a = next_probe_to(e, mapped(1), &now);
	assert_true(now == START + 302 * BK_MS);
	assert_int_equal(read_probe(&a).nomination, 2);
	peer_answers(e, mapped(1), &a, now + BK_MS);
	expect_nominated(e, mapped(1));
	bk_punch_udp_free(e);
}

static void the_controlled_side_follows_once_it_has_proof_of_its_own(void **state)
{
	struct bk_punch_udp *e = engine(0, false);
	struct bk_action a;

	(void)state;
	forget_actions(e);
	a = probe_at(e, START);
	assert_int_equal(read_probe(&a).nomination, 0);
	peer_probes(e, mapped(1), 1, 1, START + BK_MS);
	assert_true(expect(e, BK_ACT_DATAGRAM).len > 0);
	expect_nothing(e);
	peer_answers(e, mapped(1), &a, START + 2 * BK_MS);
	expect_nominated(e, mapped(1));
	peer_probes(e, mapped(1), 2, 1, START + 3 * BK_MS); /* our answer was lost: the same nomination */
	expect(e, BK_ACT_DATAGRAM);
	expect_nothing(e);
	bk_punch_udp_free(e);
}

static void the_controlled_side_follows_a_later_nomination_and_never_an_earlier_one(void **state)
{
	struct bk_addr other = bk_addr_v4(203, 0, 113, 2, 50000);
	struct bk_punch_udp *e = engine(0, false);
	struct bk_action a;
	bk_time now;

	(void)state;
	forget_actions(e);
	peer_says(e, other, &(struct bk_probe){.tid = {1}, .is_controlling = true}, START - BK_MS);
	expect(e, BK_ACT_DATAGRAM);
	a = expect(e, BK_ACT_DATAGRAM);
	peer_answers(e, other, &a, START);
	a = next_probe_to(e, mapped(1), &now);
	peer_answers(e, mapped(1), &a, now + BK_MS);
	peer_probes(e, mapped(1), 2, 1, START + 42 * BK_MS);
	expect(e, BK_ACT_DATAGRAM);
	expect_nominated(e, mapped(1));
	peer_probes(e, other, 3, 2, START + 43 * BK_MS);
	expect(e, BK_ACT_DATAGRAM);
	expect_nominated(e, other);
	peer_probes(e, mapped(1), 4, 1, START + 44 * BK_MS);
	expect(e, BK_ACT_DATAGRAM);
	expect_nothing(e);
	bk_punch_udp_free(e);
}

/* ---- the peer where it was not expected ---- */

static void an_unlisted_address_of_the_peer_is_answered_probed_back_and_may_win(void **state)
{
	struct bk_addr from = bk_addr_v4(203, 0, 113, 2, 50000);
	struct bk_punch_udp *e = engine(0, true);
	struct bk_probe answer;
	struct bk_action a;
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	forget_actions(e);
	peer_probes(e, from, 9, 0, START - BK_MS);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&a.remote, &from));
	answer = read_probe(&a);
	assert_true(answer.is_answer && bk_addr_equal(&answer.seen, &from));
	assert_int_equal(answer.tid[0], 9);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&a.remote, &from));
	assert_int_equal(a.ttl, 0);
	peer_answers(e, from, &a, START);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_int_equal(read_probe(&a).nomination, 2);
	peer_answers(e, from, &a, START + BK_MS);
	expect_nominated(e, from);
	assert_non_null(strstr(bk_punch_udp_target_to_str(e, 1, out), "(not told)"));
	bk_punch_udp_free(e);
}

static void hearing_a_listed_peer_before_the_instant_ends_the_low_ttl(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a;

	(void)state;
	forget_actions(e);
	peer_probes(e, mapped(1), 1, 0, T0 + 50 * BK_MS);
	expect(e, BK_ACT_DATAGRAM);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_int_equal(a.ttl, 0);
	bk_punch_udp_free(e);
}

static void probes_after_hearing_the_peer_are_few_however_often_it_sends(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	unsigned before;

	(void)state;
	forget_actions(e);
	before = stats(e).probes_sent;
	for (unsigned i = 0; i < 10000; i++) {
		bk_time now = START + i * BK_US * 100;

		if (ops.next_wake(e) <= now)
			ops.on_time(e, now);
		peer_probes(e, mapped(1), (uint8_t)i, 0, now);
		forget_actions(e);
	}
	assert_true(stats(e).probes_sent - before < 30);
	bk_punch_udp_free(e);
}

/* ---- strangers ---- */

static void forged_requests_are_counted_and_never_answered(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_probe_auth wrong_key = peer_auth(), wrong_name = peer_auth(), right = peer_auth();
	struct bk_probe p = {.tid = {1}};
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n;

	(void)state;
	forget_actions(e);
	wrong_key.peer_key[5] ^= 1;
	n = bk_probe_encode(&wrong_key, &p, bytes, sizeof(bytes));
	hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
	snprintf(wrong_name.to_peer, sizeof(wrong_name.to_peer), "side1:side0");
	n = bk_probe_encode(&wrong_name, &p, bytes, sizeof(bytes));
	hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
	assert_int_equal(stats(e).forged, 2);
	n = bk_probe_encode(&right, &p, bytes, sizeof(bytes));
	for (int i = 0; i < n; i++) { /* one bit anywhere */
		bytes[i] ^= 0x10;
		hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
		bytes[i] ^= 0x10;
	}
	for (int i = 0; i < n; i++)
		hear(e, mapped(1), bytes, (size_t)i, START - BK_MS);
	expect_nothing(e);
	assert_int_equal(stats(e).probes_received, 0);
	assert_int_equal(stats(e).targets, 1);
	hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
	assert_int_equal(stats(e).probes_received, 1);
	bk_punch_udp_free(e);
}

/* With the key, but without the attribute: no MESSAGE-INTEGRITY, no FINGERPRINT. */
static void a_message_without_its_checks_is_nothing(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_stun_msg m = {.class = BK_STUN_REQUEST, .username = "side0:side1"};
	struct bk_stun_key key = {(const uint8_t[32]){0}, 32};
	struct bk_intro own = intro(0);
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n = bk_stun_encode(&m, NULL, true, bytes, sizeof(bytes));

	(void)state;
	forget_actions(e);
	hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
	key.bytes = own.probe_key;
	n = bk_stun_encode(&m, &key, false, bytes, sizeof(bytes));
	hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
	m.class = BK_STUN_INDICATION;
	n = bk_stun_encode(&m, &key, true, bytes, sizeof(bytes));
	hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
	m.class = BK_STUN_ERROR;
	m.error_code = 400;
	n = bk_stun_encode(&m, &key, true, bytes, sizeof(bytes));
	hear(e, mapped(1), bytes, (size_t)n, START - BK_MS);
	expect_nothing(e);
	assert_int_equal(stats(e).probes_received + stats(e).answers_received, 0);
	bk_punch_udp_free(e);
}

static void our_own_packets_reflected_are_forged_to_us(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action probe = expect(e, BK_ACT_DATAGRAM), answer;

	(void)state;
	peer_probes(e, mapped(1), 1, 0, T0 + BK_MS);
	answer = expect(e, BK_ACT_DATAGRAM);
	forget_actions(e);
	hear(e, mapped(1), probe.data, probe.len, T0 + BK_MS);
	hear(e, mapped(1), answer.data, answer.len, T0 + BK_MS);
	expect_nothing(e);
	assert_int_equal(stats(e).forged, 2);
	bk_punch_udp_free(e);
}

static void an_answer_from_another_address_than_was_asked_proves_nothing(void **state)
{
	struct bk_addr attacker = bk_addr_v4(192, 0, 2, 66, 666);
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a;

	(void)state;
	forget_actions(e);
	a = probe_at(e, START);
	peer_answers(e, attacker, &a, START + BK_MS);
	expect_nothing(e);
	assert_int_equal(stats(e).stray, 1);
	peer_answers(e, mapped(1), &a, START + 2 * BK_MS);
	expect_nominated(e, mapped(1));
	bk_punch_udp_free(e);
}

static void a_replayed_nomination_does_not_move_the_path(void **state)
{
	struct bk_addr attacker = bk_addr_v4(192, 0, 2, 66, 666);
	struct bk_punch_udp *e = engine(0, false);
	struct bk_probe_auth auth = peer_auth();
	struct bk_probe p = {.tid = {7}, .is_controlling = true, .nomination = 1};
	uint8_t bytes[BK_DATAGRAM_MAX];
	size_t n = (size_t)bk_probe_encode(&auth, &p, bytes, sizeof(bytes));
	struct bk_action a;
	bk_time now;

	(void)state;
	forget_actions(e);
	hear(e, attacker, bytes, n, START - BK_MS); /* the copy overtakes: answered and probed, no more */
	forget_actions(e);
	hear(e, mapped(1), bytes, n, START - BK_MS);
	assert_int_equal(stats(e).replayed, 1);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_true(read_probe(&a).is_answer);
	expect_nothing(e);
	a = next_probe_to(e, mapped(1), &now);
	peer_answers(e, mapped(1), &a, now + BK_MS);
	peer_probes(e, mapped(1), 8, 1, START + 11 * BK_MS);
	while (ops.next_action(e, &a) && a.type == BK_ACT_DATAGRAM)
		continue;
	assert_int_equal(a.report, BK_PUNCH_UDP_NOMINATED);
	assert_int_equal(a.remote.port, 41000);
	hear(e, attacker, bytes, n, START + 20 * BK_MS);
	a = expect(e, BK_ACT_DATAGRAM);
	assert_true(bk_addr_equal(&a.remote, &attacker));
	expect_nothing(e);
	bk_punch_udp_free(e);
}

static void a_thousand_strangers_with_copied_requests_fill_nothing(void **state)
{
	struct bk_punch_udp *e = engine(0, true);
	unsigned answered = 0;
	struct bk_action a;

	(void)state;
	forget_actions(e);
	for (unsigned i = 0; i < 1000; i++) {
		struct bk_addr from = bk_addr_v4(192, 0, (uint8_t)(i >> 8), (uint8_t)i, (uint16_t)(1000 + i));

		peer_probes(e, from, (uint8_t)(i / 250), 0, START - BK_MS);
		while (ops.next_action(e, &a))
			answered += read_probe(&a).is_answer;
	}
	assert_int_equal(stats(e).targets, 1 + 4);
	assert_int_equal(stats(e).replayed, 996);
	assert_true(answered <= 64 + 4);
	a = probe_at(e, START);
	while (a.remote.port != 41000)
		a = expect(e, BK_ACT_DATAGRAM);
	peer_answers(e, mapped(1), &a, START + BK_MS);
	while (ops.next_action(e, &a) && a.type == BK_ACT_DATAGRAM)
		continue;
	assert_int_equal(a.type, BK_ACT_REPORT);
	bk_punch_udp_free(e);
}

/* Each with a fresh request, so that only the peer or who cuts its line can be the writer. */
static void a_thousand_addresses_of_the_peer_stay_within_the_table_and_the_last_can_win(void **state)
{
	struct bk_addr from = {0};
	struct bk_punch_udp *e = engine(0, true);
	struct bk_action a = {0};

	(void)state;
	forget_actions(e);
	for (uint16_t i = 0; i < 1000; i++) {
		struct bk_probe p = {.tid = {(uint8_t)i, (uint8_t)(i >> 8), 1}};

		from = bk_addr_v4(192, 0, (uint8_t)(i >> 8), (uint8_t)i, (uint16_t)(1000 + i));
		peer_says(e, from, &p, START - BK_SEC + i * BK_US);
		while (ops.next_action(e, &a))
			assert_int_equal(a.type, BK_ACT_DATAGRAM);
	}
	assert_int_equal(stats(e).targets, BK_PUNCH_UDP_TARGETS_MAX);
	assert_true(bk_addr_equal(&a.remote, &from));
	assert_false(read_probe(&a).is_answer);
	peer_answers(e, from, &a, START);
	while (ops.next_action(e, &a) && !bk_addr_equal(&a.remote, &from))
		continue;
	peer_answers(e, from, &a, START + BK_MS);
	expect_nominated(e, from);
	bk_punch_udp_free(e);
}

static void a_dead_socket_ends_its_targets_and_the_budget_the_rest(void **state)
{
	struct bk_punch_udp *e = engine(0, true);

	(void)state;
	forget_actions(e);
	ops.on_failed(e, BK_PUNCH_UDP_SOCKET4, BK_E_UNREACHABLE, T0);
	assert_true(ops.next_wake(e) == START + BK_PLAN_BUDGET);
	ops.on_time(e, START + BK_PLAN_BUDGET);
	expect_done(e);
	bk_punch_udp_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openers_die_behind_the_own_nat_until_the_instant_and_full_packets_follow),
		cmocka_unit_test(probes_follow_after_5_10_20_40_ms_and_then_every_half_second),
		cmocka_unit_test(
			addresses_of_the_machine_and_reachable_peers_are_probed_at_once_with_full_ttl),
		cmocka_unit_test(candidates_of_tcp_are_not_probed),
		cmocka_unit_test(nothing_to_try_on_either_side_is_done_at_once),
		cmocka_unit_test(transaction_ids_do_not_repeat_and_differ_between_keys),
		cmocka_unit_test(keys_that_are_absent_or_alike_are_refused),
		cmocka_unit_test(a_single_target_is_nominated_by_its_first_answer),
		cmocka_unit_test(late_requests_are_still_answered_after_the_nomination),
		cmocka_unit_test(a_double_answer_nominates_once),
		cmocka_unit_test(a_better_path_that_answers_in_a_moment_is_preferred),
		cmocka_unit_test(a_proven_path_waits_5_ms_for_a_better_one_and_no_longer),
		cmocka_unit_test(a_lost_nomination_is_sent_again_and_again),
		cmocka_unit_test(another_path_is_nominated_when_no_answer_to_the_first_comes),
		cmocka_unit_test(the_controlled_side_follows_once_it_has_proof_of_its_own),
		cmocka_unit_test(the_controlled_side_follows_a_later_nomination_and_never_an_earlier_one),
		cmocka_unit_test(an_unlisted_address_of_the_peer_is_answered_probed_back_and_may_win),
		cmocka_unit_test(hearing_a_listed_peer_before_the_instant_ends_the_low_ttl),
		cmocka_unit_test(probes_after_hearing_the_peer_are_few_however_often_it_sends),
		cmocka_unit_test(forged_requests_are_counted_and_never_answered),
		cmocka_unit_test(a_message_without_its_checks_is_nothing),
		cmocka_unit_test(our_own_packets_reflected_are_forged_to_us),
		cmocka_unit_test(an_answer_from_another_address_than_was_asked_proves_nothing),
		cmocka_unit_test(a_replayed_nomination_does_not_move_the_path),
		cmocka_unit_test(a_thousand_strangers_with_copied_requests_fill_nothing),
		cmocka_unit_test(a_thousand_addresses_of_the_peer_stay_within_the_table_and_the_last_can_win),
		cmocka_unit_test(a_dead_socket_ends_its_targets_and_the_budget_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
