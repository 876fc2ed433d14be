/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nat/profile.h"

#define SERVER(last, port) bk_addr_v4(203, 0, 113, last, port)
#define OUTSIDE(port)      bk_addr_v4(198, 51, 100, 7, port)
#define UNTESTED           BK_MAILBOX_REACH_UNTESTED
#define NO                 BK_MAILBOX_REACH_NO
#define YES                BK_MAILBOX_REACH_YES

/* Mapped ports towards .1:15005, .1:15006 and .2:15005; 0: not sampled. */
static struct bk_nat_profile judge(uint16_t first, uint16_t other_port, uint16_t other_address,
	enum bk_mailbox_reach same, enum bk_mailbox_reach other)
{
	struct bk_nat_evidence e = {
		.local = bk_addr_v4(192, 168, 1, 2, 41000), .same_address = same, .other_address = other};
	const struct bk_nat_sample all[] = {
		{SERVER(1, 15005), OUTSIDE(first)},
		{SERVER(1, 15006), OUTSIDE(other_port)},
		{SERVER(2, 15005), OUTSIDE(other_address)},
	};
	struct bk_nat_profile p;

	for (size_t i = 0; i < 3; i++) {
		if (all[i].mapped.port != 0)
			e.samples[e.samples_len++] = all[i];
	}
	bk_nat_profile_judge(&e, &p);
	return p;
}

#define EI  BK_NAT_ENDPOINT_INDEPENDENT
#define AD  BK_NAT_ADDRESS_DEPENDENT
#define APD BK_NAT_ADDRESS_AND_PORT_DEPENDENT

static const struct {
	uint16_t ports[3];
	enum bk_mailbox_reach same, other;
	enum bk_nat_behavior mapping, filtering;
	enum bk_nat_allocation allocation;
	const char *name, *plain, *phrase;
} sample_rows[] = {
	{{41000, 41000, 0}, YES, YES, EI, EI, BK_NAT_PRESERVING, "Full Cone", "Full Cone", "full-cone"},
	{{41000, 41000, 0}, YES, NO, EI, AD, BK_NAT_PRESERVING, "Restricted Cone", "Restric NAT",
		"restricted"},
	{{5000, 5000, 5000}, NO, NO, EI, APD, BK_NAT_ALLOCATION_UNKNOWN, "Port Restricted Cone",
		"Restric Port NAT", "port-restricted"},
	{{5000, 5000, 0}, UNTESTED, UNTESTED, EI, BK_NAT_UNKNOWN, BK_NAT_ALLOCATION_UNKNOWN,
		"Port Restricted Cone", "Restric Port NAT", "port-restricted"},
	{{5000, 5000, 0}, YES, UNTESTED, EI, BK_NAT_UNKNOWN, BK_NAT_ALLOCATION_UNKNOWN,
		"Port Restricted Cone", "Restric Port NAT", "port-restricted"},
	{{5000, 5001, 0}, NO, NO, APD, APD, BK_NAT_SEQUENTIAL, "Symmetric", "Symmetric NAT",
		"symmetric (sequential ports)"},
	{{5000, 47211, 0}, NO, NO, APD, APD, BK_NAT_RANDOM, "Symmetric", "Symmetric NAT",
		"symmetric (random ports)"},
	{{5000, 5000, 5002}, NO, NO, AD, APD, BK_NAT_SEQUENTIAL, "Symmetric", "Symmetric NAT",
		"symmetric (sequential ports)"},
	{{5000, 0, 6000}, NO, NO, APD, APD, BK_NAT_RANDOM, "Symmetric", "Symmetric NAT",
		"symmetric (random ports)"},
	{{5000, 5031, 0}, NO, NO, APD, APD, BK_NAT_ALLOCATION_UNKNOWN, "Symmetric", "Symmetric NAT",
		"symmetric"}, /* a small block's are so near */
	{{5000, 5009, 5031}, NO, NO, APD, APD, BK_NAT_ALLOCATION_UNKNOWN, "Symmetric", "Symmetric NAT",
		"symmetric"},
	{{5000, 5016, 5032}, NO, NO, APD, APD, BK_NAT_SEQUENTIAL, "Symmetric", "Symmetric NAT",
		"symmetric (sequential ports)"},
	{{5000, 5004, 5001}, NO, NO, APD, APD, BK_NAT_RANDOM, "Symmetric", "Symmetric NAT",
		"symmetric (random ports)"},
	{{5000, 0, 0}, UNTESTED, UNTESTED, BK_NAT_UNKNOWN, BK_NAT_UNKNOWN, BK_NAT_ALLOCATION_UNKNOWN,
		"unknown", "unknown", "of unknown type"},
	{{0, 0, 0}, NO, NO, BK_NAT_UNKNOWN, APD, BK_NAT_ALLOCATION_UNKNOWN, "Blocked", "Blocked", "blocked"},
	{{0, 0, 0}, UNTESTED, UNTESTED, BK_NAT_UNKNOWN, BK_NAT_UNKNOWN, BK_NAT_ALLOCATION_UNKNOWN, "unknown",
		"unknown", "of unknown type"},
};

