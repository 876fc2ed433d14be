/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "nat/profile.h"
#include "punch/explain.h"
#include "punch/guess.h"
#include "punch/odds.h"
#include "punch/relay.h"
#include "punch/test_kit.h"

/* A side over UDP whose port is to be guessed, or not. */
static struct bk_intro guessing(
	enum kit_kind kind, enum bk_nat_allocation allocation, int delta, uint8_t side)
{
	struct bk_intro in = kit_intro(side - 1);

	in.udp.mapping = kit_profiles[kind].mapping;
	in.udp.filtering = kit_profiles[kind].filtering;
	in.udp.is_translated = kit_profiles[kind].is_translated;
	in.udp.allocation = allocation;
	in.udp.delta = delta;
	if (bk_nat_is_dependent(&in.udp))
		in.udp.ports = (struct bk_nat_ports){.last = 20000, .min = 2000, .max = 60000, .seen = 7};
	in.capabilities = BK_INTRO_GUESSES;
	in.tie_breaker = side;
	return in;
}

static const struct bk_technique *guess_of(const struct bk_intro *own, const struct bk_intro *peer)
{
	const struct bk_pair pair = {.own = own, .peer = peer};

	const struct bk_technique *const rows[] = {&bk_technique_predict, &bk_technique_blocks,
		&bk_technique_birthday},
					 *found = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i]->fits(rows[i], &pair))
			continue;
		assert_null(found); /* one at a time */
		found = rows[i];
	}
	return found;
}

#define SEQ  BK_NAT_SEQUENTIAL
#define RAND BK_NAT_RANDOM
#define KEEP BK_NAT_PRESERVING

