/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "lan/beacon.h"

enum { PORT = 4711 };

#define WALL (1000 * 60 * BK_SEC)

struct machine {
	struct bk_beacon beacon;
	struct bk_addr addr; /* of its questions */
	unsigned sent, found, over;
	struct bk_addr places[64];
	struct bk_beacon_word word;   /* of the last one */
	struct bk_beacon_action last; /* that was sent */
};

static void machine_init(struct machine *m, uint8_t number, bk_time wall)
{
	const uint8_t id[BK_BEACON_ID_LEN] = {number};

	*m = (struct machine){.addr = bk_addr_v4(10, 0, 0, number, 5000)};
	bk_beacon_init(&m->beacon, id, wall, 0);
}

/* What it wants done; what it sends reaches the other one, if there is one. */
static void drain(struct machine *m, struct machine *other, bk_time now)
{
	struct bk_beacon_action a;

	while (bk_beacon_next(&m->beacon, &a)) {
		if (a.what == BK_BEACON_SEND) {
			m->sent++;
			m->last = a;
			if (other)
				bk_beacon_on_datagram(&other->beacon, &m->addr, a.data, a.len, now);
		} else if (a.what == BK_BEACON_FOUND) {
			assert_true(m->found < 64);
			m->places[m->found++] = a.addr;
			m->word = a.word;
		} else {
			m->over++;
		}
	}
}

static void run(struct machine *a, struct machine *b, bk_time from, bk_time until)
{
	for (bk_time now = from; now <= until; now += 50 * BK_MS) {
		bk_beacon_on_time(&a->beacon, now);
		bk_beacon_on_time(&b->beacon, now);
		for (int i = 0; i < 2; i++) {
			drain(a, b, now);
			drain(b, a, now);
		}
	}
}

static void host(struct machine *m, uint32_t number, bk_time now)
{
	const struct bk_beacon_name name = bk_beacon_name_of_number(number);

	assert_true(bk_beacon_host(&m->beacon, &name, NULL, PORT, now) >= 0);
}

static int seek(struct machine *m, uint32_t number, bk_dur patience, bk_time now)
{
	const struct bk_beacon_name name = bk_beacon_name_of_number(number);
	int id = bk_beacon_seek(&m->beacon, &name, patience, now);

	assert_true(id >= 0);
	return id;
}

static void it_is_told_soon_and_then_seldom(void **arg)
{
	static const int64_t at_ms[] = {0, 100, 500, 2000, 7000, 12000};
	struct machine m;
	bk_time now = 0;

	(void)arg;
	machine_init(&m, 1, WALL);
	host(&m, 7, 0);
	for (size_t i = 0; i < sizeof(at_ms) / sizeof(at_ms[0]); i++) {
		assert_int_equal(bk_beacon_wake(&m.beacon), at_ms[i] * BK_MS);
		now = bk_beacon_wake(&m.beacon);
		bk_beacon_on_time(&m.beacon, now);
		drain(&m, NULL, now);
		assert_int_equal(m.sent, i + 1);
		assert_int_equal(m.last.addr.family, 0);
	}
	bk_beacon_hush(&m.beacon, 0);
	assert_int_equal(bk_beacon_wake(&m.beacon), BK_NEVER);
}

static void who_asks_is_answered_at_once_and_alone(void **arg)
{
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	bk_beacon_hush(&keeper.beacon, 0);
	seek(&comer, 7, BK_SEC, 0);
	bk_beacon_on_time(&comer.beacon, 0);
	drain(&comer, &keeper, 0);
	drain(&keeper, &comer, 0);
	assert_true(bk_addr_equal(&keeper.last.addr, &comer.addr));
	drain(&comer, NULL, 0);
	assert_int_equal(comer.found, 1);
	assert_int_equal(comer.places[0].port, PORT);
	assert_true(bk_addr_equal_ip(&comer.places[0], &keeper.addr));
}

static void a_place_is_told_once_and_a_seeking_ends(void **arg)
{
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	seek(&comer, 7, 3 * BK_SEC, 0);
	run(&keeper, &comer, 0, 5 * BK_SEC);
	assert_int_equal(comer.found, 1);
	assert_int_equal(comer.over, 1);
}

