/* SPDX-License-Identifier: Apache-2.0 */
/* What this side says of itself is what there is. */
#include "meet/self.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/udp.h"
#include "stun/msg.h"

enum { PORTS = 2, SAME = 5000, OTHERS = 6000, ROOM = 1500 };

/* A server with two ports, and a NAT in front of it that gave the first socket the same port twice, by chance. */
struct outside {
	int fds[PORTS], end[2];
	struct bk_addr first;
	uint16_t given;
	pthread_t thread;
};

static void answer(struct outside *o, int fd)
{
	struct bk_stun_msg m, reply = {.class = BK_STUN_SUCCESS};
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t data[ROOM];
	ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_len);
	struct bk_addr at;
	uint16_t port;

	assert_true(n > 0);
	assert_int_equal(bk_stun_decode(data, (size_t)n, &m), 0);
	assert_int_equal(bk_addr_from_sockaddr((struct sockaddr *)&from, &at), 0);
	if (!o->first.family)
		o->first = at;
	port = bk_addr_equal(&at, &o->first) ? SAME : (uint16_t)(OTHERS + 37 * ++o->given % 128);
	reply.id = m.id;
	reply.xor_mapped = bk_addr_v4(127, 0, 0, 9, port);
	n = bk_stun_encode(&reply, NULL, false, data, sizeof(data));
	assert_true(n > 0);
	assert_int_equal(sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, from_len), n);
}

static void *run_outside(void *arg)
{
	struct outside *o = arg;

	for (;;) {
		struct pollfd p[] = {{o->fds[0], POLLIN, 0}, {o->fds[1], POLLIN, 0}, {o->end[0], POLLIN, 0}};

		assert_true(poll(p, 3, -1) > 0);
		if (p[2].revents)
			return NULL;
		for (int i = 0; i < PORTS; i++)
			if (p[i].revents)
				answer(o, o->fds[i]);
	}
}

struct scene {
	struct bk_self self;
	struct bk_mailbox_view view;
	struct bk_loop *loop;
};

static void stop_when_known(void *arg)
{
	struct scene *s = arg;

	if (!bk_self_wait(&s->self, &s->view))
		bk_loop_stop(s->loop);
}

static void outside_init(struct outside *o, struct scene *s)
{
	*s = (struct scene){.view = {.rtt_ns = BK_MS, .stun_len = PORTS}};
	assert_int_equal(pipe(o->end), 0);
	for (int i = 0; i < PORTS; i++) {
		const struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);

		assert_int_equal(bk_udp_open(&any, false, &o->fds[i]), 0);
		assert_int_equal(bk_sock_local(o->fds[i], &s->view.stun[i]), 0);
	}
	assert_int_equal(pthread_create(&o->thread, NULL, run_outside, o), 0);
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &s->loop), 0);
}

static void outside_done(struct outside *o, struct scene *s)
{
	bk_self_done(&s->self);
	bk_loop_free(s->loop);
	assert_int_equal(write(o->end[1], "", 1), 1);
	assert_int_equal(pthread_join(o->thread, NULL), 0);
	for (int i = 0; i < PORTS; i++) {
		close(o->fds[i]);
		close(o->end[i]);
	}
}

static void two_ports_that_are_the_same_by_chance_are_seen_through(void **state)
{
	const struct bk_session_opts opts = {
		.transport = BK_TRANSPORT_CHOICE_UDP, .without = BK_WITHOUT_PORT_MAPPING};
	struct outside o = {.first = {0}};
	struct scene s;
	struct bk_intro intro;

	(void)state;
	outside_init(&o, &s);
	assert_int_equal(bk_self_init(&s.self, s.loop, &opts, stop_when_known, &s), 0);
	bk_self_gather(&s.self, &s.view);
	assert_int_equal(bk_loop_run(s.loop), 0);
	bk_self_describe(&s.self, &s.view, &intro);
	assert_int_equal(intro.udp.mapping, BK_NAT_ADDRESS_AND_PORT_DEPENDENT);
	assert_int_equal(intro.udp.allocation, BK_NAT_RANDOM);
	assert_int_equal(intro.udp.public_addr.port, SAME);
	assert_true(intro.udp.ports.seen > 3 && intro.udp.ports.min > OTHERS);
	outside_done(&o, &s);
}

static void stop(void *arg)
{
	struct scene *s = arg;

	bk_loop_stop(s->loop);
}

