/* SPDX-License-Identifier: Apache-2.0 */
/* A received file's mode is the sender's, less what this process withholds, and the process is not disturbed by
 * that. It gets its name also on file systems that can do little; and where it cannot be, that is known before. */
#include "transfer/sink.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

enum { NOBODY = 65534 };

static int changes;
static bool has_flags = true, has_links = true; /* the file system */

/* In place of libc's: whoever calls it changes the mask of every thread. */
mode_t umask(mode_t mask)
{
	changes++;
	return (mode_t)syscall(SYS_umask, mask);
}

/* In place of libc's: on FAT and many of FUSE there is neither. */
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (has_flags)
		return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	errno = EINVAL;
	return -1;
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	if (has_links)
		return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	errno = EPERM;
	return -1;
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
	assert_int_equal(bk_sink_close(s, 0777), 0);
	assert_int_equal(bk_sink_commit(s, true), 0);
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

/* Receives "new" into `name`. */
static int name_it(struct bk_sink *s, char *name)
{
	struct bk_file_entry entry = {.path = name, .size = 3, .mode = 0644};

	assert_int_equal(bk_sink_begin(s, &entry, name), 0);
	assert_int_equal(bk_sink_write(s, "new", 3), 0);
	assert_int_equal(bk_sink_close(s, 0777), 0);
	return bk_sink_commit(s, false);
}

static void holds(const char *folder, const char *name, const char *content)
{
	char path[256], got[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	if (!content) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	assert_int_equal(fread(got, 1, sizeof(got) - 1, f), strlen(content));
	assert_string_equal(got, content);
	fclose(f);
	unlink(path);
}

static void a_file_system_need_not_be_able_to_do_much(void **state)
{
	char folder[] = "/tmp/bodkin-sink-XXXXXX", text[BK_TRANSFER_TEXT_MAX], a[] = "a", old[] = "old",
	     path[64];
	struct bk_sink *s;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/old", folder);
	for (int i = 0; i < 4; i++) {
		FILE *f = fopen(path, "w");

		assert_true(fputs("old", f) >= 0 && fclose(f) == 0);
		has_flags = i & 1;
		has_links = i & 2;
		assert_int_equal(bk_sink_new(folder, &s, text), 0);
		assert_int_equal(name_it(s, a), 0);
		assert_int_equal(name_it(s, old), BK_E_EXISTS);
		bk_sink_keep(s);
		assert_string_equal(bk_sink_text(s),
			"cannot write 'old': it exists; all of it arrived and is kept as 'old.part'");
		bk_sink_free(s);
		holds(folder, "a", "new");
		holds(folder, "a.part", NULL);
		holds(folder, "old", "old");
		holds(folder, "old.part", "new");
	}
	has_flags = has_links = true;
	assert_int_equal(rmdir(folder), 0);
}

/* 0, and "a" is there; else the error. */
static int receive_as_nobody(const char *folder)
{
	char text[BK_TRANSFER_TEXT_MAX], a[] = "a";
	struct bk_sink *s;
	int status;
	pid_t child = fork();

	if (!child) {
		if (!getuid() && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
			_exit(1);
		if (bk_sink_new(folder, &s, text) < 0)
			_exit(2);
		_exit(name_it(s, a) < 0 ? 3 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void whether_a_folder_takes_files_is_known_at_once(void **state)
{
	char folder[] = "/tmp/bodkin-sink-XXXXXX", text[BK_TRANSFER_TEXT_MAX];
	struct bk_sink *s;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(getuid() ? 0 : chown(folder, NOBODY, NOBODY), 0);
	assert_int_equal(chmod(folder, 0300), 0); /* written, not listed */
	assert_int_equal(receive_as_nobody(folder), 0);
	assert_int_equal(chmod(folder, 0500), 0);
	assert_int_equal(receive_as_nobody(folder), 2);
	assert_int_equal(chmod(folder, 0700), 0);
	holds(folder, "a", "new");
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(bk_sink_new("/proc", &s, text), BK_E_FILE);
	assert_non_null(strstr(text, "cannot receive into '/proc': "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_files_mode_keeps_to_the_mask_without_a_change_of_it),
		cmocka_unit_test(a_file_system_need_not_be_able_to_do_much),
		cmocka_unit_test(whether_a_folder_takes_files_is_known_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
