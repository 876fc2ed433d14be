/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "nat/outlook.h"
#include "nat/profile.h"
#include "punch/explain.h"
#include "punch/tcp.h"
#include "punch/test_kit.h"
#include "punch/udp.h"

/* This machine is in 192.168.1.0/24 and fd00::/64. */
static const struct bk_networks networks = {
	.list = {{.addr = {.family = 4, .ip = {192, 168, 1, 4}}, .bits = 24},
		{.addr = {.family = 6, .ip = {0xfd, [15] = 4}}, .bits = 64}},
	.len = 2,
};

static struct bk_plan plan_of(
	const struct bk_method *method, const struct bk_intro *own, const struct bk_intro *peer)
{
	const struct bk_pair pair = {.own = own, .peer = peer, .networks = &networks};
	struct bk_plan p;

	bk_plan_make(&pair, bk_techniques, method, &p);
	return p;
}

static struct bk_plan plan(const struct bk_intro *own, const struct bk_intro *peer)
{
	return plan_of(&bk_method_tcp, own, peer);
}

static struct bk_plan udp_plan(const struct bk_intro *own, const struct bk_intro *peer)
{
	return plan_of(&bk_method_udp, own, peer);
}

static size_t count(const struct bk_plan *p, bool from_shared_port, bool at_start)
{
	size_t n = 0;

	for (size_t i = 0; i < p->attempts_len; i++)
		n += p->attempts[i].is_from_shared_port == from_shared_port &&
		     p->attempts[i].is_at_start == at_start;
	return n;
}

