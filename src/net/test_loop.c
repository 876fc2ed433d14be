/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/time.h"
#include "net/test_kit.h"

struct story {
	struct bk_loop *loop;
	struct bk_timer *timers[3];
	struct bk_watch *watch;
	struct bk_signal *signal;
	char order[8];
	int pipe[2];
	int signals, events;
};

static const struct {
	enum bk_loop_backend backend;
	const char *name;
} backends[] = {{BK_LOOP_EPOLL, "epoll"}, {BK_LOOP_POLL, "poll"}, {BK_LOOP_SELECT, "select"}};

static void note(struct story *s, const char *what)
{
	strcat(s->order, what);
}

static void on_first(void *arg)
{
	note(arg, "1");
}

static void on_second(void *arg)
{
	struct story *s = arg;

	note(s, "2");
	assert_int_equal(write(s->pipe[1], "x", 1), 1);
}

static void on_never(void *arg)
{
	note(arg, "!");
}

static void on_readable(void *arg, int fd, int events)
{
	struct story *s = arg;
	char byte;

	assert_int_equal(events, BK_READABLE);
	assert_int_equal(read(fd, &byte, 1), 1);
	note(s, "r");
	bk_watch_free(s->watch); /* from inside */
	s->watch = NULL;
	raise(SIGUSR1);
}

static void on_signal(void *arg, int signo)
{
	struct story *s = arg;

	assert_int_equal(signo, SIGUSR1);
	note(s, "s");
	bk_loop_stop(s->loop);
}

static void every_backend_keeps_the_order_of_timers_descriptors_and_signals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		struct story s = {0};

		assert_int_equal(bk_loop_new(backends[i].backend, &s.loop), 0);
		assert_string_equal(bk_loop_backend_name(s.loop), backends[i].name);
		assert_int_equal(pipe(s.pipe), 0);
		assert_int_equal(bk_timer_new(s.loop, on_second, &s, &s.timers[0]), 0);
		assert_int_equal(bk_timer_new(s.loop, on_first, &s, &s.timers[1]), 0);
		assert_int_equal(bk_timer_new(s.loop, on_never, &s, &s.timers[2]), 0);
		assert_int_equal(bk_watch_new(s.loop, s.pipe[0], on_readable, &s, &s.watch), 0);
		assert_int_equal(bk_watch_set(s.watch, BK_READABLE), 0);
		assert_int_equal(bk_signal_new(s.loop, SIGUSR1, on_signal, &s, &s.signal), 0);
		bk_timer_start(s.timers[0], BK_SEC);
		bk_timer_start(s.timers[0], 5 * BK_MS); /* moved */
		bk_timer_start(s.timers[1], 1);
		bk_timer_start(s.timers[2], BK_MS);
		bk_timer_stop(s.timers[2]);
		kit_run(s.loop);
		assert_string_equal(s.order, "12rs");
		for (int t = 0; t < 3; t++)
			bk_timer_free(s.timers[t]);
		bk_signal_free(s.signal);
		close(s.pipe[0]);
		close(s.pipe[1]);
		bk_loop_free(s.loop);
	}
}

static void backends_are_known_by_name(void **state)
{
	enum bk_loop_backend b;

	(void)state;
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		assert_int_equal(bk_loop_backend_from_str(backends[i].name, &b), 0);
		assert_int_equal(b, backends[i].backend);
	}
	assert_int_equal(bk_loop_backend_from_str("auto", &b), 0);
	assert_int_equal(bk_loop_backend_from_str("kqueue", &b), BK_E_INVALID);
	assert_int_equal(bk_loop_backend_from_str("", &b), BK_E_INVALID);
}

static void a_backend_out_of_range_is_invalid(void **state)
{
	struct bk_loop *loop;

	(void)state;
	assert_int_equal(bk_loop_new((enum bk_loop_backend)99, &loop), BK_E_INVALID);
}

static void on_stop(void *arg)
{
	bk_loop_stop(arg);
}

static void the_longest_delay_does_not_overflow(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct bk_timer *far, *near;
	struct story s = {0};

	(void)state;
	assert_int_equal(bk_timer_new(loop, on_never, &s, &far), 0);
	assert_int_equal(bk_timer_new(loop, on_stop, loop, &near), 0);
	bk_timer_start(far, INT64_MAX);
	bk_timer_start(near, INT64_MIN); /* the past is now */
	kit_run(loop);
	assert_string_equal(s.order, "");
	bk_timer_free(far);
	bk_timer_free(near);
	bk_loop_free(loop);
}

static void on_event(void *arg, int fd, int events)
{
	struct story *s = arg;

	(void)fd;
	s->events |= events;
}

static void a_watch_set_to_nothing_is_silent(void **state)
{
	struct story s = {.loop = kit_loop_new()};

	(void)state;
	assert_int_equal(pipe(s.pipe), 0);
	assert_int_equal(write(s.pipe[1], "x", 1), 1);
	assert_int_equal(bk_watch_new(s.loop, s.pipe[0], on_event, &s, &s.watch), 0);
	kit_run_idle(s.loop, 3);
	assert_int_equal(bk_watch_set(s.watch, BK_READABLE), 0);
	assert_int_equal(bk_watch_set(s.watch, 0), 0);
	kit_run_idle(s.loop, 3);
	assert_int_equal(s.events, 0);
	assert_int_equal(bk_watch_set(s.watch, BK_READABLE), 0);
	kit_run_idle(s.loop, 3);
	assert_int_equal(s.events, BK_READABLE);
	bk_watch_free(s.watch);
	bk_watch_free(NULL);
	close(s.pipe[0]);
	close(s.pipe[1]);
	bk_loop_free(s.loop);
}

struct stopper {
	struct bk_loop *loop;
	int ready[2];
};

static void *stop_it(void *arg)
{
	struct stopper *s = arg;
	char byte;

	if (read(s->ready[0], &byte, 1) == 1)
		bk_loop_stop(s->loop);
	return NULL;
}

static void on_running(void *arg)
{
	struct stopper *s = arg;

	assert_int_equal(write(s->ready[1], "x", 1), 1);
}

static void another_thread_may_stop_the_loop(void **state)
{
	struct stopper s = {.loop = kit_loop_new()};
	struct bk_timer *t;
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(s.ready), 0);
	assert_int_equal(bk_timer_new(s.loop, on_running, &s, &t), 0);
	bk_timer_start(t, 0);
	assert_int_equal(pthread_create(&thread, NULL, stop_it, &s), 0);
	kit_run(s.loop);
	pthread_join(thread, NULL);
	bk_timer_free(t);
	close(s.ready[0]);
	close(s.ready[1]);
	bk_loop_free(s.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_backend_keeps_the_order_of_timers_descriptors_and_signals),
		cmocka_unit_test(backends_are_known_by_name),
		cmocka_unit_test(a_backend_out_of_range_is_invalid),
		cmocka_unit_test(the_longest_delay_does_not_overflow),
		cmocka_unit_test(a_watch_set_to_nothing_is_silent),
		cmocka_unit_test(another_thread_may_stop_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
