/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing starts over: what came is not sent again, whoever broke off; and whatever becomes of either end meanwhile,
 * no file is a mixture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bodkin/transfer.h>

#include "base/error.h"
#include "base/time.h"
#include "transfer/test_fake.h"
#include "transfer/test_kit.h"
#include "transfer/test_stage.h"
#include "wire/file.h"

enum { BLOCK = 1 << 20, BIG = 8 * BLOCK + 12345, SMALL = 20000, MANY = 300, GONE_LEN = 21 };

static const struct bk_recv_opts usual;

/* in/a, of which so much came already. */
static const char *break_off(off_t at)
{
	const char *path = st.path;

	snprintf(st.path, sizeof(st.path), "%s/a", st.in);
	stage_make_file(path, BIG, 1);
	stage_run(path, &usual, at);
	assert_int_equal(st.receiver.error, BK_E_CANCELLED);
	return path;
}

static off_t size_of(const char *name)
{
	struct stat got;

	return stat(kit_path_in(st.out, name), &got) < 0 ? -1 : got.st_size;
}

static void is_whole(const char *path, const char *name)
{
	assert_true(st.sender.is_done);
	assert_true(st.receiver.is_done);
	assert_int_equal(st.sender.sent, st.receiver.sent);
	assert_int_equal(st.sender.bytes, st.receiver.bytes);
	assert_string_equal(st.sender.digest, st.receiver.digest);
	assert_true(kit_is_same_file(path, kit_path_in(st.out, name)));
	assert_int_equal(size_of("a.part"), -1);
}

static void only_what_is_missing_is_sent(void **state)
{
	const char *path = break_off(3 * BLOCK);
	off_t here = size_of("a.part");

	(void)state;
	assert_true(here >= 3 * BLOCK);
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_int_equal(st.receiver.bytes, BIG);
	assert_int_equal(st.receiver.sent, BIG - here);
	assert_int_equal(st.receiver.here, here);
	assert_int_equal(st.sender.here, here);
	assert_int_equal(kit_count(st.out), 1);
}

static void it_may_break_off_many_times(void **state)
{
	const char *path = break_off(2 * BLOCK);
	uint64_t before = (uint64_t)size_of("a.part");

	(void)state;
	for (off_t at = 4 * BLOCK; at <= 6 * BLOCK; at += BLOCK) {
		stage_run(path, &usual, at);
		assert_true(size_of("a.part") >= at);
	}
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_true(st.receiver.sent <= BIG - before);
	assert_int_equal(kit_count(st.out), 1);
}

static void change_a_byte(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void a_byte_that_changed_at_either_end_costs_a_block(void **state)
{
	const char *path = break_off(4 * BLOCK);
	off_t here = size_of("a.part");

	(void)state;
	change_a_byte(path, BLOCK + 5);
	change_a_byte(kit_path_in(st.out, "a.part"), 3 * BLOCK - 1);
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_int_equal(st.receiver.bytes, BIG);
	assert_int_equal(st.receiver.sent, BIG - here + 2 * BLOCK);
}

static void a_file_of_another_size_starts_anew(void **state)
{
	const char *path = break_off(4 * BLOCK);

	(void)state;
	stage_make_file(path, BIG - 1, 1);
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_int_equal(st.receiver.sent, BIG - 1);
	assert_int_equal(st.receiver.here, 0);
	assert_int_equal(st.receiver.changed, 1);
	assert_string_equal(st.receiver.changed_first, "a");
	assert_int_equal(kit_count(st.out), 1);
}

static void another_file_of_this_size_is_no_mixture(void **state)
{
	const char *path = break_off(4 * BLOCK);

	(void)state;
	stage_make_file(path, BIG, 99);
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_int_equal(st.receiver.sent, BIG);
	assert_int_equal(kit_count(st.out), 1);
}

static void a_part_that_was_cut_counts_as_what_is_left_of_it(void **state)
{
	const char *path = break_off(4 * BLOCK);

	(void)state;
	assert_int_equal(truncate(kit_path_in(st.out, "a.part"), BLOCK + 7), 0);
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_int_equal(st.receiver.sent, BIG - BLOCK - 7);
}

static void another_sender_of_the_same_bytes_goes_on(void **state)
{
	const char *path = break_off(4 * BLOCK);
	const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
	off_t here = size_of("a.part");

	(void)state;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_int_equal(st.receiver.sent, BIG - here);
	assert_int_equal(kit_count(st.out), 1);
}

/* --- a folder --- */

static const char *make_tree(void)
{
	const struct timespec times[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
	char name[32];

	assert_int_equal(mkdir(kit_path_in(st.in, "t"), 0755), 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t/%04d", i);
		stage_make_file(kit_path_in(st.in, name), SMALL, i);
	}
	snprintf(st.path, sizeof(st.path), "%s/t", st.in);
	assert_int_equal(chmod(st.path, 0750), 0);
	assert_int_equal(utimensat(AT_FDCWD, st.path, times, 0), 0);
	return st.path;
}

static void is_whole_tree(void)
{
	struct stat got;
	char name[32];

	assert_true(st.sender.is_done && st.receiver.is_done);
	assert_string_equal(st.sender.digest, st.receiver.digest);
	assert_string_equal(st.receiver.told, "");
	assert_int_equal(st.receiver.bytes, MANY * SMALL);
	assert_int_equal(st.sender.sent, st.receiver.sent);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t/%04d", i);
		assert_true(kit_is_same_file(kit_path_in(st.in, name), kit_path_in(st.out, name)));
	}
	assert_int_equal(kit_count(kit_path_in(st.out, "t")), MANY);
	assert_int_equal(kit_count(st.out), 1);
	assert_int_equal(stat(kit_path_in(st.out, "t"), &got), 0);
	assert_int_equal(got.st_mode & 0777, 0750);
	assert_int_equal(got.st_mtime, 1600000000);
}

static void of_many_files_those_that_came_are_had_and_no_conflict(void **state)
{
	const char *path = make_tree();

	(void)state;
	stage_run(path, &usual, MANY * SMALL / 2);
	assert_int_equal(st.receiver.error, BK_E_CANCELLED);
	stage_run(path, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_FAIL}, 0);
	is_whole_tree();
	assert_true(st.receiver.sent <= MANY * SMALL / 2);
}