static void each_pair_gets_the_technique_of_the_table(void **state)
{
	static const struct {
		enum kit_kind own, peer;
		bool possible, listens, briefly;
		size_t calls_at_once, calls_at_start, opens_at_start,
			openers; /* any port, any port, shared port, shared port at once */
	} rows[] = {
		{OPEN, OPEN, true, true, false, 1, 0, 1, 0},
		{OPEN, SYM, true, true, false, 0, 0, 0, 0},
		{SYM, OPEN, true, false, false, 1, 0, 0, 0},
		{FULL, PORT, true, true, false, 0, 0, 1, 0},
		{PORT, FULL, true, false, false, 1, 0, 1, 0},
		{SYM, FULL, true, false, false, 1, 0, 0, 0},
		{RESTRICTED, RESTRICTED, true, true, false, 0, 0, 1, 0},
		{RESTRICTED, PORT, true, true, false, 0, 0, 1, 0},
		{RESTRICTED, SYM, true, true, false, 0, 0, 0, 1},
		{SYM, RESTRICTED, true, false, false, 0, 1, 0, 0},
		{PORT, PORT, true, false, false, 0, 0, 1, 0},
		{FIREWALL, PORT, true, false, false, 0, 0, 1, 0},
		{UNSURE, UNSURE, true, true, true, 0, 0, 1, 0},
		{UNSURE, SYM, true, true, false, 0, 0, 0, 1},
		{SYM, UNSURE, true, false, false, 0, 1, 0, 0},
		{PORT, SYM, false, false, false, 0, 0, 0, 0},
		{SYM, PORT, false, false, false, 0, 0, 0, 0},
		{SYM, FIREWALL, false, false, false, 0, 0, 0, 0},
		{SYM, SYM, false, false, false, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = kit_behind(rows[i].own, 1), peer = kit_behind(rows[i].peer, 2);
		struct bk_plan p = plan(&own, &peer);

		assert_int_equal(p.is_hopeful, rows[i].possible);
		assert_int_equal(p.wants_listener, rows[i].listens);
		assert_int_equal(p.is_listener_brief, rows[i].briefly);
		assert_int_equal(count(&p, false, false), rows[i].calls_at_once);
		assert_int_equal(count(&p, false, true), rows[i].calls_at_start);
		assert_int_equal(count(&p, true, true), rows[i].opens_at_start);
		assert_int_equal(count(&p, true, false), rows[i].openers);
		assert_int_equal(p.budget, rows[i].possible ? BK_PLAN_BUDGET : 0);
		assert_true(strlen(kit_why(&bk_method_tcp, &own, &peer, BK_PATH_CHOICE_AUTO)) > 0);
	}
}

/* What `bodkin nat` tells a person to expect stands in a table of its own, below the rows (nat/outlook.c). */
static void the_outlook_promises_what_a_row_connects(void **state)
{
	static const enum kit_kind peers[][2] = {
		{OPEN, FULL}, {RESTRICTED, RESTRICTED}, {PORT, FIREWALL}, {SYM, SYM}, {SYM, SYM}};
	struct bk_nat_prospect prospects[BK_NAT_PROSPECTS];

	_Static_assert(sizeof(peers) / sizeof(peers[0]) == BK_NAT_PROSPECTS, "one row for each prospect");
	(void)state;
	for (int own = 0; own < KINDS; own++) {
		for (size_t i = 0; own != UNSURE && i < 2 * BK_NAT_PROSPECTS; i++) {
			struct bk_intro a = kit_behind((enum kit_kind)own, 1),
					b = kit_behind(peers[i / 2][i % 2], 2);
			const struct bk_pair pair = {.own = &a, .peer = &b};

			a.udp = a.tcp;
			b.udp = b.tcp;
			if (i / 2 == 3) {
				b.udp.allocation = BK_NAT_SEQUENTIAL;
				b.udp.delta = 1;
				b.udp.ports.last = 20000;
			}
			a.capabilities = b.capabilities = BK_INTRO_GUESSES;
			bk_nat_outlook(&a.udp, prospects);
			assert_int_equal(prospects[i / 2].is_direct,
				bk_technique_fitting(&pair, bk_techniques, BK_TRANSPORT_UDP) != NULL);
		}
	}
}

/* Without talking, both sides agree: on whether and how long; who opens at the instant finds the other doing
 * the same; and who calls alone finds the other listening. */
static void plans_of_both_sides_mirror_each_other(void **state)
{
	(void)state;
	for (int a = 0; a < KINDS; a++) {
		for (int b = 0; b < KINDS; b++) {
			struct bk_intro own = kit_behind((enum kit_kind)a, 1),
					peer = kit_behind((enum kit_kind)b, 2);
			struct bk_plan p = plan(&own, &peer), q = plan(&peer, &own);

			assert_int_equal(p.is_hopeful, q.is_hopeful);
			assert_int_equal(p.budget, q.budget);
			assert_int_equal(count(&p, true, true), count(&q, true, true));
			if (count(&p, false, false) + count(&p, false, true) > 0)
				assert_true(q.wants_listener && !q.is_listener_brief);
			if (p.is_hopeful)
				assert_true(p.attempts_len + q.attempts_len > 0);
		}
	}
}

static void every_row_and_every_plan_gives_both_sides_the_same_answer(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS * KINDS; i++) {
		struct bk_intro own = kit_behind((enum kit_kind)(i / KINDS), 1),
				peer = kit_behind((enum kit_kind)(i % KINDS), 2);
		const struct bk_pair pair = {.own = &own, .peer = &peer},
				     turned = {.own = &peer, .peer = &own};

		own.udp = own.tcp;
		peer.udp = peer.tcp;
		kit_add_host(&own, i % 3 ? "[2001:db8:1::2]:5000" : "198.51.100.5:5000");
		kit_add_host(&peer, i % 2 ? "[2001:db8:2::2]:5000" : "192.168.1.5:5000");
		own.candidates[1].kind = i % 5 ? BK_CANDIDATE_HOST : BK_CANDIDATE_FIREWALLED;
		peer.candidates[1].kind = i % 7 ? BK_CANDIDATE_HOST : BK_CANDIDATE_FIREWALLED;
		for (size_t k = 0; bk_techniques[k]; k++) {
			const struct bk_technique *t = bk_techniques[k];
			struct bk_plan p = plan_of(t->method, &own, &peer),
				       q = plan_of(t->method, &peer, &own);

			if (t->fits)
				assert_int_equal(t->fits(t, &pair), t->fits(t, &turned));
			assert_int_equal(p.is_hopeful, q.is_hopeful);
			assert_int_equal(p.budget, q.budget);
		}
	}
}

static void a_side_known_to_be_port_restricted_never_listens(void **state)
{
	(void)state;
	for (int b = 0; b < KINDS; b++) {
		struct bk_intro own = kit_behind(PORT, 1), peer = kit_behind((enum kit_kind)b, 2);

		assert_false(plan(&own, &peer).wants_listener);
	}
}