static void another_number_is_not_found(void **arg)
{
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	seek(&comer, 8, 3 * BK_SEC, 0);
	run(&keeper, &comer, 0, 5 * BK_SEC);
	assert_int_equal(comer.found, 0);
	assert_int_equal(comer.over, 1);
}

static void clocks_that_differ_by_years_are_no_hindrance(void **arg)
{
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, 0);
	machine_init(&comer, 2, WALL * 100);
	host(&keeper, 7, 0);
	seek(&comer, 7, 3 * BK_SEC, 0);
	run(&keeper, &comer, 0, BK_SEC);
	assert_int_equal(comer.found, 1);
}

/* Neither two minutes nor two numbers look alike, and the number itself stands nowhere. */
static void a_beacon_says_nothing_that_lasts_to_who_does_not_know_the_number(void **arg)
{
	uint8_t first[BK_BEACON_LEN];
	struct machine m;

	(void)arg;
	machine_init(&m, 1, WALL);
	host(&m, 7, 0);
	bk_beacon_on_time(&m.beacon, 0);
	drain(&m, NULL, 0);
	memcpy(first, m.last.data, sizeof(first));
	bk_beacon_on_time(&m.beacon, 61 * BK_SEC);
	drain(&m, NULL, 61 * BK_SEC);
	assert_memory_not_equal(first + 12, m.last.data + 12, 16);
}

static void what_we_say_ourselves_is_no_news(void **arg)
{
	struct machine m;

	(void)arg;
	machine_init(&m, 1, WALL);
	host(&m, 7, 0);
	seek(&m, 7, BK_SEC, 0);
	run(&m, &m, 0, 2 * BK_SEC);
	assert_int_equal(m.found, 0);
}

static void a_seeker_that_rests_hears_nothing_of_what_was_found(void **arg)
{
	struct machine keeper, comer;
	int id;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	id = seek(&comer, 7, BK_SEC, 0);
	bk_beacon_on_time(&keeper.beacon, 0);
	drain(&keeper, &comer, 0); /* found, and not told yet */
	bk_beacon_rest(&comer.beacon, id);
	assert_int_equal(seek(&comer, 8, BK_SEC, 0), id);
	drain(&comer, NULL, 0);
	assert_int_equal(comer.found, 0);
}

/* --- a flood --- */

static void forge(struct machine *comer, uint8_t d, uint16_t port, struct machine *keeper, bk_time now)
{
	uint8_t data[BK_BEACON_LEN];
	struct bk_addr from = bk_addr_v4(10, 0, 0, d, 6000);

	memcpy(data, keeper->last.data, sizeof(data));
	data[6] = (uint8_t)(port >> 8);
	data[7] = (uint8_t)port;
	bk_beacon_on_datagram(&comer->beacon, &from, data, sizeof(data), now);
	drain(comer, NULL, now);
}

static void of_forged_places_few_are_told_and_few_at_one_address(void **arg)
{
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	seek(&comer, 7, 10 * BK_SEC, 0);
	bk_beacon_on_time(&keeper.beacon, 0);
	drain(&keeper, NULL, 0);
	for (uint16_t port = 1; port < 1000; port++)
		forge(&comer, 9, port, &keeper, 0);
	assert_int_equal(comer.found, BK_BEACON_OF_SOURCE_MAX);
	for (uint8_t d = 10; d < 250; d++)
		forge(&comer, d, 80, &keeper, 0);
	assert_int_equal(comer.found, BK_BEACON_PLACES_MAX);
}

static void a_flood_of_other_minutes_does_not_hide_who_has_ours(void **arg)
{
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	seek(&comer, 7, 10 * BK_SEC, 0);
	bk_beacon_on_time(&keeper.beacon, 0);
	drain(&keeper, NULL, 0);
	for (uint32_t minute = 0; minute < 10000; minute++) {
		uint8_t data[BK_BEACON_LEN];

		memcpy(data, keeper.last.data, sizeof(data));
		memcpy(data + 8, &minute, sizeof(minute));
		bk_beacon_on_datagram(&comer.beacon, &keeper.addr, data, sizeof(data), 0);
	}
	assert_true(bk_rate_tokens(&comer.beacon.hashes, 0) < 1); /* that is all the work it made */
	bk_beacon_on_datagram(&comer.beacon, &keeper.addr, keeper.last.data, BK_BEACON_LEN, 0);
	drain(&comer, NULL, 0);
	assert_int_equal(comer.found, 1);
}