static void of_big_ones_too_also_when_another_came_to_the_folder(void **state)
{
	const char *names[] = {"t/a", "t/b", "t/c"}, *path = st.path;

	(void)state;
	assert_int_equal(mkdir(kit_path_in(st.in, "t"), 0755), 0);
	stage_make_file(kit_path_in(st.in, "t/a"), BIG, 1);
	stage_make_file(kit_path_in(st.in, "t/b"), BIG, 2);
	snprintf(st.path, sizeof(st.path), "%s/t", st.in);
	stage_run(path, &usual, BIG + 2 * BLOCK);
	stage_make_file(kit_path_in(st.in, "t/c"), SMALL, 3);
	stage_run(path, &usual, 0);
	assert_true(st.sender.is_done && st.receiver.is_done);
	assert_true(st.receiver.here >= BIG + 2 * BLOCK);
	assert_int_equal(st.receiver.sent, 2 * BIG + SMALL - st.receiver.here);
	for (int i = 0; i < 3; i++)
		assert_true(kit_is_same_file(kit_path_in(st.in, names[i]), kit_path_in(st.out, names[i])));
	assert_int_equal(kit_count(st.out), 1);
}

/* Without its last row, which says who has his name. */
static void cut_journal(const char *path, void *arg)
{
	struct stat got;

	(void)arg;
	if (!strstr(path, ".journal"))
		return;
	assert_int_equal(stat(path, &got), 0);
	assert_int_equal(truncate(path, got.st_size - GONE_LEN), 0);
}

/* The first `n` files as they are when a receiver is killed before they have their names. */
static void unname(int n)
{
	char name[32], part[48];

	kit_for_each(st.out, cut_journal, NULL);

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "t/%04d", i);
		snprintf(part, sizeof(part), "%s.part", name);
		assert_int_equal(rename(kit_path_in(st.out, name), kit_path_in(st.out, part)), 0);
	}
}

static void what_was_complete_and_had_no_name_yet_is_not_sent_again(void **state)
{
	const char *path = make_tree();

	(void)state;
	stage_run(path, &usual, MANY * SMALL / 2);
	unname(20);
	stage_run(path, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_FAIL}, 0);
	is_whole_tree();
	assert_true(st.receiver.sent <= MANY * SMALL / 2);
}

static void what_somebody_put_in_a_files_place_stays(void **state)
{
	const char *path = make_tree();

	(void)state;
	stage_run(path, &usual, MANY * SMALL / 2);
	stage_make_file(kit_path_in(st.out, "t/0003"), SMALL, 77); /* of the same size and time */
	stage_make_file(kit_path_in(st.out, "t/0004"), SMALL + 1, 78);
	stage_run(path, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_RENAME}, 0);
	assert_true(st.sender.is_done && st.receiver.is_done);
	assert_true(kit_is_same_file(kit_path_in(st.in, "t/0003"), kit_path_in(st.out, "t/0003-1")));
	assert_true(kit_is_same_file(kit_path_in(st.in, "t/0004"), kit_path_in(st.out, "t/0004-1")));
	assert_false(kit_is_same_file(kit_path_in(st.in, "t/0003"), kit_path_in(st.out, "t/0003")));
	assert_int_equal(kit_count(kit_path_in(st.out, "t")), MANY + 2);
	assert_int_equal(kit_count(st.out), 1);
}

