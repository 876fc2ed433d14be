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

/* --- a stream: what has no size --- */

static int stream_in;
static size_t stream_put;

/* A slow writer: a piece now and then, and the end when all is written. */
static void feed_the_stream(void *arg)
{
	static uint8_t piece[3000];

	(void)arg;
	if (stream_in < 0)
		return;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (uint8_t)((stream_put + i) * 31);
	assert_int_equal(write(stream_in, piece, sizeof(piece)), sizeof(piece));
	stream_put += sizeof(piece);
	if (stream_put < 30000)
		return;
	close(stream_in);
	stream_in = -1;
}

static void a_stream_without_a_size_arrives_whole_behind_a_file(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");
	struct bk_send_opts opts = {
		.session = &ends_session, .paths = &path, .paths_len = 1, .stream_name = "typed"};
	char text[BK_TRANSFER_TEXT_MAX];
	uint8_t got[30001];
	int ends[2], fd;

	ends_write_file(path, 700000, 0);
	assert_int_equal(pipe(ends), 0);
	opts.stream_fd = ends[0];
	stream_in = ends[1];
	stream_put = 0;
	bk_fake_on_step(feed_the_stream, st);
	st->send.has_stream = st->recv.has_stream = true;
	assert_int_equal(bk_send_new(st->loop, &opts, &ends_events, &st->send, &st->send.send, text), 0);
	st->running++;
	ends_start_recv(st, &usual);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_int_equal(st->recv.bytes, 730000);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_true(kit_is_same_file(path, kit_path_in(st->out, "a")));
	fd = open(kit_path_in(st->out, "typed"), O_RDONLY);
	assert_int_equal(read(fd, got, sizeof(got)), 30000);
	for (size_t i = 0; i < 30000; i++)
		assert_int_equal(got[i], (uint8_t)(i * 31));
	close(fd);
	close(ends[0]);
}

static void what_is_made_while_it_is_read_arrives_as_a_stream(void **state)
{
	struct ends *st = *state;
	const char *made[] = {"/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"};

	st->send.has_stream = st->recv.has_stream = true;
	ends_transfer(st, made, 2, &usual);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_true(kit_is_same_file(made[0], kit_path_in(st->out, "version")));
	assert_true(kit_is_same_file(made[1], kit_path_in(st->out, "enabled")));
}

/* --- a text --- */

static char told_text[64];

static void on_text(struct bk_call *call, void *arg, const char *text, size_t len)
{
	const struct ends_side *s = arg;

	(void)call;
	assert_false(s->is_done);
	assert_int_equal(strlen(text), len);
	snprintf(told_text, sizeof(told_text), "%s", text);
}

/* To somebody who hears it, or has it as a file. */
static void say(struct ends *st, bool hears, const struct bk_recv_opts *more)
{
	const struct bk_send_opts say = {
		.size = sizeof(say), .session = &ends_session, .text = "hello", .text_len = 5};
	struct bk_transfer_events heard = ends_events;
	struct bk_recv_opts opts = *more;
	char text[BK_TRANSFER_TEXT_MAX];

	heard.size = sizeof(heard);
	heard.on_text = hears ? on_text : NULL;
	opts.session = &ends_session;
	opts.folder = st->out;
	told_text[0] = 0;
	assert_int_equal(bk_send_new(st->loop, &say, &ends_events, &st->send, &st->send.send, text), 0);
	assert_int_equal(bk_recv_new(st->loop, &opts, &heard, &st->recv, &st->recv.recv, text), 0);
	st->running = 2;
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_int_equal(st->recv.bytes, 5);
}

static void a_text_is_told_and_nothing_is_asked_or_made(void **state)
{
	struct ends *st = *state;

	ends_write_file(kit_path_in(st->out, "message.txt"), 1, 0);
	st->recv.is_lone = true;
	say(st, true, &(struct bk_recv_opts){.asks_accept = true, .conflict = BK_TRANSFER_CONFLICT_FAIL});
	assert_string_equal(told_text, "hello");
	assert_int_equal(st->recv.questions, 0);
	assert_string_equal(st->recv.paths, "");
	assert_int_equal(kit_count(st->out), 1);
}

static void a_text_that_nobody_hears_is_a_file(void **state)
{
	struct ends *st = *state;

	say(st, false, &(struct bk_recv_opts){0});
	assert_string_equal(told_text, "");
	assert_string_equal(st->recv.paths, "message.txt;");
}

static void a_text_goes_alone_and_has_an_end(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, "a");
	char text[BK_TRANSFER_TEXT_MAX];
	struct bk_send_opts opts = {.size = sizeof(opts),
		.session = &ends_session,
		.text = path,
		.text_len = BK_TRANSFER_MESSAGE_MAX + 1};

	ends_write_file(path, 1, 0);
	assert_int_equal(
		bk_send_new(st->loop, &opts, &ends_events, &st->send, &st->send.send, text), BK_E_INVALID);
	assert_non_null(strstr(text, "send it as a file"));
	opts.text_len = 1;
	opts.paths = &path;
	opts.paths_len = 1;
	assert_int_equal(
		bk_send_new(st->loop, &opts, &ends_events, &st->send, &st->send.send, text), BK_E_INVALID);
	assert_non_null(strstr(text, "goes alone"));
}

/* --- one file or stream goes on to a program --- */

static void pass_on(struct ends *st, const char *const *paths, size_t n, int fd)
{
	const struct bk_recv_opts opts = {
		.size = sizeof(opts), .session = &ends_session, .has_stream = true, .stream_fd = fd};
	char text[BK_TRANSFER_TEXT_MAX];

	assert_int_equal(ends_start_send(st, paths, n, text), 0);
	st->recv.is_lone = true;
	assert_int_equal(bk_recv_new(st->loop, &opts, &ends_events, &st->recv, &st->recv.recv, text), 0);
	st->running++;
	assert_int_equal(bk_loop_run(st->loop), 0);
}

static void one_file_goes_on_to_a_descriptor_whatever_it_is_called(void **state)
{
	struct ends *st = *state;
	const char *path = kit_path_in(st->in, ".hidden"), *copy = kit_path_in(st->out, "copy");
	int fd = open(copy, O_WRONLY | O_CREAT, 0600);

	ends_write_file(path, 5000000, 3);
	pass_on(st, &path, 1, fd);
	close(fd);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_true(kit_is_same_file(path, copy));
}

static void more_than_one_file_does_not_go_on(void **state)
{
	struct ends *st = *state;
	char kept[2][512];
	const char *paths[2] = {kept[0], kept[1]};

	for (int i = 0; i < 2; i++) {
		snprintf(kept[i], sizeof(kept[i]), "%s/%d", st->in, i);
		ends_write_file(kept[i], 1, i);
	}
	pass_on(st, paths, 2, STDOUT_FILENO);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_int_equal(st->recv.error, BK_E_UNSUPPORTED);
	assert_non_null(strstr(st->send.text, "send a tar of them"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ends_set_up, ends_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_stream_without_a_size_arrives_whole_behind_a_file),
		T(what_is_made_while_it_is_read_arrives_as_a_stream),
		T(a_text_is_told_and_nothing_is_asked_or_made),
		T(a_text_that_nobody_hears_is_a_file),
		T(a_text_goes_alone_and_has_an_end),
		T(one_file_goes_on_to_a_descriptor_whatever_it_is_called),
		T(more_than_one_file_does_not_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
