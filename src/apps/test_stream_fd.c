/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "apps/stream_fd.h"
#include "base/buf.h"
#include "base/error.h"
#include "net/turn.h"

enum { CREDIT = 200000, BULK = 3 << 20, PATIENCE = 30 };

/* --- two channels that are each other's other end --- */

struct bk_channel {
	const struct bk_channel_events *events;
	void *arg;
	struct bk_channel *peer;
	struct bk_buf coming;
	struct bk_turn turn;
	bool is_paused, is_blocked, has_fin, has_told_fin, is_gone;
	int reset;
};

static void deliver(void *arg)
{
	struct bk_channel *c = arg;
	static uint8_t copy[CREDIT];
	size_t n = c->coming.len;

	if (c->is_gone)
		return;
	if (c->reset) {
		c->events->on_reset(c, c->arg, c->reset);
		return;
	}
	if (n && !c->is_paused) {
		memcpy(copy, bk_buf_head(&c->coming), n);
		bk_buf_consume(&c->coming, n);
		c->events->on_data(c, c->arg, copy, n);
	}
	if (c->has_fin && !c->has_told_fin && !c->is_paused && !c->coming.len) {
		c->has_told_fin = true;
		c->events->on_finished(c, c->arg);
	}
	if (!c->is_gone && c->is_blocked && c->peer->coming.len < CREDIT / 2) {
		c->is_blocked = false;
		c->events->on_writable(c, c->arg);
	}
	bk_turn_ask(&c->peer->turn);
	if (c->coming.len && !c->is_paused)
		bk_turn_ask(&c->turn);
}

int bk_channel_write(struct bk_channel *c, const void *data, size_t n)
{
	if (c->peer->coming.len + n > CREDIT) {
		c->is_blocked = true;
		return BK_E_AGAIN;
	}
	assert_int_equal(bk_buf_append(&c->peer->coming, data, n), 0);
	bk_turn_ask(&c->peer->turn);
	return 0;
}

void bk_channel_finish(struct bk_channel *c)
{
	c->peer->has_fin = true;
	bk_turn_ask(&c->peer->turn);
}

void bk_channel_pause(struct bk_channel *c)
{
	c->is_paused = true;
}

void bk_channel_resume(struct bk_channel *c)
{
	c->is_paused = false;
	bk_turn_ask(&c->turn);
}

void bk_channel_free(struct bk_channel *c, int error)
{
	if (!c)
		return;
	c->is_gone = true;
	if (!c->has_told_fin || !c->peer->has_fin)
		c->peer->reset = error;
	bk_turn_ask(&c->peer->turn);
}

/* --- the stage: outside, splice, channel, splice, outside --- */

struct side {
	struct bk_channel channel;
	struct bk_stream_fd *splice;
	int in, out; /* of the outside */
	bool has_ended;
	int error;
	size_t got;
	bool is_whole;
	struct stage *stage;
	pthread_t thread;
};

struct stage {
	struct bk_loop *loop;
	struct bk_timer *timer;
	struct side a, b;
	size_t put, before;
	int idle;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static void on_end(void *arg, int error)
{
	struct side *s = arg;

	s->has_ended = true;
	s->error = error;
	if (s->stage->a.has_ended && s->stage->b.has_ended)
		bk_loop_stop(s->stage->loop);
}

enum kind { SOCKETS, PIPES, TERMINAL };

/* What the splice gets, and what the outside has. */
static void make_ends(enum kind kind, struct side *s, int *ret_in, int *ret_out)
{
	int one[2], two[2];

	if (kind == SOCKETS) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, one), 0);
		*ret_in = *ret_out = one[0];
		s->in = one[1];
		s->out = dup(one[1]);
		return;
	}
	assert_int_equal(pipe(one), 0);
	assert_int_equal(pipe(two), 0);
	*ret_in = one[0];
	s->out = one[1];
	*ret_out = two[1];
	s->in = two[0];
}

