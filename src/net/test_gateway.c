/* SPDX-License-Identifier: Apache-2.0 */
/* Routing tables as the kernel writes them, and such as it never would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.h"
#include "net/gateway.h"

enum { TABLE_MAX = 4096 };

struct table {
	_Alignas(struct nlmsghdr) uint8_t bytes[TABLE_MAX];
	size_t len;
};

static void put(struct table *t, const void *data, size_t len)
{
	memcpy(t->bytes + t->len, data, len);
	t->len += (len + 3) & ~(size_t)3;
}

static void put_attribute(struct table *t, uint16_t type, const void *value, size_t len)
{
	const struct rtattr a = {.rta_len = (uint16_t)(sizeof(a) + len), .rta_type = type};

	put(t, &a, sizeof(a));
	put(t, value, len);
}

static void put_route(struct table *t, const char *gateway, uint8_t prefix, uint32_t metric)
{
	size_t at = t->len;
	const uint32_t interface = 3;
	struct nlmsghdr h = {.nlmsg_type = RTM_NEWROUTE};
	struct bk_addr a = {.family = 4};
	struct rtmsg m = {.rtm_dst_len = prefix, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};

	if (gateway)
		assert_int_equal(bk_addr_from_ip(gateway, 0, &a), 0);
	m.rtm_family = a.family == 4 ? AF_INET : AF_INET6;
	put(t, &h, sizeof(h));
	put(t, &m, sizeof(m));
	if (gateway)
		put_attribute(t, RTA_GATEWAY, a.ip, a.family == 4 ? 4 : 16);
	put_attribute(t, RTA_OIF, &interface, sizeof(interface));
	if (metric)
		put_attribute(t, RTA_PRIORITY, &metric, sizeof(metric));
	h.nlmsg_len = (uint32_t)(t->len - at);
	memcpy(t->bytes + at, &h, sizeof(h));
}

static void assert_best(const struct table *t, uint8_t family, const char *gateway)
{
	struct bk_gateway_best best = {0};
	struct bk_addr expected;

	assert_false(bk_gateway_read(t->bytes, t->len, family, &best));
	assert_int_equal(bk_addr_from_ip(gateway, 0, &expected), 0);
	expected.scope = bk_addr_is_link_local(&expected) ? 3 : 0;
	assert_true(bk_addr_equal(&best.gateway, &expected));
}

static void the_default_route_with_the_smallest_metric_is_the_way_out(void **state)
{
	struct table t = {.len = 0};

	(void)state;
	put_route(&t, "10.9.9.9", 24, 0);
	put_route(&t, "192.168.1.1", 0, 600);
	put_route(&t, "10.0.0.1", 0, 100);
	put_route(&t, "172.16.0.1", 0, 700);
	put_route(&t, "fe80::1", 0, 1024);
	assert_best(&t, 4, "10.0.0.1");
	assert_best(&t, 6, "fe80::1");
}

static void a_way_out_without_a_router_is_none(void **state)
{
	struct bk_gateway_best best = {0};
	struct table t = {.len = 0};

	(void)state;
	put_route(&t, NULL, 0, 0);
	assert_false(bk_gateway_read(t.bytes, t.len, 4, &best));
	assert_int_equal(best.gateway.family, 0);
}

static void what_is_cut_off_anywhere_is_read_up_to_there(void **state)
{
	struct table t = {.len = 0};

	(void)state;
	put_route(&t, "10.0.0.1", 0, 100);
	for (size_t n = 0; n < t.len; n++) {
		struct bk_gateway_best best = {0};

		bk_gateway_read(t.bytes, n, 4, &best);
		assert_int_equal(best.gateway.family, 0);
	}
	for (size_t i = 0; i < t.len; i++) {
		struct bk_gateway_best best = {0};
		uint8_t spoilt[TABLE_MAX];

		memcpy(spoilt, t.bytes, t.len);
		spoilt[i] ^= 0xff;
		bk_gateway_read(spoilt, t.len, 4, &best);
	}
}

static void the_kernels_own_table_is_read(void **state)
{
	struct bk_addr gateway = {0};
	int err = bk_gateway_find(4, &gateway);

	(void)state;
	assert_true(err == BK_E_NOT_FOUND || (!err && gateway.family == 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_route_with_the_smallest_metric_is_the_way_out),
		cmocka_unit_test(a_way_out_without_a_router_is_none),
		cmocka_unit_test(what_is_cut_off_anywhere_is_read_up_to_there),
		cmocka_unit_test(the_kernels_own_table_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
