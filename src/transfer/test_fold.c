/* SPDX-License-Identifier: Apache-2.0 */
/* A file system that takes names for one that differ in case: nothing is mixed there, and nothing leaves the folder. */
#include "transfer/writing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/inside.h"
#include "transfer/test_kit.h"

static bool is_folding = true, has_openat2;
static const char *refused;  /* no name that is made has one of these characters; NULL: any may */
static const char *alias[2]; /* the first name is found as the second, too, by rules that nobody here knows */

/* --- in place of libc's: whatever is called relative to a folder, by its name in small letters --- */

static const char *fold(const char *path, char out[4200])
{
	size_t n = 0;

	if (alias[0] && !strcmp(path, alias[0]))
		return alias[1];
	if (!is_folding || *path == '/')
		return path;
	for (; path[n] && n < 4199; n++)
		out[n] = (char)tolower((unsigned char)path[n]);
	out[n] = 0;
	return out;
}

/* What does not come from here goes on as it is: only for openat2, of which libc has none. */
long syscall(long number, ...)
{
	static long (*next)(long number, long a, long b, long c, long d, long e);
	long a, b, c, d, e;
	char path[4200];
	va_list ap;

	va_start(ap, number);
	a = va_arg(ap, long);
	b = va_arg(ap, long);
	c = va_arg(ap, long);
	d = va_arg(ap, long);
	e = va_arg(ap, long);
	va_end(ap);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_openat2 && !has_openat2) {
		errno = ENOSYS;
		return -1;
	}
	if (number == SYS_openat2)
		b = (long)fold((const char *)b, path);
	return next(number, a, b, c, d, e);
}

