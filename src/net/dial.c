/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dial.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/resolve.h"
#include "net/sock.h"

struct bk_dial {
	struct bk_loop *loop;
	struct bk_watch *watch;
	struct bk_timer *deadline;
	struct bk_addr addrs[BK_RESOLVE_MAX], local;
	size_t len, next;
	bool is_shared;
	bk_dur patience;
	int fd; /* -1: no attempt is under way */
	bk_dial_fn fn;
	void *arg;
};

static void stop_attempt(struct bk_dial *d)
{
	bk_watch_free(d->watch);
	d->watch = NULL;
	bk_timer_stop(d->deadline);
	if (d->fd >= 0)
		bk_sock_abort(d->fd); /* no TIME_WAIT on a port that is shared */
	d->fd = -1;
}

static void on_writable(void *arg, int fd, int events);

static int start_attempt(struct bk_dial *d, const struct bk_addr *to)
{
	struct bk_addr local = d->local;
	int err;

	if (!local.family && d->is_shared)
		local.family = to->family;
	err = bk_sock_connect(&local, to, &d->fd);
	if (err < 0) {
		d->fd = -1;
		return err;
	}
	err = bk_watch_new(d->loop, d->fd, on_writable, d, &d->watch);
	if (!err)
		err = bk_watch_set(d->watch, BK_WRITABLE);
	if (!err)
		bk_timer_start(d->deadline, d->patience);
	return err;
}

/* 0: an attempt is under way. */
static int try_next(struct bk_dial *d, int error)
{
	while (d->next < d->len) {
		stop_attempt(d);
		error = start_attempt(d, &d->addrs[d->next++]);
		if (!error)
			return 0;
	}
	stop_attempt(d);
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
	struct bk_dial *d = arg;
	int err = bk_sock_error(fd);

	(void)events;
	bk_assert(fd == d->fd);
	if (err < 0) {
		go_on(d, err);
		return;
	}
	d->fd = -1;
	stop_attempt(d);
	d->fn(d->arg, 0, fd);
}

static void on_deadline(void *arg)
{
	go_on(arg, BK_E_TIMEOUT);
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
		.fd = -1,
		.fn = fn,
		.arg = arg};
	if (d->len)
		memcpy(d->addrs, opts->addrs, d->len * sizeof(*d->addrs));
	err = bk_timer_new(loop, on_deadline, d, &d->deadline);
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
	if (d->deadline)
		stop_attempt(d);
	bk_timer_free(d->deadline);
	free(d);
}

struct bk_addr bk_dial_local(const struct bk_dial *d)
{
	struct bk_addr local = {0};

	if (d->fd >= 0 && bk_sock_local(d->fd, &local) < 0)
		local = (struct bk_addr){0};
	return local;
}

struct bk_addr bk_dial_remote(const struct bk_dial *d)
{
	return d->fd >= 0 && d->next ? d->addrs[d->next - 1] : (struct bk_addr){0};
}
