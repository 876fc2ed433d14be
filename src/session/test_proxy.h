/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_TEST_PROXY_H
#define BK_SESSION_TEST_PROXY_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sock.h"
#include "session/test_kit.h"

/* A proxy between a client and the server of a story: it can be cut, shut, and made to forget what goes
 * through it. Included by one file of a test program. */
enum { PROXY_FLOWS = 8, PROXY_PIECE = 16384 };

struct flow {
	int fd[2]; /* the client's, the server's; -1: none */
	struct bk_watch *watch[2];
};

struct proxy {
	struct bk_loop *loop;
	struct bk_addr server;
	int listener;
	struct bk_watch *watch;
	struct flow flows[PROXY_FLOWS];
	char target[STORY_CODE_MAX];
	bool is_shut; /* refuses */
};

static void proxy_end_flow(struct flow *f, bool in_order)
{
	for (int i = 0; i < 2; i++) {
		bk_watch_free(f->watch[i]);
		f->watch[i] = NULL;
		if (f->fd[i] >= 0 && in_order)
			close(f->fd[i]);
		else if (f->fd[i] >= 0)
			bk_sock_abort(f->fd[i]);
		f->fd[i] = -1;
	}
}

static void proxy_on_flow(void *arg, int fd, int events)
{
	struct flow *f = arg;
	int to = f->fd[fd == f->fd[0]];
	char piece[PROXY_PIECE];
	ssize_t n = recv(fd, piece, sizeof(piece), 0);

	(void)events;
	if (n <= 0 || send(to, piece, (size_t)n, MSG_NOSIGNAL) != n)
		proxy_end_flow(f, n == 0);
}

static void proxy_on_arrival(void *arg, int fd, int events)
{
	struct proxy *p = arg;
	struct flow *f = p->flows;
	struct bk_addr from;
	int conn;

	(void)events;
	if (bk_sock_accept(fd, &from, &conn) < 0)
		return;
	while (f < p->flows + PROXY_FLOWS && f->fd[0] >= 0)
		f++;
	assert_true(f < p->flows + PROXY_FLOWS);
	if (p->is_shut || bk_sock_connect(NULL, &p->server, &f->fd[1]) < 0) {
		bk_sock_abort(conn);
		return;
	}
	f->fd[0] = conn;
	for (int i = 0; i < 2; i++) {
		/* nothing may wait for an acknowledgement: that takes real time, and clocks are pushed here */
		assert_int_equal(setsockopt(f->fd[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
		assert_int_equal(bk_watch_new(p->loop, f->fd[i], proxy_on_flow, f, &f->watch[i]), 0);
		bk_watch_set(f->watch[i], BK_READABLE);
	}
}

static inline void proxy_init(struct proxy *p, struct story *st)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);

	*p = (struct proxy){.loop = st->loop};
	for (int i = 0; i < PROXY_FLOWS; i++)
		p->flows[i].fd[0] = p->flows[i].fd[1] = -1;
	p->server = bk_addr_v4(127, 0, 0, 1, bk_server_port(st->server));
	assert_int_equal(bk_sock_listen(&at, false, 8, &p->listener), 0);
	assert_int_equal(bk_sock_local(p->listener, &at), 0);
	assert_int_equal(bk_watch_new(st->loop, p->listener, proxy_on_arrival, p, &p->watch), 0);
	bk_watch_set(p->watch, BK_READABLE);
	snprintf(p->target, sizeof(p->target), "127.0.0.1:%u#%s", at.port, bk_server_pin(st->server));
}

static inline void proxy_cut(struct proxy *p)
{
	for (int i = 0; i < PROXY_FLOWS; i++)
		proxy_end_flow(&p->flows[i], false);
}

/* What is there stays open and is heard no more: as when a router forgets it. */
static inline void proxy_forget(struct proxy *p)
{
	for (int i = 0; i < PROXY_FLOWS; i++)
		for (int k = 0; k < 2; k++)
			if (p->flows[i].watch[k])
				bk_watch_set(p->flows[i].watch[k], 0);
}

static inline void proxy_done(struct proxy *p)
{
	proxy_cut(p);
	bk_watch_free(p->watch);
	close(p->listener);
}

#endif
