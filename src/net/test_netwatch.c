/* SPDX-License-Identifier: Apache-2.0 */
/* The watch on the machine's network: what of the kernel's messages counts. That it hears real changes is
 * shown in the laboratory, where addresses may be changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/error.h"
#include "net/netwatch.h"
#include "net/sock.h"
#include "net/tcp_info.h"
#include "net/test_clock.h"

struct message {
	struct nlmsghdr head;
	struct rtmsg route;
};

static struct message route(uint16_t type, uint8_t dst_len, uint8_t table)
{
	return (struct message){.head = {.nlmsg_len = sizeof(struct message), .nlmsg_type = type},
		.route = {.rtm_family = AF_INET, .rtm_dst_len = dst_len, .rtm_table = table}};
}

static void only_default_routes_of_the_main_table_count_by_themselves(void **state)
{
	const struct {
		struct message m;
		bool counts;
	} rows[] = {
		{route(RTM_NEWROUTE, 0, RT_TABLE_MAIN), true},
		{route(RTM_DELROUTE, 0, RT_TABLE_MAIN), true},
		{route(RTM_NEWROUTE, 24, RT_TABLE_MAIN), false},
		{route(RTM_NEWROUTE, 0, RT_TABLE_LOCAL), false},
		{route(RTM_NEWADDR, 0, RT_TABLE_MAIN), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bk_netwatch_concerns(&rows[i].m, sizeof(rows[i].m)), rows[i].counts);
}

static void messages_that_lie_about_their_length_are_left(void **state)
{
	struct message two[2] = {route(RTM_NEWADDR, 0, RT_TABLE_MAIN), route(RTM_NEWROUTE, 0, RT_TABLE_MAIN)};

	(void)state;
	assert_true(bk_netwatch_concerns(two, sizeof(two)));
	for (size_t n = 0; n < sizeof(two); n++)
		assert_false(bk_netwatch_concerns(two, n));
	for (uint32_t n = 0; n < sizeof(struct nlmsghdr); n++) {
		two[0].head.nlmsg_len = n;
		assert_false(bk_netwatch_concerns(two, sizeof(two)));
	}
	two[0].head.nlmsg_len = UINT32_MAX;
	assert_false(bk_netwatch_concerns(two, sizeof(two)));
}

static void what_every_machine_has_is_never_missing(void **state)
{
	const struct bk_addr local = bk_addr_v4(127, 0, 0, 1, 80), any = {.family = 6}, none = {0};
	const struct bk_addr foreign = bk_addr_v4(192, 0, 2, 77, 80);

	(void)state;
	assert_true(bk_netwatch_has(&local));
	assert_true(bk_netwatch_has(&any));
	assert_true(bk_netwatch_has(&none));
	assert_false(bk_netwatch_has(&foreign));
}

static void never(void *arg)
{
	(void)arg;
	fail_msg("nothing changed");
}

static void stop(void *arg)
{
	bk_loop_stop(arg);
}

static void nothing_is_told_when_nothing_changed(void **state)
{
	struct test_clock clock;
	struct bk_netwatch *w;
	struct bk_timer *t;
	struct bk_loop *loop;

	(void)state;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	assert_int_equal(test_clock_init(&clock, loop), 0);
	assert_int_equal(bk_netwatch_new(loop, never, NULL, &w), 0);
	assert_int_equal(bk_timer_new(loop, stop, loop, &t), 0);
	bk_timer_start(t, BK_SEC);
	test_clock_fly(&clock, BK_SEC);
	assert_int_equal(bk_loop_run(loop), 0);
	bk_timer_free(t);
	bk_netwatch_free(w);
	bk_netwatch_free(NULL);
	test_clock_done(&clock);
	bk_loop_free(loop);
}

static void only_a_tcp_socket_has_a_way_to_judge(void **state)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	struct bk_tcp_info info;
	int listener, fd, pair[2];

	(void)state;
	assert_int_equal(bk_sock_listen(&at, false, 1, &listener), 0);
	assert_int_equal(bk_sock_local(listener, &at), 0);
	assert_int_equal(bk_sock_connect(NULL, &at, &fd), 0);
	assert_int_equal(bk_tcp_info_get(fd, &info), 0);
	assert_false(info.is_in_flight);
	assert_int_equal(info.repeats, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(bk_tcp_info_get(pair[0], &info), BK_E_UNSUPPORTED);
	for (int i = 0; i < 2; i++)
		close(pair[i]);
	close(fd);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_default_routes_of_the_main_table_count_by_themselves),
		cmocka_unit_test(messages_that_lie_about_their_length_are_left),
		cmocka_unit_test(what_every_machine_has_is_never_missing),
		cmocka_unit_test(nothing_is_told_when_nothing_changed),
		cmocka_unit_test(only_a_tcp_socket_has_a_way_to_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
