/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal says survives any end of whoever wrote it; what is no journal of ours is left alone. */
#include "transfer/journal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/journals.h"

enum { ID = 0x1234, SIZE_MAX_SEEN = 2000, WHOLE_LEN = 33 };

static const char file_name[] = ".bodkin-0000000000001234.journal";
static char folder[64];
static int dir;
static bool is_too_long;

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/bodkin-journal-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	DIR *d = fdopendir(dir);
	const struct dirent *e;

	(void)state;
	while (d && (e = readdir(d)))
		(void)unlinkat(dir, e->d_name, 0);
	closedir(d);
	return rmdir(folder);
}

static const uint8_t digest[BK_DIGEST_LEN] = {1, 2, 3};

static uint32_t begin(struct bk_journal *j, const char *path, const char *name, unsigned number)
{
	const struct bk_journal_row row = {
		.path = path, .name = name, .size = 7, .mtime = 1600000000, .number = number, .birth = 99};

	return bk_journal_begin(j, &row);
}

/* a, and b under the name c, which is whole. */
static void write_two(void)
{
	struct bk_journal *j = bk_journal_new(dir, ID);

	assert_non_null(j);
	assert_int_equal(begin(j, "a", "a", 0), 0);
	assert_int_equal(begin(j, "d/b", "d/c", 3), 1);
	bk_journal_whole(j, 1, digest);
	bk_journal_free(j);
}

/* What was read, for looking at. */
static struct seen {
	struct bk_journal_row row;
	char path[16], name[16];
	uint8_t digest[BK_DIGEST_LEN];
} rows[16];

static void on_row(void *arg, uint32_t number, const struct bk_journal_row *row)
{
	struct seen *s = &rows[number];

	(void)arg;
	*s = (struct seen){.row = *row};
	snprintf(s->path, sizeof(s->path), "%s", row->path);
	snprintf(s->name, sizeof(s->name), "%s", row->name);
}

static void on_digest(void *arg, uint32_t number, const uint8_t *got)
{
	(void)arg;
	memcpy(rows[number].digest, got, BK_DIGEST_LEN);
}

static size_t look(const struct bk_journal *j)
{
	assert_int_equal(bk_journal_each(j, on_row, on_digest, NULL), 0);
	return bk_journal_len(j);
}

static size_t rows_now(void)
{
	struct bk_journal *j = bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long);
	size_t n = SIZE_MAX_SEEN;

	if (j)
		n = look(j);
	bk_journal_free(j);
	return n;
}

static void what_was_noted_is_read_again_and_gone_on_with(void **state)
{
	struct bk_journal *j;

	(void)state;
	write_two();
	j = bk_journal_new(dir, ID);
	assert_int_equal(look(j), 2);
	assert_string_equal(rows[0].path, "a");
	assert_int_equal(rows[0].row.size, 7);
	assert_int_equal(rows[0].row.mtime, 1600000000);
	assert_int_equal(rows[0].row.birth, 99);
	assert_false(rows[0].row.is_whole || rows[0].row.is_stream);
	assert_string_equal(rows[1].path, "d/b");
	assert_string_equal(rows[1].name, "d/c");
	assert_int_equal(rows[1].row.number, 3);
	assert_true(rows[1].row.is_whole);
	assert_memory_equal(rows[1].digest, digest, sizeof(digest));
	bk_journal_let_go(j);
	assert_int_equal(begin(j, "e", "e", 0), 2);
	bk_journal_free(j);
	assert_int_equal(rows_now(), 3);
}

/* Which of the rows lead to no part any more. */
static void goes(const char *want)
{
	struct bk_journal *j = bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long);

	assert_non_null(j);
	assert_int_equal(look(j), strlen(want));
	for (size_t i = 0; want[i]; i++)
		assert_int_equal(rows[i].row.is_gone, want[i] == 'x');
	bk_journal_free(j);
}

static void what_is_gone_stays_gone(void **state)
{
	struct bk_journal *j = bk_journal_new(dir, ID);

	(void)state;
	for (int i = 0; i < 8; i++)
		begin(j, "a", "a", 0);
	for (uint32_t i = 1; i < 4; i++)
		bk_journal_gone(j, i);
	bk_journal_gone(j, 0);
	bk_journal_gone(j, 6);
	bk_journal_free(j);
	goes("xxxx..x.");
	j = bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long);
	bk_journal_let_go(j);
	bk_journal_gone(j, 8); /* of a row that is not there: it, and all behind it, were never written */
	bk_journal_gone(j, 4);
	bk_journal_free(j);
	goes("xxxx..x.");
}

static void a_torn_end_costs_only_its_row_wherever_it_is_torn(void **state)
{
	struct bk_journal *j;
	struct stat st;
	off_t whole;

	(void)state;
	write_two();
	assert_int_equal(fstatat(dir, file_name, &st, 0), 0);
	for (whole = st.st_size; st.st_size > 0; st.st_size--) {
		size_t before;
		int fd = openat(dir, file_name, O_WRONLY | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, st.st_size), 0);
		close(fd);
		j = bk_journal_new(dir, ID);
		assert_non_null(j);
		before = look(j);
		assert_true(before <= 2 && (before == 2) == (st.st_size >= whole - WHOLE_LEN));
		begin(j, "x", "x", 0);
		bk_journal_free(j);
		assert_int_equal(rows_now(), before + 1);
		(void)unlinkat(dir, file_name, 0);
		write_two();
	}
}

