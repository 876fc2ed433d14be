/* SPDX-License-Identifier: Apache-2.0 */
#include "nat/discover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "nat/allocation.h"
#include "nat/test_kit.h"
#include "stun/msg.h"

static struct bk_nat_finding discover(struct kit *k, uint16_t alt_port, uint64_t seed, bk_dur *ret_time)
{
	const struct bk_nat_discover_opts opts = {
		.local = k->host, .server = k->server[0], .alt_port = alt_port, .seed = seed};
	struct bk_nat_discover *e;
	struct bk_nat_finding f;
	bk_dur time;

	assert_int_equal(bk_nat_discover_new(&opts, k->now, &e), 0);
	time = kit_run(k, e, &bk_nat_discover_ops);
	if (ret_time)
		*ret_time = time;
	bk_nat_discover_finding(e, &f);
	bk_nat_discover_free(e);
	return f;
}

static struct bk_nat_finding discover_type(const char *type, uint64_t seed)
{
	struct kit k;

	kit_init(&k, type, seed);
	return discover(&k, 0, seed, NULL);
}

static const struct expectation {
	const char *type, *name;
	enum bk_nat_behavior mapping, filtering;
	enum bk_nat_allocation allocation;
	int delta;
	enum bk_nat_answer stacked;
} rows[] = {
#define EI  BK_NAT_ENDPOINT_INDEPENDENT
#define AD  BK_NAT_ADDRESS_DEPENDENT
#define APD BK_NAT_ADDRESS_AND_PORT_DEPENDENT
	{"open", "Open Internet", EI, EI, BK_NAT_PRESERVING, 0, BK_NAT_UNTESTED},
	{"full", "Full Cone", EI, EI, BK_NAT_PRESERVING, 0, BK_NAT_NO},
	{"full-hairpin", "Full Cone", EI, EI, BK_NAT_RANDOM, 0, BK_NAT_NO},
	{"restricted", "Restricted Cone", EI, AD, BK_NAT_PRESERVING, 0, BK_NAT_NO},
	{"port", "Port Restricted Cone", EI, APD, BK_NAT_PRESERVING, 0, BK_NAT_NO},
	{"address", "Symmetric", AD, APD, BK_NAT_RANDOM, 0, BK_NAT_NO},
	{"sym", "Symmetric", APD, APD, BK_NAT_RANDOM, 0, BK_NAT_NO},
	{"symseq", "Symmetric", APD, APD, BK_NAT_SEQUENTIAL, 1, BK_NAT_NO},
	{"symseq-2", "Symmetric", APD, APD, BK_NAT_SEQUENTIAL, 2, BK_NAT_NO},
	{"cgn-port", "Port Restricted Cone", EI, APD, BK_NAT_PRESERVING, 0, BK_NAT_YES},
	{"cgn-sym", "Symmetric", APD, APD, BK_NAT_RANDOM, 0, BK_NAT_YES},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void check(const struct expectation *row, const struct bk_nat_finding *f)
{
	if (strcmp(bk_nat_type_name(&f->profile), row->name) != 0 || f->profile.mapping != row->mapping ||
		f->profile.filtering != row->filtering || f->profile.allocation != row->allocation ||
		f->profile.delta != row->delta || f->stacked != row->stacked)
		fail_msg("%s: judged %s, mapping %s, filtering %s, allocation %s %d, stacked %d", row->type,
			bk_nat_type_name(&f->profile), bk_nat_behavior_name(f->profile.mapping),
			bk_nat_behavior_name(f->profile.filtering),
			bk_nat_allocation_name(f->profile.allocation), f->profile.delta, f->stacked);
}

static void every_type_of_nat_is_known_for_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct bk_nat_finding f = discover_type(rows[i].type, seed);

			check(&rows[i], &f);
			assert_false(f.is_blocked);
			assert_int_equal(f.rtt, 10 * BK_MS);
			assert_true(f.port_min && f.port_min <= f.port_max);
		}
	}
}

