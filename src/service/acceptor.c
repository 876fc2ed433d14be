/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, a bounded number at a time so that a flood does not starve those who are already here. When the
 * process has no descriptor left, a reserve is spent to accept those who wait and close them: left in the
 * kernel's queue they would hang, and wake us up for ever. Then accepting pauses instead of spinning. */
#include "service/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hold.h"
#include "base/time.h"
#include "net/sock.h"

enum { PER_EVENT = 64 };

#define PAUSE (100 * BK_MS)

struct bk_acceptor {
	struct bk_watch *watch;
	struct bk_timer *pause;
	const struct bk_acceptor_events *events;
	void *arg;
	int fd;
	int reserve; /* -1: there is none at the moment */
	uint16_t port;
	struct bk_hold hold;
};

static void keep_reserve(struct bk_acceptor *a)
{
	if (a->reserve < 0)
		a->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Those who wait are told no. Returns how many. */
static unsigned turn_away(struct bk_acceptor *a)
{
	struct bk_addr peer;
	unsigned n = 0;
	int fd;

	if (a->reserve < 0)
		return 0;
	close(a->reserve);
	while (n < PER_EVENT && bk_sock_accept(a->fd, &peer, &fd) == 0) {
		close(fd);
		n++;
	}
	a->reserve = -1;
	keep_reserve(a);
	return n;
}

static void on_pause_over(void *arg)
{
	struct bk_acceptor *a = arg;

	bk_watch_set(a->watch, BK_READABLE);
}

static void have_trouble(struct bk_acceptor *a, int error)
{
	unsigned closed = error == BK_E_FULL ? turn_away(a) : 0;

	bk_watch_set(a->watch, 0);
	bk_timer_start(a->pause, PAUSE);
	a->events->on_trouble(a->arg, error, closed);
}

static void on_readable(void *arg, int fd, int events)
{
	struct bk_acceptor *a = arg;

	(void)events;
	keep_reserve(a);
	bk_hold_enter(&a->hold);
	for (int i = 0; i < PER_EVENT && !a->hold.is_dead; i++) {
		struct bk_addr peer;
		int conn, err = bk_sock_accept(fd, &peer, &conn);

		if (!err)
			a->events->on_accept(a->arg, conn, &peer);
		else if (err != BK_E_AGAIN)
			have_trouble(a, err);
		if (err < 0)
			break;
	}
	if (bk_hold_leave(&a->hold))
		free(a);
}

static int open_up(struct bk_acceptor *a, struct bk_loop *loop, const struct bk_addr *local, int backlog)
{
	struct bk_addr bound;
	int err = bk_sock_listen(local, false, backlog, &a->fd);

	if (!err)
		err = bk_sock_local(a->fd, &bound);
	if (!err)
		err = bk_timer_new(loop, on_pause_over, a, &a->pause);
	if (!err)
		err = bk_watch_new(loop, a->fd, on_readable, a, &a->watch);
	if (!err)
		err = bk_watch_set(a->watch, BK_READABLE);
	if (!err)
		a->port = bound.port;
	return err;
}

int bk_acceptor_new(struct bk_loop *loop, const struct bk_addr *local, int backlog,
	const struct bk_acceptor_events *events, void *arg, struct bk_acceptor **ret_acceptor)
{
	struct bk_acceptor *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return BK_E_NOMEM;
	*a = (struct bk_acceptor){.events = events, .arg = arg, .fd = -1, .reserve = -1};
	err = open_up(a, loop, local, backlog);
	if (err < 0) {
		bk_acceptor_free(a);
		return err;
	}
	keep_reserve(a);
	*ret_acceptor = a;
	return 0;
}

void bk_acceptor_free(struct bk_acceptor *a)
{
	if (!a)
		return;
	bk_watch_free(a->watch);
	bk_timer_free(a->pause);
	if (a->fd >= 0)
		close(a->fd);
	if (a->reserve >= 0)
		close(a->reserve);
	if (bk_hold_end(&a->hold))
		free(a);
}

uint16_t bk_acceptor_port(const struct bk_acceptor *a)
{
	return a->port;
}
