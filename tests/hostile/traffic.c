/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ifaddr.h"
#include "net/sock.h"
#include "path/race.h"

struct traffic traffic;
static struct sockaddr_in hole; /* a listener that is full: what goes there waits for ever */

/* Its queue is filled by us, so that the kernel drops every further SYN. */
static void dig(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t n = sizeof(hole);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	extern int __real_listen(int fd, int backlog);
	extern int __real_connect(int fd, const struct sockaddr *to, socklen_t len);

	bind(fd, (struct sockaddr *)&at, sizeof(at));
	__real_listen(fd, 0);
	getsockname(fd, (struct sockaddr *)&hole, &n);
	hole.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 3; i++) {
		int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		__real_connect(full, (struct sockaddr *)&hole, sizeof(hole));
	}
}

void traffic_reset(bool is_silent)
{
	if (!hole.sin_port)
		dig();
	traffic = (struct traffic){.is_silent = is_silent};
}

static struct traffic_entry *entry(const struct bk_addr *to, bool is_tcp)
{
	for (size_t i = 0; i < traffic.len; i++)
		if (traffic.entries[i].is_tcp == is_tcp && bk_addr_equal(&traffic.entries[i].to, to))
			return &traffic.entries[i];
	if (traffic.len == TRAFFIC_MAX)
		return NULL;
	traffic.entries[traffic.len] = (struct traffic_entry){.to = *to, .is_tcp = is_tcp};
	return &traffic.entries[traffic.len++];
}

/* Is it the machine that everything here runs on? */
static bool count(const struct sockaddr *to, bool is_tcp)
{
	struct bk_addr a;
	struct traffic_entry *e;
	struct bk_addr home = {0};

	if (!to || bk_addr_from_sockaddr(to, &a) < 0)
		return true; /* a connected socket, or no address of the internet */
	bk_addr_from_str("127.0.0.1:1", &home);
	e = entry(&a, is_tcp);
	if (e)
		e->count++;
	return bk_addr_equal_ip(&a, &home) && (!traffic.only_port || a.port == traffic.only_port);
}

/* --- in the place of the system's --- */

int __real_connect(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __real_bk_race_new(const struct bk_race_opts *opts, const struct bk_race_events *events, void *arg,
	struct bk_race **ret_race);
int __wrap_bk_race_new(const struct bk_race_opts *opts, const struct bk_race_events *events, void *arg,
	struct bk_race **ret_race);
void __wrap_bk_ifaddr_networks(struct bk_networks *ret_networks);

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
}

/* Each stranger is an address of the hole's own, so that one port of ours may be at several. */
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct sockaddr_in deep = hole;

	if (!is_stream(fd))
		return __real_connect(fd, to, len); /* only asks for a route */
	if (count(to, true))
		return __real_connect(fd, to, len);
	if (!traffic.is_silent || to->sa_family != AF_INET) {
		errno = ECONNREFUSED;
		return -1;
	}
	deep.sin_addr.s_addr =
		htonl(0x7f800000 |
			(ntohl(((const struct sockaddr_in *)(const void *)to)->sin_addr.s_addr) & 0x7fffff));
	return __real_connect(fd, (struct sockaddr *)&deep, sizeof(deep));
}

static size_t length_of(const struct msghdr *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->msg_iovlen; i++)
		n += m->msg_iov[i].iov_len;
	return n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (!m->msg_name || count(m->msg_name, false))
		return __real_sendmsg(fd, m, flags);
	return (ssize_t)length_of(m);
}

int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	if (!n || !m->msg_hdr.msg_name || count(m->msg_hdr.msg_name, false))
		return __real_sendmmsg(fd, m, n ? 1 : 0, flags);
	m->msg_len = (unsigned)length_of(&m->msg_hdr);
	return 1;
}

int __wrap_listen(int fd, int backlog)
{
	traffic.listeners++;
	return __real_listen(fd, backlog);
}

int __wrap_bk_race_new(const struct bk_race_opts *opts, const struct bk_race_events *events, void *arg,
	struct bk_race **ret_race)
{
	traffic.races++;
	return __real_bk_race_new(opts, events, arg, ret_race);
}

/* One private network of ours, whatever machine this is. */
void __wrap_bk_ifaddr_networks(struct bk_networks *ret_networks)
{
	*ret_networks = (struct bk_networks){.len = 1, .list = {{.bits = 24}}};
	bk_addr_from_str("192.168.7.2", &ret_networks->list[0].addr);
}
