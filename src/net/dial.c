/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dial.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/resolve.h"
#include "net/sock.h"

enum { SYNS_MAX = 1 + BK_DIAL_AGAIN_MAX };

struct syn {
	struct bk_dial *of;
	struct bk_watch *watch;
	int fd; /* -1: it is not under way */
};

struct bk_dial {
	struct bk_loop *loop;
	struct bk_timer *deadline, *again;
	struct bk_addr addrs[BK_RESOLVE_MAX], local;
	size_t len, next;
	bool is_shared;
	bk_dur patience, wait;
	struct syn syns[SYNS_MAX]; /* to the address before `next`, in the order in which they began */
	size_t syns_len;
	bk_dial_fn fn;
	void *arg;
};

static void stop_syn(struct syn *s)
{
	bk_watch_free(s->watch);
	s->watch = NULL;
	if (s->fd >= 0)
		bk_sock_abort(s->fd); /* no TIME_WAIT on a port that is shared */
	s->fd = -1;
}

static void stop_syns(struct bk_dial *d)
{
	for (size_t i = 0; i < d->syns_len; i++)
		stop_syn(&d->syns[i]);
	d->syns_len = 0;
	bk_timer_stop(d->deadline);
	bk_timer_stop(d->again);
}

static bool is_under_way(const struct bk_dial *d)
{
	for (size_t i = 0; i < d->syns_len; i++)
		if (d->syns[i].fd >= 0)
			return true;
	return false;
}

static void on_writable(void *arg, int fd, int events);

static int send_syn(struct bk_dial *d)
{
	const struct bk_addr *to = &d->addrs[d->next - 1];
	struct syn *s = &d->syns[d->syns_len];
	struct bk_addr local = d->local;
	int err;

	bk_assert(d->syns_len < SYNS_MAX);
	d->syns_len++;
	*s = (struct syn){.of = d, .fd = -1};
	if (!local.family && d->is_shared)
		local.family = to->family;
	err = bk_sock_connect(&local, to, &s->fd);
	if (err < 0) {
		s->fd = -1;
		return err;
	}
	err = bk_watch_new(d->loop, s->fd, on_writable, s, &s->watch);
	if (!err)
		err = bk_watch_set(s->watch, BK_WRITABLE);
	if (err < 0)
		stop_syn(s);
	return err;
}

static void await_answer(struct bk_dial *d)
{
	if (d->wait && !d->local.port && d->syns_len < SYNS_MAX)
		bk_timer_start(d->again, d->wait);
}

/* 0: an attempt is under way. */
static int try_next(struct bk_dial *d, int error)
{
	while (d->next < d->len) {
		stop_syns(d);
		d->next++;
		error = send_syn(d);
		if (!error) {
			bk_timer_start(d->deadline, d->patience);
			await_answer(d);
			return 0;
		}
	}
	stop_syns(d);
	return error;
}

static void go_on(struct bk_dial *d, int error)
{
	error = try_next(d, error);
	if (error < 0)
		d->fn(d->arg, error, -1);
}

static void on_writable(void *arg, int fd, int events)
{
	struct syn *s = arg;
	struct bk_dial *d = s->of;
	int err = bk_sock_error(fd);

	(void)events;
	bk_assert(fd == s->fd);
	if (!err)
		s->fd = -1;
	stop_syn(s);
	if (err < 0 && is_under_way(d))
		return;
	if (err < 0) {
		go_on(d, err);
		return;
	}
	stop_syns(d);
	d->fn(d->arg, 0, fd);
}

static void on_deadline(void *arg)
{
	go_on(arg, BK_E_TIMEOUT);
}

/* One that cannot even begin is no news of those that are under way. */
static void on_again(void *arg)
{
	struct bk_dial *d = arg;

	send_syn(d);
	await_answer(d);
}

int bk_dial_new(struct bk_loop *loop, const struct bk_dial_opts *opts, bk_dial_fn fn, void *arg,
	struct bk_dial **ret_dial)
{
	struct bk_dial *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return BK_E_NOMEM;
	*d = (struct bk_dial){.loop = loop,
		.local = opts->local,
		.len = opts->len < BK_RESOLVE_MAX ? opts->len : BK_RESOLVE_MAX,
		.is_shared = opts->is_shared,
		.patience = opts->patience,
		.wait = opts->again,
		.fn = fn,
		.arg = arg};
	if (d->len)
		memcpy(d->addrs, opts->addrs, d->len * sizeof(*d->addrs));
	err = bk_timer_new(loop, on_deadline, d, &d->deadline);
	if (!err)
		err = bk_timer_new(loop, on_again, d, &d->again);
	if (!err)
		err = try_next(d, BK_E_RESOLVE);
	if (err < 0) {
		bk_dial_free(d);
		return err;
	}
	*ret_dial = d;
	return 0;
}

void bk_dial_free(struct bk_dial *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->syns_len; i++)
		stop_syn(&d->syns[i]);
	bk_timer_free(d->deadline);
	bk_timer_free(d->again);
	free(d);
}

struct bk_addr bk_dial_local(const struct bk_dial *d)
{
	struct bk_addr local = {0};

	for (size_t i = 0; i < d->syns_len; i++)
		if (d->syns[i].fd >= 0)
			return bk_sock_local(d->syns[i].fd, &local) < 0 ? (struct bk_addr){0} : local;
	return local;
}

struct bk_addr bk_dial_remote(const struct bk_dial *d)
{
	return is_under_way(d) ? d->addrs[d->next - 1] : (struct bk_addr){0};
}