/* Whoever offers it may be somebody else. */
static void what_changed_at_the_sender_comes_beside_what_came_of_it(void **state)
{
	const char *path = make_tree();

	(void)state;
	stage_run(path, &usual, MANY * SMALL / 2);
	stage_make_file(kit_path_in(st.in, "t/0003"), SMALL, 77);
	stage_make_file(kit_path_in(st.root, "before"), SMALL, 3);
	stage_run(path, &usual, 0);
	assert_true(st.sender.is_done && st.receiver.is_done);
	assert_string_equal(st.receiver.told, "t/0003 5 t/0003-1;");
	assert_true(kit_is_same_file(kit_path_in(st.root, "before"), kit_path_in(st.out, "t/0003")));
	assert_true(kit_is_same_file(kit_path_in(st.in, "t/0003"), kit_path_in(st.out, "t/0003-1")));
	assert_int_equal(kit_count(kit_path_in(st.out, "t")), MANY + 1);
	assert_int_equal(kit_count(st.out), 1);
}

static void it_is_replaced_where_that_was_agreed(void **state)
{
	const char *path = make_tree();

	(void)state;
	stage_run(path, &usual, MANY * SMALL / 2);
	stage_make_file(kit_path_in(st.in, "t/0003"), SMALL, 77);
	stage_run(path, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_OVERWRITE}, 0);
	is_whole_tree();
}

/* Two big ones, of which the first came and changed then; and it breaks off again. */
static void what_comes_beside_goes_on_beside(void **state)
{
	const char *path = kit_path_in(st.in, "t");
	struct bk_recv_opts fails = {.conflict = BK_TRANSFER_CONFLICT_FAIL};

	(void)state;
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(st.path, sizeof(st.path), "%s", path);
	stage_make_file(kit_path_in(st.in, "t/a"), BIG, 1);
	stage_make_file(kit_path_in(st.in, "t/b"), BIG, 2);
	stage_run(st.path, &usual, BIG + 2 * BLOCK);
	stage_make_file(kit_path_in(st.in, "t/a"), BIG, 77);
	stage_make_file(kit_path_in(st.root, "before"), BIG, 1);
	stage_run(st.path, &fails, BIG + 2 * BLOCK + 5 * BLOCK);
	assert_int_equal(st.receiver.error, BK_E_CANCELLED);
	assert_true(size_of("t/a-1.part") >= 2 * BLOCK);
	stage_run(st.path, &fails, 0);
	assert_true(st.sender.is_done && st.receiver.is_done);
	assert_true(st.receiver.sent <= 2 * BIG - 2 * BLOCK - 3 * BLOCK);
	assert_true(kit_is_same_file(kit_path_in(st.root, "before"), kit_path_in(st.out, "t/a")));
	assert_true(kit_is_same_file(kit_path_in(st.in, "t/a"), kit_path_in(st.out, "t/a-1")));
	assert_true(kit_is_same_file(kit_path_in(st.in, "t/b"), kit_path_in(st.out, "t/b")));
	assert_int_equal(kit_count(kit_path_in(st.out, "t")), 3);
	assert_int_equal(kit_count(st.out), 1);
}

/* --- what is no part of ours --- */

static void a_part_that_is_no_longer_ours_is_left_alone(void **state)
{
	const char *path = break_off(4 * BLOCK);

	(void)state;
	stage_make_file(kit_path_in(st.root, "victim"), 2 * BLOCK, 5);
	stage_make_file(kit_path_in(st.root, "copy"), 2 * BLOCK, 5);
	assert_int_equal(unlink(kit_path_in(st.out, "a.part")), 0);
	assert_int_equal(symlink("../victim", kit_path_in(st.out, "a.part")), 0);
	stage_run(path, &usual, 0);
	assert_true(st.receiver.is_done);
	assert_int_equal(st.receiver.sent, BIG);
	assert_true(kit_is_same_file(kit_path_in(st.root, "victim"), kit_path_in(st.root, "copy")));
	assert_int_equal(kit_count(st.out), 2);
}

