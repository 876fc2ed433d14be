/* SPDX-License-Identifier: Apache-2.0 */
/* What is passed on to whoever reads at the other end of a descriptor: slow, gone, or a disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/spout.h"

enum { PIECE = 100000, PIECES = 50 };

struct stage {
	struct bk_loop *loop;
	struct bk_spout *spout;
	struct bk_digest *digest;
	struct bk_watch *reader;
	int ends[2]; /* read, write */
	uint8_t piece[PIECE];
	size_t put, got;
	bool is_paused; /* what is put waits for room */
};

static int set_up(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));

	signal(SIGPIPE, SIG_DFL); /* the thread takes none */
	for (size_t i = 0; i < PIECE; i++)
		st->piece[i] = (uint8_t)(i * 31);
	st->digest = bk_digest_new();
	bk_digest_reset(st->digest);
	*state = st;
	return bk_loop_new(BK_LOOP_AUTO, &st->loop);
}

static int tear_down(void **state)
{
	struct stage *st = *state;

	bk_spout_free(st->spout);
	bk_watch_free(st->reader);
	bk_loop_free(st->loop);
	bk_digest_free(st->digest);
	for (int i = 0; i < 2; i++)
		if (st->ends[i])
			close(st->ends[i]);
	free(st);
	return 0;
}

/* As much as there is room for, then the end. */
static void feed(void *arg)
{
	struct stage *st = arg;
	uint8_t digest[BK_DIGEST_LEN];

	if (bk_spout_is_over(st->spout)) {
		bk_loop_stop(st->loop);
		return;
	}
	for (; st->put < PIECES && !bk_spout_is_full(st->spout); st->put++) {
		assert_int_equal(bk_spout_write(st->spout, st->piece, PIECE), 0);
		bk_digest_update(st->digest, st->piece, PIECE);
	}
	st->is_paused = st->put < PIECES;
	if (st->is_paused)
		return;
	bk_digest_get(st->digest, digest);
	bk_spout_end(st->spout, digest);
}

static void start(struct stage *st, int fd)
{
	assert_int_equal(bk_spout_new(st->loop, fd, "x", feed, st, &st->spout), 0);
	feed(st);
}

static int outcome(struct stage *st, const char *want)
{
	const char *text;
	int error = bk_spout_error(st->spout, &text);

	assert_non_null(strstr(text, want));
	return error;
}

static void on_readable(void *arg, int fd, int events)
{
	struct stage *st = arg;
	uint8_t some[5000];
	ssize_t n = read(fd, some, sizeof(some));

	(void)events;
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(some[i], (uint8_t)((st->got + (size_t)i) % PIECE * 31));
	st->got += n > 0 ? (size_t)n : 0;
}

static void read_along(struct stage *st)
{
	assert_int_equal(bk_watch_new(st->loop, st->ends[0], on_readable, st, &st->reader), 0);
	assert_int_equal(bk_watch_set(st->reader, BK_READABLE), 0);
}

static void read_rest(struct stage *st)
{
	fcntl(st->ends[0], F_SETFL, O_NONBLOCK);
	for (size_t before = SIZE_MAX; before != st->got;) {
		before = st->got;
		on_readable(st, st->ends[0], 0);
	}
}

static void a_pipe_gets_all_of_it(void **state)
{
	struct stage *st = *state;

	assert_int_equal(pipe(st->ends), 0);
	read_along(st);
	start(st, st->ends[1]);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(outcome(st, ""), 0);
	read_rest(st);
	assert_int_equal(st->got, (size_t)PIECE * PIECES);
	assert_int_equal(fcntl(st->ends[1], F_GETFL) & O_NONBLOCK, 0); /* others have it, too */
}

static void a_socket_gets_all_of_it(void **state)
{
	struct stage *st = *state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, st->ends), 0);
	read_along(st);
	start(st, st->ends[1]);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(outcome(st, ""), 0);
	read_rest(st);
	assert_int_equal(st->got, (size_t)PIECE * PIECES);
}

static void a_file_goes_on_where_others_ended(void **state)
{
	char path[] = "/tmp/bodkin-spout-XXXXXX";
	struct stage *st = *state;

	st->ends[1] = mkstemp(path);
	unlink(path);
	assert_int_equal(write(st->ends[1], "before", 6), 6);
	start(st, st->ends[1]);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(outcome(st, ""), 0);
	assert_int_equal(lseek(st->ends[1], 0, SEEK_END), 6 + (off_t)PIECE * PIECES);
}

static void a_reader_who_takes_nothing_holds_it_back_and_it_can_be_stopped(void **state)
{
	struct stage *st = *state;

	assert_int_equal(pipe(st->ends), 0);
	start(st, st->ends[1]);
	for (int i = 0; i < 100 && !st->is_paused; i++)
		assert_int_equal(bk_loop_turn(st->loop, 0), 0);
	assert_true(st->is_paused);
	assert_true(st->put < PIECES / 2);
	bk_spout_stop(st->spout);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(outcome(st, "cancelled"), BK_E_CANCELLED);
}

static void a_reader_who_has_gone_ends_it_with_a_sentence(void **state)
{
	struct stage *st = *state;

	assert_int_equal(pipe(st->ends), 0);
	close(st->ends[0]);
	st->ends[0] = 0;
	start(st, st->ends[1]);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(outcome(st, "cannot pass on 'x': nobody reads it any more"), BK_E_FILE);
}

static void a_full_disk_is_said(void **state)
{
	struct stage *st = *state;

	st->ends[1] = open("/dev/full", O_WRONLY);
	start(st, st->ends[1]);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(outcome(st, "cannot pass on 'x': no space left"), BK_E_NO_SPACE);
}

static void what_arrives_damaged_is_said_at_its_end(void **state)
{
	struct stage *st = *state;

	st->ends[1] = open("/dev/null", O_WRONLY);
	bk_digest_update(st->digest, "one more", 8);
	start(st, st->ends[1]);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_int_equal(outcome(st, "damaged"), BK_E_DIGEST);
}

int main(void)
{
#define T(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_pipe_gets_all_of_it),
		T(a_socket_gets_all_of_it),
		T(a_file_goes_on_where_others_ended),
		T(a_reader_who_takes_nothing_holds_it_back_and_it_can_be_stopped),
		T(a_reader_who_has_gone_ends_it_with_a_sentence),
		T(a_full_disk_is_said),
		T(what_arrives_damaged_is_said_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