/* own_public is the last byte of the own public address; the peer's is 2. */
static bool tries_host(enum kit_kind kind, uint8_t own_public, const char *addr, const char *technique)
{
	struct bk_intro own = kit_behind(kind, 1), peer = kit_behind(kind, 2);
	struct bk_plan p;

	own.tcp.public_addr = own.candidates[0].addr = bk_addr_v4(203, 0, 113, own_public, 42000);
	kit_add_host(&own, "[2001:db8:1::2]:5000");
	peer.candidates_len = 0;
	kit_add_host(&peer, addr);
	p = plan(&own, &peer);
	return p.attempts_len == 1 && !strcmp(p.attempts[0].technique->name, technique) &&
	       !p.attempts[0].is_from_shared_port && !p.attempts[0].is_at_start;
}

static void host_addresses_are_tried_where_they_can_be_the_peer(void **state)
{
	static const struct {
		enum kit_kind kind;
		uint8_t own_public;
		const char *addr;
		const char *technique;
		bool tried;
	} rows[] = {
		{PORT, 1, "192.168.1.5:5000", "lan", false},
		{PORT, 2, "192.168.1.5:5000", "lan", true},
		{OPEN, 1, "192.168.1.5:5000", "lan", true},
		{PORT, 1, "198.51.100.5:5000", "lan", true},
		{PORT, 1, "203.0.113.2:5000", "punch", true},
		{PORT, 1, "100.64.0.5:5000", "lan", false},
		{PORT, 2, "100.64.0.5:5000", "lan", false},
		{PORT, 1, "169.254.0.5:5000", "lan", false},
		{PORT, 1, "127.0.0.1:5000", "lan", false},
		{PORT, 2, "127.0.0.1:5000", "lan", false},
		{PORT, 2, "0.0.0.0:5000", "lan", false},
		{PORT, 2, "224.0.0.1:5000", "lan", false},
		{PORT, 2, "255.255.255.255:5000", "lan", false},
		{PORT, 2, "192.168.1.5:0", "lan", false},
		{PORT, 1, "[2001:db8:2::2]:5000", "ipv6", true},
		{SYM, 1, "[2001:db8:2::2]:5000", "ipv6", true},
		{PORT, 1, "[fd00::2]:5000", "lan", false},
		{PORT, 2, "[fd00::2]:5000", "lan", true},
		{PORT, 2, "[fe80::2]:5000", "lan", false},
		{PORT, 2, "[ff02::1]:5000", "ipv6", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (tries_host(rows[i].kind, rows[i].own_public, rows[i].addr, rows[i].technique) !=
			rows[i].tried)
			fail_msg("row %zu: %s", i, rows[i].addr);
	}
}

static bool tries_unseen(const char *own_addr, bool own_seen, const char *addr, bool peer_seen)
{
	struct bk_intro own = kit_behind(PORT, 1), peer = kit_behind(PORT, 2);
	struct bk_plan p;

	own.candidates_len = peer.candidates_len = 0;
	if (!own_seen)
		own.tcp = (struct bk_nat_profile){0};
	if (!peer_seen)
		peer.tcp = (struct bk_nat_profile){0};
	kit_add_host(&own, own_addr);
	kit_add_host(&peer, addr);
	p = plan(&own, &peer);
	return p.attempts_len == 1 && !strcmp(p.attempts[0].technique->name, "lan");
}

static void two_whom_nobody_has_seen_try_their_private_addresses(void **state)
{
	(void)state;
	assert_true(tries_unseen("192.168.1.4:5000", false, "192.168.1.5:5000", false));
	assert_false(tries_unseen("192.168.1.4:5000", true, "192.168.1.5:5000", false));
	assert_false(tries_unseen("192.168.1.4:5000", false, "192.168.1.5:5000", true));
	assert_false(tries_unseen("192.168.1.4:5000", false, "127.0.0.1:5000", false));
	assert_true(tries_unseen("127.0.0.1:4000", false, "127.0.0.1:5000", false));
}

static void hopeless_pair_tries_host_addresses_briefly(void **state)
{
	struct bk_intro own = kit_behind(SYM, 2), peer = kit_behind(SYM, 2);
	struct bk_plan p, q;

	(void)state;
	kit_add_host(&peer, "192.168.1.5:5000");
	p = plan(&own, &peer);
	q = plan(&peer, &own);
	assert_false(p.is_hopeful);
	assert_int_equal(p.attempts_len, 1);
	assert_int_equal(q.attempts_len, 0);
	assert_int_equal(p.budget, q.budget);
	assert_true(p.budget > 0 && p.budget < BK_SEC);
}

static void firewalled_ipv6_is_opened_from_both_sides_at_the_instant(void **state)
{
	struct bk_intro own = kit_behind(SYM, 1), peer = kit_behind(SYM, 2);
	struct bk_plan p;

	(void)state;
	kit_add_host(&own, "[2001:db8:1::2]:5000");
	kit_add_host(&peer, "[2001:db8:2::2]:5000");
	own.candidates[1].kind = peer.candidates[1].kind = BK_CANDIDATE_FIREWALLED;
	p = plan(&own, &peer);
	assert_int_equal(count(&p, true, true), 1);
	assert_string_equal(p.attempts[0].technique->name, "ipv6");
	assert_int_equal(p.budget, BK_PLAN_BUDGET);
	own.candidates_len = 1;
	assert_int_equal(plan(&own, &peer).attempts_len, 0);
}

/* The rows that fit are what the words go by, too. */
static void firewalled_ipv6_is_told_as_hope_over_the_transport_that_has_it(void **state)
{
	static const enum bk_transport transports[] = {BK_TRANSPORT_TCP, BK_TRANSPORT_UDP};
	static const struct bk_method *const methods[] = {&bk_method_tcp, &bk_method_udp};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bk_intro own = kit_behind(SYM, 1), peer = kit_behind(SYM, 2);

		own.udp = own.tcp;
		peer.udp = peer.tcp;
		kit_add_host(&own, "[2001:db8:1::1]:5000");
		kit_add_host(&peer, "[2001:db8:2::1]:5000");
		own.candidates[1].kind = peer.candidates[1].kind = BK_CANDIDATE_FIREWALLED;
		own.candidates[1].transport = peer.candidates[1].transport = transports[i];
		assert_true(plan_of(methods[i], &own, &peer).is_hopeful);
		assert_non_null(strstr(kit_why(methods[i], &own, &peer, BK_PATH_CHOICE_AUTO),
			"both NATs symmetric (random ports): ipv6 may connect these two"));
		assert_non_null(strstr(kit_no_direct(&own, &peer), "a direct connection was tried over"));
		assert_non_null(strstr(kit_why(methods[!i], &own, &peer, BK_PATH_CHOICE_AUTO),
			"technique connects these two"));
	}
}

