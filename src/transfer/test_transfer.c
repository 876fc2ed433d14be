/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/journals.h"
#include "transfer/test_ends.h"
#include "transfer/test_fake.h"
#include "transfer/test_kit.h"

enum { BLOCK = 1 << 20 };

static const struct bk_recv_opts usual;

static void is_journal(const char *path, void *arg)
{
	*(bool *)arg |= bk_journals_is_name(strrchr(path, '/') + 1);
}

static bool has_journal(const struct ends *st)
{
	bool is_found = false;

	kit_for_each(st->out, is_journal, &is_found);
	return is_found;
}

/* A part with so much of the file or more, and what says so; and nothing else. */
static void keeps_a_part(const struct ends *st, off_t least)
{
	struct stat got;

	assert_int_equal(stat(kit_path_in(st->out, "a.part"), &got), 0);
	assert_true(got.st_size >= least);
	assert_true(has_journal(st));
	assert_int_equal(kit_count(st->out), 2);
	assert_non_null(strstr(
		st->recv.text, "; what came is kept: the same command goes on, with the new code that"));
}

static void files_arrive_whole_with_mode_and_time(void **state)
{
	struct ends *st = *state;
	const char *names[] = {"empty", "one", "big"}, *paths[3];
	const size_t sizes[] = {0, 1, 1500001};
	struct timespec times[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
	struct stat got;
	char kept[3][512];

	for (int i = 0; i < 3; i++) {
		snprintf(kept[i], sizeof(kept[i]), "%s/%s", st->in, names[i]);
		paths[i] = kept[i];
		ends_write_file(paths[i], sizes[i], i);
	}
	chmod(paths[2], 0750);
	utimensat(AT_FDCWD, paths[2], times, 0);
	ends_transfer(st, paths, 3, &(struct bk_recv_opts){.takes_executable = true});
	assert_true(st->send.is_done);
	assert_true(st->recv.is_done);
	assert_int_equal(st->recv.bytes, 1500002);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_int_equal(kit_count(st->out), 3);
	for (int i = 0; i < 3; i++)
		assert_true(kit_is_same_file(paths[i], kit_path_in(st->out, names[i])));
	assert_int_equal(stat(kit_path_in(st->out, "big"), &got), 0);
	assert_int_equal(got.st_mode & 0077, 0050 & ~022);
	assert_int_equal(got.st_mtime, 1600000000);
}

static void an_existing_file_is_refused_and_stays(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 10, 0);
	ends_write_file(kit_path_in(st->out, "a"), 20, 5);
	ends_write_file(kit_path_in(st->root, "copy"), 20, 5);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_EXISTS);
	assert_false(st->recv.is_remote);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_true(kit_is_same_file(kit_path_in(st->out, "a"), kit_path_in(st->root, "copy")));
	assert_int_equal(kit_count(st->out), 1);
}

static void a_no_takes_nothing_and_is_told_as_one(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 10, 0);
	ends_write_file(kit_path_in(st->out, "a"), 20, 5);
	ends_transfer(st, &path, 1,
		&(struct bk_recv_opts){.asks_accept = true, .conflict = BK_TRANSFER_CONFLICT_ASK});
	assert_int_equal(st->recv.questions, 1);
	assert_int_equal(st->recv.error, BK_E_DECLINED);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_non_null(strstr(st->send.text, "declined what was offered"));
	assert_false(kit_is_same_file(path, kit_path_in(st->out, "a")));
}

