/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing has its name before the disk has it; many small files cost one sync; a disk that hangs stops nobody else;
 * and what is complete survives whatever goes wrong with the next. */
#include "transfer/writer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bodkin/loop.h>

#include "base/error.h"
#include "base/loan.h"

enum { MANY = 100, FEW = 3, LONG_NAME = 250, ALIKE = 300 };

static char folder[64];
static atomic_int syncs, named_too_early; /* a sync of everything; final names when something was synced */
static atomic_int sync_error;
static atomic_bool is_hanging;
static int gate = -1; /* syncing waits for a byte from it */

static int names(const char *suffix, bool with)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name), end = strlen(suffix);

		if (e->d_name[0] != '.')
			n += with == (len > end && !strcmp(e->d_name + len - end, suffix));
	}
	if (d)
		closedir(d);
	return n;
}

static int sync_now(void)
{
	char byte;

	is_hanging = gate >= 0;
	if (gate >= 0 && read(gate, &byte, 1) != 1)
		abort();
	errno = sync_error;
	return sync_error ? -1 : 0;
}

/* In place of libc's. */
int syncfs(int fd)
{
	(void)fd;
	syncs++;
	named_too_early += names(".part", false);
	return sync_now();
}

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	named_too_early += names(".part", false);
	return sync_now();
}

struct stage {
	struct bk_loop *loop;
	struct bk_writer *writer;
	struct bk_timer *ticker;
	int ticks;
	uint8_t digest[BK_DIGEST_LEN];
};

static void on_writer(void *arg)
{
	struct stage *st = arg;

	if (bk_writer_is_over(st->writer))
		bk_loop_stop(st->loop);
}

static int set_up(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));
	struct bk_digest *d = bk_digest_new();

	bk_digest_update(d, "content", 7);
	bk_digest_get(d, st->digest);
	bk_digest_free(d);
	snprintf(folder, sizeof(folder), "/tmp/bodkin-writer-XXXXXX");
	syncs = named_too_early = sync_error = 0;
	gate = -1;
	*state = st;
	return mkdtemp(folder) && bk_loop_new(BK_LOOP_AUTO, &st->loop) >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct stage *st = *state;
	DIR *d = opendir(folder);
	struct dirent *e;

	bk_writer_free(st->writer);
	bk_timer_free(st->ticker);
	bk_loop_free(st->loop);
	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	free(st);
	return rmdir(folder);
}

/* A writer for n files of 7 bytes; `long_names` are equal in all that a part keeps of them. */
static void start(struct stage *st, int n, bool long_names)
{
	struct bk_store *store = calloc(1, sizeof(*store));
	char text[BK_TRANSFER_TEXT_MAX], path[LONG_NAME + 1];

	assert_int_equal(bk_sink_new(folder, &store->sink, text), 0);
	for (int i = 0; i < n; i++) {
		const struct bk_file_entry entry = {.path = path, .is_file = true, .size = 7, .mode = 0644};

		memset(path, 'x', sizeof(path));
		snprintf(path + (long_names ? LONG_NAME - 4 : 0), 5, "%04d", i);
		assert_int_equal(bk_file_list_add(&store->list, &entry, NULL), 0);
	}
	bk_picks_init(&store->picks, &store->list, store->sink);
	assert_int_equal(bk_picks_look(&store->picks), 0);
	assert_int_equal(store->picks.error, 0);
	assert_int_equal(bk_writer_new(st->loop, store, 0777, on_writer, st, &st->writer), 0);
}

static void put(struct stage *st, int entry)
{
	assert_int_equal(bk_writer_begin(st->writer, (size_t)entry), 0);
	assert_int_equal(bk_writer_write(st->writer, "cont", 4), 0);
	assert_int_equal(bk_writer_write(st->writer, "ent", 3), 0);
	assert_int_equal(bk_writer_end(st->writer, st->digest), 0);
}

static int finish(struct stage *st)
{
	const char *text;

	assert_int_equal(bk_writer_finish(st->writer), 0);
	assert_int_equal(bk_loop_run(st->loop), 0);
	return bk_writer_error(st->writer, &text);
}

