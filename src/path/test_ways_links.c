/* SPDX-License-Identifier: Apache-2.0 */
/* QUIC over the ways that engines find: links side by side on one socket, a handshake that is ahead of its
 * link, and an engine of 256 sockets of which any may win. Both ends are here, on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/time.h"
#include "net/sock.h"
#include "net/udp.h"
#include "path/ways.h"
#include "tests/sim/many.h"

enum { LINKS_MAX = 4, SOCKETS = 256, BULK = 2 * 1024 * 1024, PIECE = 64 * 1024, HELLO = 100 };

#define PATIENCE (20 * BK_SEC)
#define LONG_RTT (60 * BK_SEC) /* a first packet that is lost is not repeated within our patience */
#define LATE     (20 * BK_MS)

struct end;

/* One of a pair: what it gets must be of its own letter. */
struct user {
	struct end *end;
	struct bk_link *link;
	char letter;
	bool is_secure, is_foreign, frees_all;
	size_t to_write, received;
	int error;
};

struct end {
	struct scene *scene;
	struct bk_identity *identity;
	struct bk_ways *ways;
	struct many *engine;
	struct bk_drive *drive;
	struct bk_ways_run *run;
	struct bk_way won; /* socket 0: not yet */
	struct user users[LINKS_MAX];
};

struct scene {
	struct bk_loop *loop;
	struct bk_timer *timeout, *later;
	struct end ends[2]; /* the client, the server */
	bool timed_out;
};

static void on_view(void *arg)
{
	(void)arg;
}

static void on_timeout(void *arg)
{
	struct scene *s = arg;

	s->timed_out = true;
	bk_loop_stop(s->loop);
}

static void on_later(void *arg)
{
	bk_loop_stop(((struct scene *)arg)->loop);
}

/* Until something stops the loop. */
static void run(struct scene *s)
{
	bk_timer_start(s->timeout, PATIENCE);
	assert_int_equal(bk_loop_run(s->loop), 0);
	assert_false(s->timed_out);
}

static void set_up(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &s->loop), 0);
	assert_int_equal(bk_timer_new(s->loop, on_timeout, s, &s->timeout), 0);
	assert_int_equal(bk_timer_new(s->loop, on_later, s, &s->later), 0);
	for (int i = 0; i < 2; i++) {
		s->ends[i].scene = s;
		assert_int_equal(bk_identity_new(&s->ends[i].identity), 0);
		assert_int_equal(bk_ways_new(s->loop, on_view, s, &s->ends[i].ways), 0);
	}
}

static void end_run(struct end *e)
{
	bk_ways_run_free(e->run);
	e->run = NULL;
	bk_drive_free(e->drive);
	e->drive = NULL;
	many_free(e->engine);
	e->engine = NULL;
}

static void user_free(struct user *u)
{
	bk_link_free(u->link);
	u->link = NULL;
}

static void end_free(struct end *e)
{
	end_run(e);
	for (int i = 0; i < LINKS_MAX; i++)
		user_free(&e->users[i]);
	bk_ways_free(e->ways);
	e->ways = NULL;
}

static void tear_down(struct scene *s)
{
	for (int i = 0; i < 2; i++) {
		end_free(&s->ends[i]);
		bk_identity_free(s->ends[i].identity);
	}
	bk_timer_free(s->later);
	bk_timer_free(s->timeout);
	bk_loop_free(s->loop);
}

/* --- engines --- */

static struct bk_addr address_of(const struct end *e)
{
	return bk_addr_v4(127, 0, 0, 1, bk_ways_view(e->ways)->local.port);
}

static void on_report(void *arg, const struct bk_action *report)
{
	struct end *e = arg;

	assert_int_equal(report->report, BK_REPORT_CHOSEN);
	e->won = (struct bk_way){report->id, report->remote};
	if (e->scene->ends[0].won.socket && e->scene->ends[1].won.socket)
		bk_loop_stop(e->scene->loop);
}

