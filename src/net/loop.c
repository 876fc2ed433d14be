/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop. libevent waits for descriptors and signals: it picks the best multiplexer of the system and
 * lets the user force another. A turn is what was ready, then the timers that are due, then the turns asked
 * for. This file and net/ beside it are the only places that know libevent and read the clock. */
#include <bodkin/loop.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/text.h"
#include "net/loop.h"
#include "net/mirror.h"

static const char *const backend_names[] = {
	[BK_LOOP_AUTO] = "auto",
	[BK_LOOP_EPOLL] = "epoll",
	[BK_LOOP_POLL] = "poll",
	[BK_LOOP_SELECT] = "select",
};

enum { BACKENDS = sizeof(backend_names) / sizeof(backend_names[0]) };

int bk_loop_backend_from_str(const char *s, enum bk_loop_backend *ret_backend)
{
	size_t i = bk_text_index(backend_names, BACKENDS, s);

	if (i == BACKENDS)
		return BK_E_INVALID;
	*ret_backend = (enum bk_loop_backend)i;
	return 0;
}

/* Once for a process: loops of several threads may watch signals; writes to a closed socket are errors, not
 * signals. */
static void prepare_process(void)
{
	evthread_use_pthreads();
	signal(SIGPIPE, SIG_IGN);
}

static int base_new(enum bk_loop_backend backend, struct event_base **ret_base)
{
	struct event_config *config = event_config_new();

	if (!config)
		return BK_E_NOMEM;
	for (const char **m = event_get_supported_methods(); backend != BK_LOOP_AUTO && *m; m++)
		if (strcmp(*m, backend_names[backend]) != 0)
			event_config_avoid_method(config, *m);
	event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK); /* others come by the bell */
	*ret_base = event_base_new_with_config(config);
	event_config_free(config);
	return *ret_base ? 0 : BK_E_UNSUPPORTED;
}

static void on_ring(void *arg, int fd, int events)
{
	struct bk_loop *loop = arg;

	(void)fd;
	(void)events;
	bk_bell_answer(&loop->bell); /* before the door: who leaves a post after this rings again */
	bk_door_fetch(&loop->door);
}

/* The wait has ended, which was all. */
static void on_alarm(void *arg, int fd, int events)
{
	uint64_t times;
	ssize_t n = read(fd, &times, sizeof(times));

	(void)n;
	(void)arg;
	(void)events;
}

static int watch_own(struct bk_loop *loop, int fd, bk_watch_fn fn, struct bk_watch **ret_watch)
{
	int err = bk_watch_new(loop, fd, fn, loop, ret_watch);

	return err < 0 ? err : bk_watch_set(*ret_watch, BK_READABLE);
}

static int set_up(struct bk_loop *loop, enum bk_loop_backend backend)
{
	int err = base_new(backend, &loop->base);

	if (!err)
		err = bk_bell_init(&loop->bell);
	if (!err)
		err = watch_own(loop, loop->bell.fd, on_ring, &loop->bell_watch);
	if (err < 0)
		return err;
	loop->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->alarm_fd < 0)
		return bk_error_from_errno(errno);
	return watch_own(loop, loop->alarm_fd, on_alarm, &loop->alarm_watch);
}

int bk_loop_new(enum bk_loop_backend backend, struct bk_loop **ret_loop)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct bk_loop *loop;
	int err;

	if ((unsigned)backend >= BACKENDS)
		return BK_E_INVALID;
	pthread_once(&once, prepare_process);
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return BK_E_NOMEM;
	loop->bell.fd = loop->alarm_fd = loop->mirror = loop->signals_mirrored = -1;
	bk_list_init(&loop->asked);
	bk_list_init(&loop->turning);
	err = set_up(loop, backend);
	if (err < 0) {
		bk_loop_free(loop);
		return err;
	}
	*ret_loop = loop;
	return 0;
}

