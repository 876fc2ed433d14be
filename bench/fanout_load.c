/* SPDX-License-Identifier: Apache-2.0 */
/* Load for anything that sends one publisher's messages to many receivers over TCP: idle connections that get
 * nothing, active ones that get everything, and a publisher. What is said is given as bytes, so one program
 * measures every server; receivers only count bytes. It refuses to run ahead: never more than WINDOW messages
 * between the publisher and the slowest receiver. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BYTES_MAX = 512, READ_MAX = 1 << 18, EVENTS = 256, BATCH = 512 };

struct bytes {
	uint8_t at[BYTES_MAX];
	size_t len;
};

struct load {
	struct sockaddr_in server;
	unsigned idle, active, window;
	uint64_t messages;
	struct bytes hello_idle, hello_active, hello_publisher, ready, publish;
	size_t delivery_len;
	uint64_t *received; /* bytes, of each active connection */
	int epoll;
};

static uint8_t room[READ_MAX];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct bytes parse_hex(const char *hex)
{
	struct bytes b = {.len = strlen(hex) / 2};

	if (b.len > BYTES_MAX) {
		fprintf(stderr, "fanout_load: more than %d bytes\n", BYTES_MAX);
		exit(2);
	}
	for (size_t i = 0; i < b.len; i++) {
		const char two[3] = {hex[2 * i], hex[2 * i + 1], 0};

		b.at[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return b;
}

static bool ends_with(const uint8_t *data, size_t n, const struct bytes *end)
{
	return n >= end->len && !memcmp(data + n - end->len, end->at, end->len);
}

/* A blocking connection that has said hello and, where an answer is due, has read all of it. */
static int join(const struct load *l, const struct bytes *hello, bool is_answered)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
	uint8_t answer[4096];
	size_t have = 0;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&l->server, sizeof(l->server)) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (hello->len && send(fd, hello->at, hello->len, MSG_NOSIGNAL) != (ssize_t)hello->len)
		die("hello");
	while (is_answered && l->ready.len && !ends_with(answer, have, &l->ready)) {
		ssize_t n = recv(fd, answer + have, sizeof(answer) - have, 0);

		if (n <= 0)
			die("answer to the hello");
		have += (size_t)n;
	}
	return fd;
}

static void join_all(struct load *l)
{
	l->epoll = epoll_create1(0);
	for (unsigned i = 0; i < l->idle; i++)
		join(l, &l->hello_idle, l->hello_idle.len > 0);
	for (unsigned i = 0; i < l->active; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)i << 32};
		int fd = join(l, &l->hello_active, true);

		e.data.u64 |= (uint32_t)fd;
		fcntl(fd, F_SETFL, O_NONBLOCK);
		if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
			die("epoll");
	}
}

static uint64_t slowest(const struct load *l)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < l->active; i++)
		if (l->received[i] < least)
			least = l->received[i];
	return least / l->delivery_len;
}

static void read_deliveries(struct load *l, int wait_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(l->epoll, events, EVENTS, wait_ms);

	for (int i = 0; i < n; i++) {
		ssize_t got = recv((int)(uint32_t)events[i].data.u64, room, sizeof(room), 0);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			die("a receiver was dropped");
		if (got > 0)
			l->received[events[i].data.u64 >> 32] += (uint64_t)got;
	}
}

/* As many whole messages as may be under way; a rest of the batch waits in `out`. */
static uint64_t run(struct load *l, int publisher)
{
	size_t batch_len = BATCH * l->publish.len, sent_in_batch = 0;
	uint8_t *batch = malloc(batch_len);
	uint64_t sent = 0; /* whole messages */

	for (size_t i = 0; batch && i < BATCH; i++)
		memcpy(batch + i * l->publish.len, l->publish.at, l->publish.len);
	fcntl(publisher, F_SETFL, O_NONBLOCK);
	while (slowest(l) < l->messages) {
		uint64_t may = slowest(l) + l->window, most = may < l->messages ? may : l->messages;
		bool can_send = sent + BATCH <= most;

		if (can_send) {
			ssize_t n = send(
				publisher, batch + sent_in_batch, batch_len - sent_in_batch, MSG_NOSIGNAL);

			if (n < 0 && errno != EAGAIN)
				die("publish");
			sent_in_batch += n > 0 ? (size_t)n : 0;
			can_send = n > 0;
			if (sent_in_batch == batch_len) {
				sent += BATCH;
				sent_in_batch = 0;
			}
		}
		while (recv(publisher, room, sizeof(room), 0) > 0)
			; /* answers, of servers that answer */
		read_deliveries(l, can_send ? 0 : 1);
	}
	free(batch);
	return sent;
}

int main(int argc, char **argv)
{
	struct load l = {0};
	struct rlimit files;
	double began, seconds;

	if (argc != 12) {
		fprintf(stderr, "usage: fanout_load PORT IDLE ACTIVE MESSAGES WINDOW HELLO_IDLE HELLO_ACTIVE "
				"HELLO_PUBLISHER READY PUBLISH DELIVERY_LEN (bytes in hexadecimal)\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	l.server = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(argv[1])),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	l.idle = (unsigned)atoi(argv[2]);
	l.active = (unsigned)atoi(argv[3]);
	l.messages = strtoull(argv[4], NULL, 10) / BATCH * BATCH;
	l.window = (unsigned)atoi(argv[5]);
	l.hello_idle = parse_hex(argv[6]);
	l.hello_active = parse_hex(argv[7]);
	l.hello_publisher = parse_hex(argv[8]);
	l.ready = parse_hex(argv[9]);
	l.publish = parse_hex(argv[10]);
	l.delivery_len = strtoul(argv[11], NULL, 10);
	l.received = calloc(l.active + 1, sizeof(*l.received));
	join_all(&l);
	if (!l.active) { /* for whoever weighs the server: until our input ends */
		printf("{\"connected\": %u}\n", l.idle);
		fflush(stdout);
		return getchar() == EOF ? 0 : 1;
	}
	int publisher = join(&l, &l.hello_publisher, l.hello_publisher.len > 0);
	began = now();
	run(&l, publisher);
	seconds = now() - began;
	printf("{\"deliveries\": %llu, \"seconds\": %.4f, \"rate\": %.0f}\n",
		(unsigned long long)l.messages * l.active, seconds, (double)l.messages * l.active / seconds);
	free(l.received);
	return 0;
}