static void relay_policy_tries_nothing(void **state)
{
	struct bk_intro own = kit_behind(OPEN, 1), peer = kit_behind(OPEN, 2);
	const struct bk_pair pair = {.own = &own, .peer = &peer, .choice = BK_PATH_CHOICE_RELAY};
	struct bk_plan p;

	(void)state;
	bk_plan_make(&pair, bk_techniques, &bk_method_tcp, &p);
	assert_int_equal(p.attempts_len, 0);
	assert_int_equal(p.budget, 0);
	assert_false(p.wants_listener);
	assert_string_equal(
		kit_why(&bk_method_tcp, &own, &peer, BK_PATH_CHOICE_RELAY), "the relay was asked for");
}

static void a_try_lasts_longer_than_the_path_and_a_claimed_round_trip_has_a_ceiling(void **state)
{
	struct bk_intro own = kit_behind(PORT, 1), peer = kit_behind(PORT, 2);

	(void)state;
	assert_int_equal(plan(&own, &peer).attempts[0].try_timeout, 150 * BK_MS);
	own.server_rtt = peer.server_rtt = 120 * BK_MS;
	assert_int_equal(plan(&own, &peer).attempts[0].try_timeout, 400 * BK_MS);
	peer.server_rtt = INT64_MAX;
	assert_int_equal(plan(&own, &peer).attempts[0].try_timeout, 1500 * BK_MS);
	peer.server_rtt = INT64_MIN;
	assert_int_equal(plan(&own, &peer).attempts[0].try_timeout, 250 * BK_MS);
	assert_int_equal(
		bk_plan_start_instant(1000 * BK_SEC, 20 * BK_MS, 40 * BK_MS), 1000 * BK_SEC + 66 * BK_MS);
	assert_true(bk_plan_start_instant(0, INT64_MAX, INT64_MAX) < 2 * BK_SEC);
}

static void doubles_are_dropped(void **state)
{
	struct bk_intro own = kit_behind(PORT, 2), peer = kit_behind(FULL, 2);

	(void)state;
	while (peer.candidates_len < BK_INTRO_CANDIDATES_MAX)
		peer.candidates[peer.candidates_len++] = peer.candidates[0];
	assert_int_equal(plan(&own, &peer).attempts_len, 2);
}

