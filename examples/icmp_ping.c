/* SPDX-License-Identifier: Apache-2.0 */
/* Echo requests and their answers (ICMP, RFC 792), with ping's statistics. Linux gives an ICMP socket without
 * any right to the groups in net.ipv4.ping_group_range; the kernel then fills in identifier and checksum and
 * hands over our answers alone. Otherwise it takes a raw socket, for which one needs CAP_NET_RAW, and which
 * hears the answers to everybody's requests, with their IP headers. IPv4 only. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define MS_NS INT64_C(1000000)

enum { CONTENT_BYTES = 56, LAST_WAIT_MS = 1000, REMEMBERED = 256 };

struct packet {
	struct icmphdr header;
	unsigned char content[CONTENT_BYTES];
};

struct ping {
	struct bk_loop *loop;
	struct bk_timer *timer;
	struct bk_watch *watch;
	int fd;
	bool is_raw;
	uint16_t id; /* in raw answers; a made-up one */
	const char *host;
	char address[INET_ADDRSTRLEN];
	long count, interval_ms;
	unsigned sent, received;
	int64_t began_at, sent_at[REMEMBERED]; /* by number; 0: answered */
	double min_ms, max_ms, sum_ms, sum_ms2;
};

/* --- requests --- */

/* RFC 1071. */
static uint16_t checksum(const void *data, size_t n)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return htons((uint16_t)~sum);
}

static void send_request(struct ping *p)
{
	struct packet q = {.header = {.type = ICMP_ECHO}};

	p->sent++;
	q.header.un.echo.id = p->id;
	q.header.un.echo.sequence = htons((uint16_t)p->sent);
	for (int i = 0; i < CONTENT_BYTES; i++)
		q.content[i] = (unsigned char)i;
	q.header.checksum = checksum(&q, sizeof(q));
	p->sent_at[p->sent % REMEMBERED] = bk_loop_now(p->loop);
	if (send(p->fd, &q, sizeof(q), 0) < 0)
		complain("cannot send to %s: %s", p->address, strerror(errno));
}

static void on_timer(void *arg)
{
	struct ping *p = arg;

	if (p->count && p->sent == p->count) {
		bk_loop_stop(p->loop);
		return;
	}
	send_request(p);
	bk_timer_start(p->timer, (p->count && p->sent == p->count ? LAST_WAIT_MS : p->interval_ms) * MS_NS);
}

/* --- answers --- */

static void count_answer(struct ping *p, unsigned number, int ttl, size_t n)
{
	int64_t *sent_at = &p->sent_at[number % REMEMBERED];
	double ms = (double)(bk_loop_now(p->loop) - *sent_at) / 1e6;

	if (!*sent_at || (uint16_t)(p->sent - number) >= REMEMBERED) /* a second answer, or a forgotten one */
		return;
	*sent_at = 0;
	p->min_ms = p->received && p->min_ms < ms ? p->min_ms : ms;
	p->max_ms = p->max_ms > ms ? p->max_ms : ms;
	p->sum_ms += ms;
	p->sum_ms2 += ms * ms;
	p->received++;
	printf("%zu bytes from %s: icmp_seq=%u ttl=%d time=%.3f ms\n", n, p->address, number, ttl, ms);
	if (p->received == p->count)
		bk_loop_stop(p->loop);
}

static int ttl_of(struct msghdr *m)
{
	int ttl = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
	return ttl;
}

static void on_readable(void *arg, int fd, int events)
{
	struct ping *p = arg;
	unsigned char bytes[1500] = {0};
	_Alignas(struct cmsghdr) char control[64];
	struct iovec v = {bytes, sizeof(bytes)};
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, 0);
	size_t skipped = p->is_raw ? (size_t)(bytes[0] & 0x0f) * 4 : 0;
	struct icmphdr h;

	(void)events;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		complain("no answer from %s: %s", p->address, strerror(errno));
	if (n < (ssize_t)(skipped + sizeof(h)))
		return;
	memcpy(&h, bytes + skipped, sizeof(h));
	if (h.type == ICMP_ECHOREPLY && (!p->is_raw || h.un.echo.id == p->id))
		count_answer(p, ntohs(h.un.echo.sequence), ttl_of(&m), (size_t)n - skipped);
}

