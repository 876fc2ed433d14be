/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody keeps others out by doing nothing. */
#include "transfer/places.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdbool.h>

enum { N = 64 };

#define START (1000 * BK_SEC)

static struct bk_place all[N];
static const struct bk_place *places[N];

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++) {
		bk_place_init(&all[i], START);
		places[i] = &all[i];
	}
	return 0;
}

static void at(struct bk_place *p, const char *remote)
{
	const struct bk_path path = {.kind = BK_PATH_KIND_DIRECT, .remote = remote};

	bk_place_found(p, &path);
}

static void who_came_just_now_stays(void **state)
{
	(void)state;
	assert_int_equal(bk_places_idle(places, N, START + BK_PLACE_IDLE - 1), SIZE_MAX);
	assert_int_equal(bk_places_idle(places, 0, START), SIZE_MAX);
}

static void who_does_nothing_for_longest_goes_first(void **state)
{
	(void)state;
	all[7].since = START - BK_SEC;
	assert_int_equal(bk_places_idle(places, N, START + BK_PLACE_IDLE), 7);
	all[7].since = START + BK_SEC;
	assert_int_equal(bk_places_idle(places, N, START + BK_PLACE_IDLE), 0);
}

static void a_trickle_is_nothing(void **state)
{
	bk_time now = START;

	(void)state;
	for (uint64_t bytes = 1; now < START + BK_PLACE_IDLE; bytes++, now += BK_SEC) {
		bk_place_moved(&all[0], bytes * (BK_PLACE_LEAST / 64), now);
		bk_place_moved(&all[1], bytes * (BK_PLACE_LEAST / 8), now);
	}
	assert_int_equal(bk_places_idle(places, 1, now), 0);
	assert_int_equal(bk_places_idle(places + 1, 1, now), SIZE_MAX);
}

static void who_holds_most_of_them_makes_room_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++)
		at(&all[i], i < 3 ? "192.0.2.7:1000" : "198.51.100.9:1000");
	all[0].since = START - 10 * BK_SEC;
	at(&all[60], "192.0.2.200:9");
	assert_int_equal(bk_places_idle(places, N, START + BK_PLACE_IDLE), 3);
	for (size_t i = 3; i < N; i++)
		all[i].since = START + BK_SEC;
	assert_int_equal(bk_places_idle(places, N, START + BK_PLACE_IDLE), 0);
}

static void networks_are_those_that_one_person_has(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_one;
	} rows[] = {
		{"192.0.2.1:5", "192.0.2.254:6", true},
		{"192.0.2.1:5", "192.0.3.1:5", false},
		{"[2001:db8:0:aa00::1]:5", "[2001:db8:0:aaff::2]:5", true},
		{"[2001:db8:0:aa00::1]:5", "[2001:db8:0:ab00::1]:5", false},
		{"192.0.2.1:5", "nowhere", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		at(&all[0], rows[i].a);
		at(&all[1], rows[i].b);
		assert_int_equal(all[0].network == all[1].network, rows[i].is_one);
		assert_true(all[0].network);
	}
	bk_place_found(&all[0], &(struct bk_path){.kind = BK_PATH_KIND_RELAY, .remote = "192.0.2.1:5"});
	assert_false(all[0].network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_came_just_now_stays, set_up),
		cmocka_unit_test_setup(who_does_nothing_for_longest_goes_first, set_up),
		cmocka_unit_test_setup(a_trickle_is_nothing, set_up),
		cmocka_unit_test_setup(who_holds_most_of_them_makes_room_first, set_up),
		cmocka_unit_test_setup(networks_are_those_that_one_person_has, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
