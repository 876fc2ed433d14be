/* SPDX-License-Identifier: Apache-2.0 */
/* What a link of ours carries between two processes over loopback, memory to memory: TLS over TCP or QUIC
 * over UDP, with the library's loop, and pieces of 256 KiB. Prints one line of JSON. */
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/time.h"
#include "link/quic.h"
#include "link/tls.h"
#include "net/sock.h"
#include "net/udp.h"
#include "tests/conform/udp_path.h"

enum { PIECE = 256 * 1024 };

struct side {
	struct bk_loop *loop;
	struct bk_link *link;
	struct udp_path *path;
	uint64_t left;
	bk_time began, ended;
	bool is_receiver;
};

static struct bk_identity *ids[2];
static uint8_t piece[PIECE];

static void check(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "link_pair: %s: %s\n", what, bk_error_text(err));
	exit(1);
}

static void pour(struct side *s)
{
	while (s->left) {
		size_t n = s->left < PIECE ? (size_t)s->left : PIECE;
		int err = bk_link_write(s->link, &(struct iovec){piece, n}, 1, false);

		if (err == BK_E_AGAIN)
			return;
		check(err, "write");
		s->left -= n;
	}
}

static void on_secure(void *arg)
{
	struct side *s = arg;

	s->began = bk_loop_now(s->loop);
	if (!s->is_receiver)
		pour(s);
}

static void on_writable(void *arg)
{
	struct side *s = arg;

	if (!s->is_receiver)
		pour(s);
}

/* The receiver answers the last byte with one; that is the sender's end. */
static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct side *s = arg;

	(void)data;
	if (!s->is_receiver) {
		s->ended = bk_loop_now(s->loop);
		bk_link_close(s->link);
		return;
	}
	s->left -= n;
	if (!s->left)
		check(bk_link_write(s->link, &(struct iovec){piece, 1}, 1, true), "answer");
}

static void on_end(void *arg, int error, const char *text)
{
	struct side *s = arg;

	if (error != BK_E_EOF)
		fprintf(stderr, "link_pair: %s ended: %s\n", s->is_receiver ? "receiver" : "sender", text);
	bk_loop_stop(s->loop);
}

static const struct bk_link_events events = {
	.on_secure = on_secure,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_end = on_end,
};

static double cpu_seconds(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* From here on, sockets are opened there. NULL: stay. */
static void enter(const char *ns)
{
	int fd;

	if (!ns)
		return;
	fd = open(ns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
		perror(ns);
		exit(1);
	}
	close(fd);
}

/* The receiver's side listens. Order of `ns` and `at`: sender, receiver. */
static void join_tcp(char *const ns[2], struct bk_addr at[2], int fds[2])
{
	int listener;

	enter(ns[1]);
	check(bk_sock_listen(&at[1], false, 1, &listener), "listen");
	check(bk_sock_local(listener, &at[1]), "listen");
	enter(ns[0]);
	check(bk_sock_connect(NULL, &at[1], &fds[0]), "connect");
	while (bk_sock_accept(listener, &at[0], &fds[1]) == BK_E_AGAIN)
		usleep(1000);
	close(listener);
}

static void open_udp(char *const ns[2], struct bk_addr at[2], int fds[2])
{
	for (int i = 0; i < 2; i++) {
		enter(ns[i]);
		check(bk_udp_open(&at[i], false, &fds[i]), "socket");
		check(bk_sock_local(fds[i], &at[i]), "socket");
	}
}

static void make_quic(struct side *s, int fd, const struct bk_addr at[2], bool use_bbr)
{
	const struct bk_link_quic_opts opts = {
		.is_server = s->is_receiver,
		.identity = ids[s->is_receiver],
		.peer_pin = bk_identity_pin(ids[!s->is_receiver]),
		.local = at[s->is_receiver],
		.remote = at[!s->is_receiver],
		.send = udp_path_send,
		.arg = (check(udp_path_new(s->loop, fd, &s->path), "path"), s->path),
		.wants_bbr = use_bbr,
	};

	check(bk_link_quic_new(s->loop, &opts, &events, s, &s->link), "link");
	udp_path_set_link(s->path, s->link);
}

static void make_tls(struct side *s, int fd)
{
	const struct bk_link_tls_opts opts = {
		.is_server = s->is_receiver,
		.identity = ids[s->is_receiver],
		.peer_pin = bk_identity_pin(ids[!s->is_receiver]),
	};

	check(bk_link_tls_new(s->loop, fd, &opts, &events, s, &s->link), "link");
}

int main(int argc, char **argv)
{
	struct bk_addr at[2] = {bk_addr_v4(127, 0, 0, 1, 0), bk_addr_v4(127, 0, 0, 1, 0)};
	struct side s = {0};
	char *ns[2] = {NULL, NULL};
	double sent, seconds;
	uint64_t bytes;
	int fds[2];
	pid_t child;

	if (argc != 3 && argc != 7) {
		fprintf(stderr, "usage: link_pair tls|quic|quic-bbr BYTES [NETNS1 IP1 NETNS2 IP2]\n");
		return 2;
	}
	for (int i = 0; i < 2 && argc == 7; i++) {
		ns[i] = argv[3 + 2 * i];
		check(bk_addr_from_ip(argv[4 + 2 * i], 0, &at[i]), argv[4 + 2 * i]);
	}
	for (int i = 0; i < 2; i++)
		check(bk_identity_new(&ids[i]), "identity");
	if (argv[1][0] == 't')
		join_tcp(ns, at, fds);
	else
		open_udp(ns, at, fds);
	fflush(stdout);
	child = fork();
	s.is_receiver = child == 0;
	s.left = bytes = strtoull(argv[2], NULL, 10);
	close(fds[!s.is_receiver]);
	check(bk_loop_new(BK_LOOP_AUTO, &s.loop), "loop");
	if (argv[1][0] == 't')
		make_tls(&s, fds[s.is_receiver]);
	else
		make_quic(&s, fds[s.is_receiver], at, strcmp(argv[1], "quic-bbr") == 0);
	check(bk_loop_run(s.loop), "loop");
	if (s.path)
		udp_path_set_link(s.path, NULL);
	bk_link_free(s.link);
	udp_path_free(s.path);
	bk_loop_free(s.loop);
	if (s.is_receiver)
		return 0;
	sent = cpu_seconds(RUSAGE_SELF);
	waitpid(child, NULL, 0);
	seconds = (double)(s.ended - s.began) / 1e9;
	printf("{\"bytes\": %llu, \"seconds\": %.6f, \"rate\": %.0f, \"sender_cpu\": %.3f, \"receiver_cpu\": "
	       "%.3f}\n",
		(unsigned long long)bytes, seconds, (double)bytes / seconds, sent,
		cpu_seconds(RUSAGE_CHILDREN));
	for (int i = 0; i < 2; i++)
		bk_identity_free(ids[i]);
	return 0;
}