/* The answers of the round before are no answers, but they tell that there will be some. */
static void a_later_round_waits_for_a_network_that_is_busy(void **state)
{
	const struct bk_session_opts opts = {
		.transport = BK_TRANSPORT_CHOICE_UDP, .without = BK_WITHOUT_PORT_MAPPING};
	struct outside o = {.first = {0}};
	struct scene s;

	(void)state;
	outside_init(&o, &s);
	assert_int_equal(bk_self_init(&s.self, s.loop, &opts, stop, &s), 0);
	bk_self_gather(&s.self, &s.view);
	assert_in_range(bk_self_wait(&s.self, &s.view), 1, 50 * BK_MS);
	while (!bk_ways_view(s.self.ways)->samples_len)
		assert_int_equal(bk_loop_run(s.loop), 0);
	bk_self_gather(&s.self, &s.view);
	assert_in_range(bk_self_wait(&s.self, &s.view), 500 * BK_MS, BK_SEC);
	outside_done(&o, &s);
}

static void take_listeners(struct bk_self *s)
{
	for (int i = 0; i < BK_SELF_LISTENERS; i++) {
		if (s->listeners[i] >= 0)
			close(s->listeners[i]);
		s->listeners[i] = -1;
	}
}

static void a_listener_that_cannot_be_opened_again_is_not_told_of(void **state)
{
	const struct bk_session_opts opts = {.transport = BK_TRANSPORT_CHOICE_TCP};
	struct rlimit was, none;
	struct bk_self s;

	(void)state;
	assert_int_equal(bk_self_init(&s, NULL, &opts, NULL, NULL), 0);
	assert_int_not_equal(s.ports[0], 0);
	take_listeners(&s);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){0, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bk_self_reopen(&s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(s.listeners[0] < 0 && s.listeners[1] < 0);
	assert_int_equal(s.ports[0], 0);
	assert_int_equal(s.ports[1], 0);
	bk_self_done(&s);
}

static int connect_to(uint16_t port)
{
	const struct bk_addr at = bk_addr_v4(127, 0, 0, 1, port);
	struct pollfd p = {.events = POLLOUT};
	int err;

	assert_int_equal(bk_sock_connect(NULL, &at, &p.fd), 0);
	assert_int_equal(poll(&p, 1, -1), 1);
	err = bk_sock_error(p.fd);
	close(p.fd);
	return err;
}

static void a_listener_has_its_port_again_in_every_round_and_nobody_hears_there_in_between(void **state)
{
	const struct bk_session_opts opts = {.transport = BK_TRANSPORT_CHOICE_TCP};
	struct bk_self s;
	uint16_t ports[BK_SELF_LISTENERS];

	(void)state;
	assert_int_equal(bk_self_init(&s, NULL, &opts, NULL, NULL), 0);
	memcpy(ports, s.ports, sizeof(ports));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(connect_to(ports[0]), 0);
		take_listeners(&s);
		assert_int_equal(connect_to(ports[0]), BK_E_REFUSED);
		bk_self_reopen(&s);
		assert_memory_equal(s.ports, ports, sizeof(ports));
	}
	bk_self_done(&s);
}

static void a_round_that_overtakes_another_has_the_same_port(void **state)
{
	const struct bk_session_opts opts = {.transport = BK_TRANSPORT_CHOICE_TCP};
	struct bk_self s;
	uint16_t port;
	int older;

	(void)state;
	assert_int_equal(bk_self_init(&s, NULL, &opts, NULL, NULL), 0);
	port = s.ports[0];
	older = dup(s.listeners[0]);
	assert_true(port && older >= 0);
	take_listeners(&s);
	bk_self_reopen(&s);
	assert_int_equal(s.ports[0], port);
	close(older);
	assert_int_equal(connect_to(port), 0);
	bk_self_done(&s);
}

static struct bk_mailbox_view seen(size_t len, uint16_t second)
{
	return (struct bk_mailbox_view){.rtt_ns = 40 * BK_MS,
		.local = bk_addr_v4(10, 0, 0, 2, 4000),
		.samples = {{bk_addr_v4(198, 51, 100, 1, 15005), bk_addr_v4(203, 0, 113, 1, SAME)},
			{bk_addr_v4(198, 51, 100, 1, 15006), bk_addr_v4(203, 0, 113, 1, second)}},
		.samples_len = len};
}

