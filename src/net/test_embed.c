/* SPDX-License-Identifier: Apache-2.0 */
/* A loop inside a loop of somebody else's, which knows one descriptor and nothing more. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/time.h"
#include "net/test_kit.h"
#include "net/turn.h"

struct guest {
	struct bk_loop *loop;
	struct bk_timer *timer;
	struct bk_watch *watches[2];
	struct bk_signal *signal;
	struct bk_turn turn;
	pthread_t thread;
	char order[16];
	int fd, pipe[2];
};

static const enum bk_loop_backend backends[] = {BK_LOOP_EPOLL, BK_LOOP_POLL, BK_LOOP_SELECT};

enum { BACKENDS = sizeof(backends) / sizeof(backends[0]), PATIENCE_MS = 30000 };

static void note(struct guest *g, const char *what)
{
	assert_true(strlen(g->order) + strlen(what) < sizeof(g->order));
	strcat(g->order, what);
}

static bool is_readable(struct guest *g, int patience_ms)
{
	struct pollfd p = {.fd = g->fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, patience_ms);
	while (n < 0); /* a signal */
	return n > 0;
}

/* As the program around it does, until nothing is left to do. */
static void settle(struct guest *g)
{
	while (is_readable(g, 0))
		assert_int_equal(bk_loop_turn(g->loop, 0), 0);
}

static void drive_until(struct guest *g, const char *order)
{
	while (strcmp(g->order, order) != 0) {
		assert_true(is_readable(g, PATIENCE_MS));
		assert_int_equal(bk_loop_turn(g->loop, 0), 0);
	}
}

static void on_timer(void *arg)
{
	note(arg, "t");
}

static void on_readable(void *arg, int fd, int events)
{
	char byte;

	assert_int_equal(events, BK_READABLE);
	assert_int_equal(read(fd, &byte, 1), 1);
	note(arg, "r");
}

static void on_signal(void *arg, int signo)
{
	assert_int_equal(signo, SIGUSR1);
	note(arg, "s");
}

static void on_posted(void *arg)
{
	note(arg, "p");
}

static void on_turn(void *arg)
{
	note(arg, "e");
}

static void guest_begin(struct guest *g, enum bk_loop_backend backend)
{
	*g = (struct guest){0};
	assert_int_equal(pipe(g->pipe), 0);
	assert_int_equal(bk_loop_new(backend, &g->loop), 0);
	assert_int_equal(bk_timer_new(g->loop, on_timer, g, &g->timer), 0);
	assert_int_equal(bk_watch_new(g->loop, g->pipe[0], on_readable, g, &g->watches[0]), 0);
	assert_int_equal(bk_watch_set(g->watches[0], BK_READABLE), 0); /* before anybody asks */
	bk_turn_init(&g->turn, g->loop, on_turn, g);
	g->fd = bk_loop_fd(g->loop);
	assert_true(g->fd >= 0);
	assert_int_equal(bk_loop_fd(g->loop), g->fd);
	assert_int_equal(bk_signal_new(g->loop, SIGUSR1, on_signal, g, &g->signal), 0);
	settle(g);
}

static void guest_end(struct guest *g)
{
	bk_turn_done(&g->turn);
	bk_timer_free(g->timer);
	bk_watch_free(g->watches[0]);
	bk_watch_free(g->watches[1]);
	bk_signal_free(g->signal);
	close(g->pipe[0]);
	close(g->pipe[1]);
	bk_loop_free(g->loop);
}

static void *post(void *arg)
{
	struct guest *g = arg;

	if (bk_loop_post(g->loop, on_posted, g) < 0)
		note(g, "!");
	return NULL;
}

static void whatever_happens_the_descriptor_tells(void **state)
{
	(void)state;
	for (int i = 0; i < BACKENDS; i++) {
		struct guest g;

		guest_begin(&g, backends[i]);
		assert_false(is_readable(&g, 0));
		bk_timer_start(g.timer, BK_MS);
		drive_until(&g, "t");
		assert_int_equal(write(g.pipe[1], "x", 1), 1);
		drive_until(&g, "tr");
		raise(SIGUSR1);
		drive_until(&g, "trs");
		assert_int_equal(pthread_create(&g.thread, NULL, post, &g), 0);
		drive_until(&g, "trsp");
		pthread_join(g.thread, NULL);
		bk_turn_ask(&g.turn);
		drive_until(&g, "trspe");
		settle(&g);
		assert_int_equal(bk_loop_turn(g.loop, 0), 0); /* nothing to do, and no waiting for it */
		assert_string_equal(g.order, "trspe");
		guest_end(&g);
	}
}

