/* SPDX-License-Identifier: Apache-2.0 */
/* The two tests that tell what the NAT does with the shared port over TCP: one more connection out (mapping),
 * and the server's connections in (filtering). RFC 5780 sections 4.3 and 4.4, carried over to TCP. */
#include "rendezvous/mapping.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/time.h"
#include "net/dial.h"
#include "net/sock.h"

#define PROBE_TIMEOUT (2 * BK_SEC)

enum { BACKLOG = 4 };

struct bk_mapping_probe {
	struct bk_loop *loop;
	struct bk_dial *dial;
	struct bk_watch *watch;
	struct bk_timer *timer;
	int fd;
	uint8_t preface[BK_PREFACE_LEN];
	void (*on_failed)(void *arg);
	void *arg;
	bool is_sent;
};

static void stop(struct bk_mapping_probe *p)
{
	bk_dial_free(p->dial);
	p->dial = NULL;
	bk_watch_free(p->watch);
	p->watch = NULL;
	if (p->fd >= 0)
		bk_sock_abort(p->fd); /* no TIME_WAIT on the shared port */
	p->fd = -1;
	bk_timer_stop(p->timer);
}

static void fail(struct bk_mapping_probe *p)
{
	stop(p);
	if (!p->is_sent)
		p->on_failed(p->arg);
}

/* The server has closed it, or it failed: either way it is over. */
static void on_answer(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	fail(arg);
}

static void on_dialed(void *arg, int err, int fd)
{
	struct bk_mapping_probe *p = arg;

	p->fd = fd;
	if (!err)
		err = bk_watch_new(p->loop, fd, on_answer, p, &p->watch);
	if (!err)
		err = bk_watch_set(p->watch, BK_READABLE);
	if (err < 0 || send(fd, p->preface, sizeof(p->preface), MSG_NOSIGNAL) != (ssize_t)sizeof(p->preface))
		fail(p);
	else
		p->is_sent = true;
}

static void on_timeout(void *arg)
{
	fail(arg);
}

int bk_mapping_probe_new(
	struct bk_loop *loop, const struct bk_mapping_probe_opts *opts, struct bk_mapping_probe **ret_probe)
{
	const struct bk_dial_opts dial = {
		.addrs = &opts->server, .len = 1, .local = opts->local, .patience = PROBE_TIMEOUT};
	struct bk_preface preface = {.kind = BK_PREFACE_PROBE};
	struct bk_mapping_probe *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return BK_E_NOMEM;
	p->loop = loop;
	p->fd = -1;
	p->on_failed = opts->on_failed;
	p->arg = opts->arg;
	for (int i = 0; i < BK_PREFACE_SECRET_LEN; i++)
		preface.secret[i] = opts->nonce[i];
	bk_preface_encode(&preface, p->preface);
	err = bk_timer_new(loop, on_timeout, p, &p->timer);
	if (!err)
		err = bk_dial_new(loop, &dial, on_dialed, p, &p->dial);
	if (err < 0) {
		bk_mapping_probe_free(p);
		return err;
	}
	bk_timer_start(p->timer, PROBE_TIMEOUT);
	*ret_probe = p;
	return 0;
}

void bk_mapping_probe_free(struct bk_mapping_probe *p)
{
	if (!p)
		return;
	if (p->timer)
		stop(p);
	bk_timer_free(p->timer);
	free(p);
}

struct bk_reach {
	struct bk_watch *watch;
	int fd;
};

static void on_reach(void *arg, int fd, int events)
{
	struct bk_addr from;
	int conn;

	(void)arg;
	(void)events;
	if (bk_sock_accept(fd, &from, &conn) == 0)
		bk_sock_abort(conn);
}

int bk_reach_new(struct bk_loop *loop, const struct bk_addr *local, struct bk_reach **ret_reach)
{
	struct bk_reach *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->fd = -1;
	err = bk_sock_listen(local, true, BACKLOG, &r->fd);
	if (!err)
		err = bk_watch_new(loop, r->fd, on_reach, r, &r->watch);
	if (!err)
		err = bk_watch_set(r->watch, BK_READABLE);
	if (err < 0) {
		bk_reach_free(r);
		return err;
	}
	*ret_reach = r;
	return 0;
}

void bk_reach_free(struct bk_reach *r)
{
	if (!r)
		return;
	bk_watch_free(r->watch);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}