static void start_engine(struct end *e, const struct many_opts *opts)
{
	e->engine = many_new(opts, bk_loop_now(e->scene->loop));
	assert_int_equal(bk_drive_new(e->scene->loop, e->engine, &many_ops, on_report, e, &e->drive), 0);
	assert_int_equal(bk_ways_run_new(e->ways, e->drive, &e->run), 0);
}

/* `asker` opens that many sockets and calls the first one of the other, which answers the way of that
 * number. */
static void find_way(struct scene *s, int asker, size_t sockets, size_t answered)
{
	struct end *a = &s->ends[asker], *b = &s->ends[!asker];

	start_engine(b, &(struct many_opts){.answered = answered});
	start_engine(a, &(struct many_opts){.sockets = sockets, .peer = address_of(b)});
	run(s);
	assert_int_equal(b->won.socket, MANY_OWN_SOCKET);
	assert_true(a->won.socket >= MANY_FIRST_SOCKET);
}

/* --- links --- */

static void pour(struct user *u)
{
	static char bytes[PIECE];

	memset(bytes, u->letter, sizeof(bytes));
	while (u->to_write) {
		size_t n = u->to_write < sizeof(bytes) ? u->to_write : sizeof(bytes);

		if (bk_link_write(u->link, &(struct iovec){bytes, n}, 1, false) < 0)
			return;
		u->to_write -= n;
	}
}

static void on_secure(void *arg)
{
	struct user *u = arg;

	u->is_secure = true;
	pour(u);
	bk_loop_stop(u->end->scene->loop);
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct user *u = arg;

	for (size_t i = 0; i < n; i++)
		u->is_foreign |= data[i] != (uint8_t)u->letter;
	u->received += n;
	if (u->frees_all)
		end_free(u->end);
	bk_loop_stop(u->end->scene->loop);
}

static void on_writable(void *arg)
{
	pour(arg);
}

static void on_end(void *arg, int error, const char *text)
{
	struct user *u = arg;

	(void)text;
	u->error = error;
}

static const struct bk_link_events events = {
	.on_secure = on_secure, .on_data = on_data, .on_writable = on_writable, .on_end = on_end};

static void open_link(struct end *e, int number, const struct bk_way *way)
{
	struct scene *s = e->scene;
	struct user *u = &e->users[number];
	const struct bk_link_quic_opts opts = {
		.is_server = e == &s->ends[1],
		.identity = e->identity,
		.peer_pin = bk_identity_pin(s->ends[e == &s->ends[0]].identity),
		.rtt_ns = LONG_RTT,
		.handshake_timeout_ns = PATIENCE,
		.idle_timeout_ns = PATIENCE,
	};

	u->end = e;
	u->letter = (char)('a' + number);
	assert_int_equal(bk_ways_link_new(e->run, way, &opts, &events, u, &u->link), 0);
}

static void open_pair(struct scene *s, int number, const struct bk_way *client, const struct bk_way *server)
{
	open_link(&s->ends[1], number, server);
	open_link(&s->ends[0], number, client);
}

static void run_until_secure(struct scene *s, int number)
{
	while (!s->ends[0].users[number].is_secure || !s->ends[1].users[number].is_secure)
		run(s);
}

/* n bytes each way. */
static void exchange(struct scene *s, int number, size_t n)
{
	size_t want[2];

	for (int i = 0; i < 2; i++) {
		struct user *u = &s->ends[i].users[number];

		want[i] = u->received + n;
		u->to_write += n;
		pour(u);
	}
	for (int i = 0; i < 2; i++) {
		struct user *u = &s->ends[i].users[number];

		while (u->received < want[i])
			run(s);
		assert_int_equal(u->received, want[i]);
		assert_false(u->is_foreign);
		assert_int_equal(u->error, 0);
	}
}

static int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 2048; fd++)
		n += bk_sock_local(fd, &(struct bk_addr){0}) == 0;
	return n;
}

/* --- the tests --- */