static void it_takes_well_under_a_second(void **state)
{
	(void)state;
	for (bk_dur delay = BK_MS / 10; delay <= 50 * BK_MS; delay *= 5) {
		for (size_t i = 0; i < ROWS; i++) {
			struct kit k;
			bk_dur time;

			kit_init(&k, rows[i].type, 3);
			k.delay = delay;
			discover(&k, 0, 3, &time);
			assert_true(time < 950 * BK_MS);
			if (delay < BK_MS)
				assert_true(time < 250 * BK_MS);
		}
	}
}

static void an_open_machine_is_known_in_two_round_trips(void **state)
{
	struct kit k;
	bk_dur time;

	(void)state;
	kit_init(&k, "open", 1);
	discover(&k, 0, 1, &time);
	assert_int_equal(time, 20 * BK_MS);
}

static void loss_makes_no_difference_to_the_judgement(void **state)
{
	unsigned wrong = 0, runs = 0;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (uint64_t seed = 1; seed <= 50; seed++, runs++) {
			struct kit k;
			struct bk_nat_finding f;

			kit_init(&k, rows[i].type, seed);
			k.loss = 0.05;
			f = discover(&k, 0, seed, NULL);
			wrong += strcmp(bk_nat_type_name(&f.profile), rows[i].name) != 0;
		}
	}
	assert_true(wrong * 200 <= runs);
}

static void with_one_address_mapping_and_the_own_ports_filter_are_known(void **state)
{
	struct bk_nat_finding f;
	struct kit k;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		kit_init(&k, rows[i].type, 5);
		k.server[2].family = k.server[3].family = 0;
		f = discover(&k, 15006, 5, NULL);
		assert_int_equal(f.profile.mapping, rows[i].mapping == AD ? EI : rows[i].mapping);
		if (rows[i].filtering == APD)
			assert_int_equal(f.profile.filtering, APD);
		else
			assert_int_equal(f.profile.filtering, BK_NAT_UNKNOWN);
	}
}

static void a_simple_server_leaves_open_what_it_cannot_tell(void **state)
{
	struct bk_nat_finding f;
	struct kit k;
	bk_dur time;

	(void)state;
	kit_init(&k, "port", 5);
	k.is_simple = true;
	f = discover(&k, 0, 5, &time);
	assert_int_equal(f.profile.mapping, BK_NAT_UNKNOWN);
	assert_int_equal(f.profile.filtering, BK_NAT_UNKNOWN);
	assert_int_equal(f.profile.allocation, BK_NAT_PRESERVING);
	assert_int_equal(f.profile.public_addr.family, 4);
	assert_true(time < 100 * BK_MS); /* but for the hairpin's silence nothing is waited for */
	kit_init(&k, "port", 5);
	k.is_simple = true;
	k.server[1].family = 0;
	f = discover(&k, 15006, 5, NULL); /* a second port that is not there says nothing */
	assert_int_equal(f.profile.mapping, BK_NAT_UNKNOWN);
	assert_int_equal(f.profile.filtering, BK_NAT_UNKNOWN);
}

static void no_round_trip_is_too_long(void **state)
{
	static const bk_dur rtts[] = {BK_MS, 300 * BK_MS, 1300 * BK_MS, 3 * BK_SEC};

	(void)state;
	for (size_t r = 0; r < sizeof(rtts) / sizeof(rtts[0]); r++) {
		for (size_t i = 0; i < ROWS; i++) {
			struct bk_nat_finding f;
			struct kit k;

			kit_init(&k, rows[i].type, 3);
			k.delay = rtts[r] / 2;
			f = discover(&k, 0, 3, NULL);
			assert_false(f.is_blocked);
			assert_string_equal(bk_nat_type_name(&f.profile), rows[i].name);
		}
	}
}

