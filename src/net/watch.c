/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and signals of a loop, on libevent. */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "base/assert.h"
#include "net/loop.h"
#include "net/mirror.h"

struct bk_watch {
	struct event *event;
	struct bk_loop *loop;
	bk_watch_fn fn;
	void *arg;
	int fd;
	int mirrored; /* as what it is in the mirror; -1: it is not */
};

struct bk_signal {
	struct event *event;
	struct bk_loop *loop;
	bk_signal_fn fn;
	void *arg;
};

static void after_callback(struct bk_loop *loop)
{
	if (bk_loop_is_stopping(loop))
		event_base_loopbreak(loop->base);
}

static int events_of(short what)
{
	return (what & EV_READ ? BK_READABLE : 0) | (what & EV_WRITE ? BK_WRITABLE : 0);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct bk_watch *w = arg;
	struct bk_loop *loop = w->loop;

	w->fn(w->arg, fd, events_of(what));
	after_callback(loop);
}

int bk_watch_new(struct bk_loop *loop, int fd, bk_watch_fn fn, void *arg, struct bk_watch **ret_watch)
{
	struct bk_watch *w;

	bk_assert(fd >= 0 && fn);
	if (fd >= FD_SETSIZE && strcmp(event_base_get_method(loop->base), "select") == 0)
		return BK_E_FULL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return BK_E_NOMEM;
	*w = (struct bk_watch){.loop = loop, .fn = fn, .arg = arg, .fd = fd, .mirrored = -1};
	w->event = event_new(loop->base, fd, EV_PERSIST, on_watch, w);
	if (!w->event) {
		free(w);
		return BK_E_NOMEM;
	}
	*ret_watch = w;
	return 0;
}

static int mirror(struct bk_watch *w, int events)
{
	return w->loop->mirror < 0 ? 0 : bk_mirror_set(w->loop->mirror, w->fd, events, &w->mirrored);
}

int bk_watch_set(struct bk_watch *w, int events)
{
	short what = EV_PERSIST;

	bk_assert(!(events & ~(BK_READABLE | BK_WRITABLE)));
	event_del(w->event);
	if (!events)
		return mirror(w, events);
	if (events & BK_READABLE)
		what |= EV_READ;
	if (events & BK_WRITABLE)
		what |= EV_WRITE;
	if (event_assign(w->event, w->loop->base, w->fd, what, on_watch, w) < 0 ||
		event_add(w->event, NULL) < 0)
		return BK_E_IO;
	return mirror(w, events);
}

void bk_watch_free(struct bk_watch *w)
{
	if (!w)
		return;
	bk_watch_set(w, 0);
	event_free(w->event);
	free(w);
}

/* libevent itself reads a descriptor too: where its signal handler writes. */
static int mirror_event(const struct event_base *base, const struct event *e, void *arg)
{
	struct bk_loop *loop = arg;

	(void)base;
	if (event_get_callback(e) == on_watch)
		return mirror(event_get_callback_arg(e), events_of(event_get_events(e)));
	if (event_get_events(e) & EV_READ)
		return bk_mirror_set(loop->mirror, event_get_fd(e), BK_READABLE, &loop->signals_mirrored);
	return 0;
}

int bk_loop_mirror_watches(struct bk_loop *loop)
{
	return loop->mirror < 0 ? 0 : event_base_foreach_event(loop->base, mirror_event, loop);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct bk_signal *s = arg;
	struct bk_loop *loop = s->loop;

	(void)what;
	s->fn(s->arg, (int)signo);
	after_callback(loop);
}

static bool is_ignored(int signo)
{
	struct sigaction now;

	return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

int bk_signal_new(struct bk_loop *loop, int signo, bk_signal_fn fn, void *arg, struct bk_signal **ret_signal)
{
	struct bk_signal *s = calloc(1, sizeof(*s));

	if (!s)
		return BK_E_NOMEM;
	*s = (struct bk_signal){.loop = loop, .fn = fn, .arg = arg};
	if (is_ignored(signo)) {
		*ret_signal = s;
		return 0;
	}
	s->event = evsignal_new(loop->base, signo, on_signal, s);
	if (!s->event || evsignal_add(s->event, NULL) < 0 || bk_loop_mirror_watches(loop) < 0) {
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
