/* SPDX-License-Identifier: Apache-2.0 */
/* What a carrier over one link costs its sender, between two processes over loopback: bytes a second while
 * the receiver acknowledges, then memory when it stops doing so and all that may be kept is kept. The
 * receiver's datagrams may come late, so that QUIC has much in flight. Prints one line of JSON. */
#include <malloc.h>
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
#include "stream/carrier.h"
#include "tests/conform/udp_path.h"
#include "wire/frame.h"

enum { PIECE = 256 * 1024, ACK_EVERY = 512 * 1024, LATE_MAX = 16384, DATAGRAM_MAX = 1500, RESUME_LEN = 32 };

#define STUCK_AFTER (500 * BK_MS) /* without room to write */

struct late {
	bk_time due;
	size_t len;
	uint8_t bytes[DATAGRAM_MAX];
};

struct side {
	struct bk_loop *loop;
	struct bk_link *link;
	struct udp_path *path;
	struct bk_carrier *carrier;
	struct bk_timer *timer;
	uint64_t bytes;              /* to be acknowledged */
	uint64_t got, told;          /* receiver */
	bk_time began, ended, moved; /* sender */
	double cpu;                  /* seconds, until all was acknowledged */
	size_t idle_heap, heap;
	uint64_t kept;
	bk_dur delay;
	struct bk_addr remote;
	struct late *late; /* a ring */
	size_t late_first, late_len;
};

static struct bk_identity *ids[2];
static uint8_t piece[PIECE];

static void check(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "stream_pair: %s: %s\n", what, bk_error_text(err));
	exit(1);
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- the receiver: no carrier, but what one says --- */

static void put_u64(uint8_t *at, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> (56 - 8 * i));
}

static void say(struct side *s, uint8_t type, const uint8_t *payload, uint32_t n)
{
	const struct bk_sframe f = {.type = type, .length = n};
	uint8_t bytes[BK_SFRAME_HEADER_LEN + RESUME_LEN];

	bk_sframe_encode(&f, bytes);
	memcpy(bytes + BK_SFRAME_HEADER_LEN, payload, n);
	check(bk_link_write(s->link, &(struct iovec){bytes, BK_SFRAME_HEADER_LEN + n}, 1, true), "write");
}

static void receiver_on_secure(void *arg)
{
	uint8_t resume[RESUME_LEN] = {0};

	put_u64(resume + 24, 1);
	say(arg, BK_SFRAME_RESUME, resume, sizeof(resume));
}

static void receiver_on_data(void *arg, const uint8_t *data, size_t n)
{
	const uint64_t resume = BK_SFRAME_HEADER_LEN + RESUME_LEN;
	struct side *s = arg;
	uint8_t ack[8];

	(void)data;
	s->got += n;
	if (s->got < resume || s->told >= s->bytes || s->got - resume - s->told < ACK_EVERY)
		return;
	s->told = s->got - resume;
	put_u64(ack, s->told);
	say(s, BK_SFRAME_ACK, ack, sizeof(ack));
}

static void receiver_on_end(void *arg, int error, const char *text)
{
	struct side *s = arg;

	(void)error;
	(void)text;
	bk_loop_stop(s->loop);
}

static const struct bk_link_events receiver_events = {
	.on_secure = receiver_on_secure, .on_data = receiver_on_data, .on_end = receiver_on_end};

static void on_late(void *arg)
{
	struct side *s = arg;
	bk_time now = bk_loop_now(s->loop);

	while (s->late_len && s->late[s->late_first].due <= now) {
		struct late *l = &s->late[s->late_first];

		udp_path_send(s->path, &s->remote, l->bytes, l->len, 0);
		s->late_first = (s->late_first + 1) % LATE_MAX;
		s->late_len--;
	}
	if (s->late_len)
		bk_timer_start(s->timer, s->late[s->late_first].due - now);
}

