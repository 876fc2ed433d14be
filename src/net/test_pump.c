/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/pump.h"
#include "net/sock.h"
#include "net/test_kit.h"

enum { SMALL = 4096, LARGE = 1 << 20, BULK = 20 << 20 };

enum freeing { NEVER, IN_INPUT, IN_OUTPUT, IN_END };

/* One owner of a pump. */
struct end {
	struct bk_loop *loop;
	struct bk_pump *pump;
	struct bk_buf in, out;
	enum freeing freeing;
	bool keep; /* leaves what comes where it is */
	size_t took, to_send, stop_at;
	int inputs, outputs, ends, error;
};

static void drop(struct end *e)
{
	bk_pump_free(e->pump);
	e->pump = NULL;
	bk_buf_done(&e->in); /* an owner frees its buffers with the pump */
	bk_buf_done(&e->out);
	bk_loop_stop(e->loop);
}

static void fill(struct end *e)
{
	static const uint8_t piece[16384] = {1};

	while (e->to_send && bk_buf_room(&e->out) >= sizeof(piece)) {
		size_t n = e->to_send < sizeof(piece) ? e->to_send : sizeof(piece);

		assert_int_equal(bk_buf_append(&e->out, piece, n), 0);
		e->to_send -= n;
	}
	bk_pump_kick(e->pump);
}

static void on_input(void *arg)
{
	struct end *e = arg;

	e->inputs++;
	if (!e->keep) {
		e->took += e->in.len;
		bk_buf_consume(&e->in, e->in.len);
	}
	if (e->freeing == IN_INPUT)
		drop(e);
	else if (e->stop_at && e->took + e->in.len >= e->stop_at)
		bk_loop_stop(e->loop);
}

static void on_output(void *arg)
{
	struct end *e = arg;

	e->outputs++;
	if (e->freeing == IN_OUTPUT)
		drop(e);
	else if (e->to_send)
		fill(e);
}

static void on_end(void *arg, int error)
{
	struct end *e = arg;

	e->ends++;
	e->error = error;
	if (e->freeing == IN_END)
		drop(e);
	bk_loop_stop(e->loop);
}

static const struct bk_pump_events events = {.on_input = on_input, .on_output = on_output, .on_end = on_end};

static void end_init(struct end *e, struct bk_loop *loop, int fd, size_t in_max, size_t out_max)
{
	*e = (struct end){.loop = loop};
	bk_buf_init(&e->in, in_max);
	bk_buf_init(&e->out, out_max);
	assert_int_equal(bk_pump_new(loop, fd, &e->in, &e->out, &events, e, &e->pump), 0);
}

static void end_done(struct end *e)
{
	bk_pump_free(e->pump);
	bk_buf_done(&e->in);
	bk_buf_done(&e->out);
}

static void make_pair(int ret_fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds), 0);
}

static void a_large_transfer_arrives_and_memory_stays_under_the_ceilings(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct end a, b;
	int fds[2];

	(void)state;
	make_pair(fds);
	end_init(&a, loop, fds[0], SMALL, LARGE);
	end_init(&b, loop, fds[1], LARGE, SMALL);
	a.to_send = b.stop_at = BULK;
	fill(&a);
	kit_run(loop);
	assert_int_equal(b.took, BULK);
	assert_int_equal(b.took, BULK);
	assert_true(a.outputs > 1);
	assert_true(a.out.cap <= LARGE + LARGE / 2 && b.in.cap <= LARGE + LARGE / 2);
	end_done(&a);
	end_done(&b);
	bk_loop_free(loop);
}

static void the_end_of_the_stream_comes_after_its_last_bytes(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct end e;
	int fds[2];

	(void)state;
	make_pair(fds);
	end_init(&e, loop, fds[0], SMALL, SMALL);
	assert_int_equal(write(fds[1], "bye", 3), 3);
	close(fds[1]);
	kit_run(loop);
	assert_int_equal(e.took, 3);
	assert_int_equal(e.ends, 1);
	assert_int_equal(e.error, BK_E_EOF);
	bk_pump_kick(e.pump);
	kit_run_idle(loop, 5);
	assert_int_equal(e.ends, 1);
	end_done(&e);
	bk_loop_free(loop);
}

static void connect_pair(int ret_fds[2])
{
	struct bk_addr at, from;
	int listener = kit_listen(&at);

	assert_int_equal(bk_sock_connect(NULL, &at, &ret_fds[0]), 0);
	while (bk_sock_accept(listener, &from, &ret_fds[1]) < 0)
		;
	close(listener);
}