/* Nine files, three of which exist: what is asked, what is told, what stands there in the end. */
static const struct conflict_case {
	enum bk_transfer_conflict conflict, resolve;
	bool for_all;
	int questions, error;
	size_t skipped, left;
	const char *paths, *told;
} conflicts[] = {
	{BK_TRANSFER_CONFLICT_ASK, BK_TRANSFER_CONFLICT_OVERWRITE, false, 3, 0, 0, 0, "a;b;c;d;e;f;g;h;i;",
		"b over ;d over ;i over ;"},
	{BK_TRANSFER_CONFLICT_ASK, BK_TRANSFER_CONFLICT_SKIP, true, 1, 0, 3, 0, "a;c;e;f;g;h;",
		"b skip ;d skip ;i skip ;"},
	{BK_TRANSFER_CONFLICT_ASK, BK_TRANSFER_CONFLICT_RENAME, true, 1, 0, 0, 0, "a;b-1;c;d-2;e;f;g;h;i-1;",
		"b as b-1;d as d-2;i as i-1;"},
	{BK_TRANSFER_CONFLICT_RENAME, 0, false, 0, 0, 0, 0, "a;b-1;c;d-2;e;f;g;h;i-1;",
		"b as b-1;d as d-2;i as i-1;"},
	{BK_TRANSFER_CONFLICT_LEAVE, 0, false, 0, 0, 3, 3, "a;c;e;f;g;h;", "b skip ;d skip ;i skip ;"},
	{BK_TRANSFER_CONFLICT_SKIP, 0, false, 0, 0, 3, 0, "a;c;e;f;g;h;", "b skip ;d skip ;i skip ;"},
	{BK_TRANSFER_CONFLICT_FAIL, 0, false, 0, BK_E_EXISTS, 0, 0, "", ""},
};

static void start_over(struct ends *st)
{
	bk_send_free(st->send.send);
	bk_recv_free(st->recv.recv);
	st->send = st->recv = (struct ends_side){.loop = st->loop, .running = &st->running, .answer = true};
	bk_fake_reset(NULL);
	kit_remove(st->out);
	assert_int_equal(mkdir(st->out, 0700), 0);
}

static void existing_files_are_decided_one_by_one(void **state)
{
	struct ends *st = *state;
	char kept[9][512];
	const char *paths[9];

	for (int i = 0; i < 9; i++) {
		snprintf(kept[i], sizeof(kept[i]), "%s/%c", st->in, 'a' + i);
		paths[i] = kept[i];
		ends_write_file(paths[i], 1000 + (size_t)i, i);
	}
	for (size_t k = 0; k < sizeof(conflicts) / sizeof(conflicts[0]); k++) {
		const struct conflict_case *c = &conflicts[k];

		start_over(st);
		ends_write_file(kit_path_in(st->out, "b"), 3, 99);
		ends_write_file(kit_path_in(st->out, "d"), 3, 99);
		ends_write_file(kit_path_in(st->out, "d-1"), 3, 99);
		ends_write_file(kit_path_in(st->out, "i"), 3, 99);
		st->recv.resolve = c->resolve;
		st->recv.for_all = c->for_all;
		ends_transfer(st, paths, 9, &(struct bk_recv_opts){.conflict = c->conflict});
		assert_int_equal(st->recv.error, c->error);
		assert_int_equal(st->recv.questions, c->questions);
		assert_string_equal(st->recv.paths, c->paths);
		assert_string_equal(st->recv.told, c->told);
		assert_int_equal(st->recv.left, c->left);
		assert_int_equal(st->recv.skipped, c->skipped);
		assert_int_equal(st->send.skipped, c->skipped);
		assert_string_equal(st->send.digest, st->recv.digest);
		assert_int_equal(st->send.is_done, !c->error);
	}
}

/* The answer and done come together then. */
static void who_takes_no_file_is_done_at_once(void **state)
{
	struct ends *st = *state;
	const char *file = kit_path_in(st->in, "a"), *folder = kit_path_in(st->in, "f");

	ends_write_file(file, 1000, 1);
	assert_int_equal(mkdir(folder, 0700), 0);
	ends_write_file(kit_path_in(st->out, "a"), 3, 99);
	ends_transfer(st, &file, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_SKIP});
	assert_true(st->recv.is_done);
	assert_true(st->send.is_done);
	assert_int_equal(st->send.skipped, 1);
	start_over(st);
	ends_transfer(st, &folder, 1, &usual);
	assert_true(st->recv.is_done);
	assert_true(st->send.is_done);
}

