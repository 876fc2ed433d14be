/* SPDX-License-Identifier: Apache-2.0 */
/* The engine that guesses, and has its ports guessed: what of a plan (punch/test_guess.c) goes out, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "punch/test_kit.h"

static struct bk_punch_udp *begin(bool controls, unsigned *ret_openers)
{
	struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), peer = kit_guessing(SYM, SEQ, 1, 2);
	struct bk_punch_udp *e = kit_engine_of(&own, &peer, controls);
	struct bk_action a;

	*ret_openers = 0;
	for (bk_time now = T0; now < START; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		while (ops.next_action(e, &a)) {
			assert_int_equal(a.ttl, BK_PUNCH_UDP_OPENER_TTL);
			assert_int_equal(a.remote.port, 20001 + (int)*ret_openers);
			(*ret_openers)++;
		}
	}
	return e;
}

static void the_window_is_opened_before_the_instant_and_what_is_beyond_at_one_probe_in_a_millisecond(
	void **state)
{
	unsigned sent;
	struct bk_punch_udp *e = begin(true, &sent);
	struct bk_action a;
	bk_time now = START;

	(void)state;
	assert_int_equal(sent, 64);
	for (sent = 0; now < START + BK_PLAN_BUDGET; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		while (ops.next_action(e, &a)) {
			assert_true(a.type == BK_ACT_DATAGRAM && a.ttl == 0);
			sent++;
		}
		assert_true(sent <= 64 + 16 + (unsigned)((now - START) / BK_MS));
	}
	assert_int_equal(sent, 576); /* as the plan says */
	bk_punch_udp_free(e);
}

static void two_of_three_birthdays_are_over_before_it_is_one_probe_in_a_millisecond(void **state)
{
	struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);
	struct bk_punch_udp *e = kit_engine_of(&own, &peer, true);
	struct bk_action a;
	unsigned sent = 0, by_then = 0;

	(void)state;
	for (bk_time now = T0; now < START + BK_PLAN_BUDGET; now = ops.next_wake(e)) {
		unsigned ms = now < START ? 0 : (unsigned)((now - START) / BK_MS);

		ops.on_time(e, now);
		while (ops.next_action(e, &a))
			sent += a.ttl == 0;
		by_then = ms <= 128 ? sent : by_then;
		assert_true(sent <= 16 + (ms <= 128 ? 2 * ms : 128 + ms));
	}
	assert_true(by_then >= 256);
	assert_true(sent >= 2780); /* none below 1024 is among them */
	bk_punch_udp_free(e);
}

static void a_port_that_answers_is_the_path_and_nothing_more_is_guessed(void **state)
{
	unsigned sent;
	struct bk_punch_udp *e = begin(false, &sent);
	struct bk_addr peer = bk_addr_with_port(kit_mapped(1), 20007);
	struct bk_action a, shot = {0};

	(void)state;
	ops.on_time(e, START);
	while (ops.next_action(e, &a))
		shot = a.remote.port == 20007 ? a : shot;
	kit_peer_answers(
		e, bk_addr_with_port(peer, 20008), &shot, START + BK_MS); /* from elsewhere: no proof */
	kit_expect_nothing(e);
	kit_peer_answers(e, peer, &shot, START + BK_MS);
	kit_peer_probes(e, peer, 1, 1, START + 2 * BK_MS);
	kit_expect(e, BK_ACT_DATAGRAM);
	kit_expect_nominated(e, peer);
	assert_true(ops.next_wake(e) == BK_NEVER);
	bk_punch_udp_free(e);
}

static void who_is_heard_gives_the_guessing_a_rest(void **state)
{
	unsigned sent;
	struct bk_punch_udp *e = begin(true, &sent);
	struct bk_action a;

	(void)state;
	kit_peer_probes(e, bk_addr_with_port(kit_mapped(1), 20003), 1, 0, START);
	kit_forget_actions(e);
	for (bk_time now = START; now < START + 100 * BK_MS; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		while (ops.next_action(e, &a))
			assert_int_equal(a.remote.port, 20003);
	}
	bk_punch_udp_free(e);
}