static void who_asks_without_end_is_not_answered_without_end(void **arg)
{
	struct machine keeper, comer;
	uint8_t question[BK_BEACON_LEN];
	struct bk_addr other = bk_addr_v4(10, 0, 0, 77, 5000);
	int id;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	bk_beacon_hush(&keeper.beacon, 0);
	id = seek(&comer, 7, BK_SEC, 0);
	bk_beacon_question(&comer.beacon, id, 0, question);
	for (int i = 0; i < 10000; i++) {
		bk_beacon_on_datagram(&keeper.beacon, &comer.addr, question, sizeof(question), 0);
		drain(&keeper, NULL, 0);
	}
	assert_in_range(keeper.sent, 1, 20);
	bk_beacon_on_datagram(&keeper.beacon, &other, question, sizeof(question), 0);
	drain(&keeper, NULL, 0);
	assert_true(bk_addr_equal(&keeper.last.addr, &other));
}

/* Two programs on the keeper's machine; the one that is asked does not keep it. */
static void what_one_program_was_asked_another_one_of_the_machine_answers(void **arg)
{
	const struct bk_addr here = bk_addr_v4(127, 0, 0, 1, 6000);
	struct machine asked, keeper, comer;
	struct bk_beacon_action passed;
	uint8_t question[BK_BEACON_LEN];
	int id;

	(void)arg;
	machine_init(&asked, 1, WALL);
	machine_init(&keeper, 2, WALL);
	machine_init(&comer, 3, WALL);
	host(&keeper, 7, 0);
	host(&asked, 8, 0);
	bk_beacon_hush(&keeper.beacon, 0);
	id = seek(&comer, 7, BK_SEC, 0);
	bk_beacon_question(&comer.beacon, id, 0, question);
	bk_beacon_on_datagram(&asked.beacon, &comer.addr, question, sizeof(question), 0);
	assert_true(bk_beacon_next(&asked.beacon, &passed));
	assert_int_equal(passed.what, BK_BEACON_PASS);
	bk_beacon_on_datagram(&keeper.beacon, &asked.addr, passed.data, passed.len, 0);
	drain(&keeper, &comer, 0);
	assert_int_equal(keeper.sent, 0); /* of another machine it is nothing */
	bk_beacon_on_datagram(&asked.beacon, &here, passed.data, passed.len, 0);
	assert_false(bk_beacon_next(&asked.beacon, &passed)); /* and nobody passes it on again */
	bk_beacon_on_datagram(&keeper.beacon, &here, passed.data, passed.len, 0);
	drain(&keeper, &comer, 0);
	assert_true(bk_addr_equal(&keeper.last.addr, &comer.addr));
	drain(&comer, NULL, 0);
	assert_int_equal(comer.found, 1);
}

static void of_a_flood_of_questions_little_is_passed_on(void **arg)
{
	struct machine asked, comer;
	uint8_t question[BK_BEACON_LEN];
	struct bk_beacon_action a;
	unsigned passed = 0;
	int id;

	(void)arg;
	machine_init(&asked, 1, WALL);
	machine_init(&comer, 3, WALL);
	id = seek(&comer, 7, BK_SEC, 0);
	bk_beacon_question(&comer.beacon, id, 0, question);
	for (int i = 0; i < 10000; i++) {
		comer.addr.ip[3] = (uint8_t)i;
		bk_beacon_on_datagram(&asked.beacon, &comer.addr, question, sizeof(question), 0);
		while (bk_beacon_next(&asked.beacon, &a))
			passed += a.what == BK_BEACON_PASS;
	}
	assert_in_range(passed, 1, 40);
}

static void what_is_no_beacon_is_nothing(void **arg)
{
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	seek(&comer, 7, BK_SEC, 0);
	bk_beacon_on_time(&keeper.beacon, 0);
	drain(&keeper, NULL, 0);
	for (size_t len = 0; len < BK_BEACON_LEN; len++)
		bk_beacon_on_datagram(&comer.beacon, &keeper.addr, keeper.last.data, len, 0);
	keeper.last.data[0] ^= 1;
	bk_beacon_on_datagram(&comer.beacon, &keeper.addr, keeper.last.data, BK_BEACON_LEN, 0);
	drain(&comer, NULL, 0);
	assert_int_equal(comer.found, 0);
}

