/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use what this machine keeps for its own networks. In a network namespace of our own, where addresses that are
 * on no interface lead to us. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "lan/gate.h"
#include "lan/home.h"
#include "net/sock.h"
#include "net/test_kit.h"
#include "server/crowd.h"
#include "server/relay.h"
#include "server/state.h"

enum { FORBIDDEN = 77 };

static bool enter(void)
{
	return unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET) == 0 &&
	       system("ip link set lo up && ip route add local 203.0.113.0/24 dev lo && "
		      "ip route add local 10.9.0.0/24 dev lo") == 0;
}

/* From an address to that port of the same network: whether we are closed out at once. */
static bool is_closed_out(struct bk_loop *loop, const char *from, uint16_t port)
{
	struct bk_addr at, own;
	char byte;
	int fd, err = 0;
	ssize_t n;

	if (bk_addr_from_ip(from, 0, &own) < 0 || bk_addr_from_ip(from, port, &at) < 0 ||
		bk_sock_connect(&own, &at, &fd) < 0)
		exit(3);
	do {
		kit_run_idle(loop, 1);
		n = recv(fd, &byte, 1, MSG_DONTWAIT);
	} while (n < 0 && ++err < 50);
	close(fd);
	return n == 0;
}

static int come_to_a_gate(void)
{
	struct bk_loop *loop = kit_loop_new();
	struct bk_addr server;
	struct bk_gate *gate;
	int listener, from_afar, from_near, from_here;

	listener = kit_listen(&server);
	if (bk_gate_new(loop, &server, &gate) < 0)
		return 2;
	from_afar = is_closed_out(loop, "203.0.113.5", bk_gate_port(gate));
	from_near = is_closed_out(loop, "10.9.0.5", bk_gate_port(gate));
	from_here = is_closed_out(loop, "127.0.0.1", bk_gate_port(gate));
	bk_gate_free(gate);
	close(listener);
	bk_loop_free(loop);
	return from_afar && !from_near && !from_here ? 0 : 1;
}

static int come_to_a_small_server(void)
{
	const struct bk_home_limits limits = {.clients_max = 8};
	struct bk_loop *loop = kit_loop_new();
	struct bk_home home = {0};
	int from_afar, from_near, from_here;

	if (bk_home_open(&home, loop, &limits) < 0)
		return 2;
	from_afar = is_closed_out(loop, "203.0.113.5", bk_server_port(home.server));
	from_near = is_closed_out(loop, "10.9.0.5", bk_server_port(home.server));
	from_here = is_closed_out(loop, "127.0.0.1", bk_server_port(home.server));
	bk_home_close(&home);
	bk_loop_free(loop);
	return from_afar && !from_near && !from_here ? 0 : 1;
}

static void check(int (*come)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(enter() ? come() : FORBIDDEN);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == FORBIDDEN)
		skip(); /* namespaces are forbidden here */
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void nobody_from_beyond_our_networks_passes_a_gate(void **state)
{
	(void)state;
	check(come_to_a_gate);
}

static void nobody_from_beyond_our_networks_is_served_by_our_small_server(void **state)
{
	(void)state;
	check(come_to_a_small_server);
}

/* One side's leg, as if it came from there. The other end of it. */
static int arrive(
	struct bk_server *s, const char *from, const uint8_t token[BK_PREFACE_SECRET_LEN], unsigned side)
{
	struct bk_arrival a = {.since = bk_loop_now(s->loop)};
	uint8_t own[BK_PREFACE_SECRET_LEN];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	a.fd = ends[0];
	assert_int_equal(bk_addr_from_ip(from, 1, &a.peer), 0);
	assert_int_equal(bk_crowd_enter(s->crowd, &a.peer, a.since, &a.guest), 0);
	if (!side)
		assert_int_equal(bk_relays_grant(s->relays, a.guest->circle, token), 0);
	bk_relays_leg_token(s->relays, token, side, own);
	assert_int_equal(bk_relays_arrive(s->relays, &a, own, (int)side), 0);
	return ends[1];
}

static bool relays_between(const char *one, const char *other)
{
	const struct bk_home_limits limits = {.clients_max = 8, .relays_max = 4};
	const uint8_t token[BK_PREFACE_SECRET_LEN] = {1};
	struct bk_loop *loop = kit_loop_new();
	struct bk_home home = {0};
	int legs[2];
	char byte = 'x';
	bool has_come;

	assert_int_equal(bk_home_open(&home, loop, &limits), 0);
	legs[0] = arrive(home.server, one, token, 0);
	legs[1] = arrive(home.server, other, token, 1);
	(void)send(legs[0], &byte, 1, MSG_NOSIGNAL);
	kit_run_idle(loop, 3);
	has_come = recv(legs[1], &byte, 1, 0) == 1;
	close(legs[0]);
	close(legs[1]);
	bk_home_close(&home);
	bk_loop_free(loop);
	return has_come;
}

static void our_small_server_relays_for_nobody_else(void **state)
{
	(void)state;
	assert_true(relays_between("127.0.0.1", "10.9.0.5"));
	assert_true(relays_between("10.9.0.5", "127.0.0.1"));
	assert_false(relays_between("10.9.0.5", "10.9.0.6"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_from_beyond_our_networks_passes_a_gate),
		cmocka_unit_test(nobody_from_beyond_our_networks_is_served_by_our_small_server),
		cmocka_unit_test(our_small_server_relays_for_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