/* Who is guessed: 256 sockets, an opener from each, twice; the one that is spoken to is the path. */
static void each_of_256_sockets_opens_the_filter_twice_and_the_one_that_is_heard_stays(void **state)
{
	struct bk_intro own = kit_guessing(SYM, RAND, 0, 1), peer = kit_guessing(PORT, KEEP, 0, 2);
	struct bk_punch_udp *e = kit_engine_of(&own, &peer, false);
	struct bk_action a;
	unsigned opened = 0, sent = 0, closed = 0;
	uint32_t heard = 100;

	(void)state;
	for (bk_time now = T0; now <= START + 20 * BK_MS; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		while (ops.next_action(e, &a)) {
			if (a.type == BK_ACT_UDP_OPEN) {
				opened++;
				ops.on_opened(e, a.id, &a.local, now);
				continue;
			}
			assert_true(
				a.type == BK_ACT_DATAGRAM && a.ttl == BK_PUNCH_UDP_OPENER_TTL && a.id > 2);
			sent++;
		}
	}
	assert_true(opened == 256 && sent == 512);
	kit_peer_probes_at(e, heard, kit_mapped(1), 1, 1, START + 30 * BK_MS);
	a = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(a.id == heard && a.ttl == 0);
	kit_expect(e, BK_ACT_DATAGRAM);
	kit_expect_nothing(e);
	kit_peer_answers_at(e, heard, kit_mapped(1), &a, START + 31 * BK_MS);
	a = kit_expect(e, BK_ACT_REPORT);
	assert_true(a.report == BK_REPORT_CHOSEN && a.id == heard);
	for (bk_time now = START + 31 * BK_MS; now != BK_NEVER; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		for (; ops.next_action(e, &a); closed++)
			assert_true(a.type == BK_ACT_UDP_CLOSE && a.id != heard);
	}
	assert_int_equal(closed, 255);
	kit_peer_probes_at(e, heard, kit_mapped(1), 2, 1, START + 40 * BK_MS);
	assert_int_equal(kit_expect(e, BK_ACT_DATAGRAM).id, heard);
	bk_punch_udp_free(e);
}

/* To nobody: it dies behind the last own router. */
static void a_request_for_the_own_nat_goes_out_twice_and_reaches_nobody(void **state)
{
	static const uint8_t words[] = "\0\1bodkin\0octet";
	struct bk_intro own = kit_guessing(UNSURE, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);
	struct bk_punch_udp *e = kit_engine_of(&own, &peer, false);
	unsigned sent = 0;
	struct bk_action a;

	(void)state;
	for (bk_time now = T0; now <= START + BK_SEC; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		while (ops.next_action(e, &a)) {
			if (a.type != BK_ACT_DATAGRAM || a.remote.port != 69)
				continue;
			assert_true(a.id == 1 && a.ttl == BK_PUNCH_UDP_OPENER_TTL && a.len == sizeof(words));
			assert_true(bk_addr_equal_ip(&a.remote, &peer.udp.public_addr));
			assert_memory_equal(a.data, words, sizeof(words));
			sent++;
		}
	}
	assert_int_equal(sent, 2);
	bk_punch_udp_free(e);
	own.capabilities = 0; /* --polite */
	assert_int_equal(kit_plan(&own, &peer).attempts_len, 1);
	assert_int_equal(kit_plan(&peer, &own).attempts_len, 1);
}

static struct bk_action sent_last;

static unsigned drain(struct bk_punch_udp *e, bk_time from, bk_time until)
{
	unsigned sent = 0;
	struct bk_action a;

	for (bk_time now = from; now <= until; now = ops.next_wake(e)) {
		ops.on_time(e, now);
		while (ops.next_action(e, &a)) {
			if (a.type == BK_ACT_UDP_OPEN)
				ops.on_opened(e, a.id, &a.local, now);
			sent += a.type == BK_ACT_DATAGRAM;
			sent_last = a.type == BK_ACT_DATAGRAM ? a : sent_last;
		}
	}
	return sent;
}

/* The network, the host, such packets (RFC 1812): each ends both halves of a guess within the turn. */
static void who_is_forbidden_to_send_there_guesses_no_more(void **state)
{
	static const uint8_t codes[] = {9, 10, 13};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(codes); i++) {
		struct bk_intro hard = kit_guessing(SYM, RAND, 0, 1), easy = kit_guessing(PORT, KEEP, 0, 2);
		struct bk_punch_udp_stats stats;
		bool is_hard = i % 2;
		struct bk_punch_udp *e =
			kit_engine_of(is_hard ? &hard : &easy, is_hard ? &easy : &hard, false);
		struct bk_icmp icmp = {.from = bk_addr_v4(10, 1, 0, 1, 0), .type = 3, .code = codes[i / 2]};

		assert_true(drain(e, T0, START + BK_MS) > 0);
		ops.on_icmp(e, sent_last.id, &sent_last.remote, &icmp, START + 2 * BK_MS);
		assert_int_equal(kit_expect(e, BK_ACT_REPORT).report, BK_REPORT_DONE);
		assert_int_equal(drain(e, START + 2 * BK_MS, START + 10 * BK_SEC), 0);
		stats = kit_stats(e);
		assert_true(bk_addr_equal(&stats.forbidden_by, &icmp.from));
		bk_punch_udp_free(e);
	}
}

