/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever keeps something is at his own server, over loopback. That is no reason to offer loopback to somebody who
 * comes from the network: what is offered is what the other side may name, and then it is connected to. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "lan/mailbox.h"
#include "net/sock.h"
#include "net/udp.h"
#include "session/test_kit.h"

static bool has_network;

/* In place of libc's: this machine's interfaces, a network only where the test has one. */
int getifaddrs(struct ifaddrs **ret_all)
{
	static struct sockaddr_in addrs[2], mask = {.sin_family = AF_INET};
	static struct ifaddrs all[2];
	static char names[2][4] = {"lo", "lan"};
	static const char *const ips[] = {"127.0.0.1", "192.168.7.4"};

	inet_pton(AF_INET, "255.255.255.0", &mask.sin_addr);
	for (int i = 0; i < 2; i++) {
		addrs[i].sin_family = AF_INET;
		inet_pton(AF_INET, ips[i], &addrs[i].sin_addr);
		all[i] = (struct ifaddrs){.ifa_name = names[i],
			.ifa_addr = (struct sockaddr *)&addrs[i],
			.ifa_netmask = (struct sockaddr *)&mask,
			.ifa_flags = IFF_UP | IFF_RUNNING | (i ? 0 : IFF_LOOPBACK)};
	}
	all[0].ifa_next = has_network ? &all[1] : NULL;
	*ret_all = all;
	return 0;
}

void freeifaddrs(struct ifaddrs *all)
{
	(void)all;
}

static uint16_t free_port(void)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	int fd;

	assert_int_equal(bk_udp_open(&at, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &at), 0);
	close(fd);
	return at.port;
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	(void)nameplate;
	bk_loop_stop(arg);
}

static void ignore(void *arg)
{
	(void)arg;
}

static void on_error(void *arg, int code, const char *text)
{
	(void)arg, (void)code;
	fail_msg("%s", text);
}

static void loopback_is_offered_where_there_is_no_network_and_nowhere_else(void **state)
{
	static const struct bk_mailbox_events events = {.on_ready = ignore,
		.on_view = ignore,
		.on_nameplate = on_nameplate,
		.on_error = on_error,
		.on_end = on_error};

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct bk_lan_opts opts = {.interfaces = "lo", .port = free_port()};
		struct bk_mailbox_view view = {0};
		struct bk_lan_mailbox *m;
		struct bk_loop *loop;
		void *box;

		has_network = i;
		assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
		assert_int_equal(bk_lan_mailbox_new(&opts, &m), 0);
		assert_int_equal(bk_lan_ops.open(m, loop, &events, loop, &box), 0);
		assert_int_equal(bk_lan_ops.leave(box, 0, "x", 1), 0);
		alarm(20);
		assert_int_equal(bk_loop_run(loop), 0);
		alarm(0);
		bk_lan_ops.view(box, &view);
		assert_int_equal(view.addrs_len, !has_network);
		bk_lan_ops.close(box);
		bk_lan_mailbox_free(m);
		bk_loop_free(loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_is_offered_where_there_is_no_network_and_nowhere_else),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
