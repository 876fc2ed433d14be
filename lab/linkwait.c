/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink(7): listen for changes first, then ask for all links, then look again after each event. */
#include "lab/linkwait.h"

#include "base/error.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 5000

static int listen_links(void)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int ask_links(int fd)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} ask = {
		.head = {sizeof(ask), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
		.info = {.ifi_family = AF_UNSPEC},
	};

	return send(fd, &ask, sizeof(ask), 0) < 0 ? bk_error_from_errno(errno) : 0;
}

/* Reads one bundle. Events (sequence 0) and the answer to the question (sequence 1) come mixed. */
static int read_bundle(int fd, bool *ret_all_up, bool *ret_done, bool *ret_event)
{
	_Alignas(struct nlmsghdr) char bytes[32768];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return bk_error_from_errno(errno);
	for (struct nlmsghdr *m = (struct nlmsghdr *)(void *)bytes; NLMSG_OK(m, (size_t)n);
		m = NLMSG_NEXT(m, n)) {
		const struct ifinfomsg *info = NLMSG_DATA(m);

		if (m->nlmsg_seq != 1)
			*ret_event = true;
		else if (m->nlmsg_type == NLMSG_DONE)
			*ret_done = true;
		else if (m->nlmsg_type == RTM_NEWLINK && !(info->ifi_flags & IFF_RUNNING))
			*ret_all_up = false;
	}
	return 0;
}

static int wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = poll(&p, 1, WAIT_MS);

	if (n < 0)
		return bk_error_from_errno(errno);
	return n == 0 ? BK_E_TIMEOUT : 0;
}

static int wait_all_up(int fd)
{
	for (;;) {
		bool all_up = true, done = false, event = false;
		int rc = ask_links(fd);

		while (rc == 0 && !done)
			rc = read_bundle(fd, &all_up, &done, &event);
		if (rc < 0 || all_up)
			return rc;
		if (!event)
			rc = wait_readable(fd);
		if (rc < 0)
			return rc;
	}
}

int bk_lab_linkwait(void)
{
	int fd = listen_links();
	int rc = fd < 0 ? bk_error_from_errno(errno) : wait_all_up(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}
