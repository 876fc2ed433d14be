/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cli/room_members.h"

static struct bk_cli_members m;

/* key: its first byte. */
static bool take(uint64_t handle, const char *name, uint8_t key, bool is_here)
{
	uint8_t bytes[BK_GROUP_KEY_LEN] = {key};
	const struct bk_group_member member = {.handle = handle, .name = name, .key = bytes};

	return bk_cli_members_take(&m, &member, is_here, 0);
}

static const char *news(void)
{
	static char out[BK_CLI_NEWS_MAX];

	bk_cli_members_news(&m, out);
	return out;
}

static int set_up(void **state)
{
	(void)state;
	take(1, "anna", 1, true);
	news();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bk_cli_members_done(&m);
	return 0;
}

static void comings_and_goings_are_told_together(void **state)
{
	(void)state;
	assert_true(take(2, "bert", 2, true));
	assert_false(take(2, "bert", 2, true)); /* another card */
	take(3, "carl", 3, true);
	take(1, "anna", 1, false);
	assert_string_equal(news(), "bert and carl came; anna left");
	assert_string_equal(news(), "");
	assert_false(take(1, "anna", 1, false));
}

static void who_comes_back_meanwhile_is_no_news(void **state)
{
	(void)state;
	take(1, "anna", 1, false);
	take(7, "anna", 1, true);
	assert_string_equal(news(), "");
	take(8, "anna", 1, true); /* another program of hers */
	take(7, "anna", 1, false);
	assert_string_equal(news(), "");
	take(9, "bert", 2, true);
	take(9, "bert", 2, false);
	assert_string_equal(news(), "");
	take(8, "anna", 1, false);
	assert_string_equal(news(), "anna left");
}

static void of_many_some_are_named(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		take(100 + i, name, (uint8_t)(10 + i), true);
	}
	assert_string_equal(news(), "p0, p1, p2, p3 and 196 others came");
}

static void there_is_an_end_to_what_is_kept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		take(100 + i, "x", 5, true);
		if (i % 2)
			take(100 + i, "x", 5, false);
	}
	assert_in_range(m.here, 1, BK_CLI_MEMBERS_MAX);
	assert_in_range(m.cap, 1, 4 * BK_CLI_MEMBERS_MAX);
}

static void a_name_with_blanks_is_found_and_the_longest_counts(void **state)
{
	static const struct {
		const char *text;
		size_t found, len;
		uint8_t key;
	} rows[] = {
		{"anna", 1, 4, 1},
		{"anna hello", 1, 4, 1},
		{"anna b hello", 1, 6, 2},
		{"annab", 0, 0, 0},
		{"", 0, 0, 0},
		{"carl x", 2, 4, 0},
		{"carl#03000000 x", 1, 13, 3},
		{"carl#04000000", 1, 13, 4},
		{"anna#01000000", 0, 0, 0},
	};
	const struct bk_cli_member *who;
	size_t len;

	(void)state;
	take(2, "anna b", 2, true);
	take(3, "carl", 3, true);
	take(4, "carl", 4, true);
	take(5, "carl", 4, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_cli_members_find(&m, rows[i].text, &who, &len), rows[i].found);
		assert_int_equal(len, rows[i].len);
		if (rows[i].key)
			assert_int_equal(who->key[0], rows[i].key);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(comings_and_goings_are_told_together),
		CASE(who_comes_back_meanwhile_is_no_news),
		CASE(of_many_some_are_named),
		CASE(there_is_an_end_to_what_is_kept),
		CASE(a_name_with_blanks_is_found_and_the_longest_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
