/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams. One recvmmsg and one sendmmsg carry up to 64 of them: at small sizes the system call costs more
 * than the datagram. On the any-address a socket must be told from which of our addresses to answer (RFC 3542
 * section 6, ip(7) IP_PKTINFO), or a machine with several answers from one that was not asked. */
#include "net/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants <time.h> before it */

#include "base/assert.h"
#include "base/error.h"
#include "net/sock.h"

enum {
	CONTROL_LEN = 64,
	ICMP_CONTROL_LEN = 256,
	SEND_TRIES = 2,
	STREAM_BUFFER = 4 * 1024 * 1024,
};

_Static_assert((int)CONTROL_LEN >= (int)(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))),
	"room for one pktinfo and the size of a segment");

struct slot {
	struct sockaddr_storage name;
	struct iovec iov;
	uint8_t control[CONTROL_LEN] __attribute__((aligned(8)));
	struct bk_udp_packet packet;
};

struct bk_udp_batch {
	size_t places, cap;
	uint8_t *bytes;
	struct mmsghdr headers[BK_UDP_BATCH];
	struct slot slots[]; /* `places` of them */
};

/* --- one socket --- */

static int bind_datagram(int fd, const struct bk_addr *local, bool tell_local)
{
	const int yes = 1, only6 = !tell_local || !bk_addr_is_any(local);
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(local, &ss);
	int err = 0;

	if (local->family == 6)
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6));
	if (!err && tell_local && local->family == 6)
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof(yes));
	else if (!err && tell_local)
		err = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes));
	if (!err)
		err = bind(fd, (struct sockaddr *)&ss, n);
	return err < 0 ? bk_error_from_errno(errno) : 0;
}

int bk_udp_open(const struct bk_addr *local, bool tell_local, int *ret_fd)
{
	int fd =
		socket(local->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? bk_error_from_errno(errno) : bind_datagram(fd, local, tell_local);

	if (err < 0) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int bk_udp_route(const struct bk_addr *remote, struct bk_addr *ret_local)
{
	const struct bk_addr any = {.family = remote->family};
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(remote, &ss);
	struct bk_addr local;
	int fd, err = bk_udp_open(&any, false, &fd);

	if (err < 0)
		return err;
	if (connect(fd, (struct sockaddr *)&ss, n) < 0)
		err = bk_error_from_errno(errno);
	if (!err)
		err = bk_sock_local(fd, &local);
	close(fd);
	if (err < 0)
		return err;
	*ret_local = bk_addr_with_port(local, 0);
	return 0;
}

void bk_udp_set_buffer(int fd, size_t bytes)
{
	int n = (int)bytes;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
}

static void put_control(struct msghdr *m, int level, int type, const void *data, size_t n)
{
	struct cmsghdr *c;

	m->msg_controllen = CMSG_SPACE(n);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), data, n);
}

int bk_udp_send(int fd, const struct bk_addr *to, uint8_t ttl, const void *data, size_t len)
{
	uint8_t control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct sockaddr_storage ss;
	struct msghdr m = {.msg_name = &ss, .msg_iov = &iov, .msg_iovlen = 1};
	const int hops = ttl;

	m.msg_namelen = bk_addr_to_sockaddr(to, &ss);
	if (ttl) {
		m.msg_control = control;
		if (to->family == 6)
			put_control(&m, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
		else
			put_control(&m, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
	}
	for (int tries = 0; sendmsg(fd, &m, MSG_NOSIGNAL) < 0; tries++) {
		bool is_own = errno == EAGAIN || errno == EMSGSIZE || errno == EPERM;

		if (is_own || tries == SEND_TRIES) /* else the error may be an earlier datagram's */
			return bk_error_from_errno(errno);
	}
	return 0;
}

int bk_udp_receive(int fd, struct bk_addr *ret_from, void *out, size_t cap)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	ssize_t got = recvfrom(fd, out, cap, 0, (struct sockaddr *)&ss, &n);

	if (got < 0)
		return bk_error_from_errno(errno);
	if (bk_addr_from_sockaddr((struct sockaddr *)&ss, ret_from) < 0)
		return BK_E_ADDRESS;
	return (int)got;
}

/* Of the two the socket takes its family's; both on one that is for either. */
void bk_udp_want_icmp(int fd, bool is_wanted)
{
	const int want = is_wanted;

	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &want, sizeof(want));
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &want, sizeof(want));
	if (!is_wanted)
		bk_sock_error(fd); /* of the last one */
}