static void a_word_comes_with_the_place(void **arg)
{
	const struct bk_beacon_name name = bk_beacon_name_of_group("secret", 6);
	const struct bk_beacon_word word = {.bytes = {1, 2, 3}, .is_foremost = true};
	struct machine keeper, comer;

	(void)arg;
	machine_init(&keeper, 1, WALL);
	machine_init(&comer, 2, WALL);
	host(&keeper, 7, 0);
	seek(&comer, 7, BK_SEC, 0);
	assert_true(bk_beacon_host(&keeper.beacon, &name, &word, PORT + 1, 0) >= 0);
	assert_true(bk_beacon_seek(&comer.beacon, &name, BK_SEC, 0) >= 0);
	bk_beacon_on_time(&keeper.beacon, 0);
	drain(&keeper, &comer, 0); /* both */
	drain(&comer, NULL, 0);
	assert_int_equal(comer.found, 2);
	assert_int_equal(comer.places[1].port, PORT + 1);
	assert_memory_equal(comer.word.bytes, word.bytes, sizeof(word.bytes));
	assert_true(comer.word.is_foremost);
	assert_int_equal(keeper.last.len, BK_BEACON_LEN + BK_BEACON_WORD_LEN);
}

/* Where what is said to all reaches nobody, of two who keep the same one asks, and the other one can tell that it does,
 * too. */
static void one_who_keeps_it_too_is_told_by_his_address(void **arg)
{
	struct machine one, other;

	(void)arg;
	machine_init(&one, 1, WALL);
	machine_init(&other, 2, WALL);
	host(&one, 7, 0);
	seek(&other, 7, BK_SEC, 0);
	bk_beacon_on_time(&one.beacon, 0);
	drain(&one, NULL, 0);
	bk_beacon_tell(&one.beacon, 0, &other.addr, 0);
	drain(&one, &other, 0);
	assert_true(bk_addr_equal(&one.last.addr, &other.addr));
	drain(&other, NULL, 0);
	assert_int_equal(other.found, 1);
	for (int i = 0; i < 1000; i++)
		bk_beacon_tell(&one.beacon, 0, &other.addr, 0);
	one.sent = 0;
	drain(&one, NULL, 0);
	assert_in_range(one.sent, 1, 20);
}

static void there_are_ceilings(void **arg)
{
	const struct bk_beacon_name name = bk_beacon_name_of_number(1);
	struct machine m;

	(void)arg;
	machine_init(&m, 1, WALL);
	for (int i = 0; i < BK_BEACON_HOSTS_MAX; i++)
		host(&m, 1, 0);
	assert_int_equal(bk_beacon_host(&m.beacon, &name, NULL, PORT, 0), BK_E_FULL);
	for (int i = 0; i < BK_BEACON_SEEKS_MAX; i++)
		seek(&m, 1, BK_SEC, 0);
	assert_int_equal(bk_beacon_seek(&m.beacon, &name, BK_SEC, 0), BK_E_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_soon_and_then_seldom),
		cmocka_unit_test(who_asks_is_answered_at_once_and_alone),
		cmocka_unit_test(a_place_is_told_once_and_a_seeking_ends),
		cmocka_unit_test(another_number_is_not_found),
		cmocka_unit_test(clocks_that_differ_by_years_are_no_hindrance),
		cmocka_unit_test(a_beacon_says_nothing_that_lasts_to_who_does_not_know_the_number),
		cmocka_unit_test(what_we_say_ourselves_is_no_news),
		cmocka_unit_test(a_seeker_that_rests_hears_nothing_of_what_was_found),
		cmocka_unit_test(of_forged_places_few_are_told_and_few_at_one_address),
		cmocka_unit_test(a_flood_of_other_minutes_does_not_hide_who_has_ours),
		cmocka_unit_test(who_asks_without_end_is_not_answered_without_end),
		cmocka_unit_test(what_one_program_was_asked_another_one_of_the_machine_answers),
		cmocka_unit_test(of_a_flood_of_questions_little_is_passed_on),
		cmocka_unit_test(what_is_no_beacon_is_nothing),
		cmocka_unit_test(a_word_comes_with_the_place),
		cmocka_unit_test(one_who_keeps_it_too_is_told_by_his_address),
		cmocka_unit_test(there_are_ceilings),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
