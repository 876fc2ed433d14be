/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted engine: the test puts actions into its queue and reads what the driver told it. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/drive.h"
#include "net/sock.h"
#include "net/test_kit.h"
#include "net/udp.h"

enum { ACTIONS_MAX = 1200, EVENTS_MAX = 1200, ACCEPTED_ID = 900000 };

enum told { CONNECTED, FAILED, ACCEPTED, OPENED, HEARD, TIME };

struct event {
	enum told what;
	uint32_t id;
	int error;
};

struct engine {
	struct bk_loop *loop;
	struct bk_drive *drive;
	struct bk_action actions[ACTIONS_MAX];
	size_t actions_len, actions_done;
	struct event events[EVENTS_MAX];
	size_t events_len, stop_at; /* stop the loop after so many events */
	struct bk_addr opened;      /* the last one */
	struct bk_way stray;        /* the last one */
	int reports, strays;
	bool refuse, free_in_report, free_in_stray, take_in_stray, wants_time;
};

static void tell(struct engine *e, enum told what, uint32_t id, int error)
{
	assert_true(e->events_len < EVENTS_MAX);
	e->events[e->events_len++] = (struct event){what, id, error};
	if (e->stop_at && e->events_len >= e->stop_at)
		bk_loop_stop(e->loop);
}

static void on_connected(void *engine, uint32_t id, bk_time now)
{
	assert_true(now > 0);
	tell(engine, CONNECTED, id, 0);
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	(void)now;
	tell(engine, FAILED, id, error);
}

static uint32_t on_accepted(void *engine, uint32_t id, const struct bk_addr *from, bk_time now)
{
	struct engine *e = engine;

	(void)now;
	assert_true(bk_addr_is_loopback(from));
	tell(e, ACCEPTED, id, 0);
	return e->refuse ? 0 : ACCEPTED_ID;
}

static void on_opened(void *engine, uint32_t id, const struct bk_addr *local, bk_time now)
{
	struct engine *e = engine;

	(void)now;
	e->opened = *local;
	tell(e, OPENED, id, 0);
}

/* Its own datagrams begin with an e, and it answers them. */
static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct engine *e = engine;

	(void)now;
	if (!len || data[0] != 'e')
		return false;
	e->actions[e->actions_len++] = (struct bk_action){
		.type = BK_ACT_DATAGRAM, .id = id, .remote = *from, .data = "answer", .len = 6};
	tell(e, HEARD, id, 0);
	return true;
}

static void on_time(void *engine, bk_time now)
{
	struct engine *e = engine;

	(void)now;
	if (e->wants_time) {
		e->wants_time = false;
		tell(e, TIME, 0, 0);
	}
}

static bk_time next_wake(const void *engine)
{
	const struct engine *e = engine;

	return e->wants_time ? bk_loop_now(e->loop) - BK_SEC : BK_NEVER;
}

static bool next_action(void *engine, struct bk_action *ret_action)
{
	struct engine *e = engine;

	if (e->actions_done == e->actions_len)
		return false;
	*ret_action = e->actions[e->actions_done++];
	return true;
}

static const struct bk_engine_ops ops = {
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_accepted = on_accepted,
	.on_opened = on_opened,
	.on_datagram = on_datagram,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = next_action,
};

static void on_report(void *arg, const struct bk_action *report)
{
	struct engine *e = arg;

	(void)report;
	e->reports++;
	if (e->free_in_report) {
		bk_drive_free(e->drive);
		e->drive = NULL;
		e->actions_len = 0; /* the engine may go with the drive: it is not asked again */
		e->actions_done = 1;
	}
	bk_loop_stop(e->loop);
}

static void want(struct engine *e, enum bk_action_type type, uint32_t id, struct bk_addr at)
{
	struct bk_action *a = &e->actions[e->actions_len++];

	assert_true(e->actions_len <= ACTIONS_MAX);
	*a = (struct bk_action){.type = type, .id = id};
	if (type == BK_ACT_TCP_LISTEN || type == BK_ACT_UDP_OPEN)
		a->local = at;
	else
		a->remote = at;
}

static struct engine *engine_new(void)
{
	struct engine *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->loop = kit_loop_new();
	assert_int_equal(bk_drive_new(e->loop, e, &ops, on_report, e, &e->drive), 0);
	return e;
}

static void engine_free(struct engine *e)
{
	bk_drive_free(e->drive);
	bk_loop_free(e->loop);
	free(e);
}