/* --- the end --- */

static void print_statistics(const struct ping *p)
{
	double n = p->received, mean, variance;

	printf("\n--- %s ping statistics ---\n", p->host);
	printf("%u packets transmitted, %u received, %.4g%% packet loss, time %.0fms\n", p->sent, p->received,
		p->sent ? 100.0 * (p->sent - p->received) / p->sent : 0.0,
		(double)(bk_loop_now(p->loop) - p->began_at) / 1e6);
	if (!p->received)
		return;
	mean = p->sum_ms / n;
	variance = p->sum_ms2 / n - mean * mean;
	printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", p->min_ms, mean, p->max_ms,
		variance > 0 ? sqrt(variance) : 0.0);
}

/* --- the beginning --- */

static bool open_socket(struct ping *p)
{
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;

	p->fd = socket(AF_INET, SOCK_DGRAM | flags, IPPROTO_ICMP);
	if (p->fd < 0) {
		p->fd = socket(AF_INET, SOCK_RAW | flags, IPPROTO_ICMP);
		p->is_raw = true;
	}
	if (p->fd < 0 && errno == EPERM)
		complain("cannot ping '%s': it needs CAP_NET_RAW (try sudo), or your group in "
			 "net.ipv4.ping_group_range",
			p->host);
	else if (p->fd < 0)
		complain("cannot open an ICMP socket: %s", strerror(errno));
	else
		return setsockopt(p->fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)) == 0;
	return false;
}

/* Connected, a socket takes answers from that address only. */
static bool connect_to_host(struct ping *p)
{
	const struct addrinfo wish = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;
	int err = getaddrinfo(p->host, NULL, &wish, &found);
	bool good;

	if (err) {
		complain("cannot resolve '%s': %s", p->host, gai_strerror(err));
		return false;
	}
	inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, p->address, sizeof(p->address));
	good = connect(p->fd, found->ai_addr, found->ai_addrlen) == 0;
	if (!good)
		complain("cannot reach %s: %s", p->address, strerror(errno));
	freeaddrinfo(found);
	return good;
}

static int run(struct ping *p)
{
	int err = bk_timer_new(p->loop, on_timer, p, &p->timer);

	if (err >= 0)
		err = bk_watch_new(p->loop, p->fd, on_readable, p, &p->watch);
	if (err >= 0)
		err = bk_watch_set(p->watch, BK_READABLE);
	if (err >= 0) {
		printf("PING %s (%s) %d(%zu) bytes of data.\n", p->host, p->address, CONTENT_BYTES,
			sizeof(struct packet) + sizeof(struct iphdr));
		p->began_at = bk_loop_now(p->loop);
		bk_timer_start(p->timer, 0);
		err = run_loop(p->loop, NULL, NULL);
	}
	if (err >= 0)
		print_statistics(p);
	bk_watch_free(p->watch);
	bk_timer_free(p->timer);
	return err;
}

static bool read_options(struct ping *p, int argc, char **argv)
{
	bool good = true;
	int o;

	while ((o = getopt(argc, argv, "c:i:")) != -1) {
		if (o == 'c')
			good = good && read_number(optarg, 1, 60000, &p->count);
		else
			good = good && o == 'i' && read_number(optarg, 10, 3600000, &p->interval_ms);
	}
	p->host = argv[optind];
	return good && argc - optind == 1;
}

int main(int argc, char **argv)
{
	struct ping p = {.fd = -1, .interval_ms = 1000, .id = htons((uint16_t)getpid())};
	int code = 2;

	if (!read_options(&p, argc, argv))
		return usage("[-c COUNT] [-i MILLISECONDS] HOST");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (open_socket(&p) && connect_to_host(&p) && bk_loop_new(BK_LOOP_AUTO, &p.loop) >= 0 && run(&p) >= 0)
		code = p.received ? EXIT_SUCCESS : EXIT_FAILURE;
	if (p.fd >= 0)
		close(p.fd);
	bk_loop_free(p.loop);
	return code;
}
