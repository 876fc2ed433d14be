/* SPDX-License-Identifier: Apache-2.0 */
#include "link/test_tls_pair.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/test_clock.h"

static void look(struct tls_pair *p)
{
	struct tls_end *a = &p->ends[0], *b = &p->ends[1];

	if ((p->stop_ends && a->ends + b->ends >= p->stop_ends) ||
		(p->stop_secures && a->secures + b->secures >= p->stop_secures) ||
		(p->stop_received && b->received >= p->stop_received))
		bk_loop_stop(p->loop);
}

static void maybe_free(struct tls_end *e, enum freeing where)
{
	if (e->freeing == where) {
		bk_link_free(e->link);
		e->link = NULL;
		bk_loop_stop(e->pair->loop);
	}
	look(e->pair);
}

uint8_t shade(size_t at)
{
	return (uint8_t)(at / SHADE);
}

void send_more(struct tls_end *e)
{
	static uint8_t piece[PIECE];

	while (e->to_send) {
		size_t n = e->to_send < PIECE ? e->to_send : PIECE;

		for (size_t i = 0; i < n; i++)
			piece[i] = shade(e->sent + i);
		if (bk_link_write(e->link, &(struct iovec){piece, n}, 1, false) < 0)
			return;
		e->to_send -= n;
		e->sent += n;
	}
}

static void on_secure(void *arg)
{
	struct tls_end *e = arg;

	e->secures++;
	maybe_free(e, IN_SECURE);
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct tls_end *e = arg;

	if (e->is_keeping && e->kept_len < KEPT_MAX && n >= PIECE / 4) {
		struct bk_loan *loan = bk_loan_keep(data, n);

		assert_non_null(loan);
		e->kept[e->kept_len++] = (struct kept){loan, data, e->received, n};
	}
	e->datas++;
	e->received += n;
	maybe_free(e, IN_DATA);
}

static void on_writable(void *arg)
{
	struct tls_end *e = arg;

	e->writables++;
	send_more(e);
	maybe_free(e, IN_WRITABLE);
}

static void on_end(void *arg, int error, const char *text)
{
	struct tls_end *e = arg;

	assert_non_null(text);
	e->ends++;
	e->error = error;
	maybe_free(e, IN_END);
}

static const struct bk_link_events events = {
	.on_secure = on_secure, .on_data = on_data, .on_writable = on_writable, .on_end = on_end};

static void on_stopper(void *arg)
{
	struct tls_pair *p = arg;

	bk_loop_stop(p->loop);
}

void pair_init(struct tls_pair *p)
{
	memset(p, 0, sizeof(*p));
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &p->loop), 0);
	p->clock = calloc(1, sizeof(*p->clock));
	assert_non_null(p->clock);
	assert_int_equal(test_clock_init(p->clock, p->loop), 0);
	assert_int_equal(bk_timer_new(p->loop, on_stopper, p, &p->stopper), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fds), 0);
	for (int i = 0; i < 2; i++) {
		p->ends[i].pair = p;
		assert_int_equal(bk_identity_new(&p->ends[i].identity), 0);
	}
}

void pair_over_tcp(struct tls_pair *p)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0), from;
	int listener;

	pair_init(p);
	for (int i = 0; i < 2; i++)
		close(p->fds[i]);
	assert_int_equal(bk_sock_listen(&at, false, 1, &listener), 0);
	assert_int_equal(bk_sock_local(listener, &at), 0);
	assert_int_equal(bk_sock_connect(NULL, &at, &p->fds[1]), 0);
	assert_int_equal(bk_sock_accept(listener, &from, &p->fds[0]), 0);
	close(listener);
}

void link_up(struct tls_pair *p, int i, const struct bk_identity *expected)
{
	struct bk_link_tls_opts opts = {
		.is_server = i == 0, .identity = p->ends[i].identity, .peer_pin = bk_identity_pin(expected)};

	assert_int_equal(
		bk_link_tls_new(p->loop, p->fds[i], &opts, &events, &p->ends[i], &p->ends[i].link), 0);
	p->fds[i] = -1;
}

void pair_run(struct tls_pair *p)
{
	if (p->stop_after)
		bk_timer_start(p->stopper, p->stop_after - bk_loop_now(p->loop));
	alarm(WATCHDOG_SECONDS);
	assert_int_equal(bk_loop_run(p->loop), 0);
	alarm(0);
}

void make_both(struct tls_pair *p)
{
	link_up(p, 0, p->ends[1].identity);
	link_up(p, 1, p->ends[0].identity);
	p->stop_secures = 2;
	pair_run(p);
	p->stop_secures = 0;
}

void make_secure(struct tls_pair *p)
{
	pair_init(p);
	make_both(p);
}

int make_deaf(struct tls_pair *p)
{
	int unread = dup(p->fds[1]);

	make_both(p);
	bk_link_free(p->ends[1].link);
	p->ends[1].link = NULL;
	return unread;
}

void pair_fly(struct tls_pair *p, bk_dur d)
{
	test_clock_fly(p->clock, d);
}

size_t drain(int fd)
{
	static uint8_t sink[1 << 20];
	size_t all = 0;
	ssize_t n;

	while ((n = read(fd, sink, sizeof(sink))) > 0)
		all += (size_t)n;
	return all;
}

void pair_done(struct tls_pair *p)
{
	for (int i = 0; i < 2; i++) {
		bk_link_free(p->ends[i].link);
		bk_identity_free(p->ends[i].identity);
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	}
	bk_timer_free(p->stopper);
	test_clock_done(p->clock);
	free(p->clock);
	bk_loop_free(p->loop);
}

int tls_say(struct tls_end *e, const char *text, bool urgent)
{
	return bk_link_write(e->link, &(struct iovec){(void *)(uintptr_t)text, strlen(text)}, 1, urgent);
}