static void start_side(struct stage *st, struct side *s, int in, int out)
{
	s->stage = st;
	s->is_whole = true;
	bk_buf_init(&s->channel.coming, CREDIT);
	bk_turn_init(&s->channel.turn, st->loop, deliver, &s->channel);
	assert_int_equal(bk_stream_fd_new(st->loop, in, out, on_end, s, &s->splice), 0);
	s->channel.events = &bk_stream_fd_events;
	s->channel.arg = s->splice;
	s->channel.peer = s == &st->a ? &st->b.channel : &st->a.channel;
	bk_stream_fd_start(s->splice, &s->channel);
}

static void set_up(struct stage *st)
{
	*st = (struct stage){0};
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &st->loop), 0);
}

static void tear_down(struct stage *st)
{
	struct side *sides[] = {&st->a, &st->b};

	for (int i = 0; i < 2; i++) {
		bk_stream_fd_free(sides[i]->splice);
		bk_turn_done(&sides[i]->channel.turn);
		bk_buf_done(&sides[i]->channel.coming);
		close(sides[i]->in);
		close(sides[i]->out);
	}
	bk_timer_free(st->timer);
	bk_loop_free(st->loop);
}

static void say(struct side *s, size_t n)
{
	uint8_t piece[5000];

	for (size_t at = 0; at < n;) {
		size_t len = n - at < sizeof(piece) ? n - at : sizeof(piece);
		ssize_t put;

		for (size_t i = 0; i < len; i++)
			piece[i] = byte_at(at + i);
		put = write(s->out, piece, len);
		if (put < 0)
			return;
		at += (size_t)put;
	}
	shutdown(s->out, SHUT_WR);
	close(s->out);
	s->out = -1;
}

static void listen_all(struct side *s)
{
	uint8_t piece[7000];
	ssize_t n;

	while ((n = read(s->in, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < n; i++)
			s->is_whole = s->is_whole && piece[i] == byte_at(s->got++);
}

static void *asks(void *arg)
{
	say(arg, BULK);
	listen_all(arg);
	return NULL;
}

/* Answers only after the end of the question: that is what half-close is for. */
static void *answers(void *arg)
{
	listen_all(arg);
	say(arg, BULK / 3);
	return NULL;
}

static void converse(enum kind a, enum kind b)
{
	struct stage st;
	int in, out;

	set_up(&st);
	make_ends(a, &st.a, &in, &out);
	start_side(&st, &st.a, in, out);
	make_ends(b, &st.b, &in, &out);
	start_side(&st, &st.b, in, out);
	assert_int_equal(pthread_create(&st.a.thread, NULL, asks, &st.a), 0);
	assert_int_equal(pthread_create(&st.b.thread, NULL, answers, &st.b), 0);
	assert_int_equal(bk_loop_run(st.loop), 0);
	pthread_join(st.a.thread, NULL);
	pthread_join(st.b.thread, NULL);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.b.error, 0);
	assert_int_equal(st.b.got, BULK);
	assert_int_equal(st.a.got, BULK / 3);
	assert_true(st.a.is_whole && st.b.is_whole);
	tear_down(&st);
}

static void an_answer_after_end_of_file_comes_through_sockets_and_pipes(void **state)
{
	(void)state;
	converse(SOCKETS, SOCKETS);
	converse(PIPES, PIPES);
	converse(SOCKETS, PIPES);
}

static void a_file_goes_out_and_comes_in_as_a_file(void **state)
{
	char from[] = "/tmp/bodkin-test-XXXXXX", to[] = "/tmp/bodkin-test-XXXXXX";
	int in = mkstemp(from), out = mkstemp(to);
	struct stage st;

	(void)state;
	set_up(&st);
	st.a.out = dup(in);
	say(&st.a, BULK);
	lseek(in, 0, SEEK_SET);
	st.a.in = -1;
	start_side(&st, &st.a, in, open("/dev/null", O_WRONLY));
	st.b.in = dup(out);
	st.b.out = -1;
	start_side(&st, &st.b, open("/dev/null", O_RDONLY), out);
	assert_int_equal(bk_loop_run(st.loop), 0);
	lseek(st.b.in, 0, SEEK_SET);
	listen_all(&st.b);
	assert_int_equal(st.b.got, BULK);
	assert_true(st.b.is_whole);
	unlink(from);
	unlink(to);
	tear_down(&st);
}

/* The outside of b does not read; a's goes on until nothing is taken any more. */
static void put_more(void *arg)
{
	struct stage *st = arg;
	static const uint8_t zeros[4096];
	ssize_t n;

	while ((n = write(st->a.out, zeros, sizeof(zeros))) > 0)
		st->put += (size_t)n;
	st->idle = st->put == st->before ? st->idle + 1 : 0;
	st->before = st->put;
	assert_true(st->put < 2 << 20);
	if (st->idle == PATIENCE)
		bk_loop_stop(st->loop);
	else
		bk_timer_start(st->timer, 1000000);
}

static void a_reader_that_stops_stops_the_writer_and_not_the_loop(void **state)
{
	const enum kind kinds[] = {SOCKETS, PIPES};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stage st;
		int in, out, flags;

		set_up(&st);
		make_ends(SOCKETS, &st.a, &in, &out);
		start_side(&st, &st.a, in, out);
		make_ends(kinds[i], &st.b, &in, &out);
		flags = fcntl(out, F_GETFL);
		start_side(&st, &st.b, in, dup(out));
		assert_int_equal(fcntl(out, F_GETFL), flags); /* what others share stays as it was */
		if (in != out)
			close(out);
		fcntl(st.a.out, F_SETFL, O_NONBLOCK);
		assert_int_equal(bk_timer_new(st.loop, put_more, &st, &st.timer), 0);
		bk_timer_start(st.timer, 0);
		assert_int_equal(bk_loop_run(st.loop), 0);
		assert_true(st.put > CREDIT);
		tear_down(&st);
	}
}

