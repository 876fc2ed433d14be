/* SPDX-License-Identifier: Apache-2.0 */
/* The client against our own server in the same loop, in a time that flies. */
#include <bodkin/plain.h>
#include <bodkin/server.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/test_clock.h"

struct side {
	struct bk_plain_client *client;
	struct world *world;
	char id[80], action[64], peer_id[80], peer_address[64], address[64], nat[64], text[512];
	int error, fd, ends;
	bool is_connector, is_registered;
	uint16_t remote_port;
};

struct world {
	struct bk_loop *loop;
	struct bk_server *server;
	struct test_clock clock;
	struct bk_timer *limit;
	struct side a, b;
	char dir[64], place[64];
	const char *b_nat; /* b comes when a is registered, and names it */
	bool raw_peer;     /* somebody comes then, names a and hangs up */
	unsigned ends_wanted;
};

static void on_limit(void *arg)
{
	struct world *w = arg;

	bk_loop_stop(w->loop);
}

static void start_side(struct side *s, struct bk_plain_client_opts opts);

static void come_and_go(const struct world *w)
{
	static const char text[] = "{\"type\":\"ClientHelloMessage\",\"client_id\":\"raw\",\"nat_type\":"
				   "\"Full Cone\",\"private_ip\":\"\",\"private_port\":0,\"peer_id\":\"a\"}";
	const uint8_t prefix[4] = {0, 0, 0, sizeof(text) - 1};
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, bk_server_port(w->server));
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(&to, &ss);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&ss, n), 0);
	assert_int_equal(send(fd, prefix, 4, MSG_MORE), 4);
	assert_int_equal(send(fd, text, sizeof(text) - 1, 0), (ssize_t)sizeof(text) - 1);
	close(fd);
}

static void on_registered(
	struct bk_plain_client *client, void *arg, const char *id, const char *address, const char *nat)
{
	struct side *s = arg;

	(void)client;
	s->is_registered = true;
	snprintf(s->id, sizeof(s->id), "%s", id);
	snprintf(s->address, sizeof(s->address), "%s", address);
	snprintf(s->nat, sizeof(s->nat), "%s", nat);
	if (s->world->raw_peer)
		come_and_go(s->world);
	if (s == &s->world->a && s->world->b_nat)
		start_side(&s->world->b, (struct bk_plain_client_opts){
						 .id = "bbbb", .peer_id = id, .nat_type = s->world->b_nat});
}

static void on_peer(struct bk_plain_client *client, void *arg, const struct bk_plain_peer *peer)
{
	struct side *s = arg;

	(void)client;
	snprintf(s->action, sizeof(s->action), "%s", peer->action ? peer->action : "null");
	snprintf(s->peer_id, sizeof(s->peer_id), "%s", peer->id);
	snprintf(s->peer_address, sizeof(s->peer_address), "%s", peer->address);
	test_clock_fly(&s->world->clock, s->world->raw_peer ? 30 * BK_SEC : 4 * BK_SEC);
}

static void on_end(struct bk_plain_client *client, void *arg, const struct bk_plain_link *link, int error,
	const char *text)
{
	struct side *s = arg;

	(void)client;
	s->ends++;
	s->error = error;
	snprintf(s->text, sizeof(s->text), "%s", text);
	if (link) {
		s->fd = link->fd;
		s->is_connector = link->is_connector;
		s->remote_port = (uint16_t)atoi(strrchr(link->remote, ':') + 1);
	}
	bk_plain_client_free(s->client);
	s->client = NULL;
	if (--s->world->ends_wanted == 0)
		bk_loop_stop(s->world->loop);
}

static const struct bk_plain_client_events events = {
	.on_registered = on_registered, .on_peer = on_peer, .on_end = on_end};

static void start_side(struct side *s, struct bk_plain_client_opts opts)
{
	opts.server = s->world->place;
	assert_int_equal(bk_plain_client_new(s->world->loop, &opts, &events, s, &s->client), 0);
}

static struct world *start(bool plain)
{
	struct world *w = calloc(1, sizeof(*w));
	struct bk_server_opts opts = {
		.listen_ip = "127.0.0.1", .port = -1, .alt_port = -1, .speaks_plain = plain};
	char text[BK_SERVER_TEXT_MAX];

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/bodkin-test-plain-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	opts.state_dir = w->dir;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &w->loop), 0);
	if (bk_server_new(w->loop, &opts, &w->server, text) < 0)
		fail_msg("%s", text);
	snprintf(w->place, sizeof(w->place), "127.0.0.1:%u", bk_server_port(w->server));
	assert_int_equal(test_clock_init(&w->clock, w->loop), 0);
	assert_int_equal(bk_timer_new(w->loop, on_limit, w, &w->limit), 0);
	bk_timer_start(w->limit, 100 * BK_SEC); /* of a time that flies only where a test lets it */
	w->a.fd = w->b.fd = -1;
	w->a.world = w->b.world = w;
	return w;
}