static void what_is_hidden_or_runs_is_taken_only_when_asked_for(void **state)
{
	static const struct {
		struct bk_recv_opts opts;
		const char *paths;
		mode_t x;
		int error;
	} rows[] = {
		{{0}, "run;", 0, 0},
		{{.takes_hidden = true}, ".profile;run;", 0, 0},
		{{.takes_executable = true}, "run;", 0100, 0},
		{{.asks_accept = true}, ".profile;run;", 0100, 0},
	};
	struct ends *st = *state;
	char kept[2][512];
	const char *paths[] = {kept[0], kept[1]};
	struct stat got;

	snprintf(kept[0], sizeof(kept[0]), "%s/.profile", st->in);
	snprintf(kept[1], sizeof(kept[1]), "%s/run", st->in);
	ends_write_file(kept[0], 10, 1);
	ends_write_file(kept[1], 10, 2);
	chmod(kept[1], 0700);
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		start_over(st);
		ends_transfer(st, paths, 2, &rows[k].opts);
		assert_int_equal(st->recv.error, rows[k].error);
		assert_string_equal(st->recv.paths, rows[k].paths);
		assert_int_equal(stat(kit_path_in(st->out, "run"), &got), 0);
		assert_int_equal(got.st_mode & 0111, rows[k].x);
	}
	start_over(st);
	ends_transfer(st, paths, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_DECLINED);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_int_equal(kit_count(st->out), 0);
}

static void what_is_called_like_a_journal_is_not_taken(void **state)
{
	struct ends *st = *state;
	const char *name = ".bodkin-1.journal",
		   *paths[] = {kit_path_in(st->in, name), kit_path_in(st->in, "a")};

	ends_write_file(paths[0], 3, 0);
	ends_write_file(paths[1], 3, 0);
	st->recv.answer = true;
	ends_transfer(st, paths, 2, &(struct bk_recv_opts){.asks_accept = true, .takes_hidden = true});
	assert_true(st->recv.is_done);
	assert_string_equal(st->recv.told, ".bodkin-1.journal skip ;");
	assert_string_equal(st->send.paths, "a;");
	assert_int_equal(kit_count(st->out), 1);
}

static void a_link_in_the_way_is_replaced_not_followed(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");
	struct stat got;

	ends_write_file(path, 10, 0);
	assert_int_equal(symlink("../victim", kit_path_in(st->out, "a")), 0);
	assert_int_equal(symlink("../victim", kit_path_in(st->out, "a.part")), 0);
	ends_transfer(st, &path, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_OVERWRITE});
	assert_true(st->recv.is_done);
	assert_int_equal(access(kit_path_in(st->root, "victim"), F_OK), -1);
	assert_int_equal(lstat(kit_path_in(st->out, "a"), &got), 0);
	assert_true(S_ISREG(got.st_mode));
}

static void take_the_name(void *arg)
{
	struct ends *st = arg;

	if (access(kit_path_in(st->out, "a.part"), F_OK) == 0)
		ends_write_file(kit_path_in(st->out, "a"), 3, 9);
}

static void a_name_taken_during_the_transfer_costs_neither_file(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 5000000, 0);
	bk_fake_on_step(take_the_name, st);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_EXISTS);
	assert_non_null(strstr(st->recv.text, "kept as 'a.part'"));
	assert_int_equal(kit_count(st->out), 3);
	assert_true(has_journal(st));
	assert_true(kit_is_same_file(kit_path_in(st->in, "a"), kit_path_in(st->out, "a.part")));
	assert_true(st->send.has_failed && st->send.is_remote);
}

static bool has_much(const struct ends *st)
{
	struct stat got;

	return stat(kit_path_in(st->out, "a.part"), &got) == 0 && got.st_size >= BLOCK;
}

static void cut_the_file(void *arg)
{
	struct ends *st = arg;

	if (has_much(st))
		assert_int_equal(truncate(kit_path_in(st->in, "a"), 100), 0);
}

static void write_lines(const char *path, int n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (int i = 0; i < n; i++)
		fprintf(f, "line %d of what is alike in many places\n", i * 7919 % n);
	fclose(f);
}

