/* SPDX-License-Identifier: Apache-2.0 */
/* The port is everybody's who listens to routers, so it is shared. */
#include "router/news.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/udp.h"

enum { NEWS_MAX = 1100 /* PCP's longest */ };

struct bk_news {
	int fd;
	struct bk_watch *watch;
	void (*fn)(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len);
	void *arg;
};

/* One for each turn: who floods us does not keep others waiting. */
static void on_readable(void *arg, int fd, int events)
{
	uint8_t data[NEWS_MAX];
	struct bk_news *n = arg;
	struct bk_addr from;
	int len = bk_udp_receive(fd, &from, data, sizeof(data));

	(void)events;
	if (len >= 0)
		n->fn(n->arg, &from, data, (size_t)len);
}

/* Bound to the group, so that nothing else comes. */
static int listen_to(int fd, const struct bk_addr *own)
{
	const struct bk_addr at = bk_addr_v4(224, 0, 0, 1, own->port ? own->port : BK_NEWS_PORT);
	struct ip_mreqn in = {.imr_ifindex = 0};
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(&at, &ss);
	const int yes = 1, no = 0;

	memcpy(&in.imr_multiaddr, at.ip, 4);
	memcpy(&in.imr_address, own->ip, 4);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &no, sizeof(no)) < 0 ||
		bind(fd, (struct sockaddr *)&ss, n) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &in, sizeof(in)) < 0)
		return bk_error_from_errno(errno);
	return 0;
}

int bk_news_new(struct bk_loop *loop, const struct bk_addr *own,
	void (*fn)(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len), void *arg,
	struct bk_news **ret_news)
{
	struct bk_news *n = calloc(1, sizeof(*n));
	int err = n ? 0 : BK_E_NOMEM;

	if (err < 0)
		return err;
	n->fn = fn;
	n->arg = arg;
	n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	err = n->fd < 0 ? bk_error_from_errno(errno) : listen_to(n->fd, own);
	if (!err)
		err = bk_watch_new(loop, n->fd, on_readable, n, &n->watch);
	if (!err)
		err = bk_watch_set(n->watch, BK_READABLE);
	if (err < 0) {
		bk_news_free(n);
		return err;
	}
	*ret_news = n;
	return 0;
}

void bk_news_free(struct bk_news *n)
{
	if (!n)
		return;
	bk_watch_free(n->watch);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}
