/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, a bounded number at a time so that a flood does not starve those who are already here.
 * Connections over a ceiling are accepted and closed at once: left in the kernel's queue they would keep
 * others out. When the system has no descriptors left, accepting pauses instead of spinning. */
#include "server/listener.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "net/sock.h"
#include "server/crowd.h"
#include "server/limits.h"
#include "server/visitor.h"

struct bk_listener {
	struct bk_server *server;
	int fd;
	uint16_t port;
	struct bk_watch *watch;
	struct bk_timer *pause;
};

static void take_in(struct bk_server *s, int fd, const struct bk_addr *peer)
{
	bk_time now = bk_loop_now(s->loop);
	struct bk_arrival a = {.fd = fd, .peer = *peer, .since = now};
	int err = bk_sock_local(fd, &a.local);

	s->stats.accepted++;
	if (err == 0)
		err = bk_crowd_enter(s->crowd, peer, now, &a.who);
	if (err == BK_E_FULL) {
		s->stats.refused++;
		bk_arrival_end(s, &a, err, "too many connections from there");
		return;
	}
	if (err == 0 && s->strangers >= BK_LIMIT_STRANGERS && !bk_visitors_end_oldest(s)) {
		s->stats.refused++;
		bk_arrival_end(s, &a, BK_E_FULL, "too many connections have not said who they are");
		return;
	}
	if (err == 0)
		err = bk_visitor_new(s, &a);
	if (err < 0)
		bk_arrival_end(s, &a, err, NULL);
}

static void on_pause_over(void *arg)
{
	struct bk_listener *l = arg;

	bk_watch_set(l->watch, BK_READABLE);
}

static void on_readable(void *arg, int fd, int events)
{
	struct bk_listener *l = arg;

	(void)events;
	for (int i = 0; i < BK_LIMIT_ACCEPTS_PER_EVENT; i++) {
		struct bk_addr peer;
		int conn, err = bk_sock_accept(fd, &peer, &conn);

		if (err == BK_E_AGAIN)
			return;
		if (err < 0) {
			bk_log_warn("server", "cannot accept a connection: %s", bk_error_text(err));
			bk_watch_set(l->watch, 0);
			bk_timer_start(l->pause, BK_LIMIT_ACCEPT_PAUSE);
			return;
		}
		take_in(l->server, conn, &peer);
	}
}

int bk_listener_new(struct bk_server *s, const struct bk_addr *local, struct bk_listener **ret_listener)
{
	struct bk_listener *l = calloc(1, sizeof(*l));
	struct bk_addr bound;
	int err;

	if (!l)
		return BK_E_NOMEM;
	l->server = s;
	l->fd = -1;
	err = bk_sock_listen(local, false, BK_LIMIT_BACKLOG, &l->fd);
	if (err == 0)
		err = bk_sock_local(l->fd, &bound);
	if (err == 0)
		err = bk_timer_new(s->loop, on_pause_over, l, &l->pause);
	if (err == 0)
		err = bk_watch_new(s->loop, l->fd, on_readable, l, &l->watch);
	if (err == 0)
		err = bk_watch_set(l->watch, BK_READABLE);
	if (err < 0) {
		bk_listener_free(l);
		return err;
	}
	l->port = bound.port;
	*ret_listener = l;
	return 0;
}

void bk_listener_free(struct bk_listener *l)
{
	if (!l)
		return;
	bk_watch_free(l->watch);
	bk_timer_free(l->pause);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

uint16_t bk_listener_port(const struct bk_listener *l)
{
	return l->port;
}
