/* SPDX-License-Identifier: Apache-2.0 */
/* The session's UDP sockets against a real STUN service on loopback, and against strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bodkin/server.h>

#include "base/error.h"
#include "base/time.h"
#include "net/sock.h"
#include "net/udp.h"
#include "path/ways.h"

enum { STRANGE_LEN = 600 };

#define PATIENCE (10 * BK_SEC)

struct scene {
	char state_dir[64];
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_ways *ways;
	struct bk_timer *timeout;
	struct bk_addr servers[2];
	size_t wait_for; /* the loop stops when no more than so many answers are awaited */
	bool timed_out;
};

static void on_view(void *arg)
{
	struct scene *s = arg;

	if (bk_ways_view(s->ways)->awaited <= s->wait_for)
		bk_loop_stop(s->loop);
}

static void on_timeout(void *arg)
{
	struct scene *s = arg;

	s->timed_out = true;
	bk_loop_stop(s->loop);
}

static void set_up(struct scene *s)
{
	struct bk_server_opts opts = {
		.listen_ip = "127.0.0.1", .port = -1, .alt_port = -1, .state_dir = s->state_dir};

	memset(s, 0, sizeof(*s));
	strcpy(s->state_dir, "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(s->state_dir));
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &s->loop), 0);
	assert_int_equal(bk_server_new(s->loop, &opts, &s->server, NULL), 0);
	assert_int_equal(bk_ways_new(s->loop, on_view, s, &s->ways), 0);
	assert_int_equal(bk_timer_new(s->loop, on_timeout, s, &s->timeout), 0);
	bk_timer_start(s->timeout, PATIENCE);
	s->servers[0] = bk_addr_v4(127, 0, 0, 1, bk_server_port(s->server));
	s->servers[1] = bk_addr_v4(127, 0, 0, 1, bk_server_alt_port(s->server));
}

static void tear_down(struct scene *s)
{
	char command[128];

	bk_ways_free(s->ways);
	bk_server_free(s->server);
	bk_timer_free(s->timeout);
	bk_loop_free(s->loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", s->state_dir);
	assert_int_equal(system(command), 0);
}

static void every_server_tells_the_mapped_address(void **state)
{
	struct scene s;
	const struct bk_ways_view *view;

	(void)state;
	set_up(&s);
	view = bk_ways_view(s.ways);
	bk_ways_gather(s.ways, s.servers, 2);
	assert_int_equal(view->awaited, 2);
	assert_int_equal(bk_loop_run(s.loop), 0);
	assert_false(s.timed_out);
	assert_int_equal(view->samples_len, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(bk_addr_equal(&view->samples[i].mapped, &view->local));
	tear_down(&s);
}

static void asked_again_it_forgets_what_was_true_before(void **state)
{
	struct scene s;
	const struct bk_ways_view *view;

	(void)state;
	set_up(&s);
	view = bk_ways_view(s.ways);
	for (size_t n = 2; n > 0; n--) {
		bk_ways_gather(s.ways, s.servers, n);
		assert_int_equal(view->awaited, n);
		assert_int_equal(view->samples_len, 0);
		assert_int_equal(bk_loop_run(s.loop), 0);
		assert_int_equal(view->samples_len, n);
	}
	bk_ways_gather(s.ways, s.servers, 2);
	bk_ways_gather(s.ways, s.servers, 1); /* with questions open */
	assert_int_equal(view->awaited, 1);
	assert_int_equal(bk_loop_run(s.loop), 0);
	assert_int_equal(view->samples_len, 1);
	assert_false(s.timed_out);
	tear_down(&s);
}

static void more_servers_are_asked_beside_the_first_and_nobody_twice(void **state)
{
	struct scene s;
	struct bk_addr other;
	const struct bk_ways_view *view;

	(void)state;
	set_up(&s);
	view = bk_ways_view(s.ways);
	bk_ways_gather_more(s.ways, s.servers, 1); /* there is nothing before it */
	assert_int_equal(view->awaited, 1);
	bk_ways_gather_more(s.ways, s.servers, 2);
	assert_int_equal(view->awaited, 2);
	assert_int_equal(bk_loop_run(s.loop), 0);
	assert_int_equal(view->samples_len, 2);
	for (size_t n = 1; n <= 2; n++) {
		bk_ways_gather_more(s.ways, s.servers, n);
		assert_int_equal(view->awaited, 0);
		assert_int_equal(view->samples_len, 2);
	}
	other = s.servers[0];
	s.servers[0] = s.servers[1];
	s.servers[1] = other;
	bk_ways_gather_more(s.ways, s.servers, 2); /* others than before */
	assert_int_equal(view->awaited, 2);
	assert_int_equal(view->samples_len, 0);
	assert_int_equal(bk_loop_run(s.loop), 0);
	assert_int_equal(view->samples_len, 2);
	assert_false(s.timed_out);
	tear_down(&s);
}

static void a_server_that_is_silent_is_given_up(void **state)
{
	struct scene s;
	struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0), silent;
	int fd;

	(void)state;
	set_up(&s);
	assert_int_equal(bk_udp_open(&any, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &silent), 0);
	bk_ways_gather(s.ways, &silent, 1);
	assert_int_equal(bk_loop_run(s.loop), 0);
	assert_false(s.timed_out);
	assert_int_equal(bk_ways_view(s.ways)->awaited, 0);
	assert_int_equal(bk_ways_view(s.ways)->samples_len, 0);
	close(fd);
	tear_down(&s);
}

static void what_strangers_send_changes_nothing(void **state)
{
	struct scene s;
	struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0), at;
	uint8_t bytes[STRANGE_LEN];
	int fd;

	(void)state;
	set_up(&s);
	at = bk_addr_v4(127, 0, 0, 1, bk_ways_view(s.ways)->local.port);
	assert_int_equal(bk_udp_open(&any, false, &fd), 0);
	for (int first = 0; first < 256; first++) {
		memset(bytes, first, sizeof(bytes));
		assert_int_equal(bk_udp_send(fd, &at, 0, bytes, first ? sizeof(bytes) : 1), 0);
	}
	bk_ways_gather(s.ways, s.servers, 1);
	assert_int_equal(bk_loop_run(s.loop), 0);
	assert_false(s.timed_out);
	assert_int_equal(bk_ways_view(s.ways)->samples_len, 1);
	close(fd);
	tear_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_server_tells_the_mapped_address),
		cmocka_unit_test(asked_again_it_forgets_what_was_true_before),
		cmocka_unit_test(more_servers_are_asked_beside_the_first_and_nobody_twice),
		cmocka_unit_test(a_server_that_is_silent_is_given_up),
		cmocka_unit_test(what_strangers_send_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
