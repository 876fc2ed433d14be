/* SPDX-License-Identifier: Apache-2.0 */
#include "path/test_relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/sock.h"
#include "net/test_kit.h"

int test_relay_listen(struct bk_addr *ret_at)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	int fd;

	assert_int_equal(bk_sock_listen(&at, false, TEST_RELAY_BACKLOG, &fd), 0);
	assert_int_equal(bk_sock_local(fd, ret_at), 0);
	return fd;
}

static struct test_relay_leg *find_leg(struct test_relay *r, int pair, int side)
{
	for (int i = 0; i < r->legs_len; i++) {
		struct test_relay_leg *l = &r->legs[i];

		if (l->preface == BK_PREFACE_LEN && l->head[7] == pair && l->head[6] == side)
			return l;
	}
	return NULL;
}

static void join_legs(struct test_relay *r)
{
	for (int pair = 1; pair <= 2; pair++) {
		struct test_relay_leg *a = find_leg(r, pair, 0),
				      *b = find_leg(r, r->crosses ? 3 - pair : pair, 1);

		if (!a || !b || a->other >= 0)
			continue;
		a->other = (int)(b - r->legs);
		b->other = (int)(a - r->legs);
		r->joined++;
		bk_watch_set(a->watch, BK_READABLE);
		bk_watch_set(b->watch, BK_READABLE);
	}
}

static void on_leg(void *arg, int fd, int ready)
{
	struct test_relay_leg *l = arg;
	uint8_t bytes[16384];
	ssize_t n;

	(void)ready;
	if (l->preface < BK_PREFACE_LEN) {
		n = recv(fd, l->head + l->preface, BK_PREFACE_LEN - l->preface, 0);
		l->preface += n > 0 ? (size_t)n : 0;
		if (n <= 0 || l->preface == BK_PREFACE_LEN)
			bk_watch_set(l->watch, 0);
		join_legs(l->relay);
		return;
	}
	n = recv(fd, bytes, sizeof(bytes), 0);
	if (n <= 0) {
		bk_watch_set(l->watch, 0);
		shutdown(l->relay->legs[l->other].fd, SHUT_WR);
	} else {
		send(l->relay->legs[l->other].fd, bytes, (size_t)n, MSG_NOSIGNAL);
	}
}

static void on_relay(void *arg, int fd, int ready)
{
	struct test_relay *r = arg;
	struct test_relay_leg *l = &r->legs[r->legs_len];
	struct bk_addr from;

	(void)ready;
	assert_true(r->legs_len < TEST_RELAY_LEGS);
	if (bk_sock_accept(fd, &from, &l->fd) < 0)
		return;
	r->legs_len++;
	l->relay = r;
	l->other = -1;
	assert_int_equal(bk_watch_new(r->loop, l->fd, on_leg, l, &l->watch), 0);
	if (!r->mute)
		assert_int_equal(bk_watch_set(l->watch, BK_READABLE), 0);
}

void test_relay_init(struct test_relay *r, struct bk_loop *loop)
{
	r->loop = loop;
	r->fd = test_relay_listen(&r->at);
	assert_int_equal(bk_watch_new(r->loop, r->fd, on_relay, r, &r->watch), 0);
	assert_int_equal(bk_watch_set(r->watch, BK_READABLE), 0);
}

void test_relay_done(struct test_relay *r)
{
	for (int i = 0; i < r->legs_len; i++) {
		bk_watch_free(r->legs[i].watch);
		close(r->legs[i].fd);
	}
	bk_watch_free(r->watch);
	close(r->fd);
}
