/* SPDX-License-Identifier: Apache-2.0 */
/* A peer may name any address. Which of them get a packet of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "punch/target.h"
#include "punch/tcp.h"
#include "punch/udp.h"

#define OWN_PUBLIC  "203.0.113.1:41000"
#define PEER_PUBLIC "203.0.113.2:42000"
#define HERE        "127.0.0.1:3000"

static struct bk_addr addr_of(const char *s)
{
	struct bk_addr a = {0};

	if (s)
		assert_int_equal(bk_addr_from_str(s, &a), 0);
	return a;
}

/* We are 192.168.1.4/24, 100.64.7.4/24 and fd00::4/64, and on two links. */
static const struct bk_networks *networks(void)
{
	static const char *const own[] = {
		"192.168.1.4:0", "100.64.7.4:0", "[fd00::4]:0", "[fe80::4]:0", "[fe80::4]:0"};
	static struct bk_networks n;

	for (n.len = 0; n.len < 5; n.len++)
		n.list[n.len] = (struct bk_network){addr_of(own[n.len]), n.len < 2 ? 24 : 64};
	n.list[3].addr.scope = 2;
	n.list[4].addr.scope = 7;
	return &n;
}

static struct bk_intro side(const char *public_addr, bool is_translated)
{
	struct bk_intro in = {.server_rtt = 20 * BK_MS};

	in.tcp.public_addr = addr_of(public_addr);
	in.tcp.mapping = BK_NAT_ENDPOINT_INDEPENDENT;
	in.tcp.is_translated = is_translated;
	in.udp = in.tcp;
	return in;
}

static void add(struct bk_intro *in, enum bk_transport t, enum bk_candidate_kind kind, struct bk_addr a)
{
	assert_true(in->candidates_len < BK_INTRO_CANDIDATES_MAX);
	in->candidates[in->candidates_len++] = (struct bk_candidate){.kind = kind, .addr = a, .transport = t};
}

/* The peer's claims beside the address itself, and ours as our server and our interfaces tell. */
struct claim {
	const char *own, *peer; /* public addresses */
	bool is_translated;     /* both sides */
	const char *named;
	bool is_allowed;
};

static void assert_claim(const struct claim *c, enum bk_transport t)
{
	struct bk_intro own = side(c->own, c->is_translated), peer = side(c->peer, c->is_translated);
	const struct bk_pair pair = {.own = &own, .peer = &peer, .networks = networks()};
	struct bk_addr a = addr_of(c->named);

	if (bk_punch_target_is_allowed(&pair, t, &a) != c->is_allowed)
		fail_msg("%s as %s, we are %s", c->named, c->peer, c->own);
}