/* The same pair over UDP alone. */
static struct bk_intro udp_intro(enum kit_kind kind, uint8_t side)
{
	struct bk_intro in = kit_behind(kind, side);

	in.udp = in.tcp;
	in.tcp = (struct bk_nat_profile){0};
	in.candidates[0].transport = BK_TRANSPORT_UDP;
	return in;
}

static void udp_plans_probe_reachable_peers_at_once_and_others_at_the_instant(void **state)
{
	static const struct {
		enum kit_kind own, peer;
		bool possible, at_start;
	} rows[] = {
		{OPEN, OPEN, true, false},
		{PORT, FULL, true, false},
		{SYM, OPEN, true, false},
		{FULL, PORT, true, true},
		{PORT, PORT, true, true},
		{FIREWALL, PORT, true, true},
		{RESTRICTED, SYM, true, true},
		{SYM, RESTRICTED, true, true},
		{UNSURE, SYM, true, true},
		{PORT, SYM, false, false},
		{SYM, FIREWALL, false, false},
		{SYM, SYM, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = udp_intro(rows[i].own, 1), peer = udp_intro(rows[i].peer, 2);
		struct bk_plan p = udp_plan(&own, &peer), tcp = plan(&own, &peer);

		assert_int_equal(p.is_hopeful, rows[i].possible);
		assert_int_equal(udp_plan(&peer, &own).is_hopeful, rows[i].possible);
		assert_int_equal(p.attempts_len, rows[i].possible);
		assert_int_equal(p.budget, rows[i].possible ? BK_PLAN_BUDGET : 0);
		assert_int_equal(count(&p, true, rows[i].at_start), rows[i].possible);
		assert_true(strlen(kit_why(&bk_method_udp, &own, &peer, BK_PATH_CHOICE_AUTO)) > 0);
		assert_int_equal(tcp.attempts_len, 0);
	}
}

/* Two open sides far from each other are not on one local network, whoever listens. */
static void who_is_on_the_internet_is_not_called_local(void **state)
{
	static const struct bk_method *const methods[] = {&bk_method_tcp, &bk_method_udp};
	struct bk_networks here = {.len = 1};
	const struct bk_addr stranger = bk_addr_v4(203, 0, 113, 2, 60123),
			     near = bk_addr_v4(192, 168, 1, 7, 60123);

	(void)state;
	assert_int_equal(bk_addr_from_str("203.0.113.2:0", &here.list[0].addr), 0);
	here.list[0].bits = 24;
	for (size_t i = 0; i < 2; i++) {
		struct bk_intro own = kit_behind(OPEN, 1), peer = kit_behind(OPEN, 2);
		struct bk_pair pair = {.own = &own, .peer = &peer};
		struct bk_plan p;

		own.udp = own.tcp;
		peer.udp = peer.tcp;
		peer.candidates[0].transport = methods[i]->transport;
		kit_add_host(&peer, "203.0.113.2:5000");
		peer.candidates[1].transport = methods[i]->transport;
		bk_plan_make(&pair, bk_techniques, methods[i], &p);
		assert_string_equal(p.attempts[0].technique->name, "punch");
		assert_string_equal(bk_technique_at_door(&p, NULL, &stranger)->name, "punch");
		assert_string_equal(bk_technique_at_door(&p, NULL, &near)->name, "lan");
		pair.networks = &here;
		bk_plan_make(&pair, bk_techniques, methods[i], &p);
		assert_string_equal(p.attempts[0].technique->name, "lan");
		assert_string_equal(bk_technique_at_door(&p, &here, &stranger)->name, "lan");
	}
}

static void each_transport_keeps_to_its_own_candidates(void **state)
{
	struct bk_intro own = kit_behind(PORT, 1), peer = kit_behind(PORT, 2);
	struct bk_plan p;

	(void)state;
	own.udp = own.tcp;
	peer.udp = peer.tcp;
	kit_add_host(&peer, "198.51.100.5:5000");
	peer.candidates[1].transport = BK_TRANSPORT_UDP;
	p = plan(&own, &peer);
	assert_int_equal(p.attempts_len, 1);
	assert_int_equal(p.attempts[0].remote.port, 41000);
	p = udp_plan(&own, &peer);
	assert_int_equal(p.attempts_len, 1);
	assert_int_equal(p.attempts[0].remote.port, 5000);
	assert_string_equal(p.attempts[0].technique->name, "lan");
}

static void udp_sprays_no_strangers_networks(void **state)
{
	struct bk_intro own = udp_intro(PORT, 1), peer = udp_intro(PORT, 2);
	struct bk_plan p;

	(void)state;
	kit_add_host(&peer, "192.168.1.5:5000");
	kit_add_host(&peer, "224.0.0.1:5000");
	kit_add_host(&peer, "127.0.0.1:5000");
	for (size_t i = 1; i < peer.candidates_len; i++)
		peer.candidates[i].transport = BK_TRANSPORT_UDP;
	p = udp_plan(&own, &peer);
	assert_int_equal(p.attempts_len, 1);
	own.udp.public_addr = bk_addr_v4(203, 0, 113, 2, 42000); /* the same network */
	p = udp_plan(&own, &peer);
	assert_int_equal(p.attempts_len, 2);
}

/* Who has the code may name a neighbour of ours as himself: that is good for a few probes there. */
static void ports_of_no_neighbour_are_guessed(void **state)
{
	struct bk_intro own = udp_intro(PORT, 1), peer = udp_intro(SYM, 2);
	struct bk_plan p;

	(void)state;
	own.capabilities = peer.capabilities = BK_INTRO_GUESSES;
	peer.udp.allocation = BK_NAT_RANDOM;
	p = udp_plan(&own, &peer);
	assert_int_equal(p.attempts[p.attempts_len - 1].probes, 2800);
	peer.udp.public_addr = bk_addr_v4(192, 168, 1, 1, 42000);
	p = udp_plan(&own, &peer);
	for (size_t i = 0; i < p.attempts_len; i++)
		assert_int_equal(p.attempts[i].probes, 0);
}

static void an_attempt_may_go_to_a_set_of_ports(void **state)
{
	struct bk_attempt a = {.technique = bk_techniques[3], .remote = bk_addr_v4(203, 0, 113, 2, 41000)};
	struct bk_plan p = {.attempts_len = 0};
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	bk_plan_add(&p, &a);
	a.ports = (struct bk_ports){.first = 41010, .len = 3, .step = -2};
	bk_plan_add(&p, &a);
	bk_plan_add(&p, &a);
	assert_int_equal(p.attempts_len, 2);
	assert_int_equal(bk_attempt_len(&p.attempts[0]), 1);
	assert_int_equal(bk_attempt_remote(&p.attempts[0], 0).port, 41000);
	assert_int_equal(bk_attempt_len(&p.attempts[1]), 3);
	assert_int_equal(bk_attempt_remote(&p.attempts[1], 2).port, 41006);
	assert_string_equal(bk_plan_attempt_to_str(&p, 1, out),
		"punch 203.0.113.2:41010 and 2 more ports, -2 apart from any port at once");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pair_gets_the_technique_of_the_table),
		cmocka_unit_test(the_outlook_promises_what_a_row_connects),
		cmocka_unit_test(plans_of_both_sides_mirror_each_other),
		cmocka_unit_test(every_row_and_every_plan_gives_both_sides_the_same_answer),
		cmocka_unit_test(a_side_known_to_be_port_restricted_never_listens),
		cmocka_unit_test(host_addresses_are_tried_where_they_can_be_the_peer),
		cmocka_unit_test(two_whom_nobody_has_seen_try_their_private_addresses),
		cmocka_unit_test(hopeless_pair_tries_host_addresses_briefly),
		cmocka_unit_test(firewalled_ipv6_is_opened_from_both_sides_at_the_instant),
		cmocka_unit_test(firewalled_ipv6_is_told_as_hope_over_the_transport_that_has_it),
		cmocka_unit_test(relay_policy_tries_nothing),
		cmocka_unit_test(a_try_lasts_longer_than_the_path_and_a_claimed_round_trip_has_a_ceiling),
		cmocka_unit_test(doubles_are_dropped),
		cmocka_unit_test(udp_plans_probe_reachable_peers_at_once_and_others_at_the_instant),
		cmocka_unit_test(who_is_on_the_internet_is_not_called_local),
		cmocka_unit_test(each_transport_keeps_to_its_own_candidates),
		cmocka_unit_test(udp_sprays_no_strangers_networks),
		cmocka_unit_test(ports_of_no_neighbour_are_guessed),
		cmocka_unit_test(an_attempt_may_go_to_a_set_of_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
