/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/rooms.h"
#include "base/error.h"

#define INVITE  "tulip-anchor-fern-lasso-brass-hazel-squad"
#define ANOTHER "anchor-tulip-fern-lasso-brass-hazel-squad"

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/bodkin-rooms-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/rooms", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void what_is_kept_is_found_until_it_is_forgotten(void **state)
{
	struct bk_room room = {.name = "our room", .server = "192.0.2.7#pin", .invite = INVITE}, found;
	struct stat st;

	(void)state;
	assert_int_equal(bk_rooms_find(folder, "our room", &found), BK_E_NOT_FOUND);
	assert_int_equal(bk_rooms_keep(folder, &room), 0);
	strcpy(room.name, "b\303\274hne");
	room.server[0] = 0;
	assert_int_equal(bk_rooms_keep(folder, &room), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(bk_rooms_find(folder, "our room", &found), 0);
	assert_string_equal(found.server, "192.0.2.7#pin");
	assert_string_equal(found.invite, INVITE);
	strcpy(room.invite, ANOTHER);
	assert_int_equal(bk_rooms_keep(folder, &room), 0);
	assert_int_equal(bk_rooms_find(folder, room.name, &found), 0);
	assert_string_equal(found.invite, ANOTHER);
	assert_string_equal(found.server, "");
	assert_int_equal(bk_rooms_forget(folder, "our room"), 0);
	assert_int_equal(bk_rooms_forget(folder, "our room"), BK_E_NOT_FOUND);
	assert_int_equal(bk_rooms_find(folder, room.name, &found), 0);
}

static void a_name_is_harmless_and_no_invite(void **state)
{
	static const char *const none[] = {"", "a\tb", "a\nb", "\033[2J", "\xff", INVITE,
		"tulip anchor fern lasso brass hazel squad",
		"0123456789012345678901234567890123456789012345678901234567890123456789"};
	struct bk_room room = {.invite = INVITE};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_false(bk_rooms_is_name(none[i]));
		snprintf(room.name, sizeof(room.name), "%s", none[i]);
	}
	room.name[0] = 0;
	assert_int_equal(bk_rooms_keep(folder, &room), BK_E_INVALID);
	assert_true(bk_rooms_is_name("tulip-anchor"));
}

static void there_is_room_for_so_many(void **state)
{
	struct bk_room room = {.name = "255", .invite = INVITE};
	FILE *f = fopen(path, "w");

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < BK_ROOMS_MAX; i++)
		fprintf(f, "%d\t-\t%s\n", i, INVITE);
	fclose(f);
	assert_int_equal(bk_rooms_keep(folder, &room), 0); /* the last one again */
	strcpy(room.name, "one more");
	assert_int_equal(bk_rooms_keep(folder, &room), BK_E_FULL);
}

static void a_file_of_somebody_else_is_not_written_over(void **state)
{
	struct bk_room room = {.name = "x", .invite = INVITE}, found;
	FILE *f = fopen(path, "w");

	(void)state;
	assert_non_null(f);
	fputs("x\t-\tno invite\n", f);
	fclose(f);
	assert_int_equal(bk_rooms_find(folder, "x", &found), BK_E_MALFORMED);
	assert_int_equal(bk_rooms_keep(folder, &room), BK_E_MALFORMED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(what_is_kept_is_found_until_it_is_forgotten),
		CASE(a_name_is_harmless_and_no_invite),
		CASE(there_is_room_for_so_many),
		CASE(a_file_of_somebody_else_is_not_written_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
