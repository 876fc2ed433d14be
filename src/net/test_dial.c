/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dial.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/test_kit.h"

struct caller {
	struct bk_loop *loop;
	struct bk_dial *dial;
	int calls, error, fd;
	bool frees;
};

static void on_dialed(void *arg, int error, int fd)
{
	struct caller *c = arg;

	c->calls++;
	c->error = error;
	c->fd = fd;
	if (c->frees) {
		bk_dial_free(c->dial);
		c->dial = NULL;
	}
	bk_loop_stop(c->loop);
}

static void caller_begin(struct caller *c)
{
	*c = (struct caller){.loop = kit_loop_new(), .fd = -1};
}

static void caller_end(struct caller *c)
{
	bk_dial_free(c->dial);
	if (c->fd >= 0)
		close(c->fd);
	bk_loop_free(c->loop);
}

static int begin_dial(struct caller *c, const struct bk_addr *addrs, size_t len)
{
	const struct bk_dial_opts opts = {
		.addrs = addrs, .len = len, .is_shared = true, .patience = 10 * BK_SEC};

	return bk_dial_new(c->loop, &opts, on_dialed, c, &c->dial);
}

/* Bound and not listening: it refuses for as long as it is held. */
static int refuse(struct bk_addr *ret_addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct bk_addr any = kit_loopback(0);
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(&any, &ss);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, n), 0);
	assert_int_equal(bk_sock_local(fd, ret_addr), 0);
	return fd;
}

static void the_first_that_takes_it_is_it(void **state)
{
	struct bk_addr addrs[3], peer, local;
	int refuser = refuse(&addrs[0]), second = kit_listen(&addrs[1]), third = kit_listen(&addrs[2]);
	struct caller c;

	(void)state;
	caller_begin(&c);
	assert_int_equal(begin_dial(&c, addrs, 3), 0);
	local = bk_dial_local(c.dial);
	assert_true(local.port != 0);
	kit_run(c.loop);
	assert_int_equal(c.error, 0);
	assert_int_equal(bk_sock_peer(c.fd, &peer), 0);
	assert_int_equal(peer.port, addrs[1].port);
	assert_int_equal(bk_dial_local(c.dial).family, 0); /* it is the owner's now */
	kit_run_idle(c.loop, 2);
	assert_int_equal(c.calls, 1);
	caller_end(&c);
	close(refuser);
	close(second);
	close(third);
}

static void the_last_error_is_the_error(void **state)
{
	struct bk_addr addrs[2];
	int refusers[] = {refuse(&addrs[0]), refuse(&addrs[1])}, before;
	struct caller c;

	(void)state;
	before = kit_count_descriptors();
	caller_begin(&c);
	c.frees = true;
	assert_int_equal(begin_dial(&c, addrs, 2), 0);
	kit_run(c.loop);
	assert_int_equal(c.calls, 1);
	assert_int_equal(c.error, BK_E_REFUSED);
	assert_int_equal(c.fd, -1);
	caller_end(&c);
	assert_int_equal(kit_count_descriptors(), before);
	close(refusers[0]);
	close(refusers[1]);
}

/* A listener whose queue is full says nothing to who comes. */
struct mute {
	int listener, fillers[8];
	struct bk_addr addr;
};

