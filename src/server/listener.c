/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in. Connections over a ceiling are accepted and closed at once: left in the kernel's queue
 * they would keep others out. Accepting itself, and what to do when the system has no descriptors left, is
 * the acceptor's business. */
#include "server/listener.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "net/ifaddr.h"
#include "net/sock.h"
#include "server/crowd.h"
#include "server/limits.h"
#include "server/visitor.h"
#include "service/acceptor.h"

struct bk_listener {
	struct bk_server *server;
	struct bk_acceptor *acceptor;
	uint64_t *accepted, *refused; /* counters */
};

static void on_accept(void *arg, int fd, const struct bk_addr *peer)
{
	struct bk_listener *l = arg;
	struct bk_server *s = l->server;
	bk_time now = bk_loop_now(s->loop);
	struct bk_arrival a = {.fd = fd, .peer = *peer, .since = now};
	bk_dur wait = 0;
	int err = bk_sock_local(fd, &a.local);

	++*l->accepted;
	if (!err && s->config.is_local && !bk_ifaddr_is_near(peer))
		err = BK_E_REFUSED;
	if (!err)
		err = bk_crowd_enter(s->crowd, peer, now, &a.guest);
	if (!err) {
		wait = bk_crowd_borrow(s->crowd, a.guest->circle, BK_RATION_ARRIVALS, 1, now);
		err = wait > BK_LIMIT_ARRIVAL_WAIT ? BK_E_RATE_LIMITED : 0;
	}
	if (!err)
		err = bk_visitor_new(s, &a, wait);
	if (!err)
		return;
	++*l->refused;
	bk_arrival_end(s, &a, err, NULL);
}

static void on_trouble(void *arg, int error, unsigned closed)
{
	struct bk_listener *l = arg;

	*l->accepted += closed;
	*l->refused += closed;
	bk_log_warn("server", "cannot accept a connection: %s", bk_error_text(error));
}

int bk_listener_new(struct bk_server *s, const struct bk_addr *local, struct bk_listener **ret_listener)
{
	static const struct bk_acceptor_events events = {on_accept, on_trouble};
	struct bk_listener *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return BK_E_NOMEM;
	l->server = s;
	l->accepted = bk_counters_register(&s->counters, "accepted");
	l->refused = bk_counters_register(&s->counters, "refused");
	err = bk_acceptor_new(s->loop, local, BK_LIMIT_BACKLOG, &events, l, &l->acceptor);
	if (err < 0) {
		bk_listener_free(l);
		return err;
	}
	*ret_listener = l;
	return 0;
}

void bk_listener_free(struct bk_listener *l)
{
	if (!l)
		return;
	bk_acceptor_free(l->acceptor);
	free(l);
}

uint16_t bk_listener_port(const struct bk_listener *l)
{
	return bk_acceptor_port(l->acceptor);
}