/* Without UDP at once, and after that only as long as it is not known that our port is one. */
static void other_flows_are_looked_at_before_it_is_known_that_they_tell_something(void **state)
{
	static const struct {
		enum bk_transport_choice transport;
		bool is_polite, is_greeted;
		size_t samples;
		uint16_t second;
		bool wants;
	} rows[] = {
		{BK_TRANSPORT_CHOICE_TCP, false, false, 0, 0, true},
		{BK_TRANSPORT_CHOICE_TCP, true, false, 0, 0, false},
		{BK_TRANSPORT_CHOICE_TCP, false, true, 2, SAME, false},
		{BK_TRANSPORT_CHOICE_TCP, false, true, 2, SAME + 1, true},
		{BK_TRANSPORT_CHOICE_UDP, false, true, 2, SAME + 1, false},
		{BK_TRANSPORT_CHOICE_AUTO, false, false, 0, 0, false}, /* UDP may answer yet */
		{BK_TRANSPORT_CHOICE_AUTO, false, true, 0, 0, true},   /* it has not */
		{BK_TRANSPORT_CHOICE_AUTO, false, true, 2, SAME, false},
		{BK_TRANSPORT_CHOICE_AUTO, false, true, 2, SAME + 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct bk_session_opts opts = {.transport = rows[i].transport,
			.without = BK_WITHOUT_PORT_MAPPING | (rows[i].is_polite ? BK_WITHOUT_GUESSING : 0)};
		struct bk_mailbox_view view = seen(rows[i].samples, rows[i].second);
		struct bk_loop *loop;
		struct bk_self s;

		assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
		assert_int_equal(bk_self_init(&s, loop, &opts, stop, NULL), 0);
		if (!rows[i].is_greeted)
			view.local = (struct bk_addr){0};
		if (bk_self_wants_flows(&s, &view) != rows[i].wants)
			fail_msg("row %zu", i);
		bk_self_done(&s);
		bk_loop_free(loop);
	}
}

static void our_latest_flow_is_waited_for_where_nothing_else_connects_the_two(void **state)
{
	const struct bk_session_opts opts = {
		.transport = BK_TRANSPORT_CHOICE_TCP, .without = BK_WITHOUT_PORT_MAPPING};
	struct bk_intro own, peer = {.capabilities = BK_INTRO_GUESSES};
	struct bk_mailbox_view view = seen(2, SAME + 1);
	struct bk_loop *loop;
	struct bk_self s;

	(void)state;
	peer.tcp = (struct bk_nat_profile){.mapping = BK_NAT_ENDPOINT_INDEPENDENT,
		.is_translated = true,
		.public_addr = bk_addr_v4(198, 51, 100, 2, 4000)};
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	assert_int_equal(bk_self_init(&s, loop, &opts, stop, NULL), 0);
	for (uint16_t k = 0; k < BK_MAILBOX_FLOWS_MAX - 1; k++)
		view.flows[k] = (struct bk_mailbox_flow){
			bk_addr_v4(203, 0, 113, 1, (uint16_t)(SAME + 2 + k)), BK_SEC};
	bk_self_describe(&s, &view, &own);
	assert_true(own.tcp.allocation == BK_NAT_SEQUENTIAL && own.tcp.ports.last == SAME + 6);
	assert_true(own.tcp.ports.seen_at == BK_SEC && (own.capabilities & BK_INTRO_GUESSES));
	assert_true(bk_self_wait_for(&s, &view, &peer) == 0);
	view.flows_awaited = 1;
	assert_in_range(bk_self_wait_for(&s, &view, &peer), 2 * view.rtt_ns, 2 * view.rtt_ns + 50 * BK_MS);
	peer.tcp.filtering = BK_NAT_ADDRESS_DEPENDENT;
	assert_true(bk_self_wait_for(&s, &view, &peer) == 0);
	bk_self_done(&s);
	bk_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_ports_that_are_the_same_by_chance_are_seen_through),
		cmocka_unit_test(a_later_round_waits_for_a_network_that_is_busy),
		cmocka_unit_test(a_listener_that_cannot_be_opened_again_is_not_told_of),
		cmocka_unit_test(
			a_listener_has_its_port_again_in_every_round_and_nobody_hears_there_in_between),
		cmocka_unit_test(other_flows_are_looked_at_before_it_is_known_that_they_tell_something),
		cmocka_unit_test(our_latest_flow_is_waited_for_where_nothing_else_connects_the_two),
		cmocka_unit_test(a_round_that_overtakes_another_has_the_same_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