static const struct claim claims[] = {
	/* public: anywhere */
	{OWN_PUBLIC, PEER_PUBLIC, true, "198.51.100.7:5000", true},
	{OWN_PUBLIC, PEER_PUBLIC, true, "[2001:db8::7]:5000", true},
	{OWN_PUBLIC, PEER_PUBLIC, true, "198.51.100.7:0", false},
	/* our network, and one network by what both say */
	{OWN_PUBLIC, "203.0.113.1:50000", true, "192.168.1.5:5000", true},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[fd00::5]:5000", true},
	{OWN_PUBLIC, PEER_PUBLIC, true, "192.168.1.5:5000", false},
	{OWN_PUBLIC, "192.168.1.5:5000", true, "192.168.1.5:5000", true},
	{NULL, NULL, true, "192.168.1.5:5000", true},
	{OWN_PUBLIC, NULL, true, "192.168.1.5:5000", false},
	/* a claim of our own public address opens no network that we are not in */
	{OWN_PUBLIC, "203.0.113.1:50000", true, "192.168.2.5:5000", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "10.0.0.1:22", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "172.16.0.1:22", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[fd00:0:0:1::5]:5000", false},
	{OWN_PUBLIC, "10.0.0.1:22", false, "10.0.0.1:22", false},
	{NULL, NULL, false, "10.0.0.1:22", false},
	/* our server sees us in a private network: it is routed, perhaps */
	{"10.1.0.2:4000", "10.2.0.2:4000", false, "10.2.0.2:5000", true},
	{"10.1.0.2:4000", "10.2.0.2:4000", false, "100.64.0.2:5000", false},
	/* a carrier's */
	{OWN_PUBLIC, PEER_PUBLIC, true, "100.64.7.9:5000", true},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "100.64.8.9:5000", false},
	{"100.64.7.4:4000", "100.65.0.9:4000", true, "100.65.0.9:4000", true},
	/* this machine, only where our own server is on it */
	{OWN_PUBLIC, "203.0.113.1:50000", true, "127.0.0.1:6379", false},
	{OWN_PUBLIC, "127.0.0.1:6379", true, "127.0.0.1:6379", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[::1]:6379", false},
	{NULL, NULL, true, "127.0.0.1:6379", false},
	{HERE, HERE, false, "127.0.0.1:5000", true},
	{HERE, PEER_PUBLIC, false, "127.0.0.1:6379", false},
	{HERE, HERE, false, "192.168.1.5:5000", true},
	{HERE, HERE, false, "10.0.0.1:22", false},
	/* on a link of ours: seen at one address, or by nobody */
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[fe80::1]:80", true},
	{NULL, NULL, true, "[fe80::1]:80", true},
	{OWN_PUBLIC, PEER_PUBLIC, true, "[fe80::1]:80", false},
	{OWN_PUBLIC, PEER_PUBLIC, false, "[fe80::1]:80", false},
	{OWN_PUBLIC, NULL, true, "[fe80::1]:80", false},
	{OWN_PUBLIC, "[fe80::1]:80", true, "[fe80::1]:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[fe80:1::1]:80", false},
	/* never */
	{OWN_PUBLIC, "203.0.113.1:50000", true, "192.168.1.255:5000", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "192.168.1.0:5000", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "169.254.169.254:80", false},
	{NULL, NULL, true, "169.254.169.254:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "0.0.0.0:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "0.1.2.3:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "224.0.0.251:5353", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "240.0.0.1:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "255.255.255.255:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[::]:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[ff02::1]:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[fec0::1]:80", false},
	/* wrapped */
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[::ffff:127.0.0.1]:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[::127.0.0.1]:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[64:ff9b::10.0.0.1]:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[2002:c0a8:104::1]:80", false},
	{OWN_PUBLIC, "203.0.113.1:50000", true, "[64:ff9b::8.8.8.8]:80", true},
};

static void what_is_not_public_takes_evidence_of_our_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		assert_claim(&claims[i], BK_TRANSPORT_TCP);
		assert_claim(&claims[i], BK_TRANSPORT_UDP);
	}
}

