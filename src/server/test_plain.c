/* SPDX-License-Identifier: Apache-2.0 */
#include "server/test_kit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "net/sock.h"
#include "net/test_clock.h"
#include "server/limits.h"
#include "wire/framing.h"

#define PORT_RESTRICTED "Restric Port NAT"

static struct kit *start(void)
{
	return kit_start((struct bk_server_opts){.speaks_plain = true}, NULL);
}

static struct bk_rdv_msg hello_of(const char *id, const char *nat, const char *peer_id)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .private_port = 4000};

	snprintf(m.client_id, sizeof(m.client_id), "%s", id);
	snprintf(m.nat_type, sizeof(m.nat_type), "%s", nat);
	snprintf(m.peer_id, sizeof(m.peer_id), "%s", peer_id);
	snprintf(m.private_ip, sizeof(m.private_ip), "10.0.0.1");
	return m;
}

static void expect_hello(struct peer *p, const char *id)
{
	struct bk_rdv_msg m;

	peer_recv(p, BK_RDV_SERVER_HELLO, &m);
	assert_string_equal(m.client_id, id);
	assert_string_equal(m.public_ip, "127.0.0.1");
	assert_int_equal(m.public_port, peer_port(p));
}

static void join(struct peer *p, const struct kit *k, const char *id, const char *nat, const char *peer_id)
{
	peer_connect(p, k->port);
	peer_send(p, hello_of(id, nat, peer_id));
	expect_hello(p, id);
}

static void expect_info(struct peer *p, const struct peer *other, const char *id, const char *action)
{
	struct bk_rdv_msg m;

	peer_recv(p, BK_RDV_PEER_INFO, &m);
	assert_string_equal(m.action, action);
	assert_string_equal(m.peer.client_id, id);
	assert_string_equal(m.peer.public_ip, "127.0.0.1");
	assert_int_equal(m.peer.public_port, peer_port(other));
}

static void expect_not_found(struct peer *p, const char *id)
{
	struct bk_rdv_msg m;

	peer_recv(p, BK_RDV_PEER_NOT_FOUND, &m);
	assert_string_equal(m.peer_id, id);
}

static void expect_refused(const struct kit *k, const char *id)
{
	struct bk_rdv_msg m;
	struct peer p;

	peer_connect(&p, k->port);
	peer_send(&p, hello_of(id, "Full Cone", ""));
	peer_recv(&p, BK_RDV_SERVER_REFUSE, &m);
	assert_string_equal(m.client_id, id);
	assert_string_not_equal(m.content, "");
	assert_string_equal(m.code, "");
	peer_expect_end(&p);
	peer_close(&p);
}

/* Bytes up to the end of one message, as they came. */
static size_t read_raw(struct peer *p, char *out, size_t max)
{
	uint8_t prefix[4];
	size_t n;

	assert_int_equal(recv(p->fd, prefix, 4, MSG_WAITALL), 4);
	n = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
	assert_true(n < max);
	assert_int_equal(recv(p->fd, out, n, MSG_WAITALL), (ssize_t)n);
	out[n] = 0;
	return n;
}