struct bk_tail *bk_tail_of(const struct bk_loop *loop)
{
	return loop->tail;
}

void bk_tail_set(struct bk_loop *loop, struct bk_tail *t)
{
	bk_assert(!loop->tail);
	loop->tail = t;
}

void bk_loop_free(struct bk_loop *loop)
{
	if (!loop)
		return;
	if (loop->tail)
		loop->tail->end(loop->tail);
	bk_assert(!loop->is_running);
	bk_assert(!loop->timers.count);
	bk_assert(!loop->msghub);
	bk_watch_free(loop->bell_watch);
	bk_watch_free(loop->alarm_watch);
	bk_door_done(&loop->door, loop);
	if (loop->base)
		event_base_free(loop->base);
	bk_wakes_done(&loop->timers.wakes);
	bk_bell_done(&loop->bell);
	if (loop->alarm_fd >= 0)
		close(loop->alarm_fd);
	if (loop->mirror >= 0)
		close(loop->mirror);
	free(loop);
}

/* False: that is now. */
static bool set_alarm(struct bk_loop *loop, bk_time at)
{
	bk_dur left = at - bk_loop_clock();
	struct itimerspec when = {.it_value = {left / BK_SEC, left % BK_SEC}};

	return left > 0 && timerfd_settime(loop->alarm_fd, 0, &when, NULL) == 0;
}

static int take_turn(struct bk_loop *loop, bk_time until)
{
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
	bk_time at = bk_time_min(until, bk_timers_next(&loop->timers));

	if (bk_loop_has_turns(loop) || (at != BK_NEVER && !set_alarm(loop, at)))
		flags |= EVLOOP_NONBLOCK;
	if (event_base_loop(loop->base, flags) < 0)
		return BK_E_IO;
	bk_timers_run(loop);
	bk_loop_take_turns(loop);
	return 0;
}

static void begin(struct bk_loop *loop)
{
	loop->is_running = true;
	atomic_store(&loop->is_stopping, false);
}

int bk_loop_run(struct bk_loop *loop)
{
	int err = 0;

	if (loop->is_running)
		return BK_E_INVALID;
	begin(loop);
	while (!err && !bk_loop_is_stopping(loop))
		err = take_turn(loop, BK_NEVER);
	loop->is_running = false;
	return err;
}

/* The flag is looked at after each callback; the ring ends a wait that has begun or is about to. */
void bk_loop_stop(struct bk_loop *loop)
{
	atomic_store(&loop->is_stopping, true);
	bk_bell_ring(&loop->bell);
}

int bk_loop_turn(struct bk_loop *loop, int64_t timeout_ns)
{
	bk_time until = timeout_ns < 0 ? BK_NEVER : bk_time_add(bk_loop_clock(), timeout_ns);
	bk_time next;
	int err;

	if (loop->is_running)
		return BK_E_INVALID;
	begin(loop);
	err = take_turn(loop, until);
	loop->is_running = false;
	next = bk_timers_next(&loop->timers);
	if (bk_loop_has_turns(loop) || (next != BK_NEVER && !set_alarm(loop, next)))
		bk_loop_nudge(loop);
	return err;
}

/* It is readable at first: what there was to do before is found by the turn that follows. */
int bk_loop_fd(struct bk_loop *loop)
{
	int err;

	if (loop->is_mirrored)
		return loop->mirror;
	if (loop->mirror < 0)
		loop->mirror = bk_mirror_new();
	if (loop->mirror < 0)
		return loop->mirror;
	err = bk_loop_mirror_watches(loop);
	if (err < 0)
		return err;
	loop->is_mirrored = true;
	bk_bell_ring(&loop->bell);
	return loop->mirror;
}

int64_t bk_loop_now(const struct bk_loop *loop)
{
	(void)loop;
	return bk_loop_clock();
}

const char *bk_loop_backend_name(const struct bk_loop *loop)
{
	return event_base_get_method(loop->base);
}
