/* SPDX-License-Identifier: Apache-2.0 */
/* What a datagram costs an engine of many sockets: one comes to each of them in turn over loopback, is told
 * to the engine, and answered from there. Prints processor time, the sender's calls included; beside it what
 * the system takes for the same calls on as many bare sockets, which are colder the more there are.
 *
 *     drive_sockets [SOCKETS ...] */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "net/drive.h"
#include "net/sock.h"
#include "net/udp.h"

enum { SOCKETS_MAX = 1024, ROUND = 4096, ROUNDS = 9, DESCRIPTORS = 4096, LOST_MS = 100, PATIENCE_S = 60 };

struct engine {
	struct bk_loop *loop;
	size_t sockets, asked, opened;
	struct bk_addr at[SOCKETS_MAX + 1]; /* by id */
	struct bk_action answer;
	bool has_answer;
};

static void on_opened(void *engine, uint32_t id, const struct bk_addr *local, bk_time now)
{
	struct engine *e = engine;

	(void)now;
	e->at[id] = *local;
	if (++e->opened == e->sockets)
		bk_loop_stop(e->loop);
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	(void)engine, (void)now;
	fprintf(stderr, "socket %u: %s\n", id, bk_error_text(error));
	exit(1);
}

static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct engine *e = engine;

	(void)now;
	e->answer =
		(struct bk_action){.type = BK_ACT_DATAGRAM, .id = id, .remote = *from, .len = (uint16_t)len};
	memcpy(e->answer.data, data, len);
	e->has_answer = true;
	bk_loop_stop(e->loop);
	return true;
}

static void on_time(void *engine, bk_time now)
{
	(void)engine, (void)now;
}

static bk_time next_wake(const void *engine)
{
	(void)engine;
	return BK_NEVER;
}

static bool next_action(void *engine, struct bk_action *ret_action)
{
	struct engine *e = engine;

	if (e->asked < e->sockets) {
		*ret_action = (struct bk_action){.type = BK_ACT_UDP_OPEN,
			.id = (uint32_t)++e->asked,
			.local = bk_addr_v4(127, 0, 0, 1, 0)};
		return true;
	}
	if (!e->has_answer)
		return false;
	*ret_action = e->answer;
	e->has_answer = false;
	return true;
}

static const struct bk_engine_ops ops = {
	.on_opened = on_opened,
	.on_failed = on_failed,
	.on_datagram = on_datagram,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = next_action,
};

static void on_report(void *arg, const struct bk_action *report)
{
	(void)arg, (void)report;
}

static void check(int err)
{
	if (err >= 0)
		return;
	fprintf(stderr, "drive_sockets: %s\n", bk_error_text(err));
	exit(1);
}

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* On a busy machine the kernel hands a datagram over a little later, or loses one. */
static void hear(int fd, struct bk_addr *ret_from, uint8_t *out, size_t cap)
{
	poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, LOST_MS);
	bk_udp_receive(fd, ret_from, out, cap);
}

static double play_round(struct engine *e, int peer)
{
	double began = cpu_ns();
	uint8_t word[100] = {0};
	struct bk_addr from;

	for (size_t i = 0; i < ROUND; i++) {
		check(bk_udp_send(peer, &e->at[1 + i * 7 % e->sockets], 0, word, sizeof(word)));
		check(bk_loop_run(e->loop));
		hear(peer, &from, word, sizeof(word));
	}
	return (cpu_ns() - began) / ROUND;
}

/* The same calls, and epoll for the loop. */
static double play_bare(const int *fds, const struct bk_addr *at, size_t sockets, int peer, int waiter)
{
	double began = cpu_ns();
	uint8_t word[2048] = {0};
	struct bk_addr from;

	for (size_t i = 0; i < ROUND; i++) {
		struct epoll_event event;
		int fd;

		check(bk_udp_send(peer, &at[i * 7 % sockets], 0, word, 100));
		epoll_wait(waiter, &event, 1, -1);
		fd = fds[event.data.u32];
		check(bk_udp_receive(fd, &from, word, sizeof(word)));
		bk_udp_receive(fd, &from, word, sizeof(word)); /* no more */
		check(bk_udp_send(fd, &from, 0, word, 100));
		hear(peer, &from, word, sizeof(word));
	}
	return (cpu_ns() - began) / ROUND;
}

static void open_bare(size_t sockets, int *fds, struct bk_addr *at, int waiter)
{
	const struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);

	for (size_t i = 0; i < sockets; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

		check(bk_udp_open(&any, false, &fds[i]));
		check(bk_sock_local(fds[i], &at[i]));
		epoll_ctl(waiter, EPOLL_CTL_ADD, fds[i], &event);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(size_t sockets)
{
	const struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);
	struct engine *e = calloc(1, sizeof(*e));
	static struct bk_addr at[SOCKETS_MAX];
	static int fds[SOCKETS_MAX];
	int peer, waiter = epoll_create1(0);
	double ns[ROUNDS], bare[ROUNDS];
	struct bk_drive *drive;

	if (!e)
		exit(1);
	e->sockets = sockets;
	check(bk_loop_new(BK_LOOP_AUTO, &e->loop));
	check(bk_udp_open(&any, false, &peer));
	check(bk_drive_new(e->loop, e, &ops, on_report, e, &drive));
	check(bk_loop_run(e->loop));
	open_bare(sockets, fds, at, waiter);
	for (int i = 0; i < ROUNDS; i++) {
		ns[i] = play_round(e, peer);
		bare[i] = play_bare(fds, at, sockets, peer, waiter);
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	qsort(bare, ROUNDS, sizeof(bare[0]), compare);
	printf("{\"sockets\": %zu, \"cpu_ns\": %.0f, \"bare_ns\": %.0f}\n", sockets, ns[ROUNDS / 2],
		bare[ROUNDS / 2]);
	for (size_t i = 0; i < sockets; i++)
		close(fds[i]);
	close(waiter);
	bk_drive_free(drive);
	bk_loop_free(e->loop);
	close(peer);
	free(e);
}

int main(int argc, char **argv)
{
	const struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};

	setrlimit(RLIMIT_NOFILE, &limit);
	alarm(PATIENCE_S);
	if (argc == 1) {
		measure(2);
		measure(SOCKETS_MAX);
	}
	for (int i = 1; i < argc; i++) {
		unsigned long n = strtoul(argv[i], NULL, 10);

		if (n < 1 || n > SOCKETS_MAX) {
			fprintf(stderr, "usage: drive_sockets [SOCKETS ...] (1 to %d)\n", SOCKETS_MAX);
			return 2;
		}
		measure(n);
	}
	return 0;
}
