/* SPDX-License-Identifier: Apache-2.0 */
#include "net/job.h"

#include <signal.h>
#include <unistd.h>

#include "net/test_kit.h"

struct work {
	int gate; /* the thread reads a byte from it first */
	int question, answer;
	bool takes_signals;
};

struct asker {
	struct bk_loop *loop;
	struct bk_job *job;
	int gate[2];
	int calls, answer;
	bool takes_signals, free_inside;
};

static void run(void *arg)
{
	struct work *w = arg;
	sigset_t blocked;
	char byte;

	if (read(w->gate, &byte, 1) != 1)
		return;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	w->takes_signals = !sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGCHLD);
	w->answer = w->question + 1;
	close(w->gate);
}

static void on_done(void *arg)
{
	struct asker *a = arg;
	const struct work *w = bk_job_work(a->job);

	a->calls++;
	a->answer = w->answer;
	a->takes_signals = w->takes_signals;
	if (a->free_inside) {
		bk_job_free(a->job);
		a->job = NULL;
	}
	bk_loop_stop(a->loop);
}

static void ask(struct asker *a)
{
	struct work w = {.question = 41};

	a->loop = kit_loop_new();
	assert_int_equal(pipe(a->gate), 0);
	w.gate = a->gate[0];
	assert_int_equal(bk_job_new(a->loop, run, &w, sizeof(w), on_done, a, &a->job), 0);
}

static void open_gate(struct asker *a)
{
	assert_int_equal(write(a->gate[1], "", 1), 1);
	close(a->gate[1]);
}

static void the_answer_comes_once_from_the_loop_and_the_thread_takes_no_signals(void **state)
{
	(void)state;
	for (int inside = 0; inside < 2; inside++) {
		struct asker a = {.free_inside = inside};

		ask(&a);
		kit_run_idle(a.loop, 3);
		assert_int_equal(a.calls, 0);
		open_gate(&a);
		kit_run(a.loop);
		kit_run_idle(a.loop, 3);
		assert_int_equal(a.calls, 1);
		assert_int_equal(a.answer, 42);
		assert_false(a.takes_signals);
		bk_job_free(a.job);
		bk_loop_free(a.loop);
	}
}

static void freed_it_is_silent_and_nobody_waits_for_the_thread(void **state)
{
	struct asker a = {0};

	(void)state;
	ask(&a);
	bk_job_free(a.job);
	kit_run_idle(a.loop, 3);
	bk_loop_free(a.loop);
	open_gate(&a); /* the thread comes back to nobody */
	assert_int_equal(a.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_comes_once_from_the_loop_and_the_thread_takes_no_signals),
		cmocka_unit_test(freed_it_is_silent_and_nobody_waits_for_the_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
