/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way from a code to a channel, as two people go it. */
#include <string.h>

#include "base/error.h"
#include "session/test_kit.h"

/* --- from the code to the end --- */

static void two_sides_meet_by_code_on_a_direct_path(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	story_run(&st);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.b.error, 0);
	assert_int_equal(st.a.kind, BK_PATH_KIND_DIRECT);
	assert_int_equal(st.b.kind, BK_PATH_KIND_DIRECT);
	assert_int_equal(st.a.paths, 1);
	assert_int_equal(st.b.paths, 1);
	story_tear_down(&st);
}

static void two_sides_meet_over_the_relay_when_asked(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	st.a.path_choice = st.b.path_choice = BK_PATH_CHOICE_RELAY;
	st.bulk = true;
	story_run(&st);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.a.kind, BK_PATH_KIND_RELAY);
	assert_string_equal(st.b.technique, "relay");
	assert_int_equal(st.b.received, STORY_BULK);
	story_tear_down(&st);
}

static void bulk_arrives_whole_and_in_order(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	st.bulk = true;
	story_run(&st);
	assert_int_equal(st.b.received, STORY_BULK);
	assert_true(st.b.finished);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.b.error, 0);
	story_tear_down(&st);
}

static void a_direct_path_outlives_the_server(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	st.bulk = true;
	st.kill_server_when_open = true;
	story_run(&st);
	assert_null(st.server);
	assert_int_equal(st.b.received, STORY_BULK);
	assert_int_equal(st.a.error, 0);
	story_tear_down(&st);
}

static void a_wrong_code_ends_who_came_with_it_and_the_other_has_a_new_one(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	st.join_with = "-wrong-guess";
	story_run(&st);
	assert_int_equal(st.a.error, BK_E_WRONG_CODE);
	assert_int_equal(st.b.error, BK_E_WRONG_CODE);
	assert_int_equal(st.a.codes, 2);
	assert_false(st.a.opened || st.b.opened);
	story_tear_down(&st);
}

static void a_code_nobody_made_is_no_such_peer(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	st.a.closed = true;
	story_join(&st, "9999-tulip-anchor");
	story_run(&st);
	assert_int_equal(st.b.error, BK_E_NO_SUCH_PEER);
	story_tear_down(&st);
}

static void another_key_than_the_pinned_one_is_refused(void **state)
{
	struct story st;
	char *pin;

	(void)state;
	story_set_up(&st);
	pin = strchr(st.target, '#') + 1;
	pin[0] = pin[0] == 'A' ? 'B' : 'A';
	st.b.closed = true;
	story_run(&st);
	assert_int_equal(st.a.error, BK_E_PIN_MISMATCH);
	story_tear_down(&st);
}

static void sides_that_insist_on_different_paths_get_none(void **state)
{
	static const enum bk_path_choice choices[][2] = {
		{BK_PATH_CHOICE_DIRECT, BK_PATH_CHOICE_RELAY}, {BK_PATH_CHOICE_RELAY, BK_PATH_CHOICE_DIRECT}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story st;

		story_set_up(&st);
		st.a.path_choice = choices[i][0];
		st.b.path_choice = choices[i][1];
		story_run(&st);
		assert_int_equal(st.a.error, BK_E_NO_PATH);
		assert_int_equal(st.b.error, BK_E_NO_PATH);
		assert_false(st.a.opened || st.b.opened);
		story_tear_down(&st);
	}
}

static void nobody_with_the_code_is_a_timeout(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	st.wait = 20 * BK_SEC;
	st.b.closed = st.nobody_joins = true;
	story_let_time_fly(21 * BK_SEC);
	story_run(&st);
	assert_int_equal(st.a.error, BK_E_TIMEOUT);
	assert_non_null(strstr(st.a.text, "nobody came"));
	story_tear_down(&st);
}

static void a_peer_that_leaves_before_the_path_is_made_is_not_waited_for(void **state)
{
	struct story st;
	bk_time begun;

	(void)state;
	story_set_up(&st);
	st.joiner_dies = true;
	st.a.path_choice = BK_PATH_CHOICE_RELAY; /* slower than a direct one on loopback */
	begun = bk_loop_now(st.loop);
	story_let_time_fly(20 * BK_SEC);
	story_run(&st);
	assert_int_equal(st.a.error, BK_E_PEER_VANISHED);
	assert_false(st.a.opened);
	assert_in_range(bk_loop_now(st.loop) - begun, 0, 5 * BK_SEC);
	story_tear_down(&st);
}

static void sessions_freed_at_any_moment_leave_nothing(void **state)
{
	int before = kit_count_descriptors();

	(void)state;
	for (int n = 0; n < 120; n += 5) {
		struct story st;

		story_set_up(&st);
		st.bulk = true;
		story_begin(&st);
		kit_run_idle(st.loop, n);
		story_tear_down(&st);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

static void no_server_is_one_clear_sentence(void **state)
{
	struct story st;

	(void)state;
	story_set_up(&st);
	bk_server_free(st.server);
	st.server = NULL;
	st.b.closed = true;
	story_run(&st);
	assert_int_equal(st.a.error, BK_E_REFUSED);
	assert_non_null(strstr(st.a.text, "cannot connect to server '127.0.0.1"));
	story_tear_down(&st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_sides_meet_by_code_on_a_direct_path),
		cmocka_unit_test(two_sides_meet_over_the_relay_when_asked),
		cmocka_unit_test(bulk_arrives_whole_and_in_order),
		cmocka_unit_test(a_direct_path_outlives_the_server),
		cmocka_unit_test(a_wrong_code_ends_who_came_with_it_and_the_other_has_a_new_one),
		cmocka_unit_test(a_code_nobody_made_is_no_such_peer),
		cmocka_unit_test(another_key_than_the_pinned_one_is_refused),
		cmocka_unit_test(sides_that_insist_on_different_paths_get_none),
		cmocka_unit_test(nobody_with_the_code_is_a_timeout),
		cmocka_unit_test(a_peer_that_leaves_before_the_path_is_made_is_not_waited_for),
		cmocka_unit_test(sessions_freed_at_any_moment_leave_nothing),
		cmocka_unit_test(no_server_is_one_clear_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
