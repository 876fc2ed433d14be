/* SPDX-License-Identifier: Apache-2.0 */
/* On the network that loopback is. */
#include "router/news.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sock.h"
#include "net/test_kit.h"
#include "net/udp.h"

struct listener {
	struct bk_loop *loop;
	struct bk_news *news;
	struct bk_addr from;
	size_t len;
	int heard;
};

static void on_news(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	struct listener *l = arg;

	assert_true(len == 0 || data[0] == 2);
	l->heard++;
	l->from = *from;
	l->len = len;
	bk_loop_stop(l->loop);
}

static int speaker(struct bk_addr *ret_at)
{
	const struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	struct ip_mreqn via = {.imr_ifindex = 0};
	int fd;

	memcpy(&via.imr_address, at.ip, 4);
	assert_int_equal(bk_udp_open(&at, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, ret_at), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &via, sizeof(via)), 0);
	return fd;
}

static void several_programs_hear_what_a_router_tells_all(void **state)
{
	static const uint8_t news[] = {2, 0x80, 0, 0};
	struct bk_addr own = bk_addr_v4(127, 0, 0, 1, kit_quiet_port()), speaks;
	struct listener all[2] = {{.heard = 0}, {.heard = 0}};
	const struct bk_addr to = bk_addr_v4(224, 0, 0, 1, own.port);
	struct bk_loop *loop = kit_loop_new();
	int fd = speaker(&speaks);

	(void)state;
	for (int i = 0; i < 2; i++) {
		all[i].loop = loop;
		assert_int_equal(bk_news_new(loop, &own, on_news, &all[i], &all[i].news), 0);
	}
	assert_int_equal(bk_udp_send(fd, &to, 0, news, sizeof(news)), 0);
	while (!all[0].heard || !all[1].heard)
		kit_run(loop);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(all[i].heard, 1);
		assert_int_equal(all[i].len, sizeof(news));
		assert_true(bk_addr_equal(&all[i].from, &speaks));
		bk_news_free(all[i].news);
	}
	bk_news_free(NULL);
	close(fd);
	bk_loop_free(loop);
}

static void what_is_sent_to_us_alone_is_no_news(void **state)
{
	static const uint8_t news[] = {2};
	struct bk_addr own = bk_addr_v4(127, 0, 0, 1, kit_quiet_port()), speaks;
	struct listener l = {.loop = kit_loop_new()};
	int fd = speaker(&speaks);

	(void)state;
	assert_int_equal(bk_news_new(l.loop, &own, on_news, &l, &l.news), 0);
	(void)bk_udp_send(fd, &own, 0, news, sizeof(news));
	kit_run_idle(l.loop, 20);
	assert_int_equal(l.heard, 0);
	bk_news_free(l.news);
	close(fd);
	bk_loop_free(l.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_programs_hear_what_a_router_tells_all),
		cmocka_unit_test(what_is_sent_to_us_alone_is_no_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
