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
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/test_ends.h"
#include "transfer/test_fake.h"
#include "transfer/test_kit.h"

static const struct bk_recv_opts usual;

/* in/tree: a, empty/, inner/b (0750), inner/link to a, and what cannot be sent: a link that leads out, a pipe. All of
 * it of 2020. */
static const char *make_tree(struct ends *st)
{
	static const char *const folders[] = {"tree", "tree/empty", "tree/inner"};
	static const char *const all[] = {
		"tree/a", "tree/inner/b", "tree/inner/link", "tree/empty", "tree/inner", "tree"};
	const struct timespec times[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mkdir(kit_path_in(st->in, folders[i]), 0755), 0);
	assert_int_equal(chmod(kit_path_in(st->in, "tree/inner"), 0500 | 0200), 0);
	ends_write_file(kit_path_in(st->in, "tree/a"), 100, 1);
	ends_write_file(kit_path_in(st->in, "tree/inner/b"), 300000, 2);
	assert_int_equal(chmod(kit_path_in(st->in, "tree/inner/b"), 0750), 0);
	assert_int_equal(symlink("../a", kit_path_in(st->in, "tree/inner/link")), 0);
	assert_int_equal(symlink("../big", kit_path_in(st->in, "tree/out")), 0);
	assert_int_equal(mkfifo(kit_path_in(st->in, "tree/pipe"), 0600), 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(
			utimensat(AT_FDCWD, kit_path_in(st->in, all[i]), times, AT_SYMLINK_NOFOLLOW), 0);
	return kit_path_in(st->in, "tree");
}

static void arrived(const struct ends *st, const char *name, mode_t mode)
{
	struct stat got;

	assert_int_equal(lstat(kit_path_in(st->out, name), &got), 0);
	assert_int_equal(got.st_mode & 0777, mode);
	assert_int_equal(got.st_mtime, 1600000000);
}

static void a_folder_arrives_with_all_that_can_be_sent(void **state)
{
	struct ends *st = *state;
	const char *path = make_tree(st);
	char target[16];

	ends_transfer(st, &path, 1, &(struct bk_recv_opts){.takes_executable = true});
	assert_true(st->send.is_done);
	assert_true(st->recv.is_done);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_string_equal(st->recv.paths, "tree;");
	assert_int_equal(kit_count(kit_path_in(st->out, "tree")), 3);
	assert_int_equal(kit_count(kit_path_in(st->out, "tree/empty")), 0);
	arrived(st, "tree", 0755);
	arrived(st, "tree/empty", 0755);
	arrived(st, "tree/inner", 0700);
	arrived(st, "tree/a", 0644);
	arrived(st, "tree/inner/b", 0750);
	arrived(st, "tree/inner/link", 0777);
	assert_int_equal(readlink(kit_path_in(st->out, "tree/inner/link"), target, sizeof(target)), 4);
	assert_memory_equal(target, "../a", 4);
	assert_true(kit_is_same_file(kit_path_in(st->in, "tree/a"), kit_path_in(st->out, "tree/a")));
	assert_true(
		kit_is_same_file(kit_path_in(st->in, "tree/inner/b"), kit_path_in(st->out, "tree/inner/b")));
}

static void what_a_folder_has_and_cannot_be_sent_is_named(void **state)
{
	struct ends *st = *state;
	const char *path = make_tree(st);
	const struct bk_transfer_offer *offer;
	char text[BK_TRANSFER_TEXT_MAX];

	assert_int_equal(ends_start_send(st, &path, 1, text), 0);
	offer = bk_send_offer(st->send.send);
	assert_int_equal(offer->entries, 6);
	assert_int_equal(offer->folders, 3);
	assert_int_equal(offer->links, 1);
	assert_int_equal(offer->left_out_all, 2);
	assert_int_equal(offer->left_out_links, 1);
	assert_non_null(strstr(offer->left_out[0], "tree/pipe': it is a pipe"));
	assert_non_null(strstr(offer->left_out[1], "tree/out': it is a link that leads out of the folder"));
}

static void what_is_excluded_is_not_offered(void **state)
{
	struct ends *st = *state;
	const char *path = make_tree(st),
		   *patterns[] = {"l*k", "ou?", "tree/pi*", "tree/*/b", "inner/b", "tree"};
	const struct bk_send_opts opts = {.size = sizeof(opts),
		.session = &ends_session,
		.paths = &path,
		.paths_len = 1,
		.exclude = patterns,
		.exclude_len = 6};
	const struct bk_transfer_offer *offer;

	assert_int_equal(bk_send_new(st->loop, &opts, &ends_events, &st->send, &st->send.send, NULL), 0);
	offer = bk_send_offer(st->send.send);
	assert_int_equal(offer->left_out_all, 0);
	assert_int_equal(offer->entries, 4);
	assert_string_equal(offer->names[0].path, "tree");
	assert_string_equal(offer->names[1].path, "tree/a");
	assert_string_equal(offer->names[2].path, "tree/empty");
	assert_string_equal(offer->names[3].path, "tree/inner");
}

static void a_folder_that_is_there_is_gone_on_with_file_by_file(void **state)
{
	struct ends *st = *state;
	const char *path = make_tree(st);

	assert_int_equal(mkdir(kit_path_in(st->out, "tree"), 0755), 0);
	ends_write_file(kit_path_in(st->out, "tree/a"), 5, 9);
	ends_write_file(kit_path_in(st->out, "tree/mine"), 5, 9);
	ends_transfer(st, &path, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_RENAME});
	assert_true(st->recv.is_done);
	assert_int_equal(kit_count(kit_path_in(st->out, "tree")), 5);
	assert_true(kit_is_same_file(kit_path_in(st->in, "tree/a"), kit_path_in(st->out, "tree/a-1")));
	assert_false(kit_is_same_file(kit_path_in(st->in, "tree/a"), kit_path_in(st->out, "tree/a")));
}