static void what_was_waiting_before_it_was_asked_for_is_told(void **state)
{
	struct guest g = {.loop = kit_loop_new()};

	(void)state;
	bk_turn_init(&g.turn, g.loop, on_turn, &g);
	bk_turn_ask(&g.turn);
	assert_int_equal(bk_loop_post(g.loop, on_posted, &g), 0);
	g.fd = bk_loop_fd(g.loop);
	drive_until(&g, "ep");
	bk_loop_free(g.loop);
}

static void a_turn_waits_as_long_as_it_is_told_and_no_longer(void **state)
{
	(void)state;
	for (int i = 0; i < BACKENDS; i++) {
		struct guest g;
		bk_time begun;

		guest_begin(&g, backends[i]);
		bk_timer_start(g.timer, INT64_MAX / 2);
		settle(&g);
		begun = bk_loop_now(g.loop);
		alarm(PATIENCE_MS / 1000);
		assert_int_equal(bk_loop_turn(g.loop, 2 * BK_MS), 0);
		assert_true(bk_loop_now(g.loop) - begun >= 2 * BK_MS);
		bk_timer_start(g.timer, 1);
		assert_int_equal(bk_loop_turn(g.loop, -1), 0);
		alarm(0);
		assert_string_equal(g.order, "t");
		guest_end(&g);
	}
}

static void on_inside(void *arg)
{
	struct guest *g = arg;

	assert_int_equal(bk_loop_turn(g->loop, 0), BK_E_INVALID);
	assert_int_equal(bk_loop_run(g->loop), BK_E_INVALID);
	note(g, "i");
}

static void a_turn_inside_a_turn_is_refused(void **state)
{
	struct guest g = {.loop = kit_loop_new()};

	(void)state;
	assert_int_equal(bk_loop_post(g.loop, on_inside, &g), 0);
	assert_int_equal(bk_loop_turn(g.loop, -1), 0);
	assert_string_equal(g.order, "i");
	bk_loop_free(g.loop);
}

static void a_watch_set_to_nothing_is_silent_outside_too(void **state)
{
	struct guest g;

	(void)state;
	guest_begin(&g, BK_LOOP_AUTO);
	assert_int_equal(bk_watch_set(g.watches[0], 0), 0);
	assert_int_equal(write(g.pipe[1], "x", 1), 1);
	assert_false(is_readable(&g, 0));
	assert_int_equal(bk_watch_set(g.watches[0], BK_READABLE), 0);
	drive_until(&g, "r");
	assert_false(is_readable(&g, 0));
	guest_end(&g);
}

static void on_both(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	note(arg, "b");
}

static void a_descriptor_may_be_watched_twice(void **state)
{
	int before = kit_count_descriptors();

	(void)state;
	for (int i = 0; i < BACKENDS; i++) {
		struct guest g;

		guest_begin(&g, backends[i]);
		assert_int_equal(bk_watch_new(g.loop, g.pipe[0], on_both, &g, &g.watches[1]), 0);
		assert_int_equal(bk_watch_set(g.watches[1], BK_READABLE), 0);
		bk_watch_free(g.watches[0]);
		g.watches[0] = NULL;
		assert_int_equal(write(g.pipe[1], "x", 1), 1);
		assert_true(is_readable(&g, PATIENCE_MS));
		assert_int_equal(bk_loop_turn(g.loop, 0), 0);
		assert_string_equal(g.order, "b");
		guest_end(&g);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

static void what_epoll_cannot_watch_is_an_error(void **state)
{
	struct bk_watch *watch;
	FILE *file = tmpfile();
	struct guest g;

	(void)state;
	assert_non_null(file);
	guest_begin(&g, BK_LOOP_POLL);
	assert_int_equal(bk_watch_new(g.loop, fileno(file), on_both, &g, &watch), 0);
	assert_int_equal(bk_watch_set(watch, BK_READABLE), BK_E_IO);
	bk_watch_free(watch);
	guest_end(&g);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_the_descriptor_tells),
		cmocka_unit_test(what_was_waiting_before_it_was_asked_for_is_told),
		cmocka_unit_test(a_turn_waits_as_long_as_it_is_told_and_no_longer),
		cmocka_unit_test(a_turn_inside_a_turn_is_refused),
		cmocka_unit_test(a_watch_set_to_nothing_is_silent_outside_too),
		cmocka_unit_test(a_descriptor_may_be_watched_twice),
		cmocka_unit_test(what_epoll_cannot_watch_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
