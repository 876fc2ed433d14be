/* SPDX-License-Identifier: Apache-2.0 */
/* The two tests that tell what the NAT does with the shared port over TCP: one more connection out (mapping),
 * and the server's connections in (filtering). RFC 5780 sections 4.3 and 4.4, carried over to TCP. */
#include "rendezvous/mapping.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/dial.h"
#include "net/sock.h"

enum { BACKLOG = 4 };

#define ROOM_AGAIN (11 * BK_SEC) /* the server forgets a nonce after 10 s */

void bk_mapping_probe_stop(struct bk_mapping_probe *p)
{
	bk_dial_free(p->dial);
	p->dial = NULL;
	bk_watch_free(p->watch);
	p->watch = NULL;
	if (p->timer && p->fd >= 0)
		bk_sock_abort(p->fd); /* no TIME_WAIT on the shared port */
	bk_timer_free(p->timer);
	p->timer = NULL;
}

/* Also when the server has closed it: either way it is over. */
static void fail(void *arg)
{
	struct bk_mapping_probe *p = arg;

	bk_mapping_probe_stop(p);
	if (!p->is_sent)
		p->on_failed(p->arg, p);
}

static void on_answer(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	fail(arg);
}

static int say_nonce(const struct bk_mapping_probe *p)
{
	struct bk_preface preface = {.kind = BK_PREFACE_PROBE};
	uint8_t out[BK_PREFACE_LEN];

	memcpy(preface.secret, p->nonce, sizeof(preface.secret));
	bk_preface_encode(&preface, out);
	return send(p->fd, out, sizeof(out), MSG_NOSIGNAL) == (ssize_t)sizeof(out) ? 0 : BK_E_IO;
}

static void on_dialed(void *arg, int err, int fd)
{
	struct bk_mapping_probe *p = arg;

	p->fd = fd;
	if (!err)
		err = bk_watch_new(p->loop, fd, on_answer, p, &p->watch);
	if (!err)
		err = bk_watch_set(p->watch, BK_READABLE);
	if (!err)
		err = say_nonce(p);
	p->is_sent = !err;
	if (err < 0)
		fail(p);
}

int bk_mapping_probe_start(struct bk_mapping_probe *p, struct bk_loop *loop, const struct bk_addr *local)
{
	const struct bk_dial_opts dial = {
		.addrs = &p->server, .len = 1, .local = *local, .patience = p->patience};
	int err;

	p->loop = loop;
	p->fd = -1;
	err = bk_timer_new(loop, fail, p, &p->timer);
	if (!err)
		err = bk_dial_new(loop, &dial, on_dialed, p, &p->dial);
	if (err < 0)
		bk_mapping_probe_stop(p);
	else
		bk_timer_start(p->timer, p->patience);
	return err;
}

bool bk_announcer_has_room(const struct bk_announcer *a, bk_time now)
{
	bk_time oldest = a->said[a->next % BK_ANNOUNCER_MAX];

	return !oldest || now - oldest >= ROOM_AGAIN;
}

int bk_announcer_say(struct bk_announcer *a, const struct bk_mapping_probe *p, bk_time now)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_PROBE};

	if (!a->control)
		return BK_E_AGAIN;
	if (!bk_announcer_has_room(a, now))
		return BK_E_FULL;
	a->said[a->next++ % BK_ANNOUNCER_MAX] = now;
	memcpy(m.nonce, p->nonce, sizeof(m.nonce));
	return bk_control_send(a->control, &m);
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