static void mapping_allocation_and_name_follow_from_the_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sample_rows) / sizeof(sample_rows[0]); i++) {
		struct bk_nat_profile p = judge(sample_rows[i].ports[0], sample_rows[i].ports[1],
			sample_rows[i].ports[2], sample_rows[i].same, sample_rows[i].other);

		assert_int_equal(p.mapping, sample_rows[i].mapping);
		assert_int_equal(p.filtering, sample_rows[i].filtering);
		assert_int_equal(p.allocation, sample_rows[i].allocation);
		assert_string_equal(bk_nat_type_name(&p), sample_rows[i].name);
		assert_string_equal(bk_nat_type_plain_name(&p), sample_rows[i].plain);
		assert_string_equal(bk_nat_type_phrase(&p), sample_rows[i].phrase);
	}
}

static void the_step_of_a_sequential_nat_is_the_smallest_seen(void **state)
{
	struct bk_nat_profile up = judge(5000, 5006, 5008, NO, NO), down = judge(5008, 5006, 5000, NO, NO);

	(void)state;
	assert_int_equal(up.delta, 2);
	assert_int_equal(down.delta, -2);
}

static void the_same_address_outside_is_open_or_a_firewall(void **state)
{
	struct bk_nat_evidence e = {.local = OUTSIDE(41000), .samples_len = 1};
	struct bk_nat_profile p;

	(void)state;
	e.samples[0] = (struct bk_nat_sample){SERVER(1, 15005), OUTSIDE(41000)};
	bk_nat_profile_judge(&e, &p);
	assert_false(p.is_translated);
	assert_int_equal(p.mapping, BK_NAT_ENDPOINT_INDEPENDENT);
	assert_string_equal(bk_nat_type_name(&p), "Open Internet");
	assert_true(bk_nat_is_reachable(&p));
	e.same_address = e.other_address = BK_MAILBOX_REACH_NO;
	bk_nat_profile_judge(&e, &p);
	assert_string_equal(bk_nat_type_name(&p), "Symmetric Firewall");
	assert_string_equal(bk_nat_type_plain_name(&p), "Symmetric UDP Firewall");
	assert_false(bk_nat_is_reachable(&p));
}

static void two_samples_of_one_server_endpoint_say_nothing_of_the_mapping(void **state)
{
	struct bk_nat_evidence e = {.local = bk_addr_v4(10, 0, 0, 2, 41000), .samples_len = 2};
	struct bk_nat_profile p;

	(void)state;
	e.samples[0] = e.samples[1] = (struct bk_nat_sample){SERVER(1, 15005), OUTSIDE(5000)};
	bk_nat_profile_judge(&e, &p);
	assert_int_equal(p.mapping, BK_NAT_UNKNOWN);
}

static void a_later_port_tells_how_many_others_take(void **state)
{
	static const struct {
		int steps;
		bk_dur after;
		uint32_t rate;
	} rows[] = {
		{203, 1 * BK_SEC, 200}, {23, 1 * BK_SEC, 20}, {3, 1 * BK_SEC, 0}, /* our own */
		{203, 10 * BK_MS, 0},  /* too short a time to tell */
		{203, 60 * BK_SEC, 0}, /* a sequence may have begun anew */
		{-100, 1 * BK_SEC, 0}, /* it has */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_nat_profile p = judge(5000, 5001, 0, UNTESTED, UNTESTED);
		uint16_t port = (uint16_t)(5001 + rows[i].steps);

		assert_int_equal(p.ports.last, 5001);
		bk_nat_profile_add_later(&p, &(struct bk_nat_later){port, rows[i].after}, 1);
		assert_int_equal(p.ports.last, port);
		assert_int_equal(p.ports.rate, rows[i].rate);
		assert_int_equal(p.ports.seen, 3);
		assert_int_equal(p.ports.max - p.ports.min, rows[i].steps > 0 ? rows[i].steps + 1 : 100);
	}
}

