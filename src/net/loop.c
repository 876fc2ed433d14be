/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop, on libevent: it picks the best multiplexer of the system and lets the user force
 * another. This file and net/ beside it are the only places that know libevent and read the clock. */
#include <bodkin/loop.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

#include "base/assert.h"
#include "base/time.h"
#include "net/loop.h"

struct bk_timer {
	struct event *event;
	struct bk_loop *loop;
	bk_timer_fn fn;
	void *arg;
};

struct bk_watch {
	struct event *event;
	struct bk_loop *loop;
	bk_watch_fn fn;
	void *arg;
	int fd;
};

struct bk_signal {
	struct event *event;
	struct bk_loop *loop;
	bk_signal_fn fn;
	void *arg;
};

static const char *const backend_names[] = {
	[BK_LOOP_AUTO] = "auto",
	[BK_LOOP_EPOLL] = "epoll",
	[BK_LOOP_POLL] = "poll",
	[BK_LOOP_SELECT] = "select",
};

enum { BACKENDS = sizeof(backend_names) / sizeof(backend_names[0]) };

int bk_loop_backend_from_str(const char *s, enum bk_loop_backend *ret_backend)
{
	for (int i = 0; i < BACKENDS; i++) {
		if (!strcmp(s, backend_names[i])) {
			*ret_backend = (enum bk_loop_backend)i;
			return 0;
		}
	}
	return BK_E_INVALID;
}

/* Once for a process: writes to a closed socket are errors, not signals. */
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
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	*ret_base = event_base_new_with_config(config);
	event_config_free(config);
	return *ret_base ? 0 : BK_E_UNSUPPORTED;
}

static void on_ring(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	bk_door_answer(arg);
}

static int open_door(struct bk_loop *loop)
{
	int err = bk_door_init(&loop->door);

	if (err < 0)
		return err;
	err = bk_watch_new(loop, loop->door.fd, on_ring, &loop->door, &loop->door_watch);
	if (err == 0)
		err = bk_watch_set(loop->door_watch, BK_READABLE);
	return err;
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
	loop->door.fd = -1;
	bk_list_init(&loop->asked);
	bk_list_init(&loop->turning);
	err = base_new(backend, &loop->base);
	if (err == 0)
		err = open_door(loop);
	if (err < 0) {
		bk_loop_free(loop);
		return err;
	}
	*ret_loop = loop;
	return 0;
}

