/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conform/udp_path.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "link/quic.h"
#include "net/sock.h"
#include "net/udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { MESSAGES = 8, MESSAGE_MAX = 65536, ROUNDS_MAX = 2, SOCKET_BUFFER = 4 * 1024 * 1024 };

struct udp_path {
	int fd;
	struct bk_watch *watch;
	struct bk_link *link;
	bool is_dead, full, has_gso;
	struct mmsghdr headers[MESSAGES];
	struct iovec iovs[MESSAGES];
	struct sockaddr_storage names[MESSAGES];
	uint8_t controls[MESSAGES][CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	uint8_t *bytes;
};

static void fill_headers(struct udp_path *p)
{
	for (int i = 0; i < MESSAGES; i++) {
		p->iovs[i] = (struct iovec){p->bytes + (size_t)i * MESSAGE_MAX, MESSAGE_MAX};
		p->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &p->names[i],
			.msg_namelen = sizeof(p->names[i]),
			.msg_iov = &p->iovs[i],
			.msg_iovlen = 1,
			.msg_control = p->controls[i],
			.msg_controllen = sizeof(p->controls[i]),
		};
	}
}

static size_t segment_of(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int size;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 ? (size_t)size : 0;
	}
	return 0;
}

/* Returns whether there may be more. */
static bool read_some(struct udp_path *p)
{
	int got;

	fill_headers(p);
	got = recvmmsg(p->fd, p->headers, MESSAGES, 0, NULL);
	for (int i = 0; i < got; i++) {
		struct bk_addr from;

		if (p->link && !p->is_dead &&
			bk_addr_from_sockaddr((struct sockaddr *)&p->names[i], &from) == 0)
			bk_link_quic_input(p->link, &from, p->iovs[i].iov_base, p->headers[i].msg_len,
				segment_of(&p->headers[i].msg_hdr));
	}
	return got == MESSAGES;
}

static void on_ready(void *arg, int fd, int events)
{
	struct udp_path *p = arg;
	bool more = true;

	(void)fd;
	if (events & BK_WRITABLE) {
		p->full = false;
		bk_watch_set(p->watch, BK_READABLE);
	}
	for (int i = 0; i < ROUNDS_MAX && more && (events & BK_READABLE); i++)
		more = read_some(p);
	if (p->link)
		bk_link_quic_flush(p->link);
}

int udp_path_new(struct bk_loop *loop, int fd, struct udp_path **ret_path)
{
	const int yes = 1, probe = IP_PMTUDISC_PROBE;
	struct udp_path *p = calloc(1, sizeof(*p));

	if (!p)
		return BK_E_NOMEM;
	*p = (struct udp_path){.fd = fd, .has_gso = true, .bytes = malloc((size_t)MESSAGES * MESSAGE_MAX)};
	if (!p->bytes || bk_watch_new(loop, fd, on_ready, p, &p->watch) < 0) {
		free(p->bytes);
		free(p);
		return BK_E_NOMEM;
	}
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	bk_udp_set_buffer(fd, SOCKET_BUFFER);
	bk_watch_set(p->watch, BK_READABLE);
	*ret_path = p;
	return 0;
}

void udp_path_free(struct udp_path *p)
{
	if (!p)
		return;
	bk_watch_free(p->watch);
	close(p->fd);
	free(p->bytes);
	free(p);
}

void udp_path_set_link(struct udp_path *p, struct bk_link *link)
{
	p->link = link;
}

void udp_path_set_dead(struct udp_path *p, bool is_dead)
{
	p->is_dead = is_dead;
}

static int send_message(
	struct udp_path *p, const struct bk_addr *to, const uint8_t *data, size_t len, size_t segment)
{
	uint8_t control[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct sockaddr_storage ss;
	struct msghdr m = {.msg_name = &ss, .msg_iov = &iov, .msg_iovlen = 1};
	uint16_t size = (uint16_t)segment;

	m.msg_namelen = bk_addr_to_sockaddr(to, &ss);
	if (segment) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
	}
	if (sendmsg(p->fd, &m, MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EMSGSIZE ? BK_E_TOO_BIG : errno == ECONNREFUSED ? 0 : bk_error_from_errno(errno);
}

int udp_path_send(void *path, const struct bk_addr *to, const uint8_t *data, size_t len, size_t segment)
{
	struct udp_path *p = path;
	int err = 0;

	if (p->is_dead)
		return 0;
	if (p->full)
		return BK_E_AGAIN;
	if (!segment || p->has_gso)
		err = send_message(p, to, data, len, segment);
	if (err < 0 && segment && err != BK_E_AGAIN)
		p->has_gso = false;
	if (segment && !p->has_gso) /* what the socket does not take of these is lost, as on any line */
		for (size_t at = 0; at < len; at += segment)
			send_message(p, to, data + at, len - at < segment ? len - at : segment, 0);
	if (err == BK_E_AGAIN) {
		p->full = true;
		bk_watch_set(p->watch, BK_READABLE | BK_WRITABLE);
	}
	return err == BK_E_AGAIN || err == BK_E_TOO_BIG ? err : 0;
}