static bool is_refused(const char *path)
{
	bool is_it = refused && strpbrk(path, refused);

	errno = is_it ? EINVAL : errno;
	return is_it;
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	char buf[4200];
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (flags & O_CREAT && is_refused(path))
		return -1;
	return (int)syscall(SYS_openat, dir, fold(path, buf), flags, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	char buf[4200];

	if (is_refused(path))
		return -1;
	return (int)syscall(SYS_mkdirat, dir, fold(path, buf), mode);
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	char buf[4200];

	return (int)syscall(SYS_newfstatat, dir, fold(path, buf), st, flags);
}

int statx(int dir, const char *path, int flags, unsigned mask, struct statx *st)
{
	char buf[4200];

	return (int)syscall(SYS_statx, dir, fold(path, buf), flags, mask, st);
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	char buf[4200];

	return (int)syscall(SYS_faccessat2, dir, fold(path, buf), mode, flags);
}

int symlinkat(const char *target, int dir, const char *path)
{
	char buf[4200];

	return (int)syscall(SYS_symlinkat, target, dir, fold(path, buf));
}

ssize_t readlinkat(int dir, const char *path, char *out, size_t n)
{
	char buf[4200];

	return syscall(SYS_readlinkat, dir, fold(path, buf), out, n);
}

int unlinkat(int dir, const char *path, int flags)
{
	char buf[4200];

	return (int)syscall(SYS_unlinkat, dir, fold(path, buf), flags);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char a[4200], b[4200];

	return (int)syscall(SYS_renameat2, from_dir, fold(from, a), to_dir, fold(to, b), flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

/* --- an offer as it is written --- */

struct stage {
	char root[64];
	struct bk_store *store;
	struct bk_writing writing;
};

static int set_up(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));

	snprintf(st->root, sizeof(st->root), "/tmp/bodkin-fold-XXXXXX");
	is_folding = true;
	refused = NULL;
	has_openat2 = false;
	*state = st;
	return st && mkdtemp(st->root) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct stage *st = *state;

	if (st->store) {
		bk_writing_leave(&st->writing);
		bk_writing_done(&st->writing);
		bk_store_free(st->store);
	}
	is_folding = false;
	kit_remove(st->root);
	free(st);
	return 0;
}

/* Names that end in a slash are folders; NAME>TARGET is a link. */
static void offer(struct stage *st, const char *const *names)
{
	char text[BK_TRANSFER_TEXT_MAX], path[64];

	st->store = calloc(1, sizeof(*st->store));
	assert_int_equal(bk_sink_new(st->root, &st->store->sink, text), 0);
	for (; *names; names++) {
		size_t n;
		struct bk_file_entry e = {.path = path, .mode = 0644};

		for (n = 0; (*names)[n] && (*names)[n] != '>' && ((*names)[n] != '/' || (*names)[n + 1]); n++)
			path[n] = (*names)[n];
		path[n] = 0;
		e.is_folder = (*names)[n] == '/';
		e.is_link = (*names)[n] == '>';
		e.is_file = !(*names)[n];
		assert_int_equal(
			bk_file_list_add(&st->store->list, &e, e.is_link ? *names + n + 1 : NULL), 0);
	}
	bk_picks_init(&st->store->picks, &st->store->list, st->store->sink);
	assert_int_equal(bk_picks_look(&st->store->picks), 0);
	assert_int_equal(bk_writing_init(&st->writing, st->store, 0666), 0);
}

static int write_empty(struct bk_writing *w, size_t entry)
{
	uint8_t digest[BK_DIGEST_LEN];
	int err = bk_writing_begin(w, entry);

	bk_digest_get(w->digest, digest);
	return err < 0 ? err : bk_writing_end(w, digest);
}

/* The first entry that goes wrong, with what is said of it. */
static int write_all(struct stage *st)
{
	struct bk_writing *w = &st->writing;
	int err = 0;

	for (size_t i = 0; i < st->store->list.len && err >= 0; i++) {
		const struct bk_file_entry *e = &st->store->list.entries[i];

		if (e->is_folder && st->store->picks.rows[i].is_taken)
			err = bk_writing_make_folder(w, i);
		else if (e->is_file && st->store->picks.rows[i].is_taken)
			err = write_empty(w, i);
	}
	return err < 0 ? err : bk_writing_finish(w);
}

static void two_folders_of_one_name_are_told_and_not_mixed(void **state)
{
	static const char *const names[] = {"d/", "d/a/", "d/a/one", "d/A/", "d/A/two", NULL};
	struct stage *st = *state;

	offer(st, names);
	assert_int_equal(write_all(st), BK_E_EXISTS);
	assert_string_equal(st->writing.text,
		"cannot write 'd/A': in this folder that is the same name as 'd/a', which came with it");
	assert_int_equal(kit_count(kit_path_in(st->root, "d/a")), 1);
}

static void so_are_they_in_a_folder_that_was_there(void **state)
{
	static const char *const names[] = {"a/", "A/", NULL};
	struct stage *st = *state;

	assert_int_equal(mkdir(kit_path_in(st->root, "a"), 0700), 0);
	offer(st, names);
	assert_int_equal(write_all(st), BK_E_EXISTS);
}

static void two_files_of_one_name_are_told(void **state)
{
	static const char *const names[] = {"f", "F", NULL};
	struct stage *st = *state;

	offer(st, names);
	assert_int_equal(write_all(st), BK_E_EXISTS);
	assert_non_null(strstr(st->writing.text, "cannot write 'F': it exists"));
}

/* Both were seen to exist, and for both it was agreed. */
static void of_two_files_of_one_name_none_replaces_the_other(void **state)
{
	static const char *const names[] = {"f", "F", NULL};
	struct stage *st = *state;

	close(open(kit_path_in(st->root, "f"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	offer(st, names);
	for (int i = 0; i < 2; i++) {
		assert_non_null(bk_picks_conflict(&st->store->picks));
		assert_int_equal(bk_picks_settle(&st->store->picks, BK_TRANSFER_CONFLICT_OVERWRITE), 0);
	}
	assert_int_equal(write_all(st), BK_E_EXISTS);
	assert_non_null(
		strstr(st->writing.text, "as 'f', which came with it; all of it arrived and is kept"));
}

static void where_names_differ_in_case_all_of_it_stands(void **state)
{
	static const char *const names[] = {"d/", "d/a/", "d/a/one", "d/A/", "d/A/two", "f", "F", NULL};
	struct stage *st = *state;

	is_folding = false;
	offer(st, names);
	assert_int_equal(write_all(st), 0);
	assert_int_equal(kit_count(kit_path_in(st->root, "d")), 2);
	assert_int_equal(kit_count(st->root), 4); /* with the journal, until it is left */
}

static void what_cannot_be_called_so_there_is_left_out_and_all_else_comes(void **state)
{
	static const char *const names[] = {"a:b", "d/", "d/x", "c:/", "c:/y", "q?", "z", NULL};
	const struct bk_picks *p;
	struct stage *st = *state;

	refused = ":*";
	is_folding = false;
	offer(st, names);
	p = &st->store->picks;
	assert_int_equal(p->unfit, 3);
	assert_int_equal(p->unfit_first, 0);
	assert_string_equal(p->unfit_why, "takes no ':' in a name");
	for (size_t i = 0; names[i]; i++)
		assert_true(p->rows[i].is_unfit == !p->rows[i].is_taken &&
			    p->rows[i].is_unfit == (strchr(names[i], ':') != NULL));
	assert_int_equal(kit_count(st->root), 0);
	assert_int_equal(write_all(st), 0);
	assert_int_equal(kit_count(kit_path_in(st->root, "d")), 1);
	assert_int_equal(kit_count(st->root), 4); /* with the journal, until it is left */
}

/* A link of an earlier transfer, under another case than the folder that is offered now. */
static void nothing_is_written_through_a_link_of_that_name(void **state)
{
	static const char *const first[] = {"d/", "d/in/", "d/l>in", NULL}, *const second[] = {"d/", "d/L/",
										    "d/L/x", NULL};
	struct stage *st = *state;

	offer(st, first);
	assert_int_equal(write_all(st), 0);
	bk_writing_leave(&st->writing);
	bk_writing_done(&st->writing);
	bk_store_free(st->store);
	for (int i = 0; i < 2; i++) {
		has_openat2 = i;
		offer(st, second);
		assert_int_equal(st->store->picks.error, BK_E_FILE);
		assert_int_equal(bk_writing_make_folder(&st->writing, 0), 0);
		assert_int_equal(write_empty(&st->writing, 2), BK_E_FILE);
		bk_writing_leave(&st->writing);
		bk_writing_done(&st->writing);
		bk_store_free(st->store);
	}
	st->store = NULL;
	assert_int_equal(kit_count(kit_path_in(st->root, "d/in")), 0);
}

static void a_journal_is_ours_only_under_the_very_name(void **state)
{
	enum { ID = 7 };
	struct stage *st = *state;
	int dir = open(st->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct bk_journal *theirs, *ours;

	is_folding = false;
	theirs = bk_journal_new(dir, ID);
	assert_non_null(theirs);
	bk_journal_free(theirs);
	assert_int_equal(renameat(dir, ".bodkin-0000000000000007.journal", dir, "theirs"), 0);
	alias[0] = ".bodkin-0000000000000007.journal";
	alias[1] = "theirs";
	assert_null(bk_journal_find(dir, ID));
	ours = bk_journal_new(dir, ID);
	assert_non_null(ours);
	bk_journal_free(ours);
	alias[0] = NULL;
	assert_int_equal(access(kit_path_in(st->root, ".bodkin-0000000000000007.1.journal"), F_OK), 0);
	ours = bk_journal_find(dir, ID);
	assert_non_null(ours);
	bk_journal_free(ours);
	close(dir);
}

static void what_is_inside_is_opened_alike_with_and_without_openat2(void **state)
{
	static const struct {
		const char *path;
		int error;
	} rows[] = {{"d", 0}, {"d/e", 0}, {"d/l", ENOTDIR}, {"d/l/x", ENOTDIR}, {"d/f/x", ENOTDIR},
		{"n/x", ENOENT}};
	struct stage *st = *state;
	int dir = open(st->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(mkdirat(dir, "d/e", 0700), 0);
	assert_int_equal(symlinkat("e", dir, "d/l"), 0);
	close(openat(dir, "d/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *path = rows[i / 2].path;
		int fd;

		has_openat2 = i % 2;
		errno = 0;
		fd = bk_inside_open(dir, path, strlen(path), O_PATH | O_DIRECTORY, false);
		if ((fd < 0) != !!rows[i / 2].error || (fd < 0 && errno != rows[i / 2].error))
			fail_msg("%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	close(dir);
}

/* It exists, so whoever says "overwrite" would have another one's words under the journal's own name. */
static void nothing_that_is_offered_replaces_a_journal(void **state)
{
	/* a letter that is taken for another one, a short name, and what some file system may think of */
	static const char *const found_as[] = {
		".bod\u212ain-0000000000000007.journal", "BODKIN~1.JOU", "\U0001d41b"};
	struct stage *st = *state;
	int dir = open(st->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct bk_journal *j = bk_journal_new(dir, 7);

	assert_non_null(j);
	bk_journal_free(j);
	alias[1] = ".bodkin-0000000000000007.journal";
	for (size_t i = 0; i < sizeof(found_as) / sizeof(found_as[0]); i++) {
		const char *const names[] = {found_as[i], "f", NULL};

		alias[0] = found_as[i];
		offer(st, names);
		assert_true(st->store->picks.rows[0].is_existing);
		assert_false(st->store->picks.rows[0].is_taken);
		assert_null(bk_picks_conflict(&st->store->picks));
		assert_true(st->store->picks.rows[1].is_taken);
		alias[0] = NULL;
		bk_writing_leave(&st->writing);
		bk_writing_done(&st->writing);
		bk_store_free(st->store);
		st->store = NULL;
	}
	close(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(two_folders_of_one_name_are_told_and_not_mixed),
		T(so_are_they_in_a_folder_that_was_there),
		T(two_files_of_one_name_are_told),
		T(of_two_files_of_one_name_none_replaces_the_other),
		T(where_names_differ_in_case_all_of_it_stands),
		T(what_cannot_be_called_so_there_is_left_out_and_all_else_comes),
		T(nothing_is_written_through_a_link_of_that_name),
		T(a_journal_is_ours_only_under_the_very_name),
		T(nothing_that_is_offered_replaces_a_journal),
		T(what_is_inside_is_opened_alike_with_and_without_openat2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