static int send_late(void *arg, const struct bk_addr *to, const uint8_t *data, size_t len, size_t segment)
{
	struct side *s = arg;

	if (!s->delay)
		return udp_path_send(s->path, to, data, len, segment);
	for (size_t at = 0, n; at < len; at += n) {
		struct late *l = &s->late[(s->late_first + s->late_len) % LATE_MAX];

		n = segment && segment < len - at ? segment : len - at;
		if (s->late_len == LATE_MAX)
			return 0;
		*l = (struct late){.due = bk_loop_now(s->loop) + s->delay, .len = n};
		memcpy(l->bytes, data + at, n);
		if (!s->late_len++)
			bk_timer_start(s->timer, s->delay);
	}
	return 0;
}

/* --- the sender --- */

static void pour(struct side *s)
{
	const struct bk_sframe f = {.type = BK_SFRAME_DATA, .channel = 1, .length = PIECE};
	struct bk_carrier_stats stats;
	uint8_t head[BK_SFRAME_HEADER_LEN];

	bk_sframe_encode(&f, head);
	while (bk_carrier_send(
		       s->carrier, (struct iovec[]){{head, sizeof(head)}, {piece, PIECE}}, 2, false) == 0)
		s->moved = bk_loop_now(s->loop);
	bk_carrier_get_stats(s->carrier, &stats);
	if (stats.acked >= s->bytes && !s->ended) {
		s->ended = bk_loop_now(s->loop);
		s->cpu = cpu_seconds();
	}
}

static void sender_on_writable(void *arg)
{
	pour(arg);
}

static void sender_on_lost(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	fprintf(stderr, "stream_pair: %s\n", text);
	exit(1);
}

static void on_watch(void *arg)
{
	struct side *s = arg;
	struct bk_carrier_stats stats;
	size_t now = heap();

	pour(s); /* up to the ceiling, and not only when told that there is room */
	s->heap = now > s->heap ? now : s->heap;
	bk_carrier_get_stats(s->carrier, &stats);
	s->kept = stats.sent - stats.acked;
	if (s->ended && bk_loop_now(s->loop) - s->moved >= STUCK_AFTER)
		bk_loop_stop(s->loop);
	else
		bk_timer_start(s->timer, BK_MS);
}

static void sender_on_resumed(void *arg, uint64_t resent)
{
	(void)arg;
	(void)resent;
}

static void sender_on_head(void *arg, const struct bk_sframe *f)
{
	(void)arg;
	(void)f;
}

static void sender_on_payload(void *arg, const uint8_t *data, size_t n, uint32_t left)
{
	(void)arg;
	(void)data;
	(void)n;
	(void)left;
}

static void sender_on_closed(void *arg)
{
	(void)arg;
}

static const struct bk_carrier_user user = {
	.on_head = sender_on_head,
	.on_payload = sender_on_payload,
	.on_writable = sender_on_writable,
	.on_closed = sender_on_closed,
};

static const struct bk_stream_events carrier_events = {
	.on_lost = sender_on_lost,
	.on_resumed = sender_on_resumed,
};

static void sender_on_secure(void *arg)
{
	const struct bk_stream_opts opts = {.is_leading = true};
	struct side *s = arg;

	s->idle_heap = heap();
	s->began = s->moved = bk_loop_now(s->loop);
	check(bk_carrier_new(s->loop, &opts, &user, s, &carrier_events, s, &s->carrier), "carrier");
	bk_carrier_attach(s->carrier, s->link, false);
	pour(s);
	bk_timer_start(s->timer, BK_MS);
}

static void sender_on_data(void *arg, const uint8_t *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
}

static const struct bk_link_events sender_events = {
	.on_secure = sender_on_secure, .on_data = sender_on_data, .on_end = sender_on_lost};

/* --- both --- */

static void join_tcp(struct bk_addr at[2], int fds[2])
{
	int listener;

	check(bk_sock_listen(&at[1], false, 1, &listener), "listen");
	check(bk_sock_local(listener, &at[1]), "listen");
	check(bk_sock_connect(NULL, &at[1], &fds[0]), "connect");
	while (bk_sock_accept(listener, &at[0], &fds[1]) == BK_E_AGAIN)
		usleep(1000);
	close(listener);
}