static void a_byte_that_changed_ends_it(void **state)
{
	struct stat st;

	(void)state;
	write_two();
	assert_int_equal(fstatat(dir, file_name, &st, 0), 0);
	for (off_t at = st.st_size - 1; at >= 0; at -= 7) {
		int fd = openat(dir, file_name, O_RDWR | O_CLOEXEC);
		uint8_t byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		assert_true(rows_now() < 2 || at >= st.st_size - WHOLE_LEN || rows_now() == SIZE_MAX_SEEN);
		(void)unlinkat(dir, file_name, 0);
		write_two();
	}
}

enum { MANY = 5000 };

static void name_of(uint32_t number, char out[512])
{
	int n = snprintf(out, 512, "%u", number);

	memset(out + n, 'x', number % 250);
	out[n + (int)(number % 250)] = 0;
}

static void on_one_of_many(void *arg, uint32_t number, const struct bk_journal_row *row)
{
	uint32_t *next = arg;
	char name[512];

	name_of(number, name);
	assert_int_equal(number, (*next)++);
	assert_string_equal(row->path, name);
	assert_string_equal(row->name, name);
	assert_int_equal(row->is_whole, number % 3 == 0);
	assert_int_equal(row->is_gone, number % 2);
}

static void on_one_digest(void *arg, uint32_t number, const uint8_t *got)
{
	uint32_t *next = arg;

	assert_int_equal(number % 3, 0);
	assert_int_equal(got[5], (uint8_t)number);
	*next += 3;
}

static void one_that_is_long_is_read_in_pieces(void **state)
{
	struct bk_journal *j = bk_journal_new(dir, ID);
	uint32_t next = 0;
	char name[512];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		const uint8_t said[BK_DIGEST_LEN] = {[5] = (uint8_t)i};

		name_of(i, name);
		begin(j, name, name, 0);
		if (i % 3 == 0)
			bk_journal_whole(j, i, said);
		if (i % 2)
			bk_journal_gone(j, i);
	}
	bk_journal_free(j);
	for (int i = 0; i < 2; i++) {
		next = 0;
		j = bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long);
		assert_int_equal(bk_journal_len(j), MANY);
		assert_int_equal(bk_journal_each(j, on_one_of_many, i ? on_one_digest : NULL, &next), 0);
		assert_int_equal(next, MANY + i * (MANY + 1));
		bk_journal_free(j);
	}
}

static void one_that_somebody_writes_is_left_alone(void **state)
{
	struct bk_journal *a = bk_journal_new(dir, ID), *b = bk_journal_new(dir, ID);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_null(bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long));
	begin(a, "a", "a", 0);
	bk_journal_free(a);
	assert_int_equal(rows_now(), 1); /* and of the other none */
	bk_journal_remove(b);
	bk_journal_free(b);
}

static void put(const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void what_is_no_journal_of_ours_is_neither_read_nor_changed(void **state)
{
	struct stat st;

	(void)state;
	put("other", "somebody's");
	assert_int_equal(symlinkat("other", dir, file_name), 0);
	assert_null(bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long));
	(void)unlinkat(dir, file_name, 0);
	assert_int_equal(linkat(dir, "other", dir, file_name, 0), 0);
	assert_null(bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long));
	(void)unlinkat(dir, file_name, 0);
	put(file_name, "somebody's");
	assert_null(bk_journal_open(dir, file_name, BK_JOURNAL_ROWS_MAX, &is_too_long));
	assert_int_equal(fstatat(dir, file_name, &st, 0), 0);
	assert_int_equal(st.st_size, 10);
	assert_int_equal(fstatat(dir, "other", &st, 0), 0);
	assert_int_equal(st.st_size, 10);
}

static void no_row_leads_out_of_the_folder(void **state)
{
	static const char *const names[] = {"../x", "/x", "a/../x", "..", ".", "a//b", "", "a/"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bk_journal *j = bk_journal_new(dir, ID);

		begin(j, "x", names[i], 0);
		bk_journal_free(j);
		assert_int_equal(rows_now(), 0);
		(void)unlinkat(dir, file_name, 0);
	}
}

static void names_of_journals_are_known_in_any_case(void **state)
{
	(void)state;
	assert_true(bk_journals_is_name(file_name));
	assert_true(bk_journals_is_name(".Bodkin-x.JOURNAL"));
	assert_false(bk_journals_is_name(".bodkin-x.part"));
	assert_false(bk_journals_is_name("a.journal"));
	assert_false(bk_journals_is_name(".journal"));
}