static void many_small_files_have_their_names_after_one_sync(void **state)
{
	struct stage *st = *state;

	start(st, MANY, false);
	for (int i = 0; i < MANY; i++)
		put(st, i);
	assert_int_equal(finish(st), 0);
	assert_int_equal(names(".part", false), MANY);
	assert_int_equal(names(".part", true), 0);
	assert_int_equal(syncs, 1);
	assert_int_equal(named_too_early, 0);
}

static void a_few_are_synced_without_what_others_write(void **state)
{
	struct stage *st = *state;

	start(st, 1, false);
	put(st, 0);
	assert_int_equal(finish(st), 0);
	assert_int_equal(names(".part", false), 1);
	assert_int_equal(syncs, 0);
	assert_int_equal(named_too_early, 0);
}

static void what_the_disk_refuses_has_no_name_and_goes(void **state)
{
	struct stage *st = *state;
	const char *text;

	sync_error = EIO;
	start(st, MANY, false);
	for (int i = 0; i < MANY; i++)
		put(st, i);
	assert_int_equal(finish(st), BK_E_FILE);
	bk_writer_error(st->writer, &text);
	assert_non_null(strstr(text, "to the disk: "));
	assert_int_equal(names("", false) + names("", true), 0);
}

static void a_damaged_file_costs_none_of_those_before_it(void **state)
{
	struct stage *st = *state;

	start(st, FEW, false);
	put(st, 0);
	put(st, 1);
	assert_int_equal(bk_writer_begin(st->writer, 2), 0);
	assert_int_equal(bk_writer_end(st->writer, st->digest), 0);
	assert_int_equal(finish(st), BK_E_DIGEST);
	assert_int_equal(names(".part", false), 2);
	assert_int_equal(names(".part", true), 0);
}