static void a_reset_has_its_own_name(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct end e;
	int fds[2];

	(void)state;
	connect_pair(fds);
	end_init(&e, loop, fds[0], SMALL, SMALL);
	bk_sock_abort(fds[1]);
	kit_run(loop);
	assert_int_equal(e.error, BK_E_RESET);
	assert_int_equal(e.ends, 1);
	end_done(&e);
	bk_loop_free(loop);
}

static void writing_to_a_closed_socket_ends_it_from_the_loop(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct end e;
	int fds[2];

	(void)state;
	make_pair(fds);
	end_init(&e, loop, fds[0], SMALL, SMALL);
	bk_pump_deafen(e.pump);
	close(fds[1]);
	assert_int_equal(bk_buf_append(&e.out, "x", 1), 0);
	bk_pump_kick(e.pump);
	assert_int_equal(e.ends, 0);
	kit_run(loop);
	assert_int_equal(e.error, BK_E_EOF);
	end_done(&e);
	bk_loop_free(loop);
}

static void reading_stops_at_the_ceiling(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	static const uint8_t bytes[3 * SMALL];
	struct end e;
	int fds[2];

	(void)state;
	make_pair(fds);
	end_init(&e, loop, fds[0], SMALL, SMALL);
	e.keep = true;
	assert_int_equal(write(fds[1], bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	kit_run_idle(loop, 20);
	assert_int_equal(e.in.len, SMALL);
	close(fds[1]);
	end_done(&e);
	bk_loop_free(loop);
}

static void nothing_is_read_by_the_deaf(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct end e;
	int fds[2];

	(void)state;
	make_pair(fds);
	end_init(&e, loop, fds[0], SMALL, SMALL);
	bk_pump_deafen(e.pump);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	kit_run_idle(loop, 5);
	assert_int_equal(e.inputs, 0);
	close(fds[1]);
	end_done(&e);
	bk_loop_free(loop);
}

static void drain(int fd)
{
	static uint8_t sink[1 << 20];

	while (read(fd, sink, sizeof(sink)) > 0)
		;
}

/* The owner waits for room; another of its writes empties the queue; it must be told all the same. */
static void output_is_told_even_when_a_kick_emptied_the_queue(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct end e;
	int fds[2];

	(void)state;
	make_pair(fds);
	end_init(&e, loop, fds[0], SMALL, LARGE);
	e.to_send = LARGE;
	fill(&e);
	assert_true(e.out.len > 0);
	while (e.out.len) {
		drain(fds[1]);
		bk_pump_kick(e.pump);
	}
	assert_int_equal(e.outputs, 0);
	drain(fds[1]);
	kit_run_idle(loop, 5);
	assert_int_equal(e.outputs, 1);
	kit_run_idle(loop, 5);
	assert_int_equal(e.outputs, 1);
	close(fds[1]);
	end_done(&e);
	bk_loop_free(loop);
}

static void the_pump_may_be_freed_in_each_callback(void **state)
{
	int before = kit_count_descriptors();

	(void)state;
	for (enum freeing f = IN_INPUT; f <= IN_END; f++) {
		struct bk_loop *loop = kit_loop_new();
		struct end e;
		int fds[2];

		make_pair(fds);
		end_init(&e, loop, fds[0], SMALL, LARGE);
		e.freeing = f;
		e.to_send = f == IN_OUTPUT ? LARGE : 0;
		fill(&e);
		if (f == IN_INPUT)
			assert_int_equal(write(fds[1], "x", 1), 1);
		if (f == IN_END)
			close(fds[1]);
		while (e.pump) {
			if (f == IN_OUTPUT)
				drain(fds[1]);
			kit_run_idle(loop, 2);
		}
		assert_null(e.pump);
		kit_run_idle(loop, 3);
		assert_int_equal(e.ends, f == IN_END);
		if (f != IN_END)
			close(fds[1]);
		bk_loop_free(loop);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_transfer_arrives_and_memory_stays_under_the_ceilings),
		cmocka_unit_test(the_end_of_the_stream_comes_after_its_last_bytes),
		cmocka_unit_test(a_reset_has_its_own_name),
		cmocka_unit_test(writing_to_a_closed_socket_ends_it_from_the_loop),
		cmocka_unit_test(reading_stops_at_the_ceiling),
		cmocka_unit_test(nothing_is_read_by_the_deaf),
		cmocka_unit_test(output_is_told_even_when_a_kick_emptied_the_queue),
		cmocka_unit_test(the_pump_may_be_freed_in_each_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
