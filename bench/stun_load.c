/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a STUN server as fast as it answers: `stun_load IP PORT SECONDS [WINDOW]`. A window of questions is
 * always under way over a few sockets; each answer makes room for the next question, and what is not answered
 * within 100 ms counts as lost and is asked anew. Prints answers a second, and how many were lost. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 8, BATCH = 64, QUESTION = 20, ROOM = 256, WINDOW_USUAL = 512, LOST_MS = 100 };

struct load {
	int fds[SOCKETS];
	unsigned under_way[SOCKETS];
	unsigned window; /* of each socket */
	uint64_t answers, lost;
	uint8_t in[BATCH][ROOM], out[BATCH][QUESTION];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	struct mmsghdr in_headers[BATCH], out_headers[BATCH];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void prepare(struct load *l)
{
	static const uint8_t head[] = {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42};

	for (int i = 0; i < BATCH; i++) {
		memcpy(l->out[i], head, sizeof(head));
		l->out[i][8] = (uint8_t)i;
		l->in_iov[i] = (struct iovec){l->in[i], ROOM};
		l->out_iov[i] = (struct iovec){l->out[i], QUESTION};
		l->in_headers[i].msg_hdr = (struct msghdr){.msg_iov = &l->in_iov[i], .msg_iovlen = 1};
		l->out_headers[i].msg_hdr = (struct msghdr){.msg_iov = &l->out_iov[i], .msg_iovlen = 1};
	}
}

static int open_sockets(struct load *l, const char *ip, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	const int room = 1 << 20;

	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1)
		return -1;
	for (int i = 0; i < SOCKETS; i++) {
		l->fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		setsockopt(l->fds[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		if (l->fds[i] < 0 || connect(l->fds[i], (struct sockaddr *)&to, sizeof(to)) < 0)
			return -1;
	}
	return 0;
}

static void ask(struct load *l, int i)
{
	while (l->under_way[i] < l->window) {
		unsigned n = l->window - l->under_way[i];
		int sent = sendmmsg(l->fds[i], l->out_headers, n < BATCH ? n : BATCH, 0);

		if (sent <= 0)
			return;
		l->under_way[i] += (unsigned)sent;
	}
}

static void hear(struct load *l, int i)
{
	int got;

	while ((got = recvmmsg(l->fds[i], l->in_headers, BATCH, 0, NULL)) > 0) {
		for (int j = 0; j < got; j++)
			l->answers += l->in[j][0] == 1 && l->in[j][1] == 1;
		l->under_way[i] -= (unsigned)got < l->under_way[i] ? (unsigned)got : l->under_way[i];
		if (got < BATCH)
			break;
	}
}

static void give_up(struct load *l)
{
	for (int i = 0; i < SOCKETS; i++) {
		l->lost += l->under_way[i];
		l->under_way[i] = 0;
	}
}

static void run(struct load *l, double seconds)
{
	double end = now() + seconds;

	while (now() < end) {
		struct pollfd p[SOCKETS];

		for (int i = 0; i < SOCKETS; i++) {
			ask(l, i);
			p[i] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};
		}
		if (poll(p, SOCKETS, LOST_MS) == 0)
			give_up(l);
		for (int i = 0; i < SOCKETS; i++)
			if (p[i].revents)
				hear(l, i);
	}
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	double seconds = argc > 3 ? atof(argv[3]) : 0, since;

	if (!l || seconds <= 0) {
		fprintf(stderr, "usage: stun_load IP PORT SECONDS [WINDOW]\n");
		return 2;
	}
	l->window = (unsigned)(argc > 4 ? atoi(argv[4]) : WINDOW_USUAL) / SOCKETS;
	prepare(l);
	if (open_sockets(l, argv[1], argv[2]) < 0) {
		perror("stun_load");
		return 1;
	}
	run(l, seconds / 10); /* warm */
	l->answers = l->lost = 0;
	since = now();
	run(l, seconds);
	printf("%.0f %llu\n", (double)l->answers / (now() - since), (unsigned long long)l->lost);
	free(l);
	return 0;
}
