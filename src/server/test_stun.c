/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stun.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/udp.h"
#include "server/test_kit.h"
#include "stun/msg.h"

enum { PATIENCE_MS = 10000, MANY = 300 };

static int ask_from(const char *ip)
{
	struct bk_addr local;
	int fd;

	assert_int_equal(bk_addr_from_ip(ip, 0, &local), 0);
	assert_int_equal(bk_udp_open(&local, false, &fd), 0);
	return fd;
}

static void ask(int fd, const char *ip, uint16_t port, struct bk_stun_msg question)
{
	uint8_t data[BK_STUN_MESSAGE_MAX];
	struct bk_addr to;
	int n = bk_stun_encode(&question, NULL, false, data, sizeof(data));

	assert_int_equal(bk_addr_from_ip(ip, port, &to), 0);
	assert_int_equal(bk_udp_send(fd, &to, 0, data, (size_t)n), 0);
}

static struct bk_stun_msg hear(int fd, struct bk_addr *ret_from)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t data[BK_STUN_MESSAGE_MAX];
	struct bk_stun_msg m = {0};
	int n;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	n = bk_udp_receive(fd, ret_from, data, sizeof(data));
	assert_true(n > 0);
	assert_int_equal(bk_stun_decode(data, (size_t)n, &m), 0);
	return m;
}

static void check_from(const struct bk_addr *from, const char *ip, uint16_t port)
{
	struct bk_addr expected;

	assert_int_equal(bk_addr_from_ip(ip, port, &expected), 0);
	assert_true(bk_addr_equal(from, &expected));
}

/* All four places answer, and each answers from where it is told to. */
static void check_four(const char *listen_ip)
{
	struct kit *k =
		kit_start((struct bk_server_opts){.listen_ip = listen_ip, .alt_ip = "127.0.0.2"}, NULL);
	const uint16_t ports[] = {k->port, k->alt_port};
	int fd = ask_from("127.0.0.1");
	struct bk_addr from, self;
	struct bk_stun_msg m;

	assert_int_equal(bk_sock_local(fd, &self), 0);
	for (int i = 0; i < 4; i++) {
		const char *ip = i & 2 ? "127.0.0.2" : "127.0.0.1";

		ask(fd, ip, ports[i & 1],
			(struct bk_stun_msg){.id = {{[8] = (uint8_t)i}}, .has_change = true});
		m = hear(fd, &from);
		check_from(&from, ip, ports[i & 1]);
		assert_true(bk_addr_equal(&m.xor_mapped, &self));
		assert_int_equal(m.id.bytes[8], i);
		if (i < 2)
			check_from(&m.other, "127.0.0.2", ports[!(i & 1)]);
	}
	for (int i = 0; i < 4; i++) {
		ask(fd, "127.0.0.1", k->port,
			(struct bk_stun_msg){
				.has_change = true, .wants_other_port = i & 1, .wants_other_ip = i & 2});
		m = hear(fd, &from);
		check_from(&from, i & 2 ? "127.0.0.2" : "127.0.0.1", ports[i & 1]);
		assert_true(bk_addr_equal(&from, &m.origin));
	}
	close(fd);
	kit_stop(k);
}

static void with_two_addresses_all_four_sockets_answer(void **state)
{
	(void)state;
	check_four("127.0.0.1");
}

static void on_the_any_address_the_address_asked_answers(void **state)
{
	(void)state;
	check_four("0.0.0.0");
	check_four("::");
}

static void ipv6_is_answered_on_the_any_address(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.listen_ip = "::"}, NULL);
	int fd = ask_from("::1");
	struct bk_addr from, self;
	struct bk_stun_msg m;

	(void)state;
	assert_int_equal(bk_sock_local(fd, &self), 0);
	ask(fd, "::1", k->alt_port, (struct bk_stun_msg){0});
	m = hear(fd, &from);
	check_from(&from, "::1", k->alt_port);
	assert_true(bk_addr_equal(&m.xor_mapped, &self));
	assert_int_equal(m.other.family, 0);
	close(fd);
	kit_stop(k);
}

static void with_one_address_the_other_port_still_answers_for_it(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	int fd = ask_from("127.0.0.1");
	struct bk_addr from;
	struct bk_stun_msg m;

	(void)state;
	ask(fd, "127.0.0.1", k->port, (struct bk_stun_msg){.has_change = true, .wants_other_port = true});
	m = hear(fd, &from);
	check_from(&from, "127.0.0.1", k->alt_port);
	assert_int_equal(m.other.family, 0);
	ask(fd, "127.0.0.1", k->port, (struct bk_stun_msg){.has_change = true, .wants_other_ip = true});
	m = hear(fd, &from);
	assert_int_equal(m.error_code, 420);
	close(fd);
	kit_stop(k);
}

/* More than one batch of questions, with rubbish between them. */
static void a_burst_is_answered_whole_and_rubbish_is_not(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, k->port), from;
	int fd = ask_from("127.0.0.1");
	bool seen[MANY] = {0};

	(void)state;
	bk_udp_set_buffer(fd, 1 << 20);
	for (int i = 0; i < MANY; i++) {
		ask(fd, "127.0.0.1", k->port,
			(struct bk_stun_msg){.id = {{[8] = (uint8_t)(i >> 8), (uint8_t)i}}});
		assert_int_equal(bk_udp_send(fd, &to, 0, "GET / HTTP/1.0\r\n\r\n", i % 19), 0);
	}
	for (int i = 0; i < MANY; i++) {
		struct bk_stun_msg m = hear(fd, &from);
		int number = m.id.bytes[8] << 8 | m.id.bytes[9];

		assert_true(number < MANY && !seen[number]);
		seen[number] = true;
	}
	close(fd);
	kit_stop(k);
}

static void a_port_that_is_taken_is_said(void **state)
{
	const struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);
	struct bk_stun_service *service = NULL;
	struct bk_stun_service_opts opts = {.listen = any};
	struct bk_addr taken, at;
	struct bk_loop *loop;
	int fd;

	(void)state;
	assert_int_equal(bk_udp_open(&any, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &taken), 0);
	opts.alt_port = taken.port;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	assert_int_equal(bk_stun_service_new(loop, &opts, &at, &service), BK_E_ADDRESS_IN_USE);
	assert_true(bk_addr_equal(&at, &taken));
	assert_null(service);
	bk_loop_free(loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_two_addresses_all_four_sockets_answer),
		cmocka_unit_test(on_the_any_address_the_address_asked_answers),
		cmocka_unit_test(ipv6_is_answered_on_the_any_address),
		cmocka_unit_test(with_one_address_the_other_port_still_answers_for_it),
		cmocka_unit_test(a_burst_is_answered_whole_and_rubbish_is_not),
		cmocka_unit_test(a_port_that_is_taken_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