static void any_of_256_sockets_may_win_and_then_carries(void **state)
{
	static const size_t answered[] = {0, 1, 100, SOCKETS - 1};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(answered) / sizeof(answered[0]); i++) {
		int before = count_descriptors(), open;
		struct scene s;

		set_up(&s);
		open = count_descriptors();
		find_way(&s, (int)(i % 2), SOCKETS, answered[i / 2]);
		assert_int_equal(count_descriptors(), open + SOCKETS);
		open_pair(&s, 0, &s.ends[0].won, &s.ends[1].won);
		run_until_secure(&s, 0);
		exchange(&s, 0, HELLO);
		for (int e = 0; e < 2; e++)
			end_run(&s.ends[e]);
		assert_int_equal(count_descriptors(), open + 1); /* the one that won outlives its engine */
		exchange(&s, 0, BULK);
		tear_down(&s);
		assert_int_equal(count_descriptors(), before);
	}
}

static void two_contenders_and_a_carrier_on_one_socket_get_their_own(void **state)
{
	struct bk_way client, server;
	struct scene s;

	(void)state;
	set_up(&s);
	find_way(&s, 0, 1, 0);
	client = (struct bk_way){BK_WAYS_SOCKET4, address_of(&s.ends[1])};
	server = (struct bk_way){BK_WAYS_SOCKET4, address_of(&s.ends[0])};
	open_pair(&s, 0, &client, &server);
	run_until_secure(&s, 0);
	exchange(&s, 0, HELLO);
	for (int i = 0; i < 2; i++) { /* it carries while the others are tried */
		s.ends[i].users[0].to_write = BULK;
		pour(&s.ends[i].users[0]);
	}
	open_pair(&s, 1, &client, &server); /* on the very way of the carrier */
	run_until_secure(&s, 1);
	open_pair(&s, 2, &s.ends[0].won, &s.ends[1].won); /* from elsewhere */
	run_until_secure(&s, 2);
	for (int number = 1; number <= 2; number++)
		exchange(&s, number, BULK);
	user_free(&s.ends[0].users[1]); /* it lost; its peer says so */
	while (!s.ends[1].users[1].error)
		exchange(&s, 2, HELLO);
	for (int i = 0; i < 2; i++)
		while (s.ends[i].users[0].received < HELLO + BULK)
			run(&s);
	exchange(&s, 0, BULK);
	tear_down(&s);
}

/* The client begins as soon as it has the way, the server a while after. */
static void begin_late(struct scene *s)
{
	open_link(&s->ends[0], 0, &s->ends[0].won);
	bk_timer_start(s->later, LATE);
	run(s);
	assert_false(s->ends[0].users[0].is_secure);
	open_link(&s->ends[1], 0, &s->ends[1].won);
	run_until_secure(s, 0);
	exchange(s, 0, HELLO);
}

static void a_handshake_ahead_of_its_link_is_not_lost(void **state)
{
	(void)state;
	for (int asker = 0; asker < 2; asker++) { /* it comes to a first socket, and to one of the engine's */
		struct scene s;

		set_up(&s);
		find_way(&s, asker, 4, 2);
		begin_late(&s);
		tear_down(&s);
	}
}

static void strangers_cannot_take_the_place_of_an_early_handshake(void **state)
{
	const uint8_t first[HELLO] = {0xc0, 0, 0, 0, 1, 8};
	struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0), at;
	struct scene s;
	int fd;

	(void)state;
	set_up(&s);
	find_way(&s, 0, 1, 0);
	at = address_of(&s.ends[1]);
	assert_int_equal(bk_udp_open(&any, false, &fd), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(bk_udp_send(fd, &at, 0, first, sizeof(first)), 0);
	begin_late(&s);
	close(fd);
	tear_down(&s);
}

/* A link to somebody who never answers; what it sent stands in that socket. */
static int open_unanswered(struct scene *s)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	int fd;

	assert_int_equal(bk_udp_open(&at, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &at), 0);
	start_engine(&s->ends[0], &(struct many_opts){0});
	open_link(&s->ends[0], 0, &(struct bk_way){BK_WAYS_SOCKET4, at});
	bk_timer_start(s->later, LATE);
	return fd;
}

