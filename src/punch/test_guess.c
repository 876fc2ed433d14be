/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "punch/explain.h"
#include "punch/guess.h"
#include "punch/odds.h"
#include "punch/relay.h"
#include "punch/tcp.h"
#include "punch/test_kit.h"

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
		struct bk_intro own = kit_guessing(rows[i].own, rows[i].own_allocation, 1, 1);
		struct bk_intro peer = kit_guessing(rows[i].peer, rows[i].peer_allocation, 1, 2);

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
		struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1),
				peer = kit_guessing(SYM, SEQ, rows[i].delta, 2);
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
	struct bk_intro own = kit_guessing(SYM, SEQ, -1, 1), peer = kit_guessing(SYM, SEQ, 2, 2);
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

/* --- over TCP --- */

/* The same side, seen over TCP alone. */
static struct bk_intro over_tcp(
	enum kit_kind kind, enum bk_nat_allocation allocation, int delta, uint8_t side)
{
	struct bk_intro in = kit_guessing(kind, allocation, delta, side);

	in.tcp = in.udp;
	in.udp = (struct bk_nat_profile){0};
	return in;
}

static double chance_over_tcp(const struct bk_intro *own, const struct bk_intro *peer)
{
	const struct bk_pair pair = {.own = own, .peer = peer}, turned = {.own = peer, .peer = own};
	double chance = bk_technique_predict_tcp.chance(&pair);

	assert_true(chance == bk_technique_predict_tcp.chance(&turned));
	return chance;
}