static void a_reader_that_is_gone_resets_the_other_end(void **state)
{
	struct stage st;
	int in, out;
	char x;

	(void)state;
	set_up(&st);
	make_ends(SOCKETS, &st.a, &in, &out);
	start_side(&st, &st.a, in, out);
	make_ends(PIPES, &st.b, &in, &out);
	start_side(&st, &st.b, in, out);
	close(st.b.in);
	st.b.in = -1;
	assert_int_equal(write(st.a.out, "hello", 5), 5);
	assert_int_equal(bk_loop_run(st.loop), 0);
	assert_true(st.a.error < 0 && st.b.error < 0);
	bk_stream_fd_free(st.a.splice);
	st.a.splice = NULL;
	assert_true(read(st.a.in, &x, 1) <= 0);
	tear_down(&st);
}

static void a_terminal_is_read_and_written(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, in, out;
	struct termios raw;
	struct stage st;
	char got[16] = "";

	(void)state;
	set_up(&st);
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	st.a.in = -1;
	st.a.out = master;
	start_side(&st, &st.a, slave, dup(slave));
	make_ends(SOCKETS, &st.b, &in, &out);
	start_side(&st, &st.b, in, out);
	assert_int_equal(write(master, "typed", 5), 5);
	assert_int_equal(write(st.b.out, "shown", 5), 5);
	while (recv(st.b.in, got, 5, MSG_DONTWAIT) != 5)
		assert_int_equal(bk_loop_turn(st.loop, 1000000), 0);
	assert_string_equal(got, "typed");
	for (int i = 0; i < 10; i++)
		assert_int_equal(bk_loop_turn(st.loop, 1000000), 0);
	assert_int_equal(read(master, got, 5), 5);
	assert_string_equal(got, "shown");
	tear_down(&st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_after_end_of_file_comes_through_sockets_and_pipes),
		cmocka_unit_test(a_file_goes_out_and_comes_in_as_a_file),
		cmocka_unit_test(a_reader_that_stops_stops_the_writer_and_not_the_loop),
		cmocka_unit_test(a_reader_that_is_gone_resets_the_other_end),
		cmocka_unit_test(a_terminal_is_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