/* Who forges one knows both addresses, and neither what is guessed nor from where. */
static void what_was_not_sent_is_forbidden_by_nobody(void **state)
{
	const struct bk_icmp icmp = {.from = bk_addr_v4(10, 1, 0, 1, 0), .type = 3, .code = 13};
	struct bk_intro hard = kit_guessing(SYM, RAND, 0, 1), easy = kit_guessing(PORT, KEEP, 0, 2);

	(void)state;
	for (int is_hard = 0; is_hard < 2; is_hard++) {
		struct bk_punch_udp *e =
			kit_engine_of(is_hard ? &hard : &easy, is_hard ? &easy : &hard, false);
		unsigned sent = drain(e, T0, START + BK_MS);
		struct bk_addr there = sent_last.remote;

		there.port = is_hard ? (uint16_t)(there.port + 1) : 80; /* below 1024 none is guessed */
		ops.on_icmp(e, sent_last.id, &there, &icmp, START + 2 * BK_MS);
		ops.on_icmp(e, is_hard ? 1 : 2, &sent_last.remote, &icmp, START + 2 * BK_MS);
		assert_false(kit_stats(e).forbidden_by.family);
		assert_true(drain(e, START + 2 * BK_MS, START + BK_SEC) > 0 && sent > 0);
		bk_punch_udp_free(e);
	}
}

/* A closed port, one that the peer's own router rejects so, a packet that ran out of hops. */
static void other_messages_do_not_end_a_guess(void **state)
{
	struct bk_intro hard = kit_guessing(SYM, RAND, 0, 1), easy = kit_guessing(PORT, KEEP, 0, 2);
	struct bk_addr peer = bk_addr_with_port(hard.udp.public_addr, 0), router = bk_addr_v4(10, 1, 0, 1, 0);
	const struct bk_icmp rows[] = {{router, 3, 3}, {peer, 3, 13}, {router, 11, 0}, {router, 11, 13}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_punch_udp *e = kit_engine_of(&easy, &hard, false);
		unsigned before = drain(e, T0, START + BK_MS);

		ops.on_icmp(e, 1, &sent_last.remote, &rows[i], START + 2 * BK_MS);
		assert_int_equal(
			before + drain(e, START + 2 * BK_MS, START + 2 * BK_SEC + 799 * BK_MS), 2800);
		assert_false(kit_stats(e).forbidden_by.family);
		bk_punch_udp_free(e);
	}
}

/* The filter of the side that has easy ports may be looser than is assumed where nobody looked. */
static void while_ports_are_guessed_a_handshake_goes_to_where_the_peer_is_expected_or_was_heard(void **state)
{
	struct bk_intro easy = kit_guessing(PORT, KEEP, 0, 1), hard = kit_guessing(SYM, RAND, 0, 2);
	struct bk_intro hard_here = kit_guessing(SYM, RAND, 0, 1),
			easy_there = kit_guessing(UNSURE, KEEP, 0, 2);
	struct bk_punch_udp *e = kit_engine_of(&hard_here, &easy_there, true);
	struct bk_action a;

	(void)state;
	kit_likelies = 0;
	while (kit_next(e, &a))
		continue;
	ops.on_time(e, START);
	while (kit_next(e, &a))
		continue;
	assert_int_equal(kit_likelies, 1);
	assert_int_equal(kit_likely_at.port, kit_mapped(1).port);
	bk_punch_udp_free(e);

	easy.udp.filtering = BK_NAT_UNKNOWN;
	e = kit_engine_of(&easy, &hard, true);
	kit_forget_actions(e);
	kit_likelies = 0;
	for (uint8_t i = 0; i < 8; i++) {
		kit_peer_probes(e, bk_addr_with_port(kit_mapped(1), 31000 + i), i, 0, START + i * BK_MS);
		kit_forget_actions(e);
	}
	assert_int_equal(kit_likelies, 3);
	assert_int_equal(kit_likely_at.port, 31002);
	bk_punch_udp_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_256_sockets_opens_the_filter_twice_and_the_one_that_is_heard_stays),
		cmocka_unit_test(
			the_window_is_opened_before_the_instant_and_what_is_beyond_at_one_probe_in_a_millisecond),
		cmocka_unit_test(two_of_three_birthdays_are_over_before_it_is_one_probe_in_a_millisecond),
		cmocka_unit_test(a_port_that_answers_is_the_path_and_nothing_more_is_guessed),
		cmocka_unit_test(who_is_heard_gives_the_guessing_a_rest),
		cmocka_unit_test(a_request_for_the_own_nat_goes_out_twice_and_reaches_nobody),
		cmocka_unit_test(who_is_forbidden_to_send_there_guesses_no_more),
		cmocka_unit_test(what_was_not_sent_is_forbidden_by_nobody),
		cmocka_unit_test(other_messages_do_not_end_a_guess),
		cmocka_unit_test(
			while_ports_are_guessed_a_handshake_goes_to_where_the_peer_is_expected_or_was_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
