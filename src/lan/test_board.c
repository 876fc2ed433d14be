/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/board.h"
#include "lan/home.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/udp.h"
#include "wire/group.h"

/* Members of one group, on a LAN that is loopback, who say nothing but that they are there. */
struct member {
	struct bk_loop *loop;
	struct bk_lan_board *board;
	int ready, joined, ended;
};

static const uint8_t secret[BK_LAN_BOARD_SECRET_LEN] = {1};
static uint16_t port;

/* The beacons of other tests are not ours. */
static uint16_t free_port(void)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	int fd;

	assert_int_equal(bk_udp_open(&at, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &at), 0);
	close(fd);
	return at.port;
}

static void tell(struct member *m, const struct bk_group_msg *msg)
{
	struct bk_buf body;

	bk_buf_init(&body, BK_GROUP_MSG_MAX);
	assert_int_equal(bk_group_encode(&body, msg), 0);
	assert_int_equal(bk_lan_board_send(m->board, bk_buf_head(&body), body.len), 0);
	bk_buf_done(&body);
}

static void on_ready(void *arg)
{
	struct member *m = arg;

	m->ready++;
	tell(m, &(struct bk_group_msg){
			.type = BK_GROUP_JOIN, .id = {9}, .bytes = (const uint8_t *)"card", .len = 4});
}

static void on_group(void *arg, const uint8_t *body, size_t n)
{
	struct member *m = arg;
	struct bk_group_msg msg;

	assert_int_equal(bk_group_decode(body, n, &msg), 0);
	if (msg.type != BK_GROUP_ROSTER || !msg.is_last)
		return;
	m->joined++;
	bk_lan_board_settled(m->board);
	bk_loop_stop(m->loop);
}

/* As a member does: at once again. */
static void on_end(void *arg, int error, const char *text)
{
	struct member *m = arg;

	assert_int_equal(error, BK_E_SERVER_GONE);
	assert_true(*text);
	m->ended++;
	bk_lan_board_close(m->board);
	assert_int_equal(bk_lan_board_open(m->board), 0);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	(void)arg;
	(void)verbosity;
	assert_true(*text);
}

static void come(struct member *m, struct bk_loop *loop)
{
	static const struct bk_lan_board_events events = {on_ready, on_group, on_end, on_note};
	const struct bk_lan_opts opts = {.interfaces = "lo", .port = port};

	*m = (struct member){.loop = loop};
	assert_int_equal(bk_lan_board_new(loop, &opts, secret, &events, m, &m->board), 0);
	assert_int_equal(bk_lan_board_open(m->board), 0);
}

static void run(struct bk_loop *loop)
{
	alarm(20);
	assert_int_equal(bk_loop_run(loop), 0);
	alarm(0);
}

static void run_until(struct member *m, int joined)
{
	while (m->joined < joined)
		run(m->loop);
	assert_int_equal(m->joined, joined);
}

static int set_up(void **state)
{
	struct bk_loop *loop;

	if (sodium_init() < 0 || bk_loop_new(BK_LOOP_AUTO, &loop) < 0)
		return -1;
	port = free_port();
	*state = loop;
	return 0;
}

static int tear_down(void **state)
{
	bk_loop_free(*state);
	return 0;
}

static void who_finds_nobody_keeps_it_and_the_next_one_takes_over(void **state)
{
	struct member m[3];

	for (int i = 0; i < 3; i++) {
		come(&m[i], *state);
		run_until(&m[i], 1);
		assert_int_equal(bk_lan_board_is_ours(m[i].board), i == 0);
	}
	bk_lan_board_free(m[0].board); /* without a word */
	run_until(&m[1], 2);
	run_until(&m[2], 2);
	assert_true(bk_lan_board_is_ours(m[1].board));
	assert_false(bk_lan_board_is_ours(m[2].board));
	assert_int_equal(m[1].ended + m[2].ended, 2);
	bk_lan_board_free(m[1].board);
	bk_lan_board_free(m[2].board);
}

static void stop(void *arg)
{
	bk_loop_stop(arg);
}

static void who_leaves_has_told_all_before_the_end(void **state)
{
	struct member m[2];

	for (int i = 0; i < 2; i++) {
		come(&m[i], *state);
		run_until(&m[i], 1);
	}
	bk_lan_board_close(m[0].board);
	bk_lan_board_leave(m[0].board, stop, *state);
	run(*state);
	bk_lan_board_free(m[0].board);
	run_until(&m[1], 2);
	assert_true(bk_lan_board_is_ours(m[1].board));
	bk_lan_board_free(m[1].board);
}

static void at_a_board_of_ours_that_was_left_we_are_again(void **state)
{
	struct member m;

	come(&m, *state);
	run_until(&m, 1);
	bk_lan_board_close(m.board);
	assert_int_equal(bk_lan_board_open(m.board), 0);
	run_until(&m, 2);
	assert_true(bk_lan_board_is_ours(m.board));
	bk_lan_board_free(m.board);
}

/* Who has heard the beacon, and tells it of a server of his own. */
static void nobody_goes_where_the_key_does_not_fit_the_word(void **state)
{
	const struct bk_air_opts opts = {.port = port, .interfaces = "lo"};
	const struct bk_beacon_name name = bk_beacon_name_of_group(secret, sizeof(secret));
	const struct bk_beacon_word word = {.bytes = {7}};
	const struct bk_home_limits limits = {.clients_max = 8};
	struct bk_home home = {0};
	struct bk_air *air;
	struct member m;

	assert_int_equal(bk_home_open(&home, *state, &limits), 0);
	assert_int_equal(bk_air_new(*state, &opts, &air), 0);
	assert_true(bk_air_host(air, &name, &word, bk_server_port(home.server)) >= 0);
	come(&m, *state);
	run_until(&m, 1);
	assert_true(bk_lan_board_is_ours(m.board));
	assert_true(bk_server_counter(home.server, "accepted") > 0);
	assert_int_equal(m.ready, 1); /* to join, at our own */
	bk_lan_board_free(m.board);
	bk_air_free(air);
	bk_home_close(&home);
}

static void another_group_is_not_found(void **state)
{
	static const struct bk_lan_board_events events = {on_ready, on_group, on_end, on_note};
	const uint8_t other[BK_LAN_BOARD_SECRET_LEN] = {2};
	const struct bk_lan_opts opts = {.interfaces = "lo", .port = port};
	struct member a, b = {.loop = *state};

	come(&a, *state);
	run_until(&a, 1);
	assert_int_equal(bk_lan_board_new(*state, &opts, other, &events, &b, &b.board), 0);
	assert_int_equal(bk_lan_board_open(b.board), 0);
	run_until(&b, 1);
	assert_true(bk_lan_board_is_ours(b.board));
	bk_lan_board_free(a.board);
	bk_lan_board_free(b.board);
}

static void a_peer_that_cannot_be_read_is_refused(void **state)
{
	const struct bk_lan_opts opts = {.peer = "[::1"};
	struct bk_lan_board *b;

	assert_int_equal(bk_lan_board_new(*state, &opts, secret, NULL, NULL, &b), BK_E_INVALID);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_finds_nobody_keeps_it_and_the_next_one_takes_over),
		CASE(who_leaves_has_told_all_before_the_end),
		CASE(at_a_board_of_ours_that_was_left_we_are_again),
		CASE(nobody_goes_where_the_key_does_not_fit_the_word),
		CASE(another_group_is_not_found),
		CASE(a_peer_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