static void run(struct world *w, unsigned ends)
{
	w->ends_wanted = ends;
	bk_loop_run(w->loop);
	assert_int_equal(w->ends_wanted, 0);
}

static void stop(struct world *w)
{
	char path[128];

	for (int i = 0; i < 2; i++) {
		struct side *s = i ? &w->b : &w->a;

		bk_plain_client_free(s->client);
		if (s->fd >= 0)
			close(s->fd);
	}
	bk_timer_free(w->limit);
	test_clock_done(&w->clock);
	bk_server_free(w->server);
	bk_loop_free(w->loop);
	snprintf(path, sizeof(path), "%s/server.pem", w->dir);
	unlink(path);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
}

/* Both hold the two ends of one connection. */
static void expect_joined(struct world *w)
{
	struct timeval patience = {.tv_sec = 10};
	struct bk_addr local;
	char byte = 0;

	assert_int_equal(w->a.error, 0);
	assert_int_equal(w->b.error, 0);
	assert_true(w->a.fd >= 0 && w->b.fd >= 0);
	assert_int_equal(w->a.is_connector + w->b.is_connector, 1);
	assert_int_equal(send(w->a.fd, "x", 1, MSG_NOSIGNAL), 1);
	setsockopt(w->b.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (recv(w->b.fd, &byte, 1, 0) != 1)
		;
	assert_int_equal(byte, 'x');
	assert_int_equal(bk_sock_local(w->b.fd, &local), 0);
	assert_int_equal(local.port, w->a.remote_port);
}

static void every_pair_of_the_table_is_joined(void **state)
{
	/* clang-format off */
	static const struct {
		const char *a_nat, *b_nat, *a_action, *b_action;
		bool a_connects;
	} rows[] = {
		{"Full Cone", "Full Cone", "Connect", "Listen", true},
		{"Full Cone", "Symmetric NAT", "Listen", "Connect", false},
		{"Restric NAT", "Restric NAT", "DelayConnect", "TryAndListen", true},
		{"Restric NAT", "Restric Port NAT", "TryAndListen", "DelayConnect", false},
		{"Restric Port NAT", "Restric Port NAT", "Standby", "TryAndReport", true},
		{"unknown", "unknown", "Standby", "TryAndReport", true},
		{"Restric Port NAT", "Symmetric NAT", "null", "null", false},
		{"Symmetric NAT", "Symmetric NAT", "null", "null", false},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = start(true);

		w->b_nat = rows[i].b_nat;
		start_side(&w->a, (struct bk_plain_client_opts){.id = "aaaa", .nat_type = rows[i].a_nat});
		run(w, 2);
		assert_string_equal(w->a.action, rows[i].a_action);
		assert_string_equal(w->b.action, rows[i].b_action);
		assert_string_equal(w->a.peer_id, "bbbb");
		assert_string_equal(w->b.peer_id, "aaaa");
		assert_string_equal(w->b.peer_address, w->a.address);
		assert_int_equal(w->a.is_connector, rows[i].a_connects);
		expect_joined(w);
		/* every attempt came from the port that the server told, but where a port was reported */
		if (strcmp(rows[i].a_action, "Standby") != 0)
			assert_int_equal(w->b.remote_port, atoi(strchr(w->a.address, ':') + 1));
		stop(w);
	}
}

static void the_nat_is_looked_at_where_it_is_not_told(void **state)
{
	struct world *w = start(true);

	(void)state;
	w->b_nat = "Restric NAT";
	start_side(&w->a, (struct bk_plain_client_opts){0});
	test_clock_fly(&w->clock, 2 * BK_SEC); /* one address: filtering by address stays open */
	run(w, 2);
	assert_int_equal(strlen(w->a.id), 8);
	assert_int_equal(strspn(w->a.id, "0123456789abcdef"), 8);
	assert_string_equal(w->a.nat, "Open Internet");
	expect_joined(w);
	stop(w);
}

static void nobody_by_that_name_is_an_end(void **state)
{
	struct world *w = start(true);

	(void)state;
	start_side(&w->a,
		(struct bk_plain_client_opts){.id = "a", .peer_id = "nobody", .nat_type = "Full Cone"});
	run(w, 1);
	assert_int_equal(w->a.error, BK_E_NO_SUCH_PEER);
	assert_non_null(strstr(w->a.text, "nobody"));
	stop(w);
}

static void a_taken_id_is_an_end_with_the_servers_words(void **state)
{
	struct world *w = start(true);

	(void)state;
	start_side(&w->a, (struct bk_plain_client_opts){.id = "same", .nat_type = "Full Cone"});
	start_side(&w->b, (struct bk_plain_client_opts){.id = "same", .nat_type = "Full Cone"});
	run(w, 1);
	assert_int_equal(w->a.ends + w->b.ends, 1);
	assert_int_equal(w->a.ends ? w->a.error : w->b.error, BK_E_ID_IN_USE);
	assert_non_null(strstr(w->a.ends ? w->a.text : w->b.text, "the id is in use"));
	stop(w);
}

static void a_server_without_the_dialect_is_named(void **state)
{
	struct world *w = start(false);

	(void)state;
	start_side(&w->a, (struct bk_plain_client_opts){.nat_type = "Full Cone"});
	run(w, 1);
	assert_int_equal(w->a.error, BK_E_SERVER_GONE);
	assert_non_null(strstr(w->a.text, "--plain"));
	stop(w);
}

static void a_server_that_is_not_there_is_named(void **state)
{
	struct world *w = start(true);

	(void)state;
	bk_server_free(w->server);
	w->server = NULL;
	start_side(&w->a, (struct bk_plain_client_opts){.nat_type = "Full Cone"});
	run(w, 1);
	assert_int_equal(w->a.error, BK_E_REFUSED);
	stop(w);
}

static void waiting_ends_when_its_time_is_up(void **state)
{
	struct world *w = start(true);

	(void)state;
	start_side(&w->a,
		(struct bk_plain_client_opts){.id = "a", .nat_type = "Full Cone", .wait_ns = 20 * BK_SEC});
	test_clock_fly(&w->clock, 30 * BK_SEC);
	run(w, 1);
	assert_true(w->a.is_registered);
	assert_int_equal(w->a.error, BK_E_TIMEOUT);
	stop(w);
}

static void a_peer_that_vanishes_after_the_match_is_no_path(void **state)
{
	struct world *w = start(true);

	(void)state;
	w->raw_peer = true;
	start_side(&w->a, (struct bk_plain_client_opts){.id = "a", .nat_type = "Full Cone"});
	test_clock_fly(&w->clock, 10 * BK_SEC); /* and some more when the peer is known */
	run(w, 1);
	assert_string_equal(w->a.action, "Connect");
	assert_int_equal(w->a.error, BK_E_NO_PATH);
	stop(w);
}

static void unusable_options_are_refused(void **state)
{
	struct world *w = start(true);
	struct bk_plain_client *c;
	char id[70];

	(void)state;
	memset(id, 'x', sizeof(id));
	id[65] = 0;
	for (int i = 0; i < 4; i++) {
		struct bk_plain_client_opts opts = {.server = i == 0 ? "h:0" : "127.0.0.1",
			.id = i == 1   ? id
			      : i == 2 ? "a\nb"
				       : NULL,
			.peer_id = i == 3 ? "" : NULL};

		assert_int_equal(bk_plain_client_new(w->loop, &opts, &events, &w->a, &c), BK_E_INVALID);
	}
	stop(w);
}

static void freed_in_any_state_it_is_silent(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		struct world *w = start(true);

		w->b_nat = "Restric Port NAT";
		start_side(
			&w->a, (struct bk_plain_client_opts){.nat_type = i % 2 ? "Restric Port NAT" : NULL});
		bk_timer_start(w->limit, i * BK_MS / 2);
		w->ends_wanted = 99;
		bk_loop_run(w->loop);
		stop(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_the_table_is_joined),
		cmocka_unit_test(the_nat_is_looked_at_where_it_is_not_told),
		cmocka_unit_test(nobody_by_that_name_is_an_end),
		cmocka_unit_test(a_taken_id_is_an_end_with_the_servers_words),
		cmocka_unit_test(a_server_without_the_dialect_is_named),
		cmocka_unit_test(a_server_that_is_not_there_is_named),
		cmocka_unit_test(waiting_ends_when_its_time_is_up),
		cmocka_unit_test(a_peer_that_vanishes_after_the_match_is_no_path),
		cmocka_unit_test(unusable_options_are_refused),
		cmocka_unit_test(freed_in_any_state_it_is_silent),
	};

	return cmocka_run_group_tests_name("plain client", tests, NULL, NULL);
}