static void more_ports_tell_better_whether_they_are_a_sequence(void **state)
{
	static const struct {
		uint16_t later[5];
		enum bk_nat_allocation allocation;
		int delta;
	} rows[] = {
		{{5002, 5003, 5004, 5005, 5006}, BK_NAT_SEQUENTIAL, 1},
		{{5003, 5005, 5007, 5009, 5011}, BK_NAT_SEQUENTIAL, 2},
		{{61000, 1030, 17000, 40000, 3000}, BK_NAT_RANDOM, 0}, /* the first two were near by chance */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_nat_profile p = judge(5000, 5001, 0, UNTESTED, UNTESTED);
		struct bk_nat_later later[5];

		for (size_t j = 0; j < 5; j++)
			later[j] = (struct bk_nat_later){rows[i].later[j], BK_MS};
		bk_nat_profile_add_later(&p, later, 5);
		assert_int_equal(p.allocation, rows[i].allocation);
		assert_int_equal(p.delta, rows[i].delta);
		assert_int_equal(p.ports.seen, 7);
	}
}

/* A local port that was another flow's a moment ago keeps that one's public port. */
static void a_port_of_an_older_flow_does_not_hide_a_sequence(void **state)
{
	enum { N = 6 };
	static const struct {
		uint16_t first, later[N], last;
	} rows[] = {
		{21428, {21429, 20082, 21430, 21431, 21432, 21433}, 21433},
		{22974, {22975, 22976, 22977, 20816, 22978, 22979}, 22979},
		{23637, {21519, 23638, 23639, 23640, 23641, 23642}, 23642},
		{23637, {23638, 23639, 23640, 23641, 21519, 23652}, 23652}, /* nothing is made of it */
		{23637, {23638, 23639, 23640, 23641, 23642, 21519}, 23642}, /* the last one itself */
		{23637, {23638, 19000, 23640, 23641, 21519, 23642}, 23642}, /* two of them */
		{21000, {23638, 23639, 23640, 23641, 23642, 23643}, 23643}, /* the sample was */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_nat_profile p =
			judge((uint16_t)(rows[i].first - 1), rows[i].first, 0, UNTESTED, UNTESTED);
		struct bk_nat_later later[N];

		for (size_t j = 0; j < N; j++)
			later[j] = (struct bk_nat_later){rows[i].later[j], j + 1 < N ? BK_MS : 200 * BK_MS};
		bk_nat_profile_add_later(&p, later, N);
		assert_int_equal(p.allocation, BK_NAT_SEQUENTIAL);
		assert_int_equal(p.delta, 1);
		assert_int_equal(p.ports.last, rows[i].last);
	}
}

/* --- what a mailbox tells of other flows over TCP --- */

enum { AT_ONCE = BK_MAILBOX_FLOWS_MAX - 1 };

static struct bk_mailbox_view view_of(uint16_t first, uint16_t second)
{
	return (struct bk_mailbox_view){.local = bk_addr_v4(10, 0, 0, 2, 4000),
		.samples = {{SERVER(1, 15005), OUTSIDE(first)}, {SERVER(1, 15006), OUTSIDE(second)}},
		.samples_len = 2};
}

static void add_flow(struct bk_mailbox_view *v, size_t i, uint16_t port, bk_time began)
{
	v->flows[i] = (struct bk_mailbox_flow){OUTSIDE(port), began};
}