/* Every cell: what is guessed, and the same from the other side. */
static void every_pair_is_guessed_by_what_both_say_or_not_at_all(void **state)
{
	static const struct {
		enum kit_kind own;
		enum bk_nat_allocation own_allocation;
		enum kit_kind peer;
		enum bk_nat_allocation peer_allocation;
		const struct bk_technique *guess;
	} rows[] = {
		{PORT, KEEP, SYM, SEQ, &bk_technique_predict},
		{UNSURE, KEEP, SYM, SEQ, &bk_technique_predict},
		{FIREWALL, KEEP, SYM, SEQ, &bk_technique_predict},
		{SYM, SEQ, SYM, SEQ, &bk_technique_predict},
		{PORT, KEEP, SYM, RAND, &bk_technique_birthday},
		{UNSURE, KEEP, SYM, RAND, &bk_technique_birthday},
		{FIREWALL, KEEP, SYM, RAND, &bk_technique_birthday},
		{PORT, KEEP, SYM, BK_NAT_ALLOCATION_UNKNOWN, &bk_technique_birthday},
		{SYM, SEQ, SYM, RAND, NULL},
		{SYM, RAND, SYM, RAND, NULL},
		{RESTRICTED, KEEP, SYM, SEQ, NULL},
		{FULL, KEEP, SYM, SEQ, NULL},
		{OPEN, KEEP, SYM, SEQ, NULL},
		{PORT, KEEP, PORT, KEEP, NULL},
		{UNSURE, KEEP, PORT, KEEP, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = guessing(rows[i].own, rows[i].own_allocation, 1, 1);
		struct bk_intro peer = guessing(rows[i].peer, rows[i].peer_allocation, 1, 2);

		if (guess_of(&own, &peer) != rows[i].guess || guess_of(&peer, &own) != rows[i].guess)
			fail_msg("row %zu", i);
		peer.capabilities = 0; /* the other one is older, or does not want it */
		assert_null(guess_of(&own, &peer));
		assert_null(guess_of(&peer, &own));
	}
}

/* Where the window begins, and how it goes on. */
static void the_window_follows_the_step_the_time_and_the_flows_of_others(void **state)
{
	static const struct {
		int delta;
		uint32_t rate;
		bk_dur elapsed;
		int first, step;
	} rows[] = {
		{1, 0, 0, 20001, 1}, {-1, 0, 0, 19999, -1}, {2, 0, 0, 20002, 2}, {-2, 0, 0, 19998, -2},
		{7, 0, 0, 20001, 1}, /* noise, rather */
		{1, 20, 100 * BK_MS, 20001, 1}, {1, 200, 100 * BK_MS, 20001, 1},
		{1, 200, 1000 * BK_MS, 20001 + 176, 1}, {-2, 200, 1000 * BK_MS, 19998 - 2 * 176, -2},
		{1, 200, 60 * BK_SEC, 20001 + 376, 1}, /* no more than 2 s are believed */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = guessing(PORT, KEEP, 0, 1), peer = guessing(SYM, SEQ, rows[i].delta, 2);
		struct bk_plan p;

		peer.udp.ports.rate = rows[i].rate;
		peer.udp.ports.seen_at = BK_SEC;
		own.start = BK_SEC + rows[i].elapsed;
		p = kit_plan(&own, &peer);
		assert_int_equal(p.attempts_len, 1);
		assert_ptr_equal(p.attempts[0].technique, &bk_technique_predict);
		assert_int_equal(p.attempts[0].ports.first, rows[i].first);
		assert_int_equal(p.attempts[0].ports.step, rows[i].step);
		assert_true(p.attempts[0].probes == 576 && p.attempts[0].fast == 64);
		p = kit_plan(&peer, &own);
		assert_int_equal(p.attempts_len, 1);
		assert_ptr_equal(p.attempts[0].technique, &bk_technique_predict);
		assert_int_equal(p.attempts[0].probes, 0);
	}
}

static void two_sequences_are_gone_through_by_different_strides(void **state)
{
	struct bk_intro own = guessing(SYM, SEQ, -1, 1), peer = guessing(SYM, SEQ, 2, 2);
	const struct bk_pair pair = {.own = &own, .peer = &peer};
	struct bk_plan here = kit_plan(&own, &peer), there = kit_plan(&peer, &own);
	char text[BK_PLAN_TEXT_MAX];

	(void)state;
	assert_int_equal(here.attempts_len, 1);
	assert_int_equal(there.attempts_len, 1);
	assert_int_equal(here.attempts[0].ports.step, 2);
	assert_int_equal(there.attempts[0].ports.step, -2);
	assert_true(here.attempts[0].probes == 64 && there.attempts[0].probes == 64);
	bk_method_udp.explain(&here, &pair, text);
	assert_non_null(strstr(text, "each side guesses the other's next port, with a chance of 99.9 %"));
}

static void odds_are_those_of_the_books(void **state)
{
	(void)state;
	assert_in_range(1000 * bk_odds_birthday(256, 174, 64512), 495, 505);
	assert_in_range(1000 * bk_odds_birthday(256, 1024, 64512), 980, 990);
	assert_in_range(1000 * bk_odds_birthday(8, 55, 128), 985, 995);
	assert_true(bk_odds_birthday(0, 10, 100) == 0 && bk_odds_birthday(1, 100, 100) > 0.999);
	assert_in_range(1000 * bk_odds_count(0, 0, 0), 1000, 1000);
	assert_in_range(1000 * bk_odds_count(2, 0, 0), 135, 136);
	assert_in_range(1000 * bk_odds_count(20, 10, 30), 980, 983);
	assert_in_range(1000 * bk_odds_count(400, 376, 951), 880, 895);
	assert_true(bk_odds_count(200000, 199976, 200551) < 0.01); /* as a peer may have it that lies */
	assert_true(bk_odds_count(2000000, 1999976, 2000551) < 0.01);
}

/* One side opens many ports, the other one knocks at many. */
static void a_birthday_is_256_sockets_here_and_2800_probes_there(void **state)
{
	struct bk_intro own = guessing(PORT, KEEP, 0, 1), peer = guessing(SYM, RAND, 0, 2);
	const struct bk_pair pair = {.own = &own, .peer = &peer};
	struct bk_plan here = kit_plan(&own, &peer), there = kit_plan(&peer, &own);
	static const struct bk_technique relay = {.method = &bk_method_relay, .tell = bk_tell_relay};
	static bool is_taken[65536];
	char text[BK_PLAN_TEXT_MAX], path[BK_EXPLAIN_PATH_MAX];

	(void)state;
	assert_true(here.attempts_len == 1 && there.attempts_len == 1);
	assert_true(here.attempts[0].probes == 2800 && here.attempts[0].sockets == 0);
	for (size_t i = 0; i < bk_attempt_len(&here.attempts[0]); i++) {
		uint16_t port = bk_attempt_remote(&here.attempts[0], i).port;

		assert_true(port >= 1024 && !is_taken[port]); /* each once */
		is_taken[port] = true;
	}
	assert_int_equal(there.attempts[0].sockets, 256);
	assert_int_equal(bk_attempt_remote(&there.attempts[0], 0).port, 41000);
	bk_method_udp.explain(&here, &pair, text);
	assert_non_null(strstr(text, "this side tries 2800 ports, of which the other one opens 256"));
	assert_string_equal(bk_explain_path(&relay, &pair, bk_techniques, 0, path),
		"relayed by the server: port-restricted here, symmetric (random ports) there; the port is being guessed "
		"meanwhile, with a chance of 99.9 %");
	assert_non_null(strstr(
		bk_explain_no_direct(&pair, bk_techniques, text), "tried over UDP all the same but none"));
	own.udp.filtering = BK_NAT_UNKNOWN; /* a plain punch may do, or a helper in the own NAT: beside it */
	assert_int_equal(kit_plan(&own, &peer).attempts_len, 3);
	assert_int_equal(kit_plan(&peer, &own).attempts_len, 2);
}

/* Neither its own mapped address nor another machine: who answers there was found by guessing. */
static void who_comes_from_a_guessed_port_came_by_the_guess(void **state)
{
	const struct bk_intro own = guessing(PORT, KEEP, 0, 1), peer = guessing(SYM, RAND, 0, 2);
	const struct bk_plan here = kit_plan(&own, &peer);
	struct bk_action report = {.type = BK_ACT_REPORT, .report = BK_REPORT_CHOSEN};

	(void)state;
	report.remote = bk_addr_with_port(peer.udp.public_addr, 54321);
	assert_string_equal(bk_technique_of(&here, &report)->name, "birthday");
	report.remote = bk_addr_v4(192, 0, 2, 77, 54321);
	assert_string_equal(bk_technique_of(&here, &report)->name, "punch");
}

/* The more of a block was seen, the better its size is known; three ports that are near each other may be chance. */
static void a_block_is_told_by_what_was_seen_and_takes_few_sockets(void **state)
{
	static const struct {
		uint16_t min, max;
		uint32_t seen;
		const struct bk_technique *guess;
		unsigned sockets, probes;
	} rows[] = {
		{10890, 10980, 7, &bk_technique_blocks, 8, 484},
		{10890, 10892, 3, &bk_technique_blocks, 8, 256},
		{10900, 11200, 7, &bk_technique_blocks, 16, 1604},
		{10900, 12400, 7, &bk_technique_blocks, 32, 2800},
		{10900, 13900, 7, &bk_technique_blocks, 64, 2800},
		{10900, 14900, 7, &bk_technique_birthday, 256, 2800}, /* no carrier's block is so large */
		{10900, 12400, 3, &bk_technique_birthday, 256, 2800},
		{10900, 10900, 2, &bk_technique_birthday, 256, 2800},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = guessing(PORT, KEEP, 0, 1), peer = guessing(SYM, RAND, 0, 2);
		struct bk_plan here, there;

		peer.udp.ports.min = rows[i].min;
		peer.udp.ports.max = rows[i].max;
		peer.udp.ports.seen = rows[i].seen;
		here = kit_plan(&own, &peer);
		there = kit_plan(&peer, &own);
		assert_true(here.attempts_len == 1 && there.attempts_len == 1);
		assert_ptr_equal(here.attempts[0].technique, rows[i].guess);
		assert_ptr_equal(there.attempts[0].technique, rows[i].guess);
		assert_int_equal(here.attempts[0].probes, rows[i].probes);
		assert_int_equal(there.attempts[0].sockets, rows[i].sockets);
	}
}

static void a_block_is_gone_through_outwards(void **state)
{
	static const uint16_t ports[] = {11050, 11051, 11049, 11052, 11048};
	struct bk_intro own = guessing(PORT, KEEP, 0, 1), peer = guessing(SYM, RAND, 0, 2);
	struct bk_plan plan;

	(void)state;
	peer.udp.ports.min = 10900;
	peer.udp.ports.max = 11200;
	plan = kit_plan(&own, &peer);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		assert_int_equal(bk_attempt_remote(&plan.attempts[0], i).port, ports[i]);
}

/* --- the engine --- */

static struct bk_punch_udp *begin(bool controls, unsigned *ret_openers)
{
	struct bk_intro own = guessing(PORT, KEEP, 0, 1), peer = guessing(SYM, SEQ, 1, 2);
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
	struct bk_intro own = guessing(SYM, RAND, 0, 1), peer = guessing(PORT, KEEP, 0, 2);
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

static struct bk_attempt attempt_of(const struct bk_intro *own, const struct bk_intro *peer,
	const struct bk_technique *t, const struct bk_memo *memo)
{
	const struct bk_pair pair = {.own = own, .peer = peer, .memo = memo};
	struct bk_plan p = {0};

	t->plan(t, &pair, &p);
	assert_int_equal(p.attempts_len, 1);
	return p.attempts[0];
}

/* The same ports, each once, whatever is remembered. */
static void expect_same_ports(const struct bk_attempt *a, const struct bk_attempt *b)
{
	static bool is_there[2][65536];

	memset(is_there, 0, sizeof(is_there));
	assert_int_equal(bk_attempt_len(a), bk_attempt_len(b));
	for (size_t i = 0; i < bk_attempt_len(a); i++) {
		uint16_t port = bk_attempt_remote(a, i).port;

		assert_false(is_there[0][port]);
		is_there[0][port] = true;
		is_there[1][bk_attempt_remote(b, i).port] = true;
	}
	assert_memory_equal(is_there[0], is_there[1], sizeof(is_there[0]));
}

static void what_hit_the_last_time_is_tried_first_and_the_rest_all_the_same(void **state)
{
	struct bk_intro own = guessing(PORT, KEEP, 0, 1), seq = guessing(SYM, SEQ, -2, 2),
			rnd = guessing(SYM, RAND, 0, 2);
	struct bk_memo hit = {.technique = "predict", .is_guess = true, .port = 19400, .step = 300},
		       born = {.technique = "birthday", .is_guess = true, .port = 30000},
		       edge = {.technique = "birthday", .is_guess = true, .port = 65535};
	struct bk_attempt a = attempt_of(&own, &seq, &bk_technique_predict, NULL),
			  b = attempt_of(&own, &seq, &bk_technique_predict, &hit);

	(void)state;
	assert_int_equal(bk_attempt_remote(&a, 0).port, 20000 - 2);
	assert_int_equal(bk_attempt_remote(&b, 24).port, 20000 - 2 * 300);
	assert_int_equal(b.delay, 0);
	expect_same_ports(&a, &b);
	a = attempt_of(&own, &rnd, &bk_technique_birthday, NULL);
	b = attempt_of(&own, &rnd, &bk_technique_birthday, &born);
	for (size_t i = 0; i < 64; i++)
		assert_true(abs(bk_attempt_remote(&b, i).port - 30000) <= 32);
	expect_same_ports(&a, &b);
	b = attempt_of(&own, &rnd, &bk_technique_birthday, &edge);
	expect_same_ports(&a, &b);
}

/* On either side, both that guess and that are guessed. */
static void a_guess_waits_where_two_were_connected_without_one(void **state)
{
	static const struct bk_memo memos[] = {
		{.technique = "punch"}, {.technique = "birthday", .is_guess = true}, {.technique = "later"}};
	struct bk_intro own = guessing(UNSURE, KEEP, 0, 1), peer = guessing(SYM, RAND, 0, 2);

	(void)state;
	own.server_rtt = peer.server_rtt = 20 * BK_MS;
	for (size_t i = 0; i < 3; i++) {
		bool is_guess = i == 1;
		bk_dur wait = is_guess ? 0 : 60 * BK_MS + 2 * 40 * BK_MS;
		assert_int_equal(attempt_of(&own, &peer, &bk_technique_birthday, &memos[i]).delay, wait);
		assert_int_equal(attempt_of(&peer, &own, &bk_technique_birthday, &memos[i]).delay, wait);
	}
}

/* Unless the last time it was the guess that connected them: then the firewalls do not let themselves be opened. */
static void a_birthday_waits_for_two_firewalls_without_translation(void **state)
{
	static const struct bk_memo guessed = {.technique = "birthday", .is_guess = true};
	struct bk_intro own = guessing(PORT, KEEP, 0, 1), peer = guessing(SYM, RAND, 0, 2);
	struct bk_addr firewalled = {.family = 6, .port = 4000, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
	const bk_dur wait = 60 * BK_MS + 2 * 40 * BK_MS;

	(void)state;
	own.server_rtt = peer.server_rtt = 20 * BK_MS;
	kit_add(&own, BK_CANDIDATE_FIREWALLED, firewalled);
	assert_int_equal(attempt_of(&own, &peer, &bk_technique_birthday, NULL).delay, 0);
	firewalled.ip[15] = 2;
	kit_add(&peer, BK_CANDIDATE_FIREWALLED, firewalled);
	assert_int_equal(attempt_of(&own, &peer, &bk_technique_birthday, NULL).delay, wait);
	assert_int_equal(attempt_of(&peer, &own, &bk_technique_birthday, NULL).delay, wait);
	assert_int_equal(attempt_of(&own, &peer, &bk_technique_birthday, &guessed).delay, 0);
}

static void who_guessed_remembers_the_port_and_how_far_it_was(void **state)
{
	struct bk_intro own = guessing(PORT, KEEP, 0, 1), seq = guessing(SYM, SEQ, -2, 2),
			rnd = guessing(SYM, RAND, 0, 2);
	struct bk_pair pair = {.own = &own, .peer = &seq}, turned = {.own = &seq, .peer = &own};
	struct bk_addr at = bk_addr_v4(203, 0, 113, 2, 19980);
	struct bk_memo m;

	(void)state;
	bk_guess_memo(&pair, &bk_technique_predict, &at, &m);
	assert_string_equal(m.technique, "predict");
	assert_true(m.port == 19980 && m.step == 10);
	bk_guess_memo(&turned, &bk_technique_predict, &at, &m);
	assert_true(!m.port && !m.step);
	pair.peer = &rnd;
	bk_guess_memo(&pair, &bk_technique_birthday, &at, &m);
	assert_true(m.port == 19980 && !m.step);
	at.port = 20100; /* behind it, for a sequence that goes down */
	pair.peer = &seq;
	bk_guess_memo(&pair, &bk_technique_predict, &at, &m);
	assert_int_equal(m.step, 0);
}

/* To nobody: it dies behind the last own router. */
static void a_request_for_the_own_nat_goes_out_twice_and_reaches_nobody(void **state)
{
	static const uint8_t words[] = "\0\1bodkin\0octet";
	struct bk_intro own = guessing(UNSURE, KEEP, 0, 1), peer = guessing(SYM, RAND, 0, 2);
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
		struct bk_intro hard = guessing(SYM, RAND, 0, 1), easy = guessing(PORT, KEEP, 0, 2);
		struct bk_punch_udp_stats stats;
		bool is_hard = i % 2;
		struct bk_punch_udp *e =
			kit_engine_of(is_hard ? &hard : &easy, is_hard ? &easy : &hard, false);
		struct bk_icmp icmp = {.from = bk_addr_v4(10, 1, 0, 1, 0), .type = 3, .code = codes[i / 2]};
		struct bk_addr there =
			bk_addr_with_port(is_hard ? easy.udp.public_addr : hard.udp.public_addr, 4711);

		assert_true(drain(e, T0, START + BK_MS) > 0);
		ops.on_icmp(e, is_hard ? 3 : 1, &there, &icmp, START + 2 * BK_MS);
		assert_int_equal(kit_expect(e, BK_ACT_REPORT).report, BK_REPORT_DONE);
		assert_int_equal(drain(e, START + 2 * BK_MS, START + 10 * BK_SEC), 0);
		stats = kit_stats(e);
		assert_true(bk_addr_equal(&stats.forbidden_by, &icmp.from));
		bk_punch_udp_free(e);
	}
}

/* A closed port, one that the peer's own router rejects so, a packet that ran out of hops, and what was sent
 * elsewhere. */
static void other_messages_do_not_end_a_guess(void **state)
{
	struct bk_intro hard = guessing(SYM, RAND, 0, 1), easy = guessing(PORT, KEEP, 0, 2);
	struct bk_addr there = bk_addr_with_port(hard.udp.public_addr, 4711),
		       elsewhere = bk_addr_v4(45, 1, 2, 3, 4), router = bk_addr_v4(10, 1, 0, 1, 0);
	const struct {
		struct bk_addr remote;
		struct bk_icmp icmp;
	} rows[] = {{there, {router, 3, 3}}, {there, {bk_addr_with_port(there, 0), 3, 13}},
		{there, {router, 11, 0}}, {there, {router, 11, 13}}, {elsewhere, {router, 3, 13}}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_punch_udp *e = kit_engine_of(&easy, &hard, false);
		unsigned before = drain(e, T0, START + BK_MS);

		ops.on_icmp(e, 1, &rows[i].remote, &rows[i].icmp, START + 2 * BK_MS);
		assert_int_equal(
			before + drain(e, START + 2 * BK_MS, START + 2 * BK_SEC + 799 * BK_MS), 2800);
		assert_false(kit_stats(e).forbidden_by.family);
		bk_punch_udp_free(e);
	}
}

/* The filter of the side that has easy ports may be looser than is assumed where nobody looked. */
static void while_ports_are_guessed_a_handshake_goes_to_where_the_peer_is_expected_or_was_heard(void **state)
{
	struct bk_intro easy = guessing(PORT, KEEP, 0, 1), hard = guessing(SYM, RAND, 0, 2);
	struct bk_intro hard_here = guessing(SYM, RAND, 0, 1), easy_there = guessing(UNSURE, KEEP, 0, 2);
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
		cmocka_unit_test(every_pair_is_guessed_by_what_both_say_or_not_at_all),
		cmocka_unit_test(the_window_follows_the_step_the_time_and_the_flows_of_others),
		cmocka_unit_test(two_sequences_are_gone_through_by_different_strides),
		cmocka_unit_test(a_birthday_is_256_sockets_here_and_2800_probes_there),
		cmocka_unit_test(who_comes_from_a_guessed_port_came_by_the_guess),
		cmocka_unit_test(each_of_256_sockets_opens_the_filter_twice_and_the_one_that_is_heard_stays),
		cmocka_unit_test(a_block_is_told_by_what_was_seen_and_takes_few_sockets),
		cmocka_unit_test(a_block_is_gone_through_outwards),
		cmocka_unit_test(odds_are_those_of_the_books),
		cmocka_unit_test(
			the_window_is_opened_before_the_instant_and_what_is_beyond_at_one_probe_in_a_millisecond),
		cmocka_unit_test(a_port_that_answers_is_the_path_and_nothing_more_is_guessed),
		cmocka_unit_test(who_is_heard_gives_the_guessing_a_rest),
		cmocka_unit_test(a_request_for_the_own_nat_goes_out_twice_and_reaches_nobody),
		cmocka_unit_test(what_hit_the_last_time_is_tried_first_and_the_rest_all_the_same),
		cmocka_unit_test(a_guess_waits_where_two_were_connected_without_one),
		cmocka_unit_test(a_birthday_waits_for_two_firewalls_without_translation),
		cmocka_unit_test(who_guessed_remembers_the_port_and_how_far_it_was),
		cmocka_unit_test(who_is_forbidden_to_send_there_guesses_no_more),
		cmocka_unit_test(other_messages_do_not_end_a_guess),
		cmocka_unit_test(
			while_ports_are_guessed_a_handshake_goes_to_where_the_peer_is_expected_or_was_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