static void what_becomes_shorter_travels_packed_and_arrives_whole(void **state)
{
	struct ends *st = *state;
	const char *paths[3] = {
		kit_path_in(st->in, "lines"), kit_path_in(st->in, "noise"), kit_path_in(st->in, "more")};

	write_lines(paths[0], 50000);
	ends_write_file(paths[1], 3000000, 1);
	write_lines(paths[2], 40001);
	ends_transfer(st, paths, 3, &usual);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_true(st->recv.bytes > 6000000);
	assert_int_equal(st->send.bytes, st->recv.bytes);
	assert_true(st->recv.sent > 3000000 && st->recv.sent < st->recv.bytes - 1000000);
	assert_int_equal(st->send.sent, st->recv.sent);
	assert_string_equal(st->send.digest, st->recv.digest);
	for (int i = 0; i < 3; i++)
		assert_true(kit_is_same_file(paths[i], kit_path_in(st->out, strrchr(paths[i], '/') + 1)));
}

static void what_is_never_packed_travels_as_it_is(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "lines");
	const struct bk_send_opts opts = {.size = sizeof(opts),
		.session = &ends_session,
		.paths = &path,
		.paths_len = 1,
		.compress = BK_TRANSFER_COMPRESS_OFF};

	write_lines(path, 10000);
	assert_int_equal(bk_send_new(st->loop, &opts, &ends_events, &st->send, &st->send.send, NULL), 0);
	st->running++;
	ends_start_recv(st, &usual);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_true(st->recv.is_done && kit_is_same_file(path, kit_path_in(st->out, "lines")));
	assert_int_equal(st->send.sent, st->recv.bytes);
	assert_int_equal(st->recv.sent, st->recv.bytes);
}

static void a_file_that_shrinks_fails_on_both_sides(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 5000000, 0);
	bk_fake_on_step(cut_the_file, st);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(st->send.error, BK_E_FILE);
	assert_non_null(strstr(st->send.text, "shrank"));
	assert_int_equal(st->recv.error, BK_E_FILE);
	assert_true(st->recv.is_remote);
	assert_non_null(strstr(st->recv.text, "shrank"));
	keeps_a_part(st, BLOCK);
}

static void grow_the_file(void *arg)
{
	struct ends *st = arg;
	FILE *f = access(kit_path_in(st->out, "a.part"), F_OK) == 0 ? fopen(kit_path_in(st->in, "a"), "a")
								    : NULL;

	if (f) {
		fputc('x', f);
		fclose(f);
	}
}

static void a_file_that_grows_fails_on_both_sides(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 5000000, 0);
	bk_fake_on_step(grow_the_file, st);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(st->send.error, BK_E_FILE);
	assert_non_null(strstr(st->recv.text, "grew"));
	keeps_a_part(st, 5000000);
}

static void remove_the_folder(void *arg)
{
	struct ends *st = arg;

	if (access(kit_path_in(st->out, "a.part"), F_OK) == 0)
		kit_remove(st->out);
}

static void a_vanished_folder_is_a_file_error(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 5000000, 0);
	bk_fake_on_step(remove_the_folder, st);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_FILE);
	assert_non_null(strstr(st->recv.text, "folder was removed"));
	assert_true(st->send.is_remote);
}

static void cancel_the_receiver(void *arg)
{
	struct ends *st = arg;

	if (access(kit_path_in(st->out, "a.part"), F_OK) == 0)
		bk_recv_cancel(st->recv.recv);
}

static void cancelling_before_much_came_leaves_nothing_and_tells_the_other(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 5000000, 0);
	bk_fake_on_step(cancel_the_receiver, st);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_CANCELLED);
	assert_int_equal(st->send.error, BK_E_PEER_CANCELLED);
	if (kit_count(st->out)) /* the writer was slow to hear of it */
		keeps_a_part(st, BLOCK);
}

static void cancel_when_much_came(void *arg)
{
	struct ends *st = arg;

	if (has_much(st))
		bk_recv_cancel(st->recv.recv);
}

static void cancelling_keeps_what_came(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 5000000, 0);
	bk_fake_on_step(cancel_when_much_came, st);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_CANCELLED);
	assert_int_equal(st->send.error, BK_E_PEER_CANCELLED);
	keeps_a_part(st, BLOCK);
}

