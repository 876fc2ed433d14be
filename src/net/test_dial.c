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
static void who_says_nothing_has_his_time_and_then_the_next(void **state)
{
	struct bk_addr addrs[2], peer;
	int full, filler[8], next = kit_listen(&addrs[1]);
	struct bk_addr any = kit_loopback(0);
	struct caller c;
	const struct bk_dial_opts opts = {.addrs = addrs, .len = 2, .patience = 20 * BK_MS};

	(void)state;
	assert_int_equal(bk_sock_listen(&any, false, 0, &full), 0);
	assert_int_equal(bk_sock_local(full, &addrs[0]), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(bk_sock_connect(NULL, &addrs[0], &filler[i]), 0);
	caller_begin(&c);
	assert_int_equal(bk_dial_new(c.loop, &opts, on_dialed, &c, &c.dial), 0);
	kit_run(c.loop);
	assert_int_equal(c.error, 0);
	assert_int_equal(bk_sock_peer(c.fd, &peer), 0);
	assert_int_equal(peer.port, addrs[1].port);
	caller_end(&c);
	for (int i = 0; i < 8; i++)
		close(filler[i]);
	close(full);
	close(next);
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
		cmocka_unit_test(what_cannot_be_tried_is_an_error_at_once),
		cmocka_unit_test(a_freed_dial_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