/* ip(7): the error stands in a control message, the address of who sent the ICMP message behind it. */
static bool read_icmp(struct msghdr *m, struct bk_icmp *ret_icmp)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		bool is_4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool is_6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
		struct {
			struct sock_extended_err error;
			struct sockaddr_in6 offender; /* or a sockaddr_in */
		} e = {0};
		size_t n = c->cmsg_len - CMSG_LEN(0);

		if (!is_4 && !is_6)
			continue;
		memcpy(&e, CMSG_DATA(c), n < sizeof(e) ? n : sizeof(e));
		if (e.error.ee_origin != SO_EE_ORIGIN_ICMP && e.error.ee_origin != SO_EE_ORIGIN_ICMP6)
			continue;
		*ret_icmp = (struct bk_icmp){.type = e.error.ee_type, .code = e.error.ee_code};
		if (bk_addr_from_sockaddr((struct sockaddr *)&e.offender, &ret_icmp->from) < 0)
			continue;
		ret_icmp->from.port = 0;
		return true;
	}
	return false;
}

int bk_udp_receive_icmp(int fd, struct bk_addr *ret_remote, struct bk_icmp *ret_icmp)
{
	uint8_t control[ICMP_CONTROL_LEN] __attribute__((aligned(8))), data[1];
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
	struct sockaddr_storage ss;
	struct msghdr m;

	do {
		m = (struct msghdr){.msg_name = &ss,
			.msg_namelen = sizeof(ss),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		if (recvmsg(fd, &m, MSG_ERRQUEUE) < 0)
			return bk_error_from_errno(errno);
	} while (!read_icmp(&m, ret_icmp) || bk_addr_from_sockaddr((struct sockaddr *)&ss, ret_remote) < 0);
	return 0;
}

/* --- pieces: many datagrams of one flow side by side --- */

void bk_udp_tune_stream(int fd, uint8_t family)
{
	const int yes = 1, probe = IP_PMTUDISC_PROBE; /* IPv6's has the same number */
	bool is_4 = family == 4;

	bk_udp_set_buffer(fd, STREAM_BUFFER);
	setsockopt(fd, SOL_UDP, UDP_GRO, &yes, sizeof(yes));
	setsockopt(fd, is_4 ? IPPROTO_IP : IPPROTO_IPV6, is_4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &probe,
		sizeof(probe));
}

/* One call; 0 or errno. */
static int give(int fd, const struct bk_addr *to, const uint8_t *data, size_t len, size_t segment)
{
	uint8_t control[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct sockaddr_storage ss;
	struct msghdr m = {.msg_name = &ss, .msg_iov = &iov, .msg_iovlen = 1};
	const uint16_t size = (uint16_t)segment;

	m.msg_namelen = bk_addr_to_sockaddr(to, &ss);
	if (segment < len) {
		m.msg_control = control;
		put_control(&m, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) >= 0 ? 0 : errno;
}

/* What does not fit into the socket behind the first is lost, as it is at any router. */
static int give_each(int fd, const struct bk_addr *to, const uint8_t *data, size_t len, size_t segment)
{
	for (size_t at = 0; at < len; at += segment) {
		size_t n = len - at < segment ? len - at : segment;
		int err = give(fd, to, data + at, n, n);

		if (err && (!at || err == EMSGSIZE))
			return err;
	}
	return 0;
}

static bool is_refusal_to_cut(int err)
{
	return err == EIO || err == EINVAL || err == EOPNOTSUPP;
}

int bk_udp_send_piece(
	int fd, const struct bk_addr *to, const void *data, size_t len, size_t segment, bool *io_is_uncut)
{
	int err = EIO;

	if (!segment || segment > len)
		segment = len;
	if (segment == len || !*io_is_uncut)
		err = give(fd, to, data, len, segment);
	if (segment < len && is_refusal_to_cut(err)) {
		*io_is_uncut = true;
		err = give_each(fd, to, data, len, segment);
	}
	if (err == EMSGSIZE)
		return BK_E_TOO_BIG;
	return err == ENOBUFS ? BK_E_AGAIN : bk_error_from_errno(err);
}

/* --- batches --- */

int bk_udp_batch_new(size_t places, size_t cap, struct bk_udp_batch **ret_batch)
{
	struct bk_udp_batch *b = calloc(1, sizeof(*b) + places * sizeof(b->slots[0]));
	uint8_t *bytes = calloc(places, cap);

	bk_assert(places <= BK_UDP_BATCH);
	if (!b || !bytes) {
		free(b);
		free(bytes);
		return BK_E_NOMEM;
	}
	b->places = places;
	b->cap = cap;
	b->bytes = bytes;
	for (size_t i = 0; i < places; i++) {
		struct slot *s = &b->slots[i];

		s->packet.data = bytes + i * cap;
		b->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &s->name,
			.msg_iov = &s->iov,
			.msg_iovlen = 1,
			.msg_control = s->control,
		};
		s->iov.iov_base = s->packet.data;
	}
	*ret_batch = b;
	return 0;
}

void bk_udp_batch_free(struct bk_udp_batch *b)
{
	if (!b)
		return;
	free(b->bytes);
	free(b);
}

struct bk_udp_packet *bk_udp_batch_at(struct bk_udp_batch *b, size_t i)
{
	return &b->slots[i].packet;
}

static void read_local(struct msghdr *m, struct bk_addr *ret_local)
{
	*ret_local = (struct bk_addr){0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			ret_local->family = 4;
			memcpy(ret_local->ip, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			in6.sin6_addr = info.ipi6_addr;
			in6.sin6_scope_id = info.ipi6_ifindex;
			bk_addr_from_sockaddr((struct sockaddr *)&in6, ret_local);
		}
	}
}

/* Of a lone datagram it is its length. */
static size_t read_segment(struct msghdr *m, size_t len)
{
	int segment;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&segment, CMSG_DATA(c), sizeof(segment));
		return segment > 0 && (size_t)segment < len ? (size_t)segment : len;
	}
	return len;
}