void bk_loop_free(struct bk_loop *loop)
{
	if (!loop)
		return;
	bk_assert(!loop->is_running);
	bk_watch_free(loop->door_watch);
	bk_door_done(&loop->door, loop);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

/* Whatever is ready, or becomes ready first, and then the turns that were asked for. */
static int take_turn(struct bk_loop *loop)
{
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

	if (bk_loop_has_turns(loop))
		flags |= EVLOOP_NONBLOCK;
	if (event_base_loop(loop->base, flags) < 0)
		return BK_E_IO;
	bk_loop_take_turns(loop);
	return 0;
}

int bk_loop_run(struct bk_loop *loop)
{
	int err = 0;

	if (loop->is_running)
		return BK_E_INVALID;
	loop->is_running = true;
	atomic_store(&loop->is_stopping, false);
	while (err == 0 && !bk_loop_is_stopping(loop))
		err = take_turn(loop);
	loop->is_running = false;
	return err;
}

/* The flag is looked at after each callback; the ring ends a wait that has begun or is about to. */
void bk_loop_stop(struct bk_loop *loop)
{
	atomic_store(&loop->is_stopping, true);
	bk_door_ring(&loop->door);
}

static void after_callback(struct bk_loop *loop)
{
	if (bk_loop_is_stopping(loop))
		event_base_loopbreak(loop->base);
}

int64_t bk_loop_now(const struct bk_loop *loop)
{
	struct timespec ts;

	(void)loop;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * BK_SEC + ts.tv_nsec;
}

const char *bk_loop_backend_name(const struct bk_loop *loop)
{
	return event_base_get_method(loop->base);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bk_timer *t = arg;
	struct bk_loop *loop = t->loop;

	(void)fd;
	(void)what;
	t->fn(t->arg);
	after_callback(loop);
}

int bk_timer_new(struct bk_loop *loop, bk_timer_fn fn, void *arg, struct bk_timer **ret_timer)
{
	struct bk_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return BK_E_NOMEM;
	*t = (struct bk_timer){.loop = loop, .fn = fn, .arg = arg};
	t->event = evtimer_new(loop->base, on_timer, t);
	if (!t->event) {
		free(t);
		return BK_E_NOMEM;
	}
	*ret_timer = t;
	return 0;
}

void bk_timer_start(struct bk_timer *t, int64_t delay_ns)
{
	struct timeval tv;
	int64_t us;

	if (delay_ns < 0)
		delay_ns = 0;
	us = delay_ns / BK_US + (delay_ns % BK_US != 0);
	tv.tv_sec = us / 1000000;
	tv.tv_usec = us % 1000000;
	evtimer_add(t->event, &tv);
}

void bk_timer_stop(struct bk_timer *t)
{
	evtimer_del(t->event);
}

void bk_timer_free(struct bk_timer *t)
{
	if (!t)
		return;
	event_free(t->event);
	free(t);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct bk_watch *w = arg;
	struct bk_loop *loop = w->loop;
	int events = (what & EV_READ ? BK_READABLE : 0) | (what & EV_WRITE ? BK_WRITABLE : 0);

	w->fn(w->arg, fd, events);
	after_callback(loop);
}

int bk_watch_new(struct bk_loop *loop, int fd, bk_watch_fn fn, void *arg, struct bk_watch **ret_watch)
{
	struct bk_watch *w;

	if (fd >= FD_SETSIZE && strcmp(event_base_get_method(loop->base), "select") == 0)
		return BK_E_FULL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return BK_E_NOMEM;
	*w = (struct bk_watch){.loop = loop, .fn = fn, .arg = arg, .fd = fd};
	w->event = event_new(loop->base, fd, EV_PERSIST, on_watch, w);
	if (!w->event) {
		free(w);
		return BK_E_NOMEM;
	}
	*ret_watch = w;
	return 0;
}

int bk_watch_set(struct bk_watch *w, int events)
{
	short what = EV_PERSIST;

	event_del(w->event);
	if (!events)
		return 0;
	if (events & BK_READABLE)
		what |= EV_READ;
	if (events & BK_WRITABLE)
		what |= EV_WRITE;
	if (event_assign(w->event, w->loop->base, w->fd, what, on_watch, w) < 0 ||
		event_add(w->event, NULL) < 0)
		return BK_E_IO;
	return 0;
}

void bk_watch_free(struct bk_watch *w)
{
	if (!w)
		return;
	event_free(w->event);
	free(w);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct bk_signal *s = arg;
	struct bk_loop *loop = s->loop;

	(void)what;
	s->fn(s->arg, (int)signo);
	after_callback(loop);
}

int bk_signal_new(struct bk_loop *loop, int signo, bk_signal_fn fn, void *arg, struct bk_signal **ret_signal)
{
	struct bk_signal *s = calloc(1, sizeof(*s));

	if (!s)
		return BK_E_NOMEM;
	*s = (struct bk_signal){.loop = loop, .fn = fn, .arg = arg};
	s->event = evsignal_new(loop->base, signo, on_signal, s);
	if (!s->event || evsignal_add(s->event, NULL) < 0) {
		bk_signal_free(s);
		return BK_E_NOMEM;
	}
	*ret_signal = s;
	return 0;
}

void bk_signal_free(struct bk_signal *s)
{
	if (!s)
		return;
	if (s->event)
		event_free(s->event);
	free(s);
}
