/* SPDX-License-Identifier: Apache-2.0 */
/* A part is whose it is: no name makes a file ours, and no old note leads to what another transfer writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/time.h"
#include "transfer/birth.h"
#include "transfer/journal.h"
#include "transfer/journals.h"
#include "transfer/part.h"
#include "transfer/sink.h"
#include "transfer/test_kit.h"
#include "transfer/test_stage.h"

enum { BLOCK = 1 << 20, BIG = 8 * BLOCK + 12345, SMALL = 20000 };

static const struct bk_recv_opts usual;

/* --- a folder, of which d/a came and d/b did not --- */

static const char *begin_folder(void)
{
	snprintf(st.path, sizeof(st.path), "%s/d", st.in);
	assert_int_equal(mkdir(st.path, 0755), 0);
	stage_make_file(kit_path_in(st.in, "d/a"), BIG, 1);
	stage_make_file(kit_path_in(st.in, "d/b"), BIG, 7);
	stage_run(st.path, &usual, BIG + 3 * BLOCK);
	assert_true(kit_is_same_file(kit_path_in(st.in, "d/a"), kit_path_in(st.out, "d/a")));
	assert_int_equal(access(kit_path_in(st.out, "d/b.part"), F_OK), 0);
	return st.path;
}

static void put_note(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, "precious", 8) == 8);
	close(fd);
}

static bool is_note(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return n == 8 && !memcmp(text, "precious", 8);
}

static void is_all_there(void)
{
	assert_true(st.sender.is_done && st.receiver.is_done);
	assert_true(kit_is_same_file(kit_path_in(st.in, "d/a"), kit_path_in(st.out, "d/a")));
	assert_true(kit_is_same_file(kit_path_in(st.in, "d/b"), kit_path_in(st.out, "d/b")));
}

/* It wrote d/a in the meantime, as the writer does. */
static void another_transfers_part_is_not_taken_over(void **state)
{
	const struct bk_file_entry entry = {.path = "d/a", .is_file = true, .size = BIG, .mode = 0644};
	const char *d = begin_folder();
	char text[BK_TRANSFER_TEXT_MAX], *bytes = malloc(BIG);
	struct bk_sink *live;

	(void)state;
	memset(bytes, 'L', BIG);
	assert_int_equal(unlink(kit_path_in(st.out, "d/a")), 0);
	assert_int_equal(bk_sink_new(st.out, &live, text), 0);
	assert_int_equal(bk_sink_begin(live, &entry, "d/a"), 0);
	assert_string_equal(bk_sink_part(live), "a.part");
	assert_int_equal(bk_sink_write(live, bytes, 5 * BLOCK), 0);
	stage_run(d, &usual, 0);
	is_all_there();
	assert_int_equal(access(kit_path_in(st.out, "d/a.part"), F_OK), 0);
	assert_int_equal(bk_sink_write(live, bytes, BIG - 5 * BLOCK), 0);
	is_all_there();
	bk_sink_free(live);
	free(bytes);
}

static void somebodys_file_that_is_called_like_a_part_stays(void **state)
{
	const char *d = begin_folder();

	(void)state;
	assert_int_equal(unlink(kit_path_in(st.out, "d/a")), 0);
	put_note(kit_path_in(st.out, "d/a.part"));
	assert_int_equal(unlink(kit_path_in(st.out, "d/b.part")), 0);
	put_note(kit_path_in(st.out, "d/b.part"));
	stage_make_file(
		kit_path_in(st.in, "d/a"), SMALL, 3); /* of another size, so that what was begun is useless */
	stage_run(d, &usual, 0);
	is_all_there();
	assert_true(is_note(kit_path_in(st.out, "d/a.part")));
	assert_true(is_note(kit_path_in(st.out, "d/b.part")));
	assert_int_equal(kit_count(kit_path_in(st.out, "d")), 4);
	assert_int_equal(kit_count(st.out), 1);
}

