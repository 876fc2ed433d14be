/* SPDX-License-Identifier: Apache-2.0 */
/* A received file's mode is the sender's, less what this process withholds, and the process is not disturbed by
 * that. */
#include "transfer/sink.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int changes;

/* In place of libc's: whoever calls it changes the mask of every thread. */
mode_t umask(mode_t mask)
{
	changes++;
	return (mode_t)syscall(SYS_umask, mask);
}

static mode_t mode_received(const char *folder, mode_t mask, uint32_t said)
{
	char name[] = "a", text[BK_TRANSFER_TEXT_MAX];
	struct bk_file_entry entry = {.path = name, .size = 1, .mode = said};
	struct bk_sink *s;
	struct stat st;
	int dir = open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	umask(mask);
	changes = 0;
	assert_int_equal(bk_sink_new(folder, &s, text), 0);
	assert_int_equal(bk_sink_begin(s, &entry, name), 0);
	assert_int_equal(bk_sink_write(s, "x", 1), 0);
	assert_int_equal(bk_sink_commit(s, 0777, true), 0);
	bk_sink_free(s);
	assert_int_equal(changes, 0);
	assert_int_equal(fstatat(dir, name, &st, 0), 0);
	assert_int_equal(unlinkat(dir, name, 0), 0);
	close(dir);
	return st.st_mode & 07777;
}

static void a_files_mode_keeps_to_the_mask_without_a_change_of_it(void **state)
{
	char folder[] = "/tmp/bodkin-sink-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(mode_received(folder, 022, 0777), 0755);
	assert_int_equal(mode_received(folder, 077, 0644), 0600);
	assert_int_equal(mode_received(folder, 0, 04666), 0666);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_files_mode_keeps_to_the_mask_without_a_change_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
