/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/output.h"

enum { LINES = 20000, SAID_MAX = 4 << 20 };

/* A child whose standard output and error are these; it talks, waits for its last words and is gone. */
static pid_t talk(int out, int err, void (*fn)(int arg), int arg)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child)
		return child;
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	for (int fd = 3; fd < 64; fd++)
		if (fd != arg)
			close(fd);
	bk_cli_output_init();
	fn(arg);
	bk_cli_output_end();
	_exit(0);
}

static void join(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static char *read_all(int fd)
{
	char *said = calloc(1, SAID_MAX);
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, said + n, SAID_MAX - 1 - n)) > 0)
		n += (size_t)got;
	close(fd);
	return said;
}

static void chatter(int done)
{
	for (int i = 0; i < LINES; i++)
		bk_cli_output_put(BK_CLI_STDERR, BK_CLI_CHATTER, "line %d of a log that nobody reads\n", i);
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "the last word\n");
	(void)!write(done, "x", 1);
}

static void what_nobody_reads_is_counted_where_it_is_missing(void **state)
{
	const char *const gap = "bodkin: %d line";
	int pipes[2], done[2], gone = 0, seen = 0, n;
	char *said, *at, x;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(pipe(done), 0);
	child = talk(open("/dev/null", O_WRONLY), pipes[1], chatter, done[1]);
	close(pipes[1]);
	assert_int_equal(read(done[0], &x, 1), 1); /* it said all of it while nobody read */
	said = read_all(pipes[0]);
	join(child);
	for (at = said; strncmp(at, "the last", 8) != 0; at = strchr(at, '\n') + 1)
		if (sscanf(at, "line %d of", &n) == 1)
			assert_int_equal(n, gone + seen++);
		else if (sscanf(at, gap, &n) == 1)
			gone += n;
		else
			fail_msg("'%.40s' at %d", at, seen);
	assert_true(gone > 0);
	assert_int_equal(seen + gone, LINES);
	assert_string_equal(at, "the last word\n");
	free(said);
	close(done[0]);
	close(done[1]);
}

static void both(int arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		bk_cli_output_put(i % 2 ? BK_CLI_STDOUT : BK_CLI_STDERR, BK_CLI_EVENT, "%d\n", i);
}

static void two_streams_to_one_place_keep_their_order(void **state)
{
	char *said, want[1024];
	size_t n = 0;
	int pipes[2];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = talk(pipes[1], pipes[1], both, -1);
	close(pipes[1]);
	said = read_all(pipes[0]);
	join(child);
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(want + n, sizeof(want) - n, "%d\n", i);
	assert_string_equal(said, want);
	free(said);
}

static void a_few(int arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "%d\n", i);
}

/* Whoever took the place of a closed standard error would get the log. */
static void a_closed_descriptor_is_nobody_elses(void **state)
{
	(void)state;
	close(STDIN_FILENO);
	bk_cli_output_init();
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

static void the_flags_of_a_shared_pipe_stay(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	join(talk(pipes[1], pipes[1], a_few, -1));
	assert_int_equal(fcntl(pipes[1], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	fcntl(pipes[1], F_SETFL, O_WRONLY);
	join(talk(pipes[1], pipes[1], a_few, -1));
	assert_int_equal(fcntl(pipes[1], F_GETFL) & O_NONBLOCK, 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void draw(int arg)
{
	(void)arg;
	bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT, "a\033[2A\033[?2004h\tb\n");
	bk_cli_output_draw("\r\033[2A\033[J\033[?2004h\033]0;t\007\033(0\xc2\x9b"
			   "c\033[");
	bk_cli_output_data("\tas it is\033[2A\n", 14);
}

static void only_a_drawing_moves_the_cursor_and_only_data_is_left_as_it_is(void **state)
{
	int pipes[2];
	char *said;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = talk(pipes[1], pipes[1], draw, -1);
	close(pipes[1]);
	said = read_all(pipes[0]);
	join(child);
	assert_string_equal(said, "a?[2A?[?2004h?b\n\r\033[2A\033[J\033[?2004h?]0;t?"
				  "?(0?c?[\tas it is\033[2A\n");
	free(said);
}

static void wait_and_fail(int done)
{
	char x[100] = "a line\n";

	for (int i = 0; i < 20000; i++)
		bk_cli_output_data(x, sizeof(x));
	assert_in_range(bk_cli_output_waiting(BK_CLI_STDOUT), 1, 20000 * sizeof(x));
	assert_int_equal(bk_cli_output_failure(BK_CLI_STDOUT), 0);
	(void)!write(done, "x", 1);
	bk_cli_output_end();
	assert_int_equal(bk_cli_output_waiting(BK_CLI_STDOUT), 0);
	assert_int_equal(bk_cli_output_failure(BK_CLI_STDOUT), EPIPE);
	assert_int_equal(bk_cli_output_failure(BK_CLI_STDERR), 0);
}

static void what_waits_and_what_failed_can_be_asked(void **state)
{
	int pipes[2], done[2];
	pid_t child;
	char x;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(pipe(done), 0);
	signal(SIGPIPE, SIG_IGN);
	child = talk(pipes[1], open("/dev/null", O_WRONLY), wait_and_fail, done[1]);
	close(pipes[1]);
	assert_int_equal(read(done[0], &x, 1), 1);
	close(pipes[0]);
	join(child);
	close(done[0]);
	close(done[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_reads_is_counted_where_it_is_missing),
		cmocka_unit_test(two_streams_to_one_place_keep_their_order),
		cmocka_unit_test(a_closed_descriptor_is_nobody_elses),
		cmocka_unit_test(the_flags_of_a_shared_pipe_stay),
		cmocka_unit_test(only_a_drawing_moves_the_cursor_and_only_data_is_left_as_it_is),
		cmocka_unit_test(what_waits_and_what_failed_can_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
