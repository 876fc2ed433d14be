/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as punching needs them: a port that is shared by a control connection, connecting sockets
 * and a listener wants SO_REUSEADDR and SO_REUSEPORT on each of them (Ford et al. 2005, section 4.1). */
#include "net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* Linux 5.15 */
#endif

enum {
	SHORT = 160 * 1024, /* the kernel doubles it, for what a byte costs it */
	SNDBUF_LOCK = 1,    /* of the kernel's locks the send buffer's */
};

socklen_t bk_addr_to_sockaddr(const struct bk_addr *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	in6->sin6_scope_id = a->scope;
	memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

int bk_addr_from_sockaddr(const struct sockaddr *sa, struct bk_addr *ret_addr)
{
	struct bk_addr a = {0};

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
		a.family = 4;
		a.port = ntohs(in->sin_port);
		memcpy(a.ip, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			a.family = 4;
			memcpy(a.ip, in6->sin6_addr.s6_addr + 12, 4);
		} else {
			a.family = 6;
			memcpy(a.ip, &in6->sin6_addr, 16);
			if (bk_addr_is_link_local(&a))
				a.scope = in6->sin6_scope_id;
		}
		a.port = ntohs(in6->sin6_port);
	} else {
		return BK_E_ADDRESS;
	}
	*ret_addr = a;
	return 0;
}

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static int open_stream(const struct bk_addr *a, int *ret_fd)
{
	int fd = socket(a->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return bk_error_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

static int bind_to(int fd, const struct bk_addr *local)
{
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(local, &ss);

	return bind(fd, (struct sockaddr *)&ss, n) < 0 ? bk_error_from_errno(errno) : 0;
}

static void share_port(int fd)
{
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

/* To a port that is shared, or to a fresh one that will be: with the options set first the kernel may
 * choose one that another sharing socket has already. */
static int bind_shared(int fd, const struct bk_addr *local)
{
	int err;

	if (local->port)
		share_port(fd);
	err = bind_to(fd, local);
	share_port(fd);
	return err;
}

static int open_bound(const struct bk_addr *local, bool shared_port, int *ret_fd)
{
	int fd = -1, err = open_stream(local, &fd);

	if (err < 0)
		return err;
	if (local->family == 6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !bk_addr_is_any(local) || shared_port);
	if (!shared_port)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	err = shared_port ? bind_shared(fd, local) : bind_to(fd, local);
	if (err < 0) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int bk_sock_listen(const struct bk_addr *local, bool shared_port, int backlog, int *ret_fd)
{
	int fd = -1, err = open_bound(local, shared_port, &fd);

	if (err < 0)
		return err;
	if (listen(fd, backlog) < 0) {
		err = bk_error_from_errno(errno);
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* With SO_REUSEADDR anybody could listen there, since we do not; SO_REUSEPORT is for sockets of one user alone. */
int bk_sock_hold(const struct bk_addr *local, int *ret_fd)
{
	int fd = -1, err = open_stream(local, &fd);

	if (err < 0)
		return err;
	if (local->family == 6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	err = bind_to(fd, local);
	if (err < 0)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

/* What comes back of the first packet is an ICMP message that quotes it, with nothing left of its TTL: the kernel
 * holds a minimum against that one, too, and ends no socket for it. */
static int limit_first(int fd, uint8_t ttl)
{
	const int first = ttl, least = 2;

	if (setsockopt(fd, IPPROTO_IP, IP_TTL, &first, sizeof(first)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MINTTL, &least, sizeof(least)) < 0)
		return BK_E_UNSUPPORTED;
	return 0;
}

static int begin_connect(const struct bk_addr *local, const struct bk_addr *remote, uint8_t ttl, int *ret_fd)
{
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(remote, &ss);
	int fd = -1, err = open_stream(remote, &fd);

	if (err < 0)
		return err;
	if (local && local->family)
		err = bind_shared(fd, local);
	if (!err && ttl)
		err = limit_first(fd, ttl);
	if (!err && connect(fd, (struct sockaddr *)&ss, n) < 0 && errno != EINPROGRESS)
		err = bk_error_from_errno(errno);
	if (err < 0) {
		close(fd);
		return err;
	}
	if (ttl)
		set_option(fd, IPPROTO_IP, IP_TTL, -1);
	*ret_fd = fd;
	return 0;
}

int bk_sock_connect(const struct bk_addr *local, const struct bk_addr *remote, int *ret_fd)
{
	return begin_connect(local, remote, 0, ret_fd);
}

int bk_sock_connect_short(const struct bk_addr *local, const struct bk_addr *remote, uint8_t ttl, int *ret_fd)
{
	return remote->family == 4 ? begin_connect(local, remote, ttl, ret_fd) : BK_E_UNSUPPORTED;
}

int bk_sock_accept(int fd, struct bk_addr *ret_peer, int *ret_fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);
	int conn = accept4(fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (conn < 0) /* a connection that died while it waited is not our listener's trouble */
		return errno == ECONNABORTED || errno == EPROTO ? BK_E_AGAIN : bk_error_from_errno(errno);
	if (bk_addr_from_sockaddr((struct sockaddr *)&ss, ret_peer) < 0) {
		close(conn);
		return BK_E_AGAIN;
	}
	*ret_fd = conn;
	return 0;
}

static int name_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *), struct bk_addr *ret_addr)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);

	if (get(fd, (struct sockaddr *)&ss, &n) < 0)
		return bk_error_from_errno(errno);
	return bk_addr_from_sockaddr((struct sockaddr *)&ss, ret_addr);
}

int bk_sock_local(int fd, struct bk_addr *ret_addr)
{
	return name_of(fd, getsockname, ret_addr);
}

int bk_sock_peer(int fd, struct bk_addr *ret_addr)
{
	return name_of(fd, getpeername, ret_addr);
}

int bk_sock_error(int fd)
{
	int err = 0;
	socklen_t n = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
		err = errno;
	return bk_error_from_errno(err);
}

void bk_sock_tune_stream(int fd, unsigned patience_ms)
{
	int idle = (int)(patience_ms >= 1250 ? patience_ms / 1250 : 1);

	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, idle > 3 ? idle : 3);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)patience_ms);
}

/* A length of our own ends the kernel's own tuning, until the lock is taken off. */
bool bk_sock_shorten(int fd, bool is_short)
{
	int lock;
	socklen_t n = sizeof(lock);

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, &n) < 0)
		return false;
	if (is_short)
		set_option(fd, SOL_SOCKET, SO_SNDBUF, SHORT);
	else
		set_option(fd, SOL_SOCKET, SO_BUF_LOCK, lock & ~SNDBUF_LOCK);
	return true;
}

void bk_sock_abort(int fd)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}