static void the_first_datagrams_of_a_link_go_twice(void **state)
{
	uint8_t one[2048], two[2048];
	struct bk_addr from;
	struct scene s;
	int fd, n;

	(void)state;
	set_up(&s);
	fd = open_unanswered(&s);
	run(&s);
	n = bk_udp_receive(fd, &from, one, sizeof(one));
	assert_true(n > 0);
	assert_true(bk_link_quic_is_first(one, (size_t)n));
	assert_int_equal(bk_udp_receive(fd, &from, two, sizeof(two)), n);
	assert_memory_equal(one, two, (size_t)n);
	close(fd);
	tear_down(&s);
}

static size_t count_waiting(int fd)
{
	uint8_t bytes[2048];
	struct bk_addr from;
	size_t n = 0;

	while (bk_udp_receive(fd, &from, bytes, sizeof(bytes)) > 0)
		n++;
	return n;
}

static void a_link_that_nobody_has_answered_repeats_its_first_packet_ten_times_in_all(void **state)
{
	struct bk_link **link;
	struct scene s;
	int fd;

	(void)state;
	set_up(&s);
	fd = open_unanswered(&s);
	link = &s.ends[0].users[0].link;
	bk_ways_link_limit(s.ends[0].run, *link, 10);
	run(&s);
	assert_int_equal(count_waiting(fd), 2);
	for (int i = 0; i < 20; i++)
		bk_ways_link_repeat(s.ends[0].run, *link);
	assert_int_equal(count_waiting(fd), 8);
	bk_ways_link_limit(s.ends[0].run, *link, 0);
	bk_ways_link_repeat(s.ends[0].run, *link);
	assert_int_equal(count_waiting(fd), 1);
	close(fd);
	tear_down(&s);
}

static void all_may_be_freed_from_inside_a_link(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	find_way(&s, 0, 4, 1);
	open_pair(&s, 0, &s.ends[0].won, &s.ends[1].won);
	run_until_secure(&s, 0);
	s.ends[1].users[0].frees_all = true;
	s.ends[0].users[0].to_write = HELLO;
	pour(&s.ends[0].users[0]);
	while (s.ends[1].ways)
		run(&s);
	while (!s.ends[0].users[0].error)
		bk_timer_start(s.later, LATE), run(&s);
	assert_int_equal(s.ends[0].users[0].error, BK_E_PEER_VANISHED);
	tear_down(&s);
}

static void a_link_needs_a_socket_and_a_place(void **state)
{
	const struct bk_link_quic_opts opts = {0};
	struct bk_link *link;
	struct scene s;

	(void)state;
	set_up(&s);
	start_engine(&s.ends[0], &(struct many_opts){0});
	assert_int_equal(bk_ways_link_new(s.ends[0].run, &(struct bk_way){7, address_of(&s.ends[1])}, &opts,
				 &events, NULL, &link),
		BK_E_NOT_FOUND);
	assert_int_equal(bk_ways_local(s.ends[0].run, 7).family, 0);
	assert_int_equal(bk_ways_local(s.ends[0].run, BK_WAYS_SOCKET4).family, 4);
	tear_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_of_256_sockets_may_win_and_then_carries),
		cmocka_unit_test(two_contenders_and_a_carrier_on_one_socket_get_their_own),
		cmocka_unit_test(a_handshake_ahead_of_its_link_is_not_lost),
		cmocka_unit_test(strangers_cannot_take_the_place_of_an_early_handshake),
		cmocka_unit_test(the_first_datagrams_of_a_link_go_twice),
		cmocka_unit_test(a_link_that_nobody_has_answered_repeats_its_first_packet_ten_times_in_all),
		cmocka_unit_test(all_may_be_freed_from_inside_a_link),
		cmocka_unit_test(a_link_needs_a_socket_and_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