static void a_name_that_is_taken_meanwhile_costs_only_its_file_the_name(void **state)
{
	struct stage *st = *state;
	char path[128];
	const char *text;
	int fd;

	start(st, FEW, false);
	snprintf(path, sizeof(path), "%s/0001", folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	for (int i = 0; i < FEW; i++)
		put(st, i);
	assert_int_equal(finish(st), BK_E_EXISTS);
	bk_writer_error(st->writer, &text);
	assert_string_equal(
		text, "cannot write '0001': it exists; all of it arrived and is kept as '0001.part'");
	assert_int_equal(names(".part", false), FEW);
	assert_int_equal(names(".part", true), 1);
}

static void names_that_are_equal_where_they_are_cut_all_arrive(void **state)
{
	struct stage *st = *state;

	start(st, ALIKE, true);
	for (int i = 0; i < ALIKE; i++)
		put(st, i);
	assert_int_equal(finish(st), 0);
	assert_int_equal(names(".part", false), ALIKE);
}

/* Nothing comes for a while, in the middle of a file: those before it have their names by then. */
static void begin_second_and_wait(struct stage *st)
{
	start(st, FEW, false);
	put(st, 0);
	assert_int_equal(bk_writer_begin(st->writer, 1), 0);
	assert_int_equal(bk_writer_write(st->writer, "cont", 4), 0);
	while (names(".part", false) != 1)
		sched_yield();
}

static void a_pause_in_a_file_names_those_before_it_and_costs_it_nothing(void **state)
{
	struct stage *st = *state;

	begin_second_and_wait(st);
	assert_int_equal(bk_writer_write(st->writer, "ent", 3), 0);
	assert_int_equal(bk_writer_end(st->writer, st->digest), 0);
	assert_int_equal(finish(st), 0);
	assert_int_equal(names(".part", false), 2);
	assert_int_equal(names(".part", true), 0);
}

static void what_is_unfinished_after_a_pause_is_removed_too(void **state)
{
	struct stage *st = *state;

	begin_second_and_wait(st);
	bk_writer_stop(st->writer);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(names(".part", false), 1);
	assert_int_equal(names(".part", true), 0);
}

static void stopping_keeps_what_is_complete_and_removes_the_rest(void **state)
{
	struct stage *st = *state;

	start(st, FEW, false);
	put(st, 0);
	put(st, 1);
	assert_int_equal(bk_writer_begin(st->writer, 2), 0);
	assert_int_equal(bk_writer_write(st->writer, "con", 3), 0);
	bk_writer_stop(st->writer);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(names(".part", false), 2);
	assert_int_equal(names(".part", true), 0);
}

static void on_tick(void *arg)
{
	struct stage *st = arg;

	if (++st->ticks >= MANY && is_hanging)
		bk_loop_stop(st->loop);
	else
		bk_timer_start(st->ticker, 0);
}

static void a_disk_that_hangs_stops_neither_the_loop_nor_whoever_leaves(void **state)
{
	struct stage *st = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	gate = ends[0];
	start(st, FEW, false);
	put(st, 0);
	assert_int_equal(bk_writer_finish(st->writer), 0);
	assert_int_equal(bk_timer_new(st->loop, on_tick, st, &st->ticker), 0);
	bk_timer_start(st->ticker, 0);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_false(bk_writer_is_over(st->writer));
	bk_writer_free(st->writer);
	st->writer = NULL;
	assert_int_equal(write(ends[1], "x", 1), 1);
	while (names(".part", false) != 1) /* what was complete still gets its name */
		sched_yield();
	close(ends[1]);
}

static void write_lent(struct stage *st, struct bk_loan *loan)
{
	struct bk_loan *before = bk_loan_begin(loan);

	assert_int_equal(bk_writer_write(st->writer, loan->bytes, 7), 0);
	bk_loan_end(before);
}

static struct bk_loan *loan_new(const char *content)
{
	struct bk_loan *loan = bk_loan_new(7);

	memcpy(loan->bytes, content, 7);
	return loan;
}

static void content_in_lent_memory_is_written_from_there_and_let_go(void **state)
{
	struct bk_loan *loan = loan_new("content");
	struct stage *st = *state;

	start(st, FEW, false);
	for (int i = 0; i < FEW; i++) {
		assert_int_equal(bk_writer_begin(st->writer, (size_t)i), 0);
		write_lent(st, loan);
		assert_int_equal(bk_writer_end(st->writer, st->digest), 0);
	}
	assert_int_equal(finish(st), 0);
	assert_int_equal(names(".part", false), FEW);
	assert_false(bk_loan_is_shared(loan));
	bk_loan_unref(loan);
}

static void lent_content_that_nobody_writes_any_more_is_let_go(void **state)
{
	struct bk_loan *bad = loan_new("damaged"), *next = loan_new("content");
	struct stage *st = *state;

	start(st, FEW, false);
	assert_int_equal(bk_writer_begin(st->writer, 0), 0);
	write_lent(st, bad);
	assert_int_equal(bk_writer_end(st->writer, st->digest), 0);
	assert_int_equal(bk_writer_begin(st->writer, 1), 0);
	write_lent(st, next);
	assert_int_equal(finish(st), BK_E_DIGEST);
	bk_writer_free(st->writer);
	st->writer = NULL;
	while (bk_loan_is_shared(bad) || bk_loan_is_shared(next)) /* the thread lets go of it last */
		sched_yield();
	bk_loan_unref(bad);
	bk_loan_unref(next);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(many_small_files_have_their_names_after_one_sync),
		T(a_few_are_synced_without_what_others_write),
		T(what_the_disk_refuses_has_no_name_and_goes),
		T(a_damaged_file_costs_none_of_those_before_it),
		T(a_name_that_is_taken_meanwhile_costs_only_its_file_the_name),
		T(names_that_are_equal_where_they_are_cut_all_arrive),
		T(a_pause_in_a_file_names_those_before_it_and_costs_it_nothing),
		T(what_is_unfinished_after_a_pause_is_removed_too),
		T(stopping_keeps_what_is_complete_and_removes_the_rest),
		T(content_in_lent_memory_is_written_from_there_and_let_go),
		T(lent_content_that_nobody_writes_any_more_is_let_go),
		T(a_disk_that_hangs_stops_neither_the_loop_nor_whoever_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
