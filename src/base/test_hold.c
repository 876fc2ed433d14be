/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hold.h"

static void nobody_inside_frees_at_once(void **state)
{
	struct bk_hold h = {0};

	(void)state;
	bk_hold_enter(&h);
	assert_false(bk_hold_leave(&h));
	assert_true(bk_hold_end(&h));
	assert_true(h.is_dead);
}

static void the_last_that_leaves_frees(void **state)
{
	struct bk_hold h = {0};

	(void)state;
	bk_hold_enter(&h);
	bk_hold_enter(&h);
	assert_false(bk_hold_end(&h));
	assert_false(bk_hold_leave(&h));
	assert_true(bk_hold_leave(&h));
}

static void end_twice(void)
{
	struct bk_hold h = {0};

	bk_hold_end(&h);
	bk_hold_end(&h);
}

static void leave_without_entering(void)
{
	struct bk_hold h = {0};

	bk_hold_leave(&h);
}

/* What `fn` says on its way down, from a process of its own. */
static void die_in(void (*fn)(void), char *said, size_t size)
{
	int out[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(out[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(out[1]);
	n = read(out[0], said, size - 1);
	assert_true(n > 0);
	said[n] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void an_assertion_says_where_and_what(void **state)
{
	char said[512];

	(void)state;
	die_in(end_twice, said, sizeof(said));
	assert_non_null(strstr(said, "base/hold.h:"));
	assert_non_null(strstr(said, ": bk_hold_end: assertion failed: !h->is_dead\n"));
	die_in(leave_without_entering, said, sizeof(said));
	assert_non_null(strstr(said, ": bk_hold_leave: assertion failed: h->depth > 0\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_inside_frees_at_once),
		cmocka_unit_test(the_last_that_leaves_frees),
		cmocka_unit_test(an_assertion_says_where_and_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