static void run_until(struct engine *e, size_t events)
{
	e->stop_at = events;
	bk_drive_poke(e->drive);
	kit_run(e->loop);
}

static void a_connection_is_reported_by_its_id_and_can_be_taken(void **state)
{
	int before = kit_count_descriptors(), listener, fd;
	struct engine *e = engine_new();
	struct bk_addr at, peer;

	(void)state;
	listener = kit_listen(&at);
	want(e, BK_ACT_TCP_CONNECT, 7, at);
	assert_int_equal(e->events_len, 0);
	run_until(e, 1);
	assert_int_equal(e->events[0].what, CONNECTED);
	assert_int_equal(e->events[0].id, 7);
	assert_int_equal(bk_drive_take(e->drive, 8), -1);
	fd = bk_drive_take(e->drive, 7);
	assert_true(fd >= 0);
	assert_int_equal(bk_drive_take(e->drive, 7), -1);
	assert_int_equal(bk_sock_peer(fd, &peer), 0);
	assert_true(bk_addr_equal(&peer, &at));
	close(fd);
	close(listener);
	engine_free(e);
	assert_int_equal(kit_count_descriptors(), before);
}

static struct bk_addr free_port(void)
{
	return kit_loopback(kit_quiet_port());
}

static void a_refused_connection_fails_with_its_name(void **state)
{
	struct engine *e = engine_new();

	(void)state;
	want(e, BK_ACT_TCP_CONNECT, 3, free_port());
	run_until(e, 1);
	assert_int_equal(e->events[0].what, FAILED);
	assert_int_equal(e->events[0].error, BK_E_REFUSED);
	assert_int_equal(bk_drive_take(e->drive, 3), -1);
	engine_free(e);
}

static void what_cannot_be_opened_fails_at_once(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr taken;
	int listener = kit_listen(&taken);

	(void)state;
	want(e, BK_ACT_TCP_LISTEN, 1, taken);
	want(e, BK_ACT_TCP_LISTEN, 2, bk_addr_v4(192, 0, 2, 1, 0)); /* not an address of this machine */
	run_until(e, 2);
	assert_int_equal(e->events[0].what, FAILED);
	assert_int_equal(e->events[0].error, BK_E_ADDRESS_IN_USE);
	assert_int_equal(e->events[1].id, 2);
	assert_int_equal(e->events[1].error, BK_E_ADDRESS);
	close(listener);
	engine_free(e);
}

/* A free port, for a listener that the drive shall open. */
static void a_listener_gives_ids_to_who_comes(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at = free_port();
	int client, fd;

	(void)state;
	want(e, BK_ACT_TCP_LISTEN, 5, at);
	bk_drive_poke(e->drive);
	kit_run_idle(e->loop, 3);
	assert_int_equal(bk_drive_take(e->drive, 5), -1); /* a listener is not given away */
	assert_int_equal(bk_sock_connect(NULL, &at, &client), 0);
	run_until(e, 1);
	assert_int_equal(e->events[0].what, ACCEPTED);
	assert_int_equal(e->events[0].id, 5);
	fd = bk_drive_take(e->drive, ACCEPTED_ID);
	assert_true(fd >= 0);
	close(fd);
	close(client);
	engine_free(e);
}

static void who_gets_no_id_is_reset(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at = free_port();
	int client;
	char byte;

	(void)state;
	e->refuse = true;
	want(e, BK_ACT_TCP_LISTEN, 5, at);
	bk_drive_poke(e->drive);
	kit_run_idle(e->loop, 3);
	assert_int_equal(bk_sock_connect(NULL, &at, &client), 0);
	run_until(e, 1);
	assert_int_equal(bk_drive_take(e->drive, ACCEPTED_ID), -1);
	kit_run_idle(e->loop, 3);
	assert_true(recv(client, &byte, 1, 0) < 0);
	assert_int_equal(bk_sock_error(client), 0); /* recv has told it: reset */
	close(client);
	engine_free(e);
}

static void a_closed_socket_is_never_heard_of_again(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at;
	int listener = kit_listen(&at);

	(void)state;
	want(e, BK_ACT_TCP_CONNECT, 1, at);
	want(e, BK_ACT_TCP_CLOSE, 1, at);
	want(e, BK_ACT_TCP_CLOSE, 1, at);
	want(e, BK_ACT_TCP_CLOSE, 99, at);
	want(e, BK_ACT_TCP_CONNECT, 2, at);
	run_until(e, 1);
	kit_run_idle(e->loop, 3);
	assert_int_equal(e->events_len, 1);
	assert_int_equal(e->events[0].id, 2);
	close(listener);
	engine_free(e);
}

