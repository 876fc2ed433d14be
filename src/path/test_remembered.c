/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "net/file.h"
#include "path/remembered.h"
#include "punch/guess.h"

static char folder[] = "/tmp/bodkin_remembered.XXXXXX", path[PATH_MAX];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/paths", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct bk_remembered_pair networks_of(unsigned i)
{
	return (struct bk_remembered_pair){{(uint8_t)i, (uint8_t)(i >> 8), 7}};
}

static struct bk_memo memo_of(const char *technique, uint16_t port)
{
	struct bk_memo m = {.port = port};

	snprintf(m.technique, sizeof(m.technique), "%s", technique);
	return m;
}

static void what_is_written_down_is_found_again_by_both_networks(void **state)
{
	struct bk_remembered_pair one = networks_of(1), other = networks_of(2);
	struct bk_memo punch = memo_of("punch", 0), birthday = memo_of("birthday", 40001), found;
	struct stat st;

	(void)state;
	unlink(path);
	assert_int_equal(bk_remembered_look(folder, &one, &found), 0);
	assert_int_equal(access(path, F_OK), -1); /* looking leaves nothing behind */
	assert_int_equal(bk_remembered_note(folder, &one, &punch), 0);
	assert_int_equal(bk_remembered_note(folder, &other, &birthday), 0);
	assert_int_equal(bk_remembered_look(folder, &one, &found), 1);
	assert_memory_equal(&found, &punch, sizeof(found));
	assert_int_equal(bk_remembered_look(folder, &other, &found), 1);
	assert_memory_equal(&found, &birthday, sizeof(found));
	assert_int_equal(bk_remembered_note(folder, &one, &birthday), 0); /* the last one counts */
	assert_int_equal(bk_remembered_look(folder, &one, &found), 1);
	assert_memory_equal(&found, &birthday, sizeof(found));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void there_are_256_rows_and_the_oldest_makes_room(void **state)
{
	static struct bk_remembered r, again;
	static char text[BK_REMEMBERED_TEXT_MAX];
	struct bk_memo memo = memo_of("abcdefghijklmno", UINT16_MAX), found;
	struct bk_remembered_pair first = networks_of(0), second = networks_of(1), last = networks_of(256);

	(void)state;
	memo.step = UINT16_MAX;
	bk_remembered_init(&r);
	for (unsigned i = 0; i < 256; i++) {
		struct bk_remembered_pair networks = networks_of(i);
		bk_remembered_put(&r, &networks, &memo);
	}
	bk_remembered_put(&r, &first, &memo); /* now the second one is the oldest */
	bk_remembered_put(&r, &last, &memo);
	assert_int_equal(r.len, 256);
	assert_true(bk_remembered_find(&r, &first, &found) && bk_remembered_find(&r, &last, &found));
	assert_false(bk_remembered_find(&r, &second, &found));
	assert_int_equal(bk_remembered_from_text(text, bk_remembered_to_text(&r, text), &again), 0);
	assert_memory_equal(&again, &r, sizeof(r));
}

static void the_rows_do_not_tell_where_one_was(void **state)
{
	static struct bk_remembered r, other;
	struct bk_remembered_pair networks = networks_of(5);
	struct bk_memo memo = memo_of("punch", 0);

	(void)state;
	bk_remembered_init(&r);
	bk_remembered_init(&other);
	bk_remembered_put(&r, &networks, &memo);
	bk_remembered_put(&other, &networks, &memo);
	assert_memory_not_equal(r.rows[0].key, other.rows[0].key, BK_REMEMBERED_KEY_LEN);
	assert_null(memmem(r.rows[0].key, BK_REMEMBERED_KEY_LEN, networks.bytes, 3));
}

static void a_file_that_is_none_is_told_and_begins_anew(void **state)
{
#define SALT "00112233445566778899aabbccddeeff"
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{"", BK_E_MALFORMED},
		{"paths\n", BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT, BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT "0\n", BK_E_MALFORMED},
		{"bodkin-paths 1\n", BK_E_MALFORMED},
		{"bodkin-paths 2 " SALT "\nwhat a later version writes\n", BK_E_VERSION},
		{"bodkin-paths 1 " SALT "\n\n", BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT "\n" SALT " punch 1 2", BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT "\n" SALT " punch 1\n", BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT "\n" SALT " punch 65536 2\n", BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT "\n" SALT " punch 1 2 3\n", BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT "\n" SALT " ../punch 1 2\n", BK_E_MALFORMED},
		{"bodkin-paths 1 " SALT "\n" SALT " abcdefghijklmnop 1 2\n", BK_E_MALFORMED},
	};
	struct bk_remembered_pair networks = networks_of(1);
	struct bk_memo memo = memo_of("punch", 0), found;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_file_write(path, rows[i].text, strlen(rows[i].text)), 0);
		assert_int_equal(bk_remembered_look(folder, &networks, &found), rows[i].error);
		assert_int_equal(bk_remembered_note(folder, &networks, &memo), 0);
		assert_int_equal(bk_remembered_look(folder, &networks, &found), 1);
	}
}

static void a_file_that_is_too_long_is_none(void **state)
{
	static char text[BK_REMEMBERED_TEXT_MAX + 1];
	struct bk_remembered_pair networks = networks_of(1);
	struct bk_memo memo = memo_of("punch", 0), found;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(bk_file_write(path, text, sizeof(text)), 0);
	assert_int_equal(bk_remembered_look(folder, &networks, &found), BK_E_TOO_BIG);
	assert_int_equal(bk_remembered_note(folder, &networks, &memo), 0);
	assert_int_equal(bk_remembered_look(folder, &networks, &found), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_down_is_found_again_by_both_networks),
		cmocka_unit_test(there_are_256_rows_and_the_oldest_makes_room),
		cmocka_unit_test(the_rows_do_not_tell_where_one_was),
		cmocka_unit_test(a_file_that_is_none_is_told_and_begins_anew),
		cmocka_unit_test(a_file_that_is_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
