/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of link: TLS over loopback TCP, QUIC over loopback UDP, and memory. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "link/quic.h"
#include "link/tls.h"
#include "net/sock.h"
#include "net/udp.h"
#include "tests/conform/memory.h"
#include "tests/conform/pair.h"
#include "tests/conform/test_support.h"
#include "tests/conform/udp_path.h"

/* --- TLS --- */

struct tls_state {
	int spare[2]; /* the same sockets once more, to cut them */
};

static void join_tcp(int fds[2])
{
	struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	int listener;

	assert_int_equal(bk_sock_listen(&any, false, 1, &listener), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&ss, &n), 0);
	assert_int_equal(bk_addr_from_sockaddr((struct sockaddr *)&ss, &any), 0);
	assert_int_equal(bk_sock_connect(NULL, &any, &fds[0]), 0);
	while (bk_sock_accept(listener, &any, &fds[1]) == BK_E_AGAIN) /* over loopback it waits already */
		;
	close(listener);
}

static int tls_make(struct pair *p, void *state, struct bk_link **ret_links)
{
	struct tls_state *s = state;
	int fds[2];

	join_tcp(fds);
	for (int i = 0; i < 2; i++) {
		const struct bk_link_tls_opts opts = {
			.is_server = i == 1,
			.identity = p->ids[i],
			.peer_pin = p->pins[i],
			.handshake_timeout_ns = p->handshake_timeout_ns,
		};
		int err;

		s->spare[i] = dup(fds[i]);
		assert_true(s->spare[i] >= 0);
		err = bk_link_tls_new(p->loop, fds[i], &opts, &pair_events, &p->ends[i], &ret_links[i]);
		if (err < 0)
			return err;
	}
	close(s->spare[1]); /* one is enough, and the other's would keep its connection alive after a free */
	s->spare[1] = -1;
	return 0;
}

static void tls_cut(void *state)
{
	struct tls_state *s = state;

	shutdown(s->spare[0], SHUT_RDWR);
}

static void tls_freed(void *state, int end)
{
	struct tls_state *s = state;

	if (end == 0 && s->spare[0] >= 0) {
		close(s->spare[0]);
		s->spare[0] = -1;
	}
}

static void tls_done(void *state)
{
	tls_freed(state, 0);
}

static const struct kind tls = {
	.name = "tls",
	.has_pins = true,
	.held_max = 16 << 20,
	.make = tls_make,
	.cut = tls_cut,
	.done = tls_done,
	.freed = tls_freed,
	.state_len = sizeof(struct tls_state),
};

/* --- QUIC --- */

struct quic_state {
	struct udp_path *paths[2];
};

static int quic_make(struct pair *p, void *state, struct bk_link **ret_links)
{
	struct bk_addr at[2] = {bk_addr_v4(127, 0, 0, 1, 0), bk_addr_v4(127, 0, 0, 1, 0)};
	struct quic_state *s = state;
	int err = 0;

	for (int i = 0; i < 2; i++) {
		int fd;

		assert_int_equal(bk_udp_open(&at[i], false, &fd), 0);
		assert_int_equal(bk_sock_local(fd, &at[i]), 0);
		assert_int_equal(udp_path_new(p->loop, fd, &s->paths[i]), 0);
	}
	for (int i = 0; i < 2 && !err; i++) {
		const struct bk_link_quic_opts opts = {
			.is_server = i == 1,
			.identity = p->ids[i],
			.peer_pin = p->pins[i],
			.local = at[i],
			.remote = at[1 - i],
			.send = udp_path_send,
			.arg = s->paths[i],
			.handshake_timeout_ns = p->handshake_timeout_ns,
			.idle_timeout_ns = p->idle_timeout_ns,
		};

		err = bk_link_quic_new(p->loop, &opts, &pair_events, &p->ends[i], &ret_links[i]);
		if (!err)
			udp_path_set_link(s->paths[i], ret_links[i]);
	}
	return err;
}

static void quic_cut(void *state)
{
	struct quic_state *s = state;

	udp_path_set_dead(s->paths[0], true);
	udp_path_set_dead(s->paths[1], true);
}

static void quic_done(void *state)
{
	struct quic_state *s = state;

	udp_path_free(s->paths[0]);
	udp_path_free(s->paths[1]);
}

static void quic_freed(void *state, int end)
{
	struct quic_state *s = state;

	udp_path_set_link(s->paths[end], NULL);
}

static const struct kind quic = {
	.name = "quic",
	.has_pins = true,
	.held_max = 16 << 20,
	.make = quic_make,
	.cut = quic_cut,
	.done = quic_done,
	.freed = quic_freed,
	.state_len = sizeof(struct quic_state),
};

/* --- memory --- */

struct memory_state {
	struct pair *pair;
};

static int make_memory(struct pair *p, size_t chunk, struct memory_state *s, struct bk_link **ret_links)
{
	const struct bk_link_memory_side sides[2] = {
		{&pair_events, &p->ends[0]},
		{&pair_events, &p->ends[1]},
	};

	s->pair = p;
	return bk_link_memory_new(p->loop, chunk, sides, ret_links);
}

static int memory_make(struct pair *p, void *state, struct bk_link **ret_links)
{
	return make_memory(p, 0, state, ret_links);
}

static int memory_make_chunked(struct pair *p, void *state, struct bk_link **ret_links)
{
	return make_memory(p, 1021, state, ret_links);
}

static void memory_cut(void *state)
{
	struct memory_state *s = state;

	for (int i = 0; i < 2; i++)
		if (s->pair->ends[i].link)
			bk_link_memory_cut(s->pair->ends[i].link);
}

static void memory_done(void *state)
{
	(void)state;
}

static const struct kind memory = {
	.name = "memory",
	.held_max = 4 << 20,
	.make = memory_make,
	.cut = memory_cut,
	.done = memory_done,
	.state_len = sizeof(struct memory_state),
};

static const struct kind memory_chunked = {
	.name = "memory in chunks",
	.held_max = 4 << 20,
	.make = memory_make_chunked,
	.cut = memory_cut,
	.done = memory_done,
	.state_len = sizeof(struct memory_state),
};

const struct kind *const kinds[] = {&tls, &quic, &memory, &memory_chunked, NULL};