static void no_link_is_taken_for_a_folder(void **state)
{
	struct ends *st = *state;
	const char *path = make_tree(st);

	assert_int_equal(mkdir(kit_path_in(st->root, "victim"), 0755), 0);
	assert_int_equal(symlink("../victim", kit_path_in(st->out, "tree")), 0);
	ends_transfer(st, &path, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_OVERWRITE});
	assert_int_equal(st->recv.error, BK_E_FILE);
	assert_int_equal(kit_count(kit_path_in(st->root, "victim")), 0);
}

/* The folder that was just made becomes a link while its files come. */
static void swap_the_folder(void *arg)
{
	struct ends *st = arg;

	if (rename(kit_path_in(st->out, "tree/inner"), kit_path_in(st->out, "moved")) == 0)
		assert_int_equal(symlink("../../victim", kit_path_in(st->out, "tree/inner")), 0);
}

static void a_folder_that_becomes_a_link_is_not_followed(void **state)
{
	struct ends *st = *state;
	const char *path = make_tree(st);

	ends_write_file(kit_path_in(st->in, "tree/inner/a"), 5000000, 0);
	assert_int_equal(mkdir(kit_path_in(st->root, "victim"), 0755), 0);
	bk_fake_on_step(swap_the_folder, st);
	ends_transfer(st, &path, 1, &usual);
	assert_int_equal(kit_count(kit_path_in(st->root, "victim")), 0);
}

static void a_peers_name_reaches_the_user_without_controls(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");

	ends_write_file(path, 10, 0);
	ends_transfer(st, &path, 1, &usual);
	assert_string_equal(st->recv.peer, "a?[2Jb");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ends_set_up, ends_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_folder_arrives_with_all_that_can_be_sent),
		T(what_a_folder_has_and_cannot_be_sent_is_named),
		T(what_is_excluded_is_not_offered),
		T(a_folder_that_is_there_is_gone_on_with_file_by_file),
		T(no_link_is_taken_for_a_folder),
		T(a_folder_that_becomes_a_link_is_not_followed),
		T(a_peers_name_reaches_the_user_without_controls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
