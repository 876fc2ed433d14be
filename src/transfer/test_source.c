/* SPDX-License-Identifier: Apache-2.0 */
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

#include "base/error.h"
#include "transfer/source.h"
#include "transfer/test_kit.h"

static char root[64];

static const char *in_root(const char *name)
{
	return kit_path_in(root, name);
}

static void write_file(const char *name, const char *text)
{
	int fd = open(in_root(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* tree/sub/deep/x is what is sent, secret/deep/x what is not. */
static int set_up(void **state)
{
	static const char *const folders[] = {"tree", "tree/sub", "tree/sub/deep", "secret", "secret/deep"};

	(void)state;
	strcpy(root, "/tmp/bodkin-source-XXXXXX");
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_int_equal(mkdir(in_root(folders[i]), 0700), 0);
	write_file("tree/sub/deep/x", "sent");
	write_file("secret/deep/x", "mine");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_remove(root);
	return 0;
}

static struct bk_source *offer(const char *path)
{
	const struct bk_source_wish wish = {.paths = &path, .paths_len = 1};
	struct bk_source *s = NULL;
	char text[BK_TRANSFER_TEXT_MAX];

	assert_int_equal(bk_source_new(&wish, &s, text), 0);
	assert_int_equal(bk_source_list(s)->len, 4);
	return s;
}

static int read_last(const struct bk_source *s, char out[8])
{
	struct bk_source_reader r;
	int n;

	bk_source_reader_init(&r, s);
	n = bk_source_open(&r, 3);
	if (!n)
		n = bk_source_read(&r, out, 7);
	out[n > 0 ? n : 0] = 0;
	bk_source_reader_done(&r);
	return n;
}

static void what_a_folder_has_is_read_however_the_folder_was_named(void **state)
{
	char got[8], here[128];
	const char *const names[] = {
		in_root("tree"), in_root("tree/"), in_root("link"), in_root("tree/sub/.."), "tree", "."};

	(void)state;
	assert_int_equal(symlink("tree", in_root("link")), 0);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(root), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bk_source *s;

		if (!strcmp(names[i], "."))
			assert_int_equal(chdir("tree"), 0);
		s = offer(names[i]);
		assert_int_equal(read_last(s, got), 4);
		assert_string_equal(got, "sent");
		bk_source_unref(s);
	}
	assert_int_equal(chdir(here), 0);
}

/* Others may write in what is sent. */
static void a_folder_that_becomes_a_link_gives_nothing_of_what_it_leads_to(void **state)
{
	struct bk_source *s = offer(in_root("tree"));
	char got[8];

	(void)state;
	assert_int_equal(rename(in_root("tree/sub"), in_root("tree/was")), 0);
	assert_int_equal(symlink("../secret", in_root("tree/sub")), 0);
	assert_int_equal(read_last(s, got), BK_E_FILE);
	assert_string_equal(got, "");
	bk_source_unref(s);
}

/* A name says what is in it. */
static void files_of_one_name_are_each_read_from_their_own_folder(void **state)
{
	struct bk_source_reader r;
	struct bk_source *s;
	char text[BK_TRANSFER_TEXT_MAX], got[128];
	const char *tree;
	size_t files = 0;

	(void)state;
	assert_int_equal(mkdir(in_root("tree/su"), 0700), 0);
	write_file("tree/x", "tree/x");
	write_file("tree/su/x", "tree/su/x");
	write_file("tree/sub/x", "tree/sub/x");
	write_file("tree/sub/y", "tree/sub/y");
	write_file("tree/sub/deep/x", "tree/sub/deep/x");
	tree = in_root("tree");
	assert_int_equal(
		bk_source_new(&(struct bk_source_wish){.paths = &tree, .paths_len = 1}, &s, text), 0);
	bk_source_reader_init(&r, s);
	for (size_t i = 0; i < 2 * bk_source_list(s)->len; i++) {
		const size_t n = bk_source_list(s)->len, at = i < n ? i : 2 * n - 1 - i;
		const struct bk_file_entry *e = &bk_source_list(s)->entries[at];

		if (!e->is_file)
			continue;
		assert_int_equal(bk_source_open(&r, at), 0);
		assert_int_equal(bk_source_read(&r, got, sizeof(got)), strlen(e->path));
		assert_memory_equal(got, e->path, strlen(e->path));
		files++;
	}
	assert_int_equal(files, 10);
	bk_source_reader_done(&r);
	bk_source_unref(s);
}

static void a_pipe_is_a_stream_where_it_is_named_and_stays_behind_in_a_folder(void **state)
{
	const char *pipe = in_root("pipe");
	const struct bk_source_wish wish = {.paths = &pipe, .paths_len = 1};
	struct bk_source_reader r;
	struct bk_transfer_offer offered;
	struct bk_source *s;
	char text[BK_TRANSFER_TEXT_MAX], got[8];
	int end;

	(void)state;
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(bk_source_new(&wish, &s, text), 0);
	assert_true(bk_source_list(s)->entries[0].is_stream);
	bk_source_reader_init(&r, s);
	assert_int_equal(bk_source_open(&r, 0), 0);
	assert_int_equal(bk_source_read(&r, got, sizeof(got)), BK_E_AGAIN); /* nobody writes yet */
	end = open(pipe, O_WRONLY | O_NONBLOCK);
	assert_true(end >= 0);
	assert_int_equal(bk_source_read(&r, got, sizeof(got)), BK_E_AGAIN);
	assert_int_equal(write(end, "hello", 5), 5);
	assert_int_equal(bk_source_read(&r, got, sizeof(got)), 5);
	close(end);
	assert_int_equal(bk_source_read(&r, got, sizeof(got)), 0);
	bk_source_reader_done(&r);
	bk_source_unref(s);

	assert_int_equal(rename(pipe, in_root("tree/pipe")), 0);
	s = offer(in_root("tree"));
	bk_source_left_out(s, &offered);
	assert_int_equal(offered.left_out_all, 1);
	bk_source_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_a_folder_has_is_read_however_the_folder_was_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_folder_that_becomes_a_link_gives_nothing_of_what_it_leads_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			files_of_one_name_are_each_read_from_their_own_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_pipe_is_a_stream_where_it_is_named_and_stays_behind_in_a_folder, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