static void a_part_with_another_name_is_left_alone(void **state)
{
	const char *path = break_off(4 * BLOCK);

	(void)state;
	assert_int_equal(link(kit_path_in(st.out, "a.part"), kit_path_in(st.out, "mine")), 0);
	stage_run(path, &usual, 0);
	assert_true(st.receiver.is_done);
	assert_int_equal(st.receiver.sent, BIG);
	assert_int_equal(kit_count(st.out), 3);
}

/* --- a sender that means harm --- */

static struct bk_buf script;
static void (*lie)(void); /* once the receiver has answered, which is looked for */
static struct bk_timer *looker;

static void say(const struct bk_file_msg *msg, const char *content)
{
	assert_int_equal(bk_file_msg_encode(&script, msg, strlen(content)), 0);
	assert_int_equal(bk_buf_append(&script, content, strlen(content)), 0);
}

static void leave_out_what_is_not_here(void)
{
	say(&(struct bk_file_msg){.type = BK_FILE_CONTENT, .offset = 7 * BLOCK}, "x");
}

static void leave_out_the_rest(void)
{
	say(&(struct bk_file_msg){.type = BK_FILE_DIGEST}, "");
}

static void go_back_over_what_was_passed(void)
{
	say(&(struct bk_file_msg){.type = BK_FILE_CONTENT, .offset = 2 * BLOCK}, "x");
	say(&(struct bk_file_msg){.type = BK_FILE_CONTENT, .offset = BLOCK}, "x");
}

static void go_to_the_end_of_numbers(void)
{
	say(&(struct bk_file_msg){.type = BK_FILE_CONTENT, .offset = INT64_MAX}, "x");
}

static void say_what_it_has(void)
{
	say(&(struct bk_file_msg){.type = BK_FILE_HAVE}, "");
}

static void lie_when_answered(void *arg)
{
	const struct bk_buf *b = bk_fake_written();

	(void)arg;
	if (!b->len || !memmem(bk_buf_head(b), b->len, "\"accept\"", 8)) {
		bk_timer_start(looker, BK_MS);
		return;
	}
	lie();
	bk_fake_wake();
}

/* It offers the same file. */
static int hear(void (*what)(void))
{
	struct bk_recv_opts opts = {.session = &stage_session, .folder = st.out};
	const struct bk_file_entry entry = {.path = "a", .is_file = true, .size = BIG, .mtime = 1600000000};
	struct bk_file_list list = {0};
	size_t at = 0;
	char text[BK_TRANSFER_TEXT_MAX];

	bk_buf_init(&script, 1 << 20);
	assert_int_equal(bk_file_list_add(&list, &entry, NULL), 0);
	assert_int_equal(bk_file_offer_encode(&script, &list, &at), 0);
	bk_file_list_done(&list);
	stage_free_ends();
	bk_fake_reset(&script);
	lie = what;
	assert_int_equal(bk_timer_new(st.loop, lie_when_answered, NULL, &looker), 0);
	bk_timer_start(looker, 0);
	st.receiver = (struct stage_end){.running = &st.running, .loop = st.loop};
	st.running = 1;
	assert_int_equal(bk_recv_new(st.loop, &opts, &stage_events, &st.receiver, &st.recv, text), 0);
	assert_int_equal(bk_loop_run(st.loop), 0);
	stage_free_ends();
	bk_timer_free(looker);
	bk_buf_done(&script);
	return st.receiver.error;
}

static void nothing_is_left_out_but_what_is_here(void **state)
{
	static void (*const lies[])(void) = {leave_out_what_is_not_here, leave_out_the_rest,
		go_back_over_what_was_passed, go_to_the_end_of_numbers, say_what_it_has};
	const char *path = break_off(4 * BLOCK);

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		if (hear(lies[i]) != BK_E_PROTOCOL)
			fail_msg("lie %zu: %s, '%s'", i, bk_error_name(st.receiver.error), st.receiver.text);
		assert_int_equal(st.receiver.here, size_of("a.part"));
		assert_int_equal(kit_count(st.out), 2);
	}
	stage_run(path, &usual, 0);
	is_whole(path, "a");
	assert_int_equal(kit_count(st.out), 1);
}

/* --- a receiver that means harm --- */

static int answer_with(const char *choices)
{
	const char *paths[3] = {kit_path_in(st.in, "a"), kit_path_in(st.in, "b"), kit_path_in(st.in, "c")};
	const struct bk_send_opts opts = {
		.size = sizeof(opts), .session = &stage_session, .paths = paths, .paths_len = 3};
	const struct bk_file_msg accept = {.type = BK_FILE_ACCEPT, .version = BK_FILE_VERSION};
	char text[BK_TRANSFER_TEXT_MAX];

	for (int i = 0; i < 3; i++)
		stage_make_file(paths[i], SMALL, i);
	bk_buf_init(&script, 1 << 20);
	say(&accept, choices);
	bk_fake_reset(&script);
	st.sender = (struct stage_end){.running = &st.running, .loop = st.loop};
	st.running = 1;
	assert_int_equal(bk_send_new(st.loop, &opts, &stage_events, &st.sender, &st.send, text), 0);
	assert_int_equal(bk_loop_run(st.loop), 0);
	stage_free_ends();
	bk_buf_done(&script);
	return st.sender.error;
}