/* Our server and the peer may be one: what it says of us opens nothing that we cannot see ourselves. */
static void what_our_server_says_of_us_is_no_evidence_of_ours(void **state)
{
	static const struct {
		const char *server, *seen, *named;
		bool is_allowed;
	} rows[] = {
		{"203.0.113.9:15005", HERE, "127.0.0.1:6379", false},
		{"192.168.1.9:15005", HERE, "127.0.0.1:6379", false},
		{"203.0.113.9:15005", "[::1]:3000", "[::1]:6379", false},
		{"127.0.0.1:15005", HERE, "127.0.0.1:6379", true},
		{"203.0.113.9:15005", "10.1.0.2:4000", "10.2.0.2:22", false},
		{"192.168.1.9:15005", "10.1.0.2:4000", "10.2.0.2:22", true},
		{"203.0.113.9:15005", "100.64.7.4:4000", "100.65.0.9:22", false},
		{"192.168.1.9:15005", "100.64.7.4:4000", "100.65.0.9:22", false},
		{"100.64.0.9:15005", "100.64.7.4:4000", "100.65.0.9:22", true},
		{"203.0.113.9:15005", "[fe80::4]:3000", "[fe80::9]:22", false},
		{"192.168.1.9:15005", "[fe80::4]:3000", "[fe80::9]:22", false},
		{"[fe80::8]:15005", "203.0.113.1:50000", "[fe80::9]:22", false},
		{"[fe80::8]:15005", "[fe80::4]:3000", "[fe80::9]:22", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro own = side(rows[i].seen, false), peer = side(rows[i].named, false);
		const struct bk_pair pair = {
			.own = &own, .peer = &peer, .relay = addr_of(rows[i].server), .networks = networks()};
		struct bk_addr a = addr_of(rows[i].named);

		for (int t = 0; t < 2; t++)
			if (bk_punch_target_is_allowed(&pair, t ? BK_TRANSPORT_UDP : BK_TRANSPORT_TCP, &a) !=
				rows[i].is_allowed)
				fail_msg("%s, %s says that we are %s", rows[i].named, rows[i].server,
					rows[i].seen);
	}
}

static void hide(struct bk_intro *in, enum bk_nat_behavior mapping, enum bk_nat_allocation allocation)
{
	in->udp.mapping = mapping;
	in->udp.filtering = BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
	in->udp.allocation = allocation;
	in->udp.is_translated = true;
	in->udp.delta = 1;
	in->udp.ports = (struct bk_nat_ports){.last = 20000, .min = 2000, .max = 60000, .seen = 7};
	in->capabilities = BK_INTRO_GUESSES;
}

static unsigned guesses_at(
	const char *server, const char *seen, const char *named, enum bk_nat_allocation allocation)
{
	struct bk_intro own = side(seen, true), peer = side(named, true);
	const struct bk_pair pair = {
		.own = &own, .peer = &peer, .relay = addr_of(server), .networks = networks()};
	unsigned guesses = 0;
	struct bk_plan p;

	hide(&own, BK_NAT_ENDPOINT_INDEPENDENT, BK_NAT_PRESERVING);
	hide(&peer, BK_NAT_ADDRESS_AND_PORT_DEPENDENT, allocation);
	bk_plan_make(&pair, bk_techniques, &bk_method_udp, &p);
	for (size_t i = 0; i < p.attempts_len; i++)
		guesses += bk_attempt_guesses(&p.attempts[i]) + p.attempts[i].is_request;
	return guesses;
}

/* A server that is the peer's says that both are seen at private addresses, of which one is our neighbour's. */
static void no_ports_of_a_neighbour_are_guessed_on_a_server_s_word(void **state)
{
	static const struct {
		const char *server, *seen, *named;
		bool is_guessed;
	} rows[] = {
		{"203.0.113.9:15005", OWN_PUBLIC, PEER_PUBLIC, true},
		{"203.0.113.9:15005", "10.9.9.9:4000", "192.168.1.7:4000", false},
		{"203.0.113.9:15005", "100.65.0.9:4000", "100.64.7.9:4000", false},
		{"192.168.1.9:15005", "100.65.0.9:4000", "100.64.7.9:4000", false},
		{"192.168.1.9:15005", "10.9.9.9:4000", "192.168.1.7:4000", true},
		{NULL, "10.9.9.9:4000", "192.168.1.7:4000", true},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		enum bk_nat_allocation a = i % 2 ? BK_NAT_SEQUENTIAL : BK_NAT_RANDOM;
		unsigned n = guesses_at(rows[i / 2].server, rows[i / 2].seen, rows[i / 2].named, a);

		if ((n > 0) != rows[i / 2].is_guessed)
			fail_msg("%u at %s, %s says that we are %s", n, rows[i / 2].named, rows[i / 2].server,
				rows[i / 2].seen);
	}
}

static void a_mapped_address_is_the_one_that_the_profile_names(void **state)
{
	struct bk_intro own = side(OWN_PUBLIC, true), peer = side(PEER_PUBLIC, true);
	const struct bk_pair pair = {.own = &own, .peer = &peer, .networks = networks()};
	struct bk_candidate c = {.kind = BK_CANDIDATE_MAPPED, .addr = addr_of(PEER_PUBLIC)};

	(void)state;
	assert_true(bk_punch_target_makes_sense(&pair, &c));
	c.addr.port++;
	assert_false(bk_punch_target_makes_sense(&pair, &c));
	c.addr = addr_of("198.51.100.7:42000");
	assert_false(bk_punch_target_makes_sense(&pair, &c));
	c.addr = addr_of("127.0.0.1:6379");
	assert_false(bk_punch_target_makes_sense(&pair, &c));
	peer.tcp.public_addr = c.addr;
	assert_false(bk_punch_target_makes_sense(&pair, &c));
}

/* Which link it is nobody can tell. */
static void what_is_on_a_link_is_tried_on_each_of_ours_and_no_more_addresses_than_others(void **state)
{
	static const struct bk_method *const methods[] = {&bk_method_tcp, &bk_method_udp};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bk_intro own = side(NULL, false), peer = side(NULL, false);
		const struct bk_pair pair = {.own = &own, .peer = &peer, .networks = networks()};
		struct bk_plan p;

		add(&peer, methods[i]->transport, BK_CANDIDATE_HOST, addr_of("[fe80::9]:5000"));
		bk_plan_make(&pair, bk_techniques, methods[i], &p);
		assert_int_equal(p.attempts_len, 2);
		assert_int_equal(p.attempts[0].remote.scope, 2);
		assert_int_equal(p.attempts[1].remote.scope, 7);
		for (uint8_t k = 0; k < BK_INTRO_CANDIDATES_MAX - 1; k++)
			add(&peer, methods[i]->transport, BK_CANDIDATE_HOST,
				addr_of(k % 2 ? "[fe80::9]:5001" : "[fe80::a]:5000"));
		for (size_t k = 1; k < peer.candidates_len; k++)
			peer.candidates[k].addr.port = (uint16_t)(6000 + k);
		bk_plan_make(&pair, bk_techniques, methods[i], &p);
		assert_int_equal(p.attempts_len, BK_PUNCH_TARGETS_MAX);
	}
}