static void what_cannot_be_sent_is_said_before_anything_starts(void **state)
{
	struct ends *st = *state;
	char text[BK_TRANSFER_TEXT_MAX], twin[2][512];
	const char *missing = kit_path_in(st->in, "nothing"), *twins[] = {twin[0], twin[1]},
		   *device = "/dev/full", *folder = "/..";

	snprintf(twin[0], sizeof(twin[0]), "%s/x", st->in);
	snprintf(twin[1], sizeof(twin[1]), "%s/x", st->out);
	ends_write_file(twins[0], 1, 0);
	ends_write_file(twins[1], 1, 0);
	assert_int_equal(ends_start_send(st, &missing, 1, text), BK_E_FILE);
	assert_int_equal(ends_start_send(st, &folder, 1, text), BK_E_INVALID);
	assert_non_null(strstr(text, "has no name"));
	assert_int_equal(ends_start_send(st, &device, 1, text), BK_E_FILE);
	assert_non_null(strstr(text, "send - <"));
	assert_int_equal(ends_start_send(st, twins, 2, text), BK_E_INVALID);
}

static void fill_the_disk(void *arg)
{
	struct ends *st = arg;
	static bool is_filled;

	if (is_filled || access(kit_path_in(st->out, "a.part"), F_OK) < 0)
		return;
	is_filled = true;
	ends_write_file(kit_path_in(st->out, "filler"), 4500000, 0);
}

/* A tmpfs of 8 MiB in a mount namespace of our own; the child's exit code is the verdict. */
static int fill_small_disk(struct ends *st)
{
	const char *path = kit_path_in(st->in, "a");
	char text[BK_TRANSFER_TEXT_MAX];

	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0 ||
		mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", st->out, "tmpfs", 0, "size=8m") < 0)
		return 77;
	ends_write_file(path, 5000000, 0);
	bk_fake_reset(NULL);
	if (ends_start_send(st, &path, 1, text) < 0)
		return 1;
	ends_start_recv(st, &usual);
	bk_fake_on_step(fill_the_disk, st);
	bk_loop_run(st->loop);
	if (st->recv.error != BK_E_NO_SPACE || st->recv.is_remote || !strstr(st->recv.text, "no space left"))
		return 2;
	if (st->send.error != BK_E_NO_SPACE || !st->send.is_remote)
		return 3;
	return access(kit_path_in(st->out, "a.part"), F_OK) == 0 ? 0 : 4;
}

static void a_full_disk_ends_with_no_space_on_both_sides(void **state)
{
	struct ends *st = *state;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		struct bk_loop *loop;

		if (bk_loop_new(BK_LOOP_POLL, &loop) < 0)
			_exit(1);
		st->loop = st->send.loop = st->recv.loop = loop;
		bk_fake_reset(NULL);
		_exit(fill_small_disk(st));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ends_set_up, ends_tear_down)
	const struct CMUnitTest tests[] = {
		T(files_arrive_whole_with_mode_and_time),
		T(an_existing_file_is_refused_and_stays),
		T(a_no_takes_nothing_and_is_told_as_one),
		T(existing_files_are_decided_one_by_one),
		T(who_takes_no_file_is_done_at_once),
		T(what_is_hidden_or_runs_is_taken_only_when_asked_for),
		T(what_is_called_like_a_journal_is_not_taken),
		T(a_link_in_the_way_is_replaced_not_followed),
		T(a_name_taken_during_the_transfer_costs_neither_file),
		T(what_becomes_shorter_travels_packed_and_arrives_whole),
		T(what_is_never_packed_travels_as_it_is),
		T(a_file_that_shrinks_fails_on_both_sides),
		T(a_file_that_grows_fails_on_both_sides),
		T(a_vanished_folder_is_a_file_error),
		T(cancelling_before_much_came_leaves_nothing_and_tells_the_other),
		T(cancelling_keeps_what_came),
		T(what_cannot_be_sent_is_said_before_anything_starts),
		T(a_full_disk_ends_with_no_space_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