/* Answers every question: with an error, or from another port. */
static struct bk_nat_finding answer_oddly(bool with_error)
{
	const struct bk_addr local = bk_addr_v4(10, 0, 0, 2, 0), server = bk_addr_v4(192, 0, 2, 1, 3478);
	const struct bk_nat_discover_opts opts = {.local = local, .server = server, .seed = 1};
	const struct bk_addr from = with_error ? server : bk_addr_with_port(server, 4000);
	const struct bk_engine_ops *ops = &bk_nat_discover_ops;
	struct bk_nat_discover *e;
	struct bk_nat_finding f;
	struct bk_stun_msg m;
	struct bk_action a;
	uint8_t bytes[BK_DATAGRAM_MAX];

	assert_int_equal(bk_nat_discover_new(&opts, 0, &e), 0);
	for (bk_time now = 0; ops->next_wake(e) != BK_NEVER; now = bk_time_max(now, ops->next_wake(e))) {
		ops->on_time(e, now);
		while (ops->next_action(e, &a)) {
			if (a.type == BK_ACT_UDP_OPEN)
				ops->on_opened(e, a.id, &local, now);
			if (a.type != BK_ACT_DATAGRAM || bk_stun_decode(a.data, a.len, &m) < 0)
				continue;
			m = (struct bk_stun_msg){.class = with_error ? BK_STUN_ERROR : BK_STUN_SUCCESS,
				.id = m.id,
				.error_code = with_error ? 420 : 0,
				.xor_mapped = bk_addr_v4(198, 51, 100, 7, 5000)};
			ops->on_datagram(e, a.id, &from, bytes,
				(size_t)bk_stun_encode(&m, NULL, false, bytes, sizeof(bytes)), now);
		}
	}
	bk_nat_discover_finding(e, &f);
	bk_nat_discover_free(e);
	return f;
}

static void an_answer_that_tells_nothing_is_no_silence(void **state)
{
	struct bk_nat_finding f = answer_oddly(true);

	(void)state;
	assert_false(f.is_blocked);
	assert_int_equal(f.stun_error, 420);
	assert_string_equal(bk_nat_type_name(&f.profile), "unknown");
	f = answer_oddly(false);
	assert_false(f.is_blocked);
	assert_int_equal(f.elsewhere.port, 4000);
	assert_string_equal(bk_nat_type_name(&f.profile), "unknown");
}

static void silence_is_called_blocked_when_no_way_is_that_long(void **state)
{
	struct bk_nat_finding f;
	struct kit k;
	bk_dur time;

	(void)state;
	kit_init(&k, "port", 5);
	k.is_deaf = true;
	f = discover(&k, 15006, 5, &time);
	assert_true(f.is_blocked);
	assert_string_equal(bk_nat_type_name(&f.profile), "Blocked");
	assert_int_equal(f.hairpin, BK_NAT_UNTESTED);
	assert_in_range(time, 8 * BK_SEC, 9 * BK_SEC);
	assert_true(k.sent < 60);
}

static void hairpin_is_seen_where_it_is_and_only_there(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		assert_int_equal(discover_type("full-hairpin", seed).hairpin, BK_NAT_YES);
		assert_int_equal(discover_type("port-hairpin", seed).hairpin, BK_NAT_YES);
		assert_int_equal(discover_type("full", seed).hairpin, BK_NAT_NO);
		assert_int_equal(discover_type("sym", seed).hairpin, BK_NAT_NO);
		assert_int_equal(discover_type("open", seed).hairpin, BK_NAT_UNTESTED);
	}
}