/* Every candidate another address of the peer's choice. */
static struct bk_intro greedy(enum bk_transport t, const char *first, enum bk_candidate_kind kind)
{
	struct bk_intro in = side(PEER_PUBLIC, true);
	struct bk_addr a = addr_of(first);

	for (uint8_t i = 0; i < BK_INTRO_CANDIDATES_MAX; i++) {
		a.ip[a.family == 4 ? 3 : 15] = (uint8_t)(i + 10);
		add(&in, t, kind, a);
	}
	return in;
}

static size_t count_targets(const struct bk_method *method, struct bk_intro *peer)
{
	struct bk_intro own = side(OWN_PUBLIC, true);
	const struct bk_pair pair = {.own = &own, .peer = peer, .networks = networks()};
	struct bk_plan p;

	add(&own, method->transport, BK_CANDIDATE_HOST, addr_of("[2001:db8::1]:5000"));
	add(&own, method->transport, BK_CANDIDATE_FIREWALLED, addr_of("[2001:db8::1]:5000"));
	bk_plan_make(&pair, bk_techniques, method, &p);
	return p.attempts_len;
}

static void a_peer_gets_few_addresses_whatever_it_lists(void **state)
{
	static const struct {
		const char *first;
		enum bk_candidate_kind kind;
		size_t targets;
	} rows[] = {
		{"198.51.100.1:80", BK_CANDIDATE_HOST, BK_PUNCH_TARGETS_MAX},
		{"198.51.100.1:80", BK_CANDIDATE_MAPPED, 0},
		{"[2001:db8::1]:80", BK_CANDIDATE_HOST, BK_PUNCH_TARGETS_MAX},
		{"[2001:db8::1]:80", BK_CANDIDATE_FIREWALLED, BK_PUNCH_TARGETS_MAX},
		{"198.51.100.1:80", BK_CANDIDATE_OPENED, 0},
		{"[2001:db8::1]:80", BK_CANDIDATE_OPENED, 0},
		{"192.168.1.1:80", BK_CANDIDATE_HOST, 0},
		{"127.0.0.1:80", BK_CANDIDATE_HOST, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_intro tcp = greedy(BK_TRANSPORT_TCP, rows[i].first, rows[i].kind);
		struct bk_intro udp = greedy(BK_TRANSPORT_UDP, rows[i].first, rows[i].kind);

		assert_int_equal(count_targets(&bk_method_tcp, &tcp), rows[i].targets);
		assert_int_equal(count_targets(&bk_method_udp, &udp), rows[i].targets);
	}
}

static void many_own_addresses_do_not_push_the_mapped_one_out(void **state)
{
	struct bk_intro peer = greedy(BK_TRANSPORT_TCP, "198.51.100.1:80", BK_CANDIDATE_HOST);

	(void)state;
	peer.candidates[BK_INTRO_CANDIDATES_MAX - 1] =
		(struct bk_candidate){.kind = BK_CANDIDATE_MAPPED, .addr = addr_of(PEER_PUBLIC)};
	assert_int_equal(count_targets(&bk_method_tcp, &peer), BK_PUNCH_TARGETS_MAX + 1);
}

/* docs/protocol/traversal.md names the numbers. */
static void the_mapped_address_is_asked_all_the_time_in_the_first_race_alone(void **state)
{
	struct bk_intro own = side(OWN_PUBLIC, true), peer = side(PEER_PUBLIC, true);
	struct bk_pair pair = {.own = &own, .peer = &peer};
	struct bk_plan p;

	(void)state;
	add(&peer, BK_TRANSPORT_TCP, BK_CANDIDATE_MAPPED, addr_of(PEER_PUBLIC));
	add(&peer, BK_TRANSPORT_TCP, BK_CANDIDATE_HOST, addr_of("198.51.100.7:5000"));
	for (int i = 0; i < 2; i++) {
		pair.is_again = i;
		bk_plan_make(&pair, bk_techniques, &bk_method_tcp, &p);
		assert_int_equal(p.attempts_len, 2);
		assert_int_equal(p.attempts[0].eager, 0);
		assert_int_equal(p.attempts[1].eager, i ? 20 : 300);
	}
}

/* A row that adds whatever the peer says. */
static void plan_anything(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *p)
{
	for (size_t i = 0; i < pair->peer->candidates_len; i++)
		bk_plan_add(
			p, &(struct bk_attempt){.technique = t, .remote = pair->peer->candidates[i].addr});
}

static void a_careless_technique_is_held_to_the_same(void **state)
{
	static const struct bk_technique careless = {
		.name = "careless", .method = &bk_method_udp, .plan = plan_anything};
	static const struct bk_technique *const rows[] = {&careless, NULL};
	struct bk_intro own = side(OWN_PUBLIC, true), peer = side(PEER_PUBLIC, true);
	const struct bk_pair pair = {.own = &own, .peer = &peer, .networks = networks()};
	struct bk_plan p;

	(void)state;
	add(&peer, BK_TRANSPORT_UDP, BK_CANDIDATE_HOST, addr_of("127.0.0.1:53"));
	add(&peer, BK_TRANSPORT_UDP, BK_CANDIDATE_HOST, addr_of("192.168.1.1:53"));
	for (uint8_t i = 0; i < BK_PUNCH_TARGETS_MAX + 2; i++)
		add(&peer, BK_TRANSPORT_UDP, BK_CANDIDATE_HOST, bk_addr_v4(198, 51, 100, i, 53));
	bk_plan_make(&pair, rows, &bk_method_udp, &p);
	assert_int_equal(p.attempts_len, BK_PUNCH_TARGETS_MAX);
	for (size_t i = 0; i < p.attempts_len; i++)
		assert_int_equal(p.attempts[i].remote.ip[0], 198);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_public_takes_evidence_of_our_own),
		cmocka_unit_test(what_our_server_says_of_us_is_no_evidence_of_ours),
		cmocka_unit_test(no_ports_of_a_neighbour_are_guessed_on_a_server_s_word),
		cmocka_unit_test(a_mapped_address_is_the_one_that_the_profile_names),
		cmocka_unit_test(a_peer_gets_few_addresses_whatever_it_lists),
		cmocka_unit_test(many_own_addresses_do_not_push_the_mapped_one_out),
		cmocka_unit_test(the_mapped_address_is_asked_all_the_time_in_the_first_race_alone),
		cmocka_unit_test(
			what_is_on_a_link_is_tried_on_each_of_ours_and_no_more_addresses_than_others),
		cmocka_unit_test(a_careless_technique_is_held_to_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