int bk_udp_batch_receive(struct bk_udp_batch *b, int fd)
{
	int got;

	for (size_t i = 0; i < b->places; i++) {
		struct msghdr *m = &b->headers[i].msg_hdr;

		m->msg_namelen = sizeof(b->slots[i].name);
		m->msg_control = b->slots[i].control;
		m->msg_controllen = CONTROL_LEN;
		b->slots[i].iov.iov_len = b->cap;
	}
	got = recvmmsg(fd, b->headers, (unsigned)b->places, 0, NULL);
	if (got < 0)
		return bk_error_from_errno(errno);
	for (int i = 0; i < got; i++) {
		struct slot *s = &b->slots[i];
		struct msghdr *m = &b->headers[i].msg_hdr;

		read_local(m, &s->packet.local);
		s->packet.len = m->msg_flags & MSG_TRUNC ? 0 : b->headers[i].msg_len;
		if (bk_addr_from_sockaddr((struct sockaddr *)&s->name, &s->packet.peer) < 0)
			s->packet.len = 0;
		s->packet.segment = read_segment(m, s->packet.len);
	}
	return got;
}

/* IPv4 through an IPv6 socket has its address as the socket sees it, mapped. */
static socklen_t fill_name(const struct bk_addr *a, bool is_socket6, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	if (!is_socket6 || a->family != 4)
		return bk_addr_to_sockaddr(a, out);
	*in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
	memset(in6->sin6_addr.s6_addr + 10, 0xff, 2);
	memcpy(in6->sin6_addr.s6_addr + 12, a->ip, 4);
	return sizeof(*in6);
}

static void fill_local(struct msghdr *m, const struct bk_addr *local, bool is_socket6)
{
	struct sockaddr_storage ss;
	struct in_pktinfo info = {0};
	struct in6_pktinfo info6 = {.ipi6_ifindex = local->scope};

	if (is_socket6) {
		fill_name(local, true, &ss);
		info6.ipi6_addr = ((struct sockaddr_in6 *)&ss)->sin6_addr;
		put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	} else {
		memcpy(&info.ipi_spec_dst, local->ip, 4);
		put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
}

static bool is_socket6(int fd)
{
	int domain = 0;
	socklen_t n = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_INET6;
}

size_t bk_udp_batch_send(struct bk_udp_batch *b, int fd, size_t n)
{
	bool six = is_socket6(fd);
	size_t at = 0, sent = 0;

	for (size_t i = 0; i < n; i++) {
		struct slot *s = &b->slots[i];
		struct msghdr *m = &b->headers[i].msg_hdr;

		m->msg_namelen = fill_name(&s->packet.peer, six, &s->name);
		m->msg_control = s->packet.local.family ? s->control : NULL;
		m->msg_controllen = 0;
		s->iov.iov_len = s->packet.len;
		if (s->packet.local.family)
			fill_local(m, &s->packet.local, six);
	}
	while (at < n) {
		int got = sendmmsg(fd, b->headers + at, (unsigned)(n - at), MSG_NOSIGNAL);

		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		sent += got > 0 ? (size_t)got : 0;
		at += got > 0 ? (size_t)got : 1;
	}
	return sent;
}