/* The sum of the last three is none. */
static void who_has_something_says_what(void **state)
{
	(void)state;
	assert_int_equal(answer_with("{\"entries\":[{\"entry\":0,\"action\":\"take\",\"offset\":1},"
				     "{\"entry\":1,\"action\":\"take\"},{\"entry\":2,\"action\":\"take\"}]}"),
		BK_E_MALFORMED);
	assert_int_equal(answer_with("{\"entries\":["
				     "{\"entry\":0,\"action\":\"take\",\"offset\":9223372036854775807},"
				     "{\"entry\":1,\"action\":\"take\",\"offset\":9223372036854775807},"
				     "{\"entry\":2,\"action\":\"take\",\"offset\":2}]}"),
		BK_E_MALFORMED);
}

/* --- names --- */

/* Somebody takes the name between the choice and the rename, and the folder takes long. */
static bool is_name_taken;

int fsync(int fd)
{
	struct stat got;

	if (is_name_taken && fstat(fd, &got) == 0 && S_ISDIR(got.st_mode))
		usleep(500000);
	else if (is_name_taken)
		close(open(kit_path_in(st.out, "a-1"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	return 0;
}

static void on_file(struct bk_call *call, void *arg, const char *path, size_t number, size_t files)
{
	(void)call;
	(void)arg;
	assert_int_equal(number, files);
	assert_int_equal(strlen(path), 3);
	assert_true(!strncmp(path, "a-", 2));
}

static void a_name_that_was_given_up_can_still_be_shown(void **state)
{
	const char *path = kit_path_in(st.in, "a");
	const struct bk_send_opts send_opts = {
		.size = sizeof(send_opts), .session = &stage_session, .paths = &path, .paths_len = 1};
	const struct bk_recv_opts recv_opts = {.size = sizeof(recv_opts),
		.session = &stage_session,
		.folder = st.out,
		.conflict = BK_TRANSFER_CONFLICT_RENAME};
	struct bk_transfer_events told = stage_events;
	char text[BK_TRANSFER_TEXT_MAX];

	(void)state;
	told.on_file = on_file;
	stage_make_file(path, SMALL, 1);
	stage_make_file(kit_path_in(st.out, "a"), SMALL, 2);
	bk_fake_reset(NULL);
	st.sender = st.receiver = (struct stage_end){.running = &st.running, .loop = st.loop};
	st.running = 2;
	is_name_taken = true;
	assert_int_equal(bk_send_new(st.loop, &send_opts, &stage_events, &st.sender, &st.send, text), 0);
	assert_int_equal(bk_recv_new(st.loop, &recv_opts, &told, &st.receiver, &st.recv, text), 0);
	assert_int_equal(bk_loop_run(st.loop), 0);
	is_name_taken = false;
	stage_free_ends();
	assert_true(st.receiver.is_done);
	assert_true(kit_is_same_file(path, kit_path_in(st.out, "a-2")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
	const struct CMUnitTest tests[] = {
		T(only_what_is_missing_is_sent),
		T(it_may_break_off_many_times),
		T(a_byte_that_changed_at_either_end_costs_a_block),
		T(a_file_of_another_size_starts_anew),
		T(another_file_of_this_size_is_no_mixture),
		T(a_part_that_was_cut_counts_as_what_is_left_of_it),
		T(another_sender_of_the_same_bytes_goes_on),
		T(of_many_files_those_that_came_are_had_and_no_conflict),
		T(of_big_ones_too_also_when_another_came_to_the_folder),
		T(what_was_complete_and_had_no_name_yet_is_not_sent_again),
		T(what_somebody_put_in_a_files_place_stays),
		T(what_changed_at_the_sender_comes_beside_what_came_of_it),
		T(it_is_replaced_where_that_was_agreed),
		T(what_comes_beside_goes_on_beside),
		T(a_part_that_is_no_longer_ours_is_left_alone),
		T(a_part_with_another_name_is_left_alone),
		T(nothing_is_left_out_but_what_is_here),
		T(who_has_something_says_what),
		T(a_name_that_was_given_up_can_still_be_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