/* As if it were from an hour ago. */
static void age(const char *path, void *arg)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - 3600}};

	(void)arg;
	if (strstr(path, ".journal"))
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void an_empty_file_of_somebodys_stays_too(void **state)
{
	const char *d = begin_folder();

	(void)state;
	assert_int_equal(unlink(kit_path_in(st.out, "d/b.part")), 0);
	kit_for_each(st.out, age, NULL);
	close(open(kit_path_in(st.out, "d/b.part"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	stage_run(d, &usual, 0);
	is_all_there();
	assert_int_equal(access(kit_path_in(st.out, "d/b.part"), F_OK), 0);
}

/* It wrote up to now, however long the test has taken. */
static void freshen(const char *path, void *arg)
{
	(void)arg;
	if (strstr(path, ".journal"))
		assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
}

/* Killed between making it and noting that. */
static void what_a_killed_maker_left_is_no_litter(void **state)
{
	const char *d = begin_folder();
	unsigned number;
	uint64_t birth;
	int dir = open(kit_path_in(st.out, "d"), O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	(void)state;
	assert_int_equal(unlinkat(dir, "b.part", 0), 0);
	fd = bk_part_make(dir, "b", &number, &birth);
	assert_true(fd >= 0);
	close(fd);
	close(dir);
	kit_for_each(st.out, freshen, NULL);
	stage_run(d, &usual, 0);
	is_all_there();
	assert_int_equal(kit_count(kit_path_in(st.out, "d")), 2);
}

static void what_is_forgotten_is_only_what_was_made(void **state)
{
	struct bk_transfer_leftovers left;

	(void)state;
	begin_folder();
	assert_int_equal(bk_transfer_find_leftovers(st.out, false, &left, NULL), 0);
	assert_int_equal(left.parts, 1);
	put_note(kit_path_in(st.out, "d/a.part"));
	assert_int_equal(unlink(kit_path_in(st.out, "d/b.part")), 0);
	put_note(kit_path_in(st.out, "d/b.part"));
	assert_int_equal(bk_transfer_find_leftovers(st.out, true, &left, NULL), 0);
	assert_int_equal(left.transfers, 1);
	assert_int_equal(left.parts, 0);
	assert_true(is_note(kit_path_in(st.out, "d/a.part")));
	assert_true(is_note(kit_path_in(st.out, "d/b.part")));
	assert_int_equal(kit_count(st.out), 1);
}

/* A folder that somebody made anew is his: its mode and time stay, and it is not removed. */
static void somebodys_folder_of_that_name_stays_as_it_is(void **state)
{
	const char *d = begin_folder();
	struct stat got;

	(void)state;
	kit_remove(kit_path_in(st.out, "d"));
	assert_int_equal(mkdir(kit_path_in(st.out, "d"), 0700), 0);
	stage_run(d, &usual, 0);
	is_all_there();
	assert_int_equal(stat(kit_path_in(st.out, "d"), &got), 0);
	assert_int_equal(got.st_mode & 0777, 0700);
}

/* --- what one journal gave to another --- */

struct look {
	const char *path;
	int led, gone;
};

static void look_at(void *arg, uint32_t number, const struct bk_journal_row *row)
{
	struct look *l = arg;

	(void)number;
	l->led += !strcmp(row->path, l->path) && !row->is_gone;
	l->gone += !strcmp(row->path, l->path) && row->is_gone;
}

static void look_into(const char *path, void *arg)
{
	const char *leaf = strrchr(path, '/') + 1;
	bool is_too_long;
	int dir = open(st.out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bk_journal *j = bk_journals_is_name(leaf)
				       ? bk_journal_open(dir, leaf, BK_JOURNAL_ROWS_MAX, &is_too_long)
				       : NULL;

	if (j)
		assert_int_equal(bk_journal_each(j, look_at, NULL, arg), 0);
	bk_journal_free(j);
	close(dir);
}

/* The same folder with a file more is another offer; the journal of the first stays for what it has alone. */
static void one_journal_leads_to_a_part(void **state)
{
	const char *d = begin_folder();
	struct look l = {.path = "d/b"};

	(void)state;
	stage_make_file(kit_path_in(st.in, "d/b2"), SMALL, 3);
	assert_int_equal(unlink(kit_path_in(st.in, "d/a")), 0);
	stage_run(d, &usual, 5 * BLOCK + BIG);
	assert_int_equal(kit_count(st.out), 3);
	kit_for_each(st.out, look_into, &l);
	assert_int_equal(l.led, 1);
	assert_int_equal(l.gone, 1);
}

/* --- a disk that stands while a journal is read --- */

enum { TICKS = 5, TRIES = 5000 };

static atomic_bool is_standing;
static atomic_int ticks;
static struct bk_timer *ticker;

static void on_tick(void *arg)
{
	(void)arg;
	ticks++;
	bk_timer_start(ticker, BK_MS);
}

/* Journals are read by it. It stands until the loop has gone on; or for seconds, when that waits for it. */
ssize_t pread(int fd, void *data, size_t n, off_t at)
{
	int from = ticks;

	for (int i = 0; i < TRIES && is_standing && ticks < from + TICKS; i++)
		usleep(1000);
	if (is_standing && ticks < from + TICKS)
		return -1;
	is_standing = false;
	return syscall(SYS_pread64, fd, data, n, at);
}

static void the_loop_goes_on_while_journals_are_read(void **state)
{
	const char *d = begin_folder();

	(void)state;
	assert_int_equal(bk_timer_new(st.loop, on_tick, NULL, &ticker), 0);
	bk_timer_start(ticker, BK_MS);
	is_standing = true;
	stage_run(d, &usual, 0);
	bk_timer_free(ticker);
	assert_false(is_standing);
	is_all_there();
	assert_true(st.receiver.sent < BIG);
}

static void cancel_it(void *arg)
{
	(void)arg;
	bk_recv_cancel(st.recv);
}

/* Its store goes with whoever has it. */
static void it_may_be_cancelled_meanwhile(void **state)
{
	const char *d = begin_folder();

	(void)state;
	assert_int_equal(bk_timer_new(st.loop, cancel_it, NULL, &ticker), 0);
	is_standing = true;
	bk_timer_start(ticker, 50 * BK_MS);
	stage_run(d, &usual, 0);
	is_standing = false;
	bk_timer_free(ticker);
	assert_int_equal(st.receiver.error, BK_E_CANCELLED);
}

/* --- a part alone --- */

static void it_is_of_whoever_has_it_open(void **state)
{
	int dir = open(st.out, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	unsigned number;
	uint64_t birth;

	(void)state;
	fd = bk_part_make(dir, "x", &number, &birth);
	assert_true(fd >= 0);
	assert_int_equal(bk_part_open(dir, "x", number, birth), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	bk_part_remove(dir, "x", number, birth);
	bk_part_remove_empty(dir, "x", 0, INT64_MAX - 2);
	assert_true(bk_part_is(dir, "x.part", birth));
	close(fd);
	fd = bk_part_open(dir, "x", number, birth);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(bk_part_open(dir, "x", number, birth + 1), -1);
	bk_part_remove(dir, "x", number, birth + 1);
	bk_part_remove_empty(dir, "x", 0, 1600000000);
	assert_true(bk_part_is(dir, "x.part", birth));
	bk_part_remove(dir, "x", number, birth);
	assert_false(bk_part_is(dir, "x.part", birth));
	close(dir);
}

/* A read-only one, too, which was complete and had no name yet. */
static void one_that_its_owner_may_not_write_is_removed_all_the_same(void **state)
{
	int dir = open(st.out, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	unsigned number;
	uint64_t birth;

	(void)state;
	fd = bk_part_make(dir, "x", &number, &birth);
	assert_int_equal(fchmod(fd, 0400), 0);
	close(fd);
	bk_part_remove(dir, "x", number, birth);
	assert_int_equal(kit_count(st.out), 0);
	close(dir);
}

static struct bk_sink *write_one(const struct bk_file_entry *entry)
{
	char text[BK_TRANSFER_TEXT_MAX];
	struct bk_sink *s;

	assert_int_equal(bk_sink_new(st.out, &s, text), 0);
	assert_int_equal(bk_sink_begin(s, entry, entry->path), 0);
	assert_int_equal(bk_sink_write(s, "hello", 5), 0);
	assert_int_equal(unlink(kit_path_in(st.out, "x.part")), 0);
	put_note(kit_path_in(st.out, "x.part"));
	return s;
}

static void what_took_its_name_is_neither_renamed_nor_removed(void **state)
{
	const struct bk_file_entry entry = {.path = "x", .is_file = true, .size = 5, .mode = 0644};
	struct bk_sink *s = write_one(&entry);

	(void)state;
	assert_int_equal(bk_sink_close(s, 0644), 0);
	assert_int_equal(bk_sink_commit(s, false), BK_E_FILE);
	assert_string_equal(
		bk_sink_text(s), "cannot write 'x': what came of it was replaced by another file");
	bk_sink_free(s);
	assert_true(is_note(kit_path_in(st.out, "x.part")));
	assert_int_equal(unlink(kit_path_in(st.out, "x.part")), 0);
	s = write_one(&entry);
	assert_false(bk_sink_leave(s, 1));
	bk_sink_free(s);
	assert_true(is_note(kit_path_in(st.out, "x.part")));
	assert_int_equal(kit_count(st.out), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
	const struct CMUnitTest tests[] = {
		T(another_transfers_part_is_not_taken_over),
		T(somebodys_file_that_is_called_like_a_part_stays),
		T(an_empty_file_of_somebodys_stays_too),
		T(what_a_killed_maker_left_is_no_litter),
		T(what_is_forgotten_is_only_what_was_made),
		T(somebodys_folder_of_that_name_stays_as_it_is),
		T(one_journal_leads_to_a_part),
		T(the_loop_goes_on_while_journals_are_read),
		T(it_may_be_cancelled_meanwhile),
		T(it_is_of_whoever_has_it_open),
		T(one_that_its_owner_may_not_write_is_removed_all_the_same),
		T(what_took_its_name_is_neither_renamed_nor_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