static void send_text(struct peer *p, const char *text)
{
	struct bk_buf out;

	bk_buf_init(&out, 4096);
	assert_int_equal(bk_frame_append_length(&out, text, strlen(text)), 0);
	peer_write(p, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
}

/* Whatever the server waits for until then happens at once. The looks before let it finish what it is at: who
 * is logged as gone is reaped in the next round. */
static void let_time_pass(struct kit *k, bk_dur d)
{
	kit_look(k);
	kit_look(k);
	test_clock_push(d);
	kit_look(k);
}

/* --- registering --- */

static void a_taken_id_is_refused_and_closed(void **state)
{
	struct kit *k = start();
	struct peer a, b;

	(void)state;
	join(&a, k, "aaaaaaaa", "Full Cone", "");
	expect_refused(k, "aaaaaaaa");
	expect_refused(k, "aaaaaaaa");
	/* the one that has it is still there */
	join(&b, k, "bbbbbbbb", "Full Cone", "aaaaaaaa");
	expect_info(&a, &b, "bbbbbbbb", "Connect");
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void an_id_is_free_again_after_its_client_vanished(void **state)
{
	struct kit *k = start();
	struct peer a;

	(void)state;
	for (int i = 0; i < 3; i++) {
		join(&a, k, "aaaaaaaa", "Full Cone", "");
		bk_sock_abort(a.fd);
		a.fd = -1;
		peer_close(&a);
		kit_log_wait("reset", (unsigned)i + 1);
	}
	kit_stop(k);
}

static void who_asks_for_nobody_is_told_and_forgotten(void **state)
{
	struct kit *k = start();
	struct peer a, again, c;

	(void)state;
	join(&a, k, "aaaaaaaa", "Full Cone", "nobody");
	expect_not_found(&a, "nobody");
	join(&again, k, "aaaaaaaa", "Full Cone", "");
	join(&c, k, "cccccccc", "Full Cone", "aaaaaaaa");
	expect_info(&again, &c, "cccccccc", "Connect");
	expect_info(&c, &again, "aaaaaaaa", "Listen");
	peer_close(&a);
	peer_close(&again);
	peer_close(&c);
	kit_stop(k);
}

static void nobody_meets_itself(void **state)
{
	struct kit *k = start();
	struct peer a, b;

	(void)state;
	join(&a, k, "aaaaaaaa", "Full Cone", "aaaaaaaa");
	expect_not_found(&a, "aaaaaaaa");
	join(&b, k, "aaaaaaaa", "Full Cone", "");
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void two_that_name_each_other_find_nobody(void **state)
{
	struct kit *k = start();
	struct peer a, b;

	(void)state;
	peer_connect(&a, k->port);
	peer_connect(&b, k->port);
	peer_send(&a, hello_of("aaaaaaaa", "Full Cone", "bbbbbbbb"));
	peer_send(&b, hello_of("bbbbbbbb", "Full Cone", "aaaaaaaa"));
	expect_hello(&a, "aaaaaaaa");
	expect_hello(&b, "bbbbbbbb");
	expect_not_found(&a, "bbbbbbbb");
	expect_not_found(&b, "aaaaaaaa");
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

/* --- matching --- */

static void several_pairs_meet_at_once(void **state)
{
	enum { PAIRS = 12 };
	struct kit *k = start();
	struct peer a[PAIRS], b[PAIRS];
	char ids[2][PAIRS][16];

	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		snprintf(ids[0][i], 16, "wait%d", i);
		snprintf(ids[1][i], 16, "name%d", i);
		join(&a[i], k, ids[0][i], i % 2 ? PORT_RESTRICTED : "Restric NAT", "");
	}
	for (int i = 0; i < PAIRS; i++) {
		peer_connect(&b[i], k->port);
		peer_send(&b[i], hello_of(ids[1][i], PORT_RESTRICTED, ids[0][PAIRS - 1 - i]));
	}
	for (int i = 0; i < PAIRS; i++) {
		int j = PAIRS - 1 - i;

		expect_hello(&b[i], ids[1][i]);
		expect_info(&b[i], &a[j], ids[0][j], j % 2 ? "TryAndReport" : "DelayConnect");
		expect_info(&a[j], &b[i], ids[1][i], j % 2 ? "Standby" : "TryAndListen");
	}
	for (int i = 0; i < PAIRS; i++) {
		struct bk_rdv_msg m, report = {.type = BK_RDV_PEER_PORT, .port = (uint16_t)(5000 + i)};
		struct peer r;
		int j = PAIRS - 1 - i;

		if (j % 2 == 0)
			continue;
		snprintf(report.client_id, sizeof(report.client_id), "%s", ids[1][i]);
		peer_connect(&r, k->port);
		peer_send(&r, report);
		peer_recv(&a[j], BK_RDV_PEER_PORT, &m);
		assert_string_equal(m.client_id, ids[1][i]);
		assert_int_equal(m.port, 5000 + i);
		peer_close(&r);
	}
	for (int i = 0; i < PAIRS; i++) {
		peer_close(&a[i]);
		peer_close(&b[i]);
	}
	kit_stop(k);
}

static void without_a_strategy_the_action_is_null(void **state)
{
	struct kit *k = start();
	char text[1024], expected[1024];
	struct peer a, b;

	(void)state;
	join(&a, k, "aaaaaaaa", "Symmetric NAT", "");
	join(&b, k, "bbbbbbbb", "Symmetric NAT", "aaaaaaaa");
	read_raw(&a, text, sizeof(text));
	snprintf(expected, sizeof(expected),
		"{\"type\":\"PeerInfoMessage\",\"action\":null,\"peer\":{\"client_id\":\"bbbbbbbb\","
		"\"nat_type\":\"Symmetric NAT\",\"public_ip\":\"127.0.0.1\",\"public_port\":%d}}",
		peer_port(&b));
	assert_string_equal(text, expected);
	expect_info(&b, &a, "aaaaaaaa", "");
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void a_missing_nat_type_gets_the_careful_strategy(void **state)
{
	static const char *const hellos[] = {
		"{\"type\":\"ClientHelloMessage\",\"client_id\":\"a\",\"private_ip\":\"10.0.0.1\","
		"\"private_port\":1,\"peer_id\":null}",
		"{\"type\":\"ClientHelloMessage\",\"client_id\":\"a\",\"nat_type\":null,"
		"\"private_ip\":\"10.0.0.1\",\"private_port\":1,\"peer_id\":null}",
		"{\"type\":\"ClientHelloMessage\",\"client_id\":\"a\",\"nat_type\":\"unknown\","
		"\"private_ip\":\"10.0.0.1\",\"private_port\":1}",
	};
	struct kit *k = start();

	(void)state;
	for (size_t i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
		struct bk_rdv_msg m;
		struct peer a, b;

		peer_connect(&a, k->port);
		send_text(&a, hellos[i]);
		expect_hello(&a, "a");
		join(&b, k, "b", PORT_RESTRICTED, "a");
		peer_recv(&b, BK_RDV_PEER_INFO, &m);
		assert_string_equal(m.action, "TryAndReport");
		assert_string_equal(m.peer.nat_type, "unknown");
		expect_info(&a, &b, "b", "Standby");
		peer_close(&a);
		peer_close(&b);
		kit_log_wait("(eof)", 2 * ((unsigned)i + 1));
	}
	kit_stop(k);
}

static void after_a_match_both_ids_are_free(void **state)
{
	struct kit *k = start();
	struct peer a, b, c, d;

	(void)state;
	join(&a, k, "a", "Full Cone", "");
	join(&b, k, "b", "Full Cone", "a");
	expect_info(&a, &b, "b", "Connect");
	expect_info(&b, &a, "a", "Listen");
	join(&c, k, "a", "Full Cone", "");
	join(&d, k, "b", "Full Cone", "a");
	expect_info(&c, &d, "b", "Connect");
	peer_close(&a);
	peer_close(&b);
	peer_close(&c);
	peer_close(&d);
	kit_stop(k);
}

static void bytes_may_come_one_at_a_time(void **state)
{
	static const char text[] =
		"{\"type\": \"ClientHelloMessage\", \"client_id\": \"slow\", \"nat_type\": "
		"\"Full Cone\", \"private_ip\": \"10.0.0.1\", \"private_port\": 1, "
		"\"peer_id\": null}";
	const uint8_t prefix[4] = {0, 0, 0, sizeof(text) - 1};
	struct kit *k = start();
	struct peer a, b;
	int one = 1;

	(void)state;
	peer_connect(&a, k->port);
	setsockopt(a.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (size_t i = 0; i < sizeof(prefix); i++)
		peer_write(&a, prefix + i, 1);
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		peer_write(&a, text + i, 1);
	expect_hello(&a, "slow");
	join(&b, k, "b", "Full Cone", "slow");
	expect_info(&a, &b, "b", "Connect");
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void other_messages_are_ignored_or_end_it(void **state)
{
	struct kit *k = start();
	struct peer a;

	(void)state;
	join(&a, k, "a", "Full Cone", "");
	send_text(&a, "{\"type\":\"SomethingNewMessage\",\"x\":1}");
	send_text(&a, "{\"type\":\"ClientHelloMessage\",\"client_id\":\"z\",\"nat_type\":\"\","
		      "\"private_ip\":\"\",\"private_port\":0,\"peer_id\":null}");
	peer_expect_end(&a);
	peer_close(&a);
	kit_log_wait("message out of place", 1);
	kit_stop(k);
}

/* --- the reported port --- */

static void await_report(const struct kit *k, struct peer *standby, struct peer *reporter)
{
	join(standby, k, "aa", PORT_RESTRICTED, "");
	join(reporter, k, "bb", PORT_RESTRICTED, "aa");
	expect_info(standby, reporter, "bb", "Standby");
	expect_info(reporter, standby, "aa", "TryAndReport");
}

static void a_report_that_never_comes_frees_the_side_on_standby(void **state)
{
	struct kit *k = start();
	struct peer a, b, again;

	(void)state;
	await_report(k, &a, &b);
	expect_refused(k, "aa"); /* it keeps its id meanwhile */
	let_time_pass(k, 31 * BK_SEC);
	expect_not_found(&a, "bb");
	peer_expect_end(&a);
	kit_log_wait("the port that it waits for was never reported (peer-vanished)", 1);
	peer_close(&a);
	peer_close(&b);
	join(&again, k, "aa", PORT_RESTRICTED, "");
	peer_close(&again);
	kit_stop(k);
}

static void a_reporter_that_vanished_is_waited_for_less(void **state)
{
	struct kit *k = start();
	struct peer a, b;

	(void)state;
	await_report(k, &a, &b);
	peer_close(&b);
	kit_log_wait("(eof)", 1);
	let_time_pass(k, 11 * BK_SEC);
	expect_not_found(&a, "bb");
	peer_expect_end(&a);
	peer_close(&a);
	kit_stop(k);
}

static void a_report_counts_also_when_the_reporter_hung_up(void **state)
{
	struct bk_rdv_msg m, report = {.type = BK_RDV_PEER_PORT, .client_id = "bb", .port = 4242};
	struct kit *k = start();
	struct peer a, b, r;

	(void)state;
	await_report(k, &a, &b);
	peer_close(&b);
	kit_log_wait("(eof)", 1);
	peer_connect(&r, k->port);
	peer_send(&r, report);
	peer_recv(&a, BK_RDV_PEER_PORT, &m);
	assert_int_equal(m.port, 4242);
	peer_expect_end(&r);
	let_time_pass(k, 12 * BK_SEC); /* and nothing is overdue any more */
	assert_int_equal(kit_log_count("peer-vanished"), 0);
	peer_close(&a);
	peer_close(&r);
	kit_stop(k);
}

static void a_side_on_standby_that_vanished_is_not_told(void **state)
{
	struct bk_rdv_msg report = {.type = BK_RDV_PEER_PORT, .client_id = "bb", .port = 4242};
	struct kit *k = start();
	struct peer a, b, r;

	(void)state;
	await_report(k, &a, &b);
	peer_close(&a);
	kit_log_wait("(eof)", 1);
	peer_connect(&r, k->port);
	peer_send(&r, report);
	kit_log_wait("nobody waits for the port that was reported", 1);
	peer_close(&b);
	peer_close(&r);
	kit_stop(k);
}

/* A message of which the server has all but the rest: when that is sent, the message is there whole. */
struct cut {
	struct peer *to;
	struct bk_buf rest;
};

static void send_begin(struct cut *c, struct peer *to, const struct bk_rdv_msg *m)
{
	c->to = to;
	bk_buf_init(&c->rest, 4096);
	assert_int_equal(bk_rdv_append(&c->rest, m), 0);
	peer_write(to, bk_buf_head(&c->rest), 6);
	bk_buf_consume(&c->rest, 6);
}

static void send_rest(void *arg)
{
	struct cut *c = arg;

	peer_write(c->to, bk_buf_head(&c->rest), c->rest.len);
	bk_buf_done(&c->rest);
}

/* The report is read in the turn in which who waited for it is taken away. */
static void a_report_may_come_in_the_turn_in_which_the_side_on_standby_leaves(void **state)
{
	struct bk_rdv_msg report = {.type = BK_RDV_PEER_PORT, .client_id = "bb", .port = 4242};
	struct kit *k = start();
	struct peer a, b, r, again;
	struct cut cut;

	(void)state;
	await_report(k, &a, &b);
	peer_connect(&r, k->port);
	send_begin(&cut, &r, &report);
	kit_look(k);
	kit_look(k);
	kit_log_then("(eof)", send_rest, &cut);
	peer_close(&a);
	kit_log_wait("nobody waits for the port that was reported", 1);
	peer_expect_end(&r);
	join(&again, k, "aa", PORT_RESTRICTED, "");
	peer_close(&again);
	peer_close(&b);
	peer_close(&r);
	kit_stop(k);
}

static void port_zero_is_the_one_the_report_came_from(void **state)
{
	struct bk_rdv_msg m, report = {.type = BK_RDV_PEER_PORT, .client_id = "bb"};
	struct kit *k = start();
	struct peer a, b, r;

	(void)state;
	await_report(k, &a, &b);
	peer_connect(&r, k->port);
	peer_send(&r, report);
	peer_recv(&a, BK_RDV_PEER_PORT, &m);
	assert_int_equal(m.port, peer_port(&r));
	peer_close(&a);
	peer_close(&b);
	peer_close(&r);
	kit_stop(k);
}

/* From 127.0.0.2, which is none of the two. */
static void connect_as_stranger(struct peer *p, const struct kit *k)
{
	struct bk_addr local = bk_addr_v4(127, 0, 0, 2, 0), to = bk_addr_v4(127, 0, 0, 1, k->port);
	struct timeval patience = {.tv_sec = 10};

	*p = (struct peer){0};
	bk_buf_init(&p->in, 65536);
	assert_int_equal(bk_sock_connect(&local, &to, &p->fd), 0);
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(fcntl(p->fd, F_SETFL, 0), 0);
}

static void a_strangers_report_sends_nobody_elsewhere(void **state)
{
	struct bk_rdv_msg m, report = {.type = BK_RDV_PEER_PORT, .client_id = "bb", .port = 6666};
	struct kit *k = start();
	struct peer a, b, r;

	(void)state;
	await_report(k, &a, &b);
	connect_as_stranger(&r, k);
	peer_send(&r, report);
	kit_log_wait("nobody waits for the port that was reported", 1);
	peer_close(&r);
	report.port = 4242;
	peer_connect(&r, k->port);
	peer_send(&r, report);
	peer_recv(&a, BK_RDV_PEER_PORT, &m);
	assert_int_equal(m.port, 4242);
	peer_close(&a);
	peer_close(&b);
	peer_close(&r);
	kit_stop(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_taken_id_is_refused_and_closed),
		cmocka_unit_test(an_id_is_free_again_after_its_client_vanished),
		cmocka_unit_test(who_asks_for_nobody_is_told_and_forgotten),
		cmocka_unit_test(nobody_meets_itself),
		cmocka_unit_test(two_that_name_each_other_find_nobody),
		cmocka_unit_test(several_pairs_meet_at_once),
		cmocka_unit_test(without_a_strategy_the_action_is_null),
		cmocka_unit_test(a_missing_nat_type_gets_the_careful_strategy),
		cmocka_unit_test(after_a_match_both_ids_are_free),
		cmocka_unit_test(bytes_may_come_one_at_a_time),
		cmocka_unit_test(other_messages_are_ignored_or_end_it),
		cmocka_unit_test(a_report_that_never_comes_frees_the_side_on_standby),
		cmocka_unit_test(a_reporter_that_vanished_is_waited_for_less),
		cmocka_unit_test(a_report_counts_also_when_the_reporter_hung_up),
		cmocka_unit_test(a_side_on_standby_that_vanished_is_not_told),
		cmocka_unit_test(a_report_may_come_in_the_turn_in_which_the_side_on_standby_leaves),
		cmocka_unit_test(port_zero_is_the_one_the_report_came_from),
		cmocka_unit_test(a_strangers_report_sends_nobody_elsewhere),
	};

	return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
