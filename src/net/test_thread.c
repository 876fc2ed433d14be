/* SPDX-License-Identifier: Apache-2.0 */
/* A thread and its owner wake each other, neither waits for the other's end, and the work is freed once. */
#include "net/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/test_kit.h"

enum { ROUNDS = 1000 };

static atomic_int freed;

struct work {
	int asked, answered, gate[2]; /* the thread ends when the gate has a byte */
	bool takes_signals, was_left, saw_gate;
};

struct owner {
	struct bk_loop *loop;
	struct bk_thread *thread;
	struct work *work;
	int calls;
	bool frees_inside;
};

static void answer(struct bk_thread *t, void *arg)
{
	struct work *w = arg;
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	bk_thread_lock(t);
	w->takes_signals = !sigismember(&blocked, SIGTERM);
	while (!bk_thread_is_left(t) && w->answered < ROUNDS) {
		if (w->answered == w->asked) {
			(void)bk_thread_wait(t, -1, 0);
			continue;
		}
		w->answered++;
		bk_thread_ring(t);
	}
	w->was_left = bk_thread_is_left(t);
	bk_thread_unlock(t);
}

static void free_work(void *work)
{
	(void)work; /* the test looks at it afterwards */
	freed++;
}

static const struct bk_thread_ops answering = {.run = answer, .free = free_work};

static void on_answer(void *arg)
{
	struct owner *o = arg;

	o->calls++;
	if (o->frees_inside) {
		bk_thread_free(o->thread);
		o->thread = NULL;
		bk_loop_stop(o->loop);
		return;
	}
	bk_thread_lock(o->thread);
	if (o->work->answered == ROUNDS)
		bk_loop_stop(o->loop);
	else
		o->work->asked = o->work->answered + 1;
	bk_thread_nudge(o->thread);
	bk_thread_unlock(o->thread);
}

static void ask_first(struct owner *o, struct work *w)
{
	*w = (struct work){.asked = 1};
	freed = 0;
	o->work = w;
	o->loop = kit_loop_new();
	assert_int_equal(bk_thread_new(o->loop, &answering, w, on_answer, o, &o->thread), 0);
}

static void wait_until_freed(void)
{
	while (!freed)
		sched_yield();
	assert_int_equal(freed, 1);
}

static void both_wake_each_other_until_all_is_answered(void **state)
{
	struct owner o = {0};
	struct work w;

	(void)state;
	ask_first(&o, &w);
	bk_loop_run(o.loop);
	assert_int_equal(w.answered, ROUNDS);
	assert_false(w.takes_signals);
	bk_thread_free(o.thread);
	wait_until_freed();
	bk_loop_free(o.loop);
}

static void who_is_left_is_told_and_the_last_frees(void **state)
{
	struct owner o = {.frees_inside = true};
	struct work w;

	(void)state;
	ask_first(&o, &w);
	bk_loop_run(o.loop);
	bk_loop_free(o.loop);
	wait_until_freed();
	assert_true(w.was_left);
	assert_int_equal(o.calls, 1);
}

static void a_ring_can_be_waited_for_without_the_loop_and_comes_all_the_same(void **state)
{
	struct owner o = {.frees_inside = true};
	struct work w;

	(void)state;
	ask_first(&o, &w);
	assert_true(bk_thread_await(o.thread, 60 * BK_SEC));
	assert_int_equal(o.calls, 0);
	bk_loop_run(o.loop);
	assert_int_equal(o.calls, 1);
	wait_until_freed();
	bk_loop_free(o.loop);
}

/* The gate, too, wakes it; the time that it may take does not come first. */
static void pass_the_gate(struct bk_thread *t, void *arg)
{
	struct work *w = arg;

	bk_thread_lock(t);
	(void)bk_thread_wait(t, -1, BK_MS);
	w->saw_gate = bk_thread_wait(t, w->gate[0], 3600 * BK_SEC);
	bk_thread_ring(t);
	bk_thread_unlock(t);
}

static const struct bk_thread_ops gated = {.run = pass_the_gate, .free = free_work};

static void a_descriptor_wakes_a_thread_that_waits(void **state)
{
	struct owner o = {.frees_inside = true};
	struct work w = {0};

	(void)state;
	freed = 0;
	o.loop = kit_loop_new();
	assert_int_equal(pipe(w.gate), 0);
	assert_int_equal(bk_thread_new(o.loop, &gated, &w, on_answer, &o, &o.thread), 0);
	assert_false(bk_thread_await(o.thread, 2 * BK_MS));
	assert_int_equal(write(w.gate[1], "x", 1), 1);
	bk_loop_run(o.loop);
	wait_until_freed();
	assert_true(w.saw_gate);
	bk_loop_free(o.loop);
	close(w.gate[0]);
	close(w.gate[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_wake_each_other_until_all_is_answered),
		cmocka_unit_test(who_is_left_is_told_and_the_last_frees),
		cmocka_unit_test(a_ring_can_be_waited_for_without_the_loop_and_comes_all_the_same),
		cmocka_unit_test(a_descriptor_wakes_a_thread_that_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