static void time_in_the_past_is_told_at_once(void **state)
{
	struct engine *e = engine_new();

	(void)state;
	bk_drive_poke(e->drive);
	kit_run_idle(e->loop, 2);
	e->wants_time = true;
	run_until(e, 1);
	assert_int_equal(e->events[0].what, TIME);
	engine_free(e);
}

static void the_drive_may_be_freed_in_a_report(void **state)
{
	int before = kit_count_descriptors();
	struct engine *e = engine_new();
	struct bk_addr at;
	int listener = kit_listen(&at);

	(void)state;
	e->free_in_report = true;
	want(e, BK_ACT_TCP_CONNECT, 1, at);
	want(e, BK_ACT_TCP_LISTEN, 2, free_port());
	want(e, BK_ACT_REPORT, 1, at);
	want(e, BK_ACT_TCP_CONNECT, 3, at);
	bk_drive_poke(e->drive);
	kit_run(e->loop);
	assert_null(e->drive);
	assert_int_equal(e->reports, 1);
	kit_run_idle(e->loop, 3);
	assert_int_equal(e->events_len, 0);
	close(listener);
	engine_free(e);
	assert_int_equal(kit_count_descriptors(), before);
}

static void sockets_beyond_the_ceiling_fail_as_full_or_by_the_systems_word(void **state)
{
	struct engine *e = engine_new();
	size_t failed = 0;

	(void)state;
	for (uint32_t i = 1; i <= 1100; i++)
		want(e, BK_ACT_TCP_LISTEN, i, kit_loopback(0));
	bk_drive_poke(e->drive);
	kit_run_idle(e->loop, 2);
	for (size_t i = 0; i < e->events_len; i++)
		failed += e->events[i].what == FAILED && e->events[i].error == BK_E_FULL;
	assert_int_equal(failed, e->events_len);
	assert_true(failed >= 1100 - 1024);
	engine_free(e);
}

/* --- datagrams --- */

static int peer_open(struct bk_addr *ret_at)
{
	struct bk_addr at = kit_loopback(0);
	int fd;

	assert_int_equal(bk_udp_open(&at, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, ret_at), 0);
	return fd;
}

static void say(int fd, const struct bk_addr *to, const char *text)
{
	assert_int_equal(bk_udp_send(fd, to, 0, text, strlen(text)), 0);
}

static void expect_answer(int fd, const struct bk_addr *from)
{
	struct bk_addr got;
	char text[8];

	assert_int_equal(bk_udp_receive(fd, &got, text, sizeof(text)), 6);
	assert_true(bk_addr_equal(&got, from));
}

static void on_stray(void *arg, const struct bk_way *way, const uint8_t *data, size_t len)
{
	struct engine *e = arg;

	assert_true(len && data[0] != 'e');
	e->strays++;
	e->stray = *way;
	if (e->take_in_stray)
		close(bk_drive_take(e->drive, way->socket));
	if (e->free_in_stray) {
		bk_drive_free(e->drive);
		e->drive = NULL;
	}
	bk_loop_stop(e->loop);
}

static void a_datagram_finds_the_engine_and_its_answer_the_peer(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at;
	int peer = peer_open(&at);

	(void)state;
	want(e, BK_ACT_UDP_OPEN, 4, kit_loopback(0));
	run_until(e, 1);
	assert_int_equal(e->events[0].what, OPENED);
	say(peer, &e->opened, "x"); /* nobody's, and there is no door for it */
	say(peer, &e->opened, "e");
	run_until(e, 2);
	kit_run_idle(e->loop, 1);
	assert_int_equal(e->events[1].what, HEARD);
	assert_int_equal(e->events[1].id, 4);
	expect_answer(peer, &e->opened);
	close(peer);
	engine_free(e);
}

static void what_the_engine_does_not_want_goes_through_the_door_with_its_way(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at;
	int peer = peer_open(&at);

	(void)state;
	bk_drive_set_stray(e->drive, on_stray, e);
	want(e, BK_ACT_UDP_OPEN, 4, kit_loopback(0));
	run_until(e, 1);
	say(peer, &e->opened, "QUIC");
	kit_run(e->loop);
	assert_int_equal(e->strays, 1);
	assert_true(bk_way_equal(&e->stray, &(struct bk_way){4, at}));
	assert_int_equal(e->events_len, 1);
	close(peer);
	engine_free(e);
}