static void make_of(int number, off_t size, time_t when)
{
	const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
	char name[64];
	int fd;

	snprintf(name, sizeof(name), ".bodkin-%d.journal", number);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void list(char *out, size_t max, uint64_t bytes)
{
	size_t n;
	char **names = bk_journals_list(dir, max, bytes, &n);

	assert_non_null(names);
	for (size_t i = 0; i < n; i++) {
		*out++ = names[i][strlen(".bodkin-")];
		free(names[i]);
	}
	*out = 0;
	free(names);
}

static void of_many_those_written_last_are_looked_at(void **state)
{
	char got[16];

	(void)state;
	make_of(1, 100, 1600000000);
	make_of(2, 5000, 1700000000);
	make_of(3, 10, 1500000000);
	make_of(4, 10, 1800000000);
	list(got, 64, UINT64_MAX);
	assert_string_equal(got, "4213");
	list(got, 2, UINT64_MAX);
	assert_string_equal(got, "42");
	list(got, 64, 200);
	assert_string_equal(got, "413");
}

static void one_of_too_many_rows_is_neither_read_nor_changed_nor_made(void **state)
{
	struct bk_journal *j = bk_journal_new(dir, ID);
	struct stat before, after;

	(void)state;
	begin(j, "a", "a", 0);
	begin(j, "b", "b", 0);
	bk_journal_free(j);
	j = bk_journal_open(dir, file_name, 3, &is_too_long);
	assert_int_equal(bk_journal_len(j), 2);
	begin(j, "c", "c", 0);
	assert_true(bk_journal_flush(j));
	begin(j, "d", "d", 0);
	assert_false(bk_journal_flush(j));
	bk_journal_free(j);
	assert_int_equal(rows_now(), 3);
	assert_int_equal(fstatat(dir, file_name, &before, 0), 0);
	assert_null(bk_journal_open(dir, file_name, 2, &is_too_long));
	assert_true(is_too_long);
	assert_int_equal(fstatat(dir, file_name, &after, 0), 0);
	assert_int_equal(before.st_size, after.st_size);
}

/* It has a hole for whatever it says. */
static void one_that_is_too_long_is_told_by_its_name(void **state)
{
	struct bk_transfer_leftovers left;
	char text[BK_TRANSFER_TEXT_MAX];
	int fd;

	(void)state;
	write_two();
	fd = openat(dir, file_name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, (512 << 20) + 1), 0);
	close(fd);
	assert_int_equal(bk_transfer_find_leftovers(folder, true, &left, text), BK_E_TOO_BIG);
	assert_non_null(
		strstr(text, "'.bodkin-0000000000001234.journal' there has more than the 4000000 rows"));
	assert_int_equal(faccessat(dir, file_name, F_OK, 0), 0);
}

static void names_that_a_file_system_may_find_as_a_journal_are_known(void **state)
{
	static const char *const found[] = {
		".bod\u212ain-0000000000001234.journal",
		".BOD\u212aIN-0000000000001234.1.JOURNAL",
		".bo\u200bd\u212ain-00\u00ad00000000001234.journal\ufeff",
		"\u200d.bodkin-0000000000001234.journal",
		".bodkin-0000000000001234.j\u200cournal",
		"\uff0e\uff42\uff2f\uff44\uff4b\uff49\uff4e\uff0d0000000000001234.journal",
		".bodkin-0000000000001234.journa\u02e1",
		".bodkin-000000000000123\uff14.journal",
		".bodkin-0000000000001234.journal\xff",
		".bodkin-0000000000001234.journal.",
		".bod\u212ain-0000000000001234.1.JOURNAL. . ",
	};
	static const char *const others[] = {"\u65e5\u8a18.journal", ".\u65e5\u8a18\u65e5\u8a18.journal",
		"a.journal", ".bod\u212ain", ".bod\u212ain-notes.journal", ".bodkin-x\u00e9.txt",
		"\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", "bodk\u00efn-0000000000001234",
		".bodega-\u00e9t\u00e9.journal", "", "\u212a", "...", ".bodkin-notes.journal."};

	(void)state;
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++)
		if (!bk_journals_may_be_found_as(found[i]))
			fail_msg("'%s' is not known", found[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (bk_journals_may_be_found_as(others[i]))
			fail_msg("'%s' is taken for one", others[i]);
	assert_true(bk_journals_may_be_found_as(file_name));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_was_noted_is_read_again_and_gone_on_with),
		T(what_is_gone_stays_gone),
		T(a_torn_end_costs_only_its_row_wherever_it_is_torn),
		T(a_byte_that_changed_ends_it),
		T(one_that_is_long_is_read_in_pieces),
		T(one_that_somebody_writes_is_left_alone),
		T(what_is_no_journal_of_ours_is_neither_read_nor_changed),
		T(no_row_leads_out_of_the_folder),
		T(of_many_those_written_last_are_looked_at),
		T(names_of_journals_are_known_in_any_case),
		T(one_of_too_many_rows_is_neither_read_nor_changed_nor_made),
		T(one_that_is_too_long_is_told_by_its_name),
		T(names_that_a_file_system_may_find_as_a_journal_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
