/* SPDX-License-Identifier: Apache-2.0 */
/* The whole table is asked for, since the kernel has no question for the default route alone that works without
 * a destination. It answers at once; a table of a router with a full set of routes is cut off. */
#include "net/gateway.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/netlink.h"

enum { ANSWER_MAX = 32768, READS_MAX = 256 };

static size_t aligned(size_t n)
{
	return (n + RTA_ALIGNTO - 1) & ~((size_t)RTA_ALIGNTO - 1);
}

static void read_attributes(const uint8_t *at, size_t n, uint8_t family, struct bk_gateway_best *route)
{
	struct rtattr a;

	for (size_t step; n >= sizeof(a); at += step, n -= step) {
		const uint8_t *value = at + sizeof(a);
		size_t len;

		memcpy(&a, at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > n)
			return;
		len = a.rta_len - sizeof(a);
		if (a.rta_type == RTA_GATEWAY && len == (family == 4 ? 4 : 16)) {
			route->gateway.family = family;
			memcpy(route->gateway.ip, value, len);
		} else if (a.rta_type == RTA_OIF && len == sizeof(uint32_t)) {
			memcpy(&route->gateway.scope, value, len);
		} else if (a.rta_type == RTA_PRIORITY && len == sizeof(uint32_t)) {
			memcpy(&route->metric, value, len);
		}
		step = aligned(a.rta_len) < n ? aligned(a.rta_len) : n;
	}
}

static void read_route(const uint8_t *at, size_t n, uint8_t family, struct bk_gateway_best *io_best)
{
	struct bk_gateway_best route = {0};
	struct rtmsg m;

	if (n < sizeof(m))
		return;
	memcpy(&m, at, sizeof(m));
	if (m.rtm_dst_len || m.rtm_table != RT_TABLE_MAIN || m.rtm_type != RTN_UNICAST ||
		m.rtm_family != (family == 4 ? AF_INET : AF_INET6))
		return;
	n -= aligned(sizeof(m)) < n ? aligned(sizeof(m)) : n;
	read_attributes(at + aligned(sizeof(m)), n, family, &route);
	if (!bk_addr_is_link_local(&route.gateway))
		route.gateway.scope = 0;
	if (route.gateway.family && (!io_best->gateway.family || route.metric < io_best->metric))
		*io_best = route;
}

bool bk_gateway_read(const void *data, size_t n, uint8_t family, struct bk_gateway_best *io_best)
{
	struct bk_netlink rest = {data, n};
	struct bk_netlink_message m;

	while (bk_netlink_next(&rest, &m)) {
		if (m.type == NLMSG_DONE || m.type == NLMSG_ERROR)
			return true;
		if (m.type == RTM_NEWROUTE)
			read_route(m.body, m.len, family, io_best);
	}
	return rest.len >= sizeof(struct nlmsghdr); /* what is broken is the end */
}

static void ask(int fd, uint8_t family, struct bk_gateway_best *best)
{
	_Alignas(struct nlmsghdr) uint8_t data[ANSWER_MAX];
	struct {
		struct nlmsghdr h;
		struct rtmsg m;
	} q = {
		.h = {.nlmsg_len = sizeof(q),
			.nlmsg_type = RTM_GETROUTE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.m = {.rtm_family = family == 4 ? AF_INET : AF_INET6},
	};

	if (send(fd, &q, sizeof(q), 0) < 0)
		return;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n <= 0 || bk_gateway_read(data, (size_t)n, family, best))
			return;
	}
}

int bk_gateway_find(uint8_t family, struct bk_addr *ret_gateway)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct bk_gateway_best best = {0};

	if (fd < 0)
		return BK_E_NOT_FOUND;
	ask(fd, family, &best);
	close(fd);
	if (!best.gateway.family)
		return BK_E_NOT_FOUND;
	*ret_gateway = best.gateway;
	return 0;
}
