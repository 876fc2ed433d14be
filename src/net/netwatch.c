/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's route messages (netlink(7), rtnetlink(7)). They are only a hint to look: what counts is
 * whether the addresses are others than before, because routers make the kernel renew IPv6 addresses all the
 * time; a default route or an interface that changes counts by itself. Nothing is ever asked of the kernel
 * here. */
#include "net/netwatch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/ifaddr.h"
#include "net/netlink.h"

enum { MESSAGE_MAX = 16384, READS_MAX = 64 };

struct bk_netwatch {
	void (*on_change)(void *arg);
	void *arg;
	struct bk_watch *watch;
	struct bk_timer *quiet;
	int fd;
	bool is_concerned; /* by more than an address */
	struct bk_addr addrs[BK_NETWATCH_ADDRS_MAX];
	int addrs_len;
};

/* A default route of the main table, or the state of an interface. */
static bool is_weighty(const struct bk_netlink_message *m)
{
	struct rtmsg route;

	if (m->type != RTM_NEWROUTE && m->type != RTM_DELROUTE)
		return false;
	if (m->len < sizeof(route))
		return false;
	memcpy(&route, m->body, sizeof(route));
	return route.rtm_dst_len == 0 && route.rtm_table == RT_TABLE_MAIN &&
	       !(route.rtm_flags & RTM_F_CLONED);
}

bool bk_netwatch_concerns(const void *data, size_t n)
{
	struct bk_netlink rest = {data, n};
	struct bk_netlink_message m;

	while (bk_netlink_next(&rest, &m))
		if (is_weighty(&m))
			return true;
	return false;
}

static void on_quiet(void *arg)
{
	struct bk_netwatch *w = arg;
	struct bk_addr now[BK_NETWATCH_ADDRS_MAX] = {0};
	int n = bk_ifaddr_list(now, BK_NETWATCH_ADDRS_MAX);
	bool differs = n != w->addrs_len;

	for (int i = 0; i < n && !differs; i++)
		differs = !bk_addr_equal(&now[i], &w->addrs[i]);
	if (n < 0 || (!differs && !w->is_concerned))
		return;
	memcpy(w->addrs, now, sizeof(w->addrs));
	w->addrs_len = n;
	w->is_concerned = false;
	w->on_change(w->arg);
}

static void on_message(void *arg, int fd, int events)
{
	static const size_t most = MESSAGE_MAX;
	struct bk_netwatch *w = arg;
	_Alignas(struct nlmsghdr) uint8_t data[MESSAGE_MAX];

	(void)events;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = recv(fd, data, most, 0);

		if (n < 0 && errno == ENOBUFS) /* more happened than we were told */
			w->is_concerned = true;
		else if (n <= 0)
			break;
		else if (bk_netwatch_concerns(data, (size_t)n))
			w->is_concerned = true;
	}
	bk_timer_start(w->quiet, BK_NETWATCH_QUIET);
}

static int open_socket(struct bk_netwatch *w)
{
	struct sockaddr_nl local = {.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			     RTMGRP_IPV6_ROUTE};

	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&local, sizeof(local)) < 0)
		return bk_error_from_errno(errno);
	return 0;
}

int bk_netwatch_new(
	struct bk_loop *loop, void (*on_change)(void *arg), void *arg, struct bk_netwatch **ret_watch)
{
	struct bk_netwatch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return BK_E_NOMEM;
	w->on_change = on_change;
	w->arg = arg;
	err = open_socket(w);
	if (!err)
		err = bk_timer_new(loop, on_quiet, w, &w->quiet);
	if (!err)
		err = bk_watch_new(loop, w->fd, on_message, w, &w->watch);
	if (!err)
		err = bk_watch_set(w->watch, BK_READABLE);
	if (err < 0) {
		bk_netwatch_free(w);
		return err;
	}
	w->addrs_len = bk_ifaddr_list(w->addrs, BK_NETWATCH_ADDRS_MAX);
	*ret_watch = w;
	return 0;
}

void bk_netwatch_free(struct bk_netwatch *w)
{
	if (!w)
		return;
	bk_watch_free(w->watch);
	bk_timer_free(w->quiet);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

bool bk_netwatch_has(const struct bk_addr *addr)
{
	struct bk_addr all[BK_NETWATCH_ADDRS_MAX];
	int n;

	if (!addr->family || bk_addr_is_any(addr) || bk_addr_is_loopback(addr) || bk_addr_is_link_local(addr))
		return true;
	n = bk_ifaddr_list(all, BK_NETWATCH_ADDRS_MAX);
	for (int i = 0; i < n; i++)
		if (bk_addr_equal_ip(&all[i], addr))
			return true;
	return n < 0 || n == BK_NETWATCH_ADDRS_MAX; /* not to be known */
}