static void open_udp(struct bk_addr at[2], int fds[2])
{
	for (int i = 0; i < 2; i++) {
		check(bk_udp_open(&at[i], false, &fds[i]), "socket");
		check(bk_sock_local(fds[i], &at[i]), "socket");
	}
}

static void make_link(struct side *s, bool is_receiver, bool is_tls, int fd, const struct bk_addr at[2])
{
	const struct bk_link_events *events = is_receiver ? &receiver_events : &sender_events;
	const struct bk_link_tls_opts tls = {
		.is_server = is_receiver,
		.identity = ids[is_receiver],
		.peer_pin = bk_identity_pin(ids[!is_receiver]),
	};
	struct bk_link_quic_opts quic = {
		.is_server = is_receiver,
		.identity = ids[is_receiver],
		.peer_pin = bk_identity_pin(ids[!is_receiver]),
		.local = at[is_receiver],
		.remote = at[!is_receiver],
		.send = send_late,
		.arg = s,
		.wants_bbr = true,
	};

	s->remote = at[!is_receiver];
	if (is_tls) {
		check(bk_link_tls_new(s->loop, fd, &tls, events, s, &s->link), "link");
		return;
	}
	check(udp_path_new(s->loop, fd, &s->path), "path");
	check(bk_link_quic_new(s->loop, &quic, events, s, &s->link), "link");
	udp_path_set_link(s->path, s->link);
}

static void run(struct side *s, bool is_receiver)
{
	s->late = calloc(is_receiver ? LATE_MAX : 1, sizeof(*s->late));
	check(s->late ? 0 : BK_E_NOMEM, "memory");
	check(bk_timer_new(s->loop, is_receiver ? on_late : on_watch, s, &s->timer), "timer");
	check(bk_loop_run(s->loop), "loop");
	if (s->path)
		udp_path_set_link(s->path, NULL);
	if (s->carrier)
		bk_carrier_free(s->carrier);
	else
		bk_link_free(s->link);
	udp_path_free(s->path);
	bk_timer_free(s->timer);
	bk_loop_free(s->loop);
	free(s->late);
}

int main(int argc, char **argv)
{
	struct bk_addr at[2] = {bk_addr_v4(127, 0, 0, 1, 0), bk_addr_v4(127, 0, 0, 1, 0)};
	bool is_tls = argc > 1 && strcmp(argv[1], "tls") == 0, is_receiver;
	struct side s = {0};
	struct rusage usage;
	int fds[2];
	pid_t child;

	if (argc != 4) {
		fprintf(stderr, "usage: stream_pair tls|quic BYTES LATE-MS\n");
		return 2;
	}
	for (int i = 0; i < 2; i++)
		check(bk_identity_new(&ids[i]), "identity");
	if (is_tls)
		join_tcp(at, fds);
	else
		open_udp(at, fds);
	child = fork();
	is_receiver = child == 0;
	s.bytes = strtoull(argv[2], NULL, 10);
	s.delay = is_receiver ? strtol(argv[3], NULL, 10) * BK_MS : 0;
	close(fds[!is_receiver]);
	check(bk_loop_new(BK_LOOP_AUTO, &s.loop), "loop");
	make_link(&s, is_receiver, is_tls, fds[is_receiver], at);
	run(&s, is_receiver);
	if (is_receiver)
		return 0;
	waitpid(child, NULL, 0);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"rate\": %.0f, \"cpu\": %.3f, \"kept\": %llu, \"heap\": %zu, \"peak_rss\": %ld}\n",
		(double)s.bytes * 1e9 / (double)(s.ended - s.began), s.cpu, (unsigned long long)s.kept,
		s.heap - s.idle_heap, usage.ru_maxrss * 1024);
	for (int i = 0; i < 2; i++)
		bk_identity_free(ids[i]);
	return 0;
}