static void mute_begin(struct mute *m)
{
	struct bk_addr any = kit_loopback(0);

	assert_int_equal(bk_sock_listen(&any, false, 0, &m->listener), 0);
	assert_int_equal(bk_sock_local(m->listener, &m->addr), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(bk_sock_connect(NULL, &m->addr, &m->fillers[i]), 0);
}

/* From now on it answers. */
static void mute_speak(struct mute *m)
{
	struct bk_addr from;
	int fd;

	for (int i = 0; i < 8; i++)
		bk_sock_abort(m->fillers[i]);
	while (bk_sock_accept(m->listener, &from, &fd) == 0)
		close(fd);
}

static void mute_end(struct mute *m)
{
	for (int i = 0; i < 8; i++)
		close(m->fillers[i]);
	close(m->listener);
}

static void who_says_nothing_has_his_time_and_then_the_next(void **state)
{
	struct bk_addr addrs[2], peer;
	int next = kit_listen(&addrs[1]);
	struct caller c;
	struct mute m;
	const struct bk_dial_opts opts = {.addrs = addrs, .len = 2, .patience = 20 * BK_MS};

	(void)state;
	mute_begin(&m);
	addrs[0] = m.addr;
	caller_begin(&c);
	assert_int_equal(bk_dial_new(c.loop, &opts, on_dialed, &c, &c.dial), 0);
	kit_run(c.loop);
	assert_int_equal(c.error, 0);
	assert_int_equal(bk_sock_peer(c.fd, &peer), 0);
	assert_int_equal(peer.port, addrs[1].port);
	caller_end(&c);
	mute_end(&m);
	close(next);
}

/* The kernel's own second try comes after a second, from the first one's port. */
static void a_lost_first_packet_costs_no_more_than_one_more(void **state)
{
	struct bk_addr local, peer;
	struct caller c;
	struct mute m;
	int before, fd;

	(void)state;
	mute_begin(&m);
	caller_begin(&c);
	before = kit_count_descriptors();
	assert_int_equal(bk_dial_new(c.loop,
				 &(struct bk_dial_opts){.addrs = &m.addr,
					 .len = 1,
					 .is_shared = true,
					 .patience = 10 * BK_SEC,
					 .again = 20 * BK_MS},
				 on_dialed, &c, &c.dial),
		0);
	local = bk_dial_local(c.dial);
	mute_speak(&m);
	kit_run(c.loop);
	assert_int_equal(c.error, 0);
	assert_int_equal(bk_sock_accept(m.listener, &peer, &fd), 0);
	assert_int_not_equal(peer.port, local.port);
	assert_int_equal(
		kit_count_descriptors(), before - 8 + 2); /* the fillers', and both ends of the one */
	close(fd);
	caller_end(&c);
	close(m.listener);
}

static void stop(void *arg)
{
	bk_loop_stop(arg);
}

static void one_that_says_nothing_is_called_three_times_and_no_more(void **state)
{
	int before;
	struct caller c;
	struct mute m;
	const struct bk_dial_opts opts = {
		.addrs = &m.addr, .len = 1, .patience = 100 * BK_MS, .again = 5 * BK_MS};
	struct bk_timer *look;

	(void)state;
	mute_begin(&m);
	caller_begin(&c);
	before = kit_count_descriptors();
	assert_int_equal(bk_timer_new(c.loop, stop, c.loop, &look), 0);
	bk_timer_start(look, 50 * BK_MS);
	assert_int_equal(bk_dial_new(c.loop, &opts, on_dialed, &c, &c.dial), 0);
	kit_run(c.loop);
	assert_int_equal(c.calls, 0);
	assert_int_equal(kit_count_descriptors(), before + 1 + BK_DIAL_AGAIN_MAX);
	kit_run(c.loop);
	assert_int_equal(c.calls, 1);
	assert_int_equal(c.error, BK_E_TIMEOUT);
	assert_int_equal(kit_count_descriptors(), before);
	bk_timer_free(look);
	caller_end(&c);
	mute_end(&m);
}

static void what_cannot_be_tried_is_an_error_at_once(void **state)
{
	const struct bk_addr nobody = {.family = 4, .port = 1, .ip = {224, 0, 0, 1}};
	struct caller c;
	int before;

	(void)state;
	caller_begin(&c);
	before = kit_count_descriptors();
	assert_int_equal(begin_dial(&c, NULL, 0), BK_E_RESOLVE);
	assert_true(begin_dial(&c, &nobody, 1) < 0);
	assert_int_equal(kit_count_descriptors(), before);
	caller_end(&c);
	assert_int_equal(c.calls, 0);
}

static void a_freed_dial_is_silent(void **state)
{
	struct bk_addr addr;
	int listener = kit_listen(&addr), before;
	struct caller c;

	(void)state;
	caller_begin(&c);
	before = kit_count_descriptors();
	assert_int_equal(begin_dial(&c, &addr, 1), 0);
	bk_dial_free(c.dial);
	c.dial = NULL;
	assert_int_equal(kit_count_descriptors(), before);
	kit_run_idle(c.loop, 3);
	assert_int_equal(c.calls, 0);
	caller_end(&c);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_takes_it_is_it),
		cmocka_unit_test(the_last_error_is_the_error),
		cmocka_unit_test(who_says_nothing_has_his_time_and_then_the_next),
		cmocka_unit_test(a_lost_first_packet_costs_no_more_than_one_more),
		cmocka_unit_test(one_that_says_nothing_is_called_three_times_and_no_more),
		cmocka_unit_test(what_cannot_be_tried_is_an_error_at_once),
		cmocka_unit_test(a_freed_dial_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