static void flows_at_once_tell_a_sequence_and_a_later_one_where_it_is_by_now(void **state)
{
	static const struct {
		int delta;
		uint16_t latest; /* 0: none */
		uint16_t last;
		uint32_t rate;
	} rows[] = {
		{1, 0, 5006, 0}, {-1, 0, 4994, 0}, {2, 0, 5012, 0}, {1, 5206, 5206, 197},
		{-2, 4588, 4588, 197}, {1, 4000, 4000, 0}, /* it has begun anew */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_mailbox_view v = view_of(5000, (uint16_t)(5000 + rows[i].delta));
		struct bk_nat_profile p;
		bk_time seen_at;

		for (size_t k = 0; k < AT_ONCE; k++)
			add_flow(&v, k, (uint16_t)(5000 + rows[i].delta * (int)(k + 2)), BK_SEC);
		if (rows[i].latest)
			add_flow(&v, AT_ONCE, rows[i].latest, 2 * BK_SEC);
		bk_nat_profile_of_view(&v, &p, &seen_at);
		assert_int_equal(p.allocation, BK_NAT_SEQUENTIAL);
		assert_int_equal(p.delta, rows[i].delta);
		assert_int_equal(p.ports.last, rows[i].last);
		assert_int_equal(p.ports.rate, rows[i].rate);
		assert_true(seen_at == (rows[i].latest ? 2 : 1) * BK_SEC);
	}
}

static void flows_that_tell_nothing_change_nothing(void **state)
{
	struct bk_mailbox_view v = view_of(5000, 5001);
	struct bk_nat_profile p;
	bk_time seen_at;

	(void)state;
	for (size_t k = 0; k < AT_ONCE; k++) /* by another line, or unanswered */
		v.flows[k] = (struct bk_mailbox_flow){k % 2 ? SERVER(9, 6000) : (struct bk_addr){0}, BK_SEC};
	add_flow(&v, AT_ONCE, 5100, 2 * BK_SEC);
	bk_nat_profile_of_view(&v, &p, &seen_at);
	assert_true(!seen_at && p.ports.last == 5001 && p.ports.seen == 2);
	v.samples[1].mapped = v.samples[0].mapped; /* all have one port */
	add_flow(&v, 0, 5002, BK_SEC);
	bk_nat_profile_of_view(&v, &p, &seen_at);
	assert_true(!seen_at && !p.ports.seen && p.mapping == BK_NAT_ENDPOINT_INDEPENDENT);
}

/* Two ports of a block of 128 are as near each other as those of a sequence 3 times in 100. */
static void a_small_block_passes_for_a_sequence_less_than_once_in_a_thousand(void **state)
{
	enum { DRAWS = 100000, BLOCK = 128 };
	uint64_t dice = 1;
	int seen = 0;

	(void)state;
	for (int i = 0; i < DRAWS; i++) {
		struct bk_mailbox_view v = {0};
		struct bk_nat_profile p;
		uint16_t ports[BK_MAILBOX_FLOWS_MAX + 2];
		bk_time seen_at;

		for (size_t k = 0; k < BK_MAILBOX_FLOWS_MAX + 2; k++) {
			dice = dice * 6364136223846793005 + 1442695040888963407;
			ports[k] = (uint16_t)(20000 + (dice >> 33) % BLOCK);
		}
		v = view_of(ports[0], ports[1]);
		for (size_t k = 0; k < BK_MAILBOX_FLOWS_MAX; k++)
			add_flow(&v, k, ports[k + 2], (k < AT_ONCE ? 1 : 2) * BK_SEC);
		bk_nat_profile_of_view(&v, &p, &seen_at);
		seen += bk_nat_is_dependent(&p) && p.allocation == BK_NAT_SEQUENTIAL;
	}
	assert_in_range(seen, 0, DRAWS / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapping_allocation_and_name_follow_from_the_samples),
		cmocka_unit_test(the_step_of_a_sequential_nat_is_the_smallest_seen),
		cmocka_unit_test(the_same_address_outside_is_open_or_a_firewall),
		cmocka_unit_test(more_ports_tell_better_whether_they_are_a_sequence),
		cmocka_unit_test(a_port_of_an_older_flow_does_not_hide_a_sequence),
		cmocka_unit_test(a_later_port_tells_how_many_others_take),
		cmocka_unit_test(flows_at_once_tell_a_sequence_and_a_later_one_where_it_is_by_now),
		cmocka_unit_test(flows_that_tell_nothing_change_nothing),
		cmocka_unit_test(a_small_block_passes_for_a_sequence_less_than_once_in_a_thousand),
		cmocka_unit_test(two_samples_of_one_server_endpoint_say_nothing_of_the_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