static void a_socket_may_be_taken_and_the_drive_freed_at_the_door(void **state)
{
	int before = kit_count_descriptors();

	(void)state;
	for (int freed = 0; freed < 2; freed++) {
		struct engine *e = engine_new();
		struct bk_addr at;
		int peer = peer_open(&at);

		bk_drive_set_stray(e->drive, on_stray, e);
		want(e, BK_ACT_UDP_OPEN, 4, kit_loopback(0));
		run_until(e, 1);
		e->take_in_stray = !freed;
		e->free_in_stray = freed;
		for (int i = 0; i < 3; i++)
			say(peer, &e->opened, "QUIC");
		kit_run(e->loop);
		kit_run_idle(e->loop, 2);
		assert_int_equal(e->strays, 1);
		close(peer);
		engine_free(e);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

static void a_lent_socket_is_sent_from_and_stays_its_owners(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at, lent_at;
	int peer = peer_open(&at), lent = peer_open(&lent_at);

	(void)state;
	assert_int_equal(bk_drive_lend(e->drive, 1, lent), 0);
	assert_false(bk_drive_hear(e->drive, &(struct bk_way){1, at}, (const uint8_t *)"x", 1));
	assert_true(bk_drive_hear(e->drive, &(struct bk_way){1, at}, (const uint8_t *)"e", 1));
	kit_run_idle(e->loop, 2);
	expect_answer(peer, &lent_at);
	say(peer, &lent_at, "e"); /* its owner reads it, nobody else */
	kit_run_idle(e->loop, 2);
	assert_int_equal(e->events_len, 1);
	assert_int_equal(bk_udp_receive(lent, &e->stray.remote, &(char){0}, 1), 1);
	close(peer);
	engine_free(e);
	assert_int_equal(bk_sock_local(lent, &at), 0); /* still open */
	close(lent);
}

static void what_is_lent_is_not_given_away_and_stays_open(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at, lent_at;
	int peer = peer_open(&at), lent = peer_open(&lent_at);

	(void)state;
	assert_int_equal(bk_drive_lend(e->drive, 1, lent), 0);
	assert_int_equal(bk_drive_take(e->drive, 1), -1);
	want(e, BK_ACT_UDP_CLOSE, 1, at);
	bk_drive_poke(e->drive);
	kit_run_idle(e->loop, 1);
	assert_int_equal(bk_sock_local(lent, &lent_at), 0);
	assert_false(bk_drive_hear(e->drive, &(struct bk_way){1, at}, (const uint8_t *)"e", 1));
	assert_int_equal(e->events_len, 0);
	close(peer);
	close(lent);
	engine_free(e);
}

static void a_taken_socket_can_be_lent_again_by_its_id(void **state)
{
	struct engine *e = engine_new();
	struct bk_addr at, own;
	int peer = peer_open(&at), fd;

	(void)state;
	want(e, BK_ACT_UDP_OPEN, 9, kit_loopback(0));
	run_until(e, 1);
	own = e->opened;
	fd = bk_drive_take(e->drive, 9);
	assert_true(fd >= 0);
	assert_int_equal(bk_drive_lend(e->drive, 9, fd), 0);
	assert_true(bk_drive_hear(e->drive, &(struct bk_way){9, at}, (const uint8_t *)"e", 1));
	kit_run_idle(e->loop, 2);
	expect_answer(peer, &own);
	close(peer);
	engine_free(e);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_reported_by_its_id_and_can_be_taken),
		cmocka_unit_test(a_refused_connection_fails_with_its_name),
		cmocka_unit_test(what_cannot_be_opened_fails_at_once),
		cmocka_unit_test(a_listener_gives_ids_to_who_comes),
		cmocka_unit_test(who_gets_no_id_is_reset),
		cmocka_unit_test(a_closed_socket_is_never_heard_of_again),
		cmocka_unit_test(time_in_the_past_is_told_at_once),
		cmocka_unit_test(the_drive_may_be_freed_in_a_report),
		cmocka_unit_test(a_datagram_finds_the_engine_and_its_answer_the_peer),
		cmocka_unit_test(what_the_engine_does_not_want_goes_through_the_door_with_its_way),
		cmocka_unit_test(a_socket_may_be_taken_and_the_drive_freed_at_the_door),
		cmocka_unit_test(a_lent_socket_is_sent_from_and_stays_its_owners),
		cmocka_unit_test(what_is_lent_is_not_given_away_and_stays_open),
		cmocka_unit_test(a_taken_socket_can_be_lent_again_by_its_id),
		cmocka_unit_test(sockets_beyond_the_ceiling_fail_as_full_or_by_the_systems_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