static void ports_are_judged_by_their_steps(void **state)
{
	static const struct {
		uint16_t local[6], mapped[6];
		size_t n;
		enum bk_nat_allocation allocation;
		int delta;
	} cases[] = {
		{{1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, 6, BK_NAT_PRESERVING, 0},
		{{1, 2, 3, 4, 5, 6}, {1, 2, 900, 4, 5, 6}, 6, BK_NAT_PRESERVING, 0}, /* one was taken */
		{{9, 9, 9, 9, 9, 9}, {100, 101, 102, 103, 104, 105}, 6, BK_NAT_SEQUENTIAL, 1},
		{{9, 9, 9, 9, 9, 9}, {100, 102, 104, 109, 111, 113}, 6, BK_NAT_SEQUENTIAL,
			2}, /* others too */
		{{9, 9, 9, 9, 9, 9}, {105, 104, 103, 102, 101, 100}, 6, BK_NAT_SEQUENTIAL, -1},
		{{9, 9, 9, 9, 9, 9}, {24094, 24095, 20000, 20001, 20002, 20003}, 6, BK_NAT_SEQUENTIAL, 1},
		{{9, 9, 9, 9, 9, 9}, {4000, 60000, 1025, 33000, 40000, 9000}, 6, BK_NAT_RANDOM, 0},
		{{9, 9, 9, 9, 9, 9}, {2050, 2060, 2049, 2070, 2055, 2063}, 6, BK_NAT_RANDOM,
			0}, /* a small block */
		{{1, 2, 4, 3, 6, 5}, {701, 2000, 2002, 703, 2004, 705}, 6, BK_NAT_SEQUENTIAL,
			2}, /* parity is kept */
		{{1, 2, 4, 3, 6, 5}, {701, 2000, 1900, 703, 2002, 705}, 6, BK_NAT_SEQUENTIAL, 2},
		{{1, 2, 4, 3, 6, 5}, {705, 2004, 2002, 703, 2000, 701}, 6, BK_NAT_SEQUENTIAL, -2},
		{{1, 2, 4, 3, 6, 5}, {701, 2000, 9002, 4703, 20004, 705}, 6, BK_NAT_RANDOM, 0},
		{{9, 9, 9, 9}, {100, 109, 131, 141}, 4, BK_NAT_RANDOM, 0},
		{{9, 9, 9, 9}, {100, 102, 131, 140}, 4, BK_NAT_SEQUENTIAL, 2},
		{{9, 9, 9, 9}, {100, 116, 132, 148}, 4, BK_NAT_SEQUENTIAL, 16},
		{{9, 9, 9}, {100, 101, 102}, 3, BK_NAT_SEQUENTIAL, 1},
		{{9, 9, 9}, {100, 101, 900}, 3, BK_NAT_RANDOM, 0},
		{{1, 2}, {1, 2}, 2, BK_NAT_ALLOCATION_UNKNOWN, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bk_nat_port_pair pairs[6];
		int delta = 99;

		for (size_t j = 0; j < cases[i].n; j++)
			pairs[j] = (struct bk_nat_port_pair){cases[i].local[j], cases[i].mapped[j]};
		assert_int_equal(bk_nat_allocation_judge(pairs, cases[i].n, &delta), cases[i].allocation);
		assert_int_equal(delta, cases[i].delta);
	}
}

static void a_machine_without_an_address_of_the_servers_family_is_refused(void **state)
{
	struct bk_nat_discover_opts opts = {.local = {.family = 6}, .server = bk_addr_v4(192, 0, 2, 1, 3478)};
	struct bk_nat_discover *e = NULL;

	(void)state;
	assert_int_equal(bk_nat_discover_new(&opts, 0, &e), BK_E_INVALID);
	opts.local.family = 0;
	opts.server.family = 0;
	assert_int_equal(bk_nat_discover_new(&opts, 0, &e), BK_E_INVALID);
	bk_nat_discover_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_nat_is_known_for_what_it_is),
		cmocka_unit_test(it_takes_well_under_a_second),
		cmocka_unit_test(an_open_machine_is_known_in_two_round_trips),
		cmocka_unit_test(loss_makes_no_difference_to_the_judgement),
		cmocka_unit_test(with_one_address_mapping_and_the_own_ports_filter_are_known),
		cmocka_unit_test(a_simple_server_leaves_open_what_it_cannot_tell),
		cmocka_unit_test(silence_is_called_blocked_when_no_way_is_that_long),
		cmocka_unit_test(no_round_trip_is_too_long),
		cmocka_unit_test(an_answer_that_tells_nothing_is_no_silence),
		cmocka_unit_test(hairpin_is_seen_where_it_is_and_only_there),
		cmocka_unit_test(ports_are_judged_by_their_steps),
		cmocka_unit_test(a_machine_without_an_address_of_the_servers_family_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