static void over_tcp_one_sequence_is_guessed_where_there_is_no_udp(void **state)
{
	static const struct {
		enum kit_kind own;
		enum bk_nat_allocation own_allocation;
		enum kit_kind peer;
		enum bk_nat_allocation peer_allocation;
		bool is_guessed;
	} rows[] = {
		{PORT, KEEP, SYM, SEQ, true},
		{UNSURE, KEEP, SYM, SEQ, true},
		{FIREWALL, KEEP, SYM, SEQ, true},
		{SYM, SEQ, SYM, SEQ, false},
		{PORT, KEEP, SYM, RAND, false},
		{PORT, KEEP, SYM, BK_NAT_ALLOCATION_UNKNOWN, false},
		{RESTRICTED, KEEP, SYM, SEQ, false},
		{FULL, KEEP, SYM, SEQ, false},
		{OPEN, KEEP, SYM, SEQ, false},
		{PORT, KEEP, PORT, KEEP, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = over_tcp(rows[i].own, rows[i].own_allocation, 1, 1),
				peer = over_tcp(rows[i].peer, rows[i].peer_allocation, 1, 2);

		if ((chance_over_tcp(&own, &peer) > 0.99) != rows[i].is_guessed)
			fail_msg("row %zu", i);
		own.udp.public_addr = own.tcp.public_addr; /* one side alone has UDP */
		assert_true((chance_over_tcp(&own, &peer) > 0) == rows[i].is_guessed);
		peer.udp.public_addr = peer.tcp.public_addr; /* both have */
		assert_true(chance_over_tcp(&own, &peer) == 0);
		own.udp.public_addr.family = 0;
		peer.capabilities = 0;
		assert_true(chance_over_tcp(&own, &peer) == 0);
	}
}

/* What two flows say of a sequence a small block says as well; and of an old one the window has gone past. */
static void over_tcp_nothing_is_promised_of_few_flows_or_old_ones(void **state)
{
	static const struct {
		uint32_t seen;
		bk_dur elapsed;
		bool is_promised;
	} rows[] = {{7, 0, true}, {5, 0, true}, {2, 0, false}, {4, 0, false}, {7, 500 * BK_MS, true},
		{7, 2 * BK_SEC, false}, {7, 600 * BK_SEC, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = over_tcp(PORT, KEEP, 0, 1), peer = over_tcp(SYM, SEQ, 1, 2);
		const struct bk_pair pair = {.own = &own, .peer = &peer};

		peer.tcp.ports.seen = rows[i].seen;
		peer.tcp.ports.seen_at = BK_SEC;
		own.start = BK_SEC + rows[i].elapsed;
		assert_int_equal(
			bk_technique_predict_tcp.fits(&bk_technique_predict_tcp, &pair), rows[i].is_promised);
	}
}

static void over_tcp_the_next_ports_are_tried_at_once_and_a_few_times(void **state)
{
	struct bk_intro own = over_tcp(PORT, KEEP, 0, 1), peer = over_tcp(SYM, SEQ, -1, 2);
	struct bk_plan here = kit_plan_of(&bk_method_tcp, &own, &peer),
		       there = kit_plan_of(&bk_method_tcp, &peer, &own);
	const struct bk_attempt *guess = &here.attempts[0], *guessed = &there.attempts[0];
	char text[BK_PLAN_TEXT_MAX];

	(void)state;
	assert_true(here.attempts_len == 1 && there.attempts_len == 1);
	assert_ptr_equal(guess->technique, &bk_technique_predict_tcp);
	assert_true(guess->ports.first == 19999 && guess->ports.step == -1);
	assert_true(guess->probes == 32 && guess->tries == 12 && guess->is_from_shared_port);
	assert_int_equal(bk_attempt_guesses(guess), 32 * 13); /* and an opener of each */
	assert_ptr_equal(guessed->technique, &bk_technique_predict_tcp);
	assert_true(guessed->is_from_shared_port && !guessed->probes && !bk_attempt_is_guess(guessed));
	assert_true(!guessed->delay && !guess->delay);
	own.server_rtt = peer.server_rtt = BK_MS; /* so near to each other the window may open late */
	there = kit_plan_of(&bk_method_tcp, &peer, &own);
	assert_true(there.attempts[0].delay > 0);
	assert_string_equal(kit_why(&bk_method_tcp, &own, &peer, BK_PATH_CHOICE_AUTO),
		"port-restricted here, symmetric (sequential ports) there: this side guesses the other one's next "
		"port, with a chance of 99.9 %");
	assert_string_equal(bk_plan_attempt_to_str(&here, 0, text),
		"predict 203.0.113.2:19999 and at most 31 of 32 ports, -1 apart from the shared port at the agreed "
		"instant");
}

/* Who makes the code waits for its latest flow where nothing else connects the two. */
static void our_next_port_is_needed_where_it_is_what_is_guessed(void **state)
{
	struct bk_intro own = over_tcp(SYM, SEQ, 1, 1), peer = over_tcp(PORT, KEEP, 0, 2);
	const struct bk_pair pair = {.own = &own, .peer = &peer}, turned = {.own = &peer, .peer = &own};

	(void)state;
	own.tcp.ports.seen_at = BK_SEC;
	own.start = 600 * BK_SEC; /* however old */
	assert_true(bk_guess_needs_tcp(&pair));
	assert_false(bk_guess_needs_tcp(&turned));
	peer.tcp.filtering = AD;
	assert_false(bk_guess_needs_tcp(&pair));
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
	struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);
	const struct bk_pair pair = {.own = &own, .peer = &peer};
	struct bk_plan here = kit_plan(&own, &peer), there = kit_plan(&peer, &own);
	static const struct bk_technique relay = {.method = &bk_method_relay, .tell = bk_tell_relay};
	static bool is_taken[65536];
	char text[BK_PLAN_TEXT_MAX], path[BK_EXPLAIN_PATH_MAX];

	(void)state;
	assert_true(here.attempts_len == 1 && there.attempts_len == 1);
	assert_true(here.attempts[0].probes == 2800 && here.attempts[0].sockets == 0);
	assert_true(
		here.attempts[0].pace == BK_MS && here.attempts[0].brisk == 256); /* the others are politer */
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
	const struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);
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
		struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);
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
	struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);
	struct bk_plan plan;

	(void)state;
	peer.udp.ports.min = 10900;
	peer.udp.ports.max = 11200;
	plan = kit_plan(&own, &peer);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		assert_int_equal(bk_attempt_remote(&plan.attempts[0], i).port, ports[i]);
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
	struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), seq = kit_guessing(SYM, SEQ, -2, 2),
			rnd = kit_guessing(SYM, RAND, 0, 2);
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
	struct bk_intro own = kit_guessing(UNSURE, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);

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
	struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), peer = kit_guessing(SYM, RAND, 0, 2);
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
	struct bk_intro own = kit_guessing(PORT, KEEP, 0, 1), seq = kit_guessing(SYM, SEQ, -2, 2),
			rnd = kit_guessing(SYM, RAND, 0, 2);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_is_guessed_by_what_both_say_or_not_at_all),
		cmocka_unit_test(the_window_follows_the_step_the_time_and_the_flows_of_others),
		cmocka_unit_test(two_sequences_are_gone_through_by_different_strides),
		cmocka_unit_test(a_birthday_is_256_sockets_here_and_2800_probes_there),
		cmocka_unit_test(who_comes_from_a_guessed_port_came_by_the_guess),
		cmocka_unit_test(a_block_is_told_by_what_was_seen_and_takes_few_sockets),
		cmocka_unit_test(a_block_is_gone_through_outwards),
		cmocka_unit_test(over_tcp_one_sequence_is_guessed_where_there_is_no_udp),
		cmocka_unit_test(over_tcp_nothing_is_promised_of_few_flows_or_old_ones),
		cmocka_unit_test(over_tcp_the_next_ports_are_tried_at_once_and_a_few_times),
		cmocka_unit_test(our_next_port_is_needed_where_it_is_what_is_guessed),
		cmocka_unit_test(odds_are_those_of_the_books),
		cmocka_unit_test(what_hit_the_last_time_is_tried_first_and_the_rest_all_the_same),
		cmocka_unit_test(a_guess_waits_where_two_were_connected_without_one),
		cmocka_unit_test(a_birthday_waits_for_two_firewalls_without_translation),
		cmocka_unit_test(who_guessed_remembers_the_port_and_how_far_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
