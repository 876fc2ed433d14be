/* SPDX-License-Identifier: Apache-2.0 */
#include "server/test_kit.h"

#include <fcntl.h>
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
#include "server/limits.h"

static struct bk_rdv_msg hello_of(const char *id)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .version = 1};

	snprintf(m.client_id, sizeof(m.client_id), "%s", id);
	snprintf(m.nat_type, sizeof(m.nat_type), "unknown");
	snprintf(m.private_ip, sizeof(m.private_ip), "127.0.0.1");
	return m;
}

static void expect_refusal(const struct kit *k, struct bk_rdv_msg hello, const char *code)
{
	struct bk_rdv_msg m;
	struct peer p;

	peer_connect(&p, k->port);
	peer_secure(&p);
	peer_send(&p, hello);
	peer_recv(&p, BK_RDV_SERVER_REFUSE, &m);
	assert_string_equal(m.code, code);
	assert_string_equal(m.client_id, hello.client_id);
	peer_expect_end(&p);
	peer_close(&p);
	kit_log_wait(code, 1);
}

static void hello_tells_what_the_server_sees(void **state)
{
	struct bk_rdv_msg m;
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct peer p;

	(void)state;
	peer_connect(&p, k->alt_port);
	peer_secure(&p);
	peer_send(&p, hello_of("1234abcd"));
	peer_recv(&p, BK_RDV_SERVER_HELLO, &m);
	assert_string_equal(m.public_ip, "127.0.0.1");
	assert_int_equal(m.public_port, peer_port(&p));
	assert_int_equal(m.ping_ms, 15000);
	assert_int_equal(m.alt_port, k->port);
	assert_true(m.time > 0);
	peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING, .number = 7});
	peer_recv(&p, BK_RDV_SERVER_PONG, &m);
	assert_int_equal(m.number, 7);
	assert_true(m.time > 0);
	peer_close(&p);
	kit_stop(k);
}

static void the_pin_survives_a_restart(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct bk_server_opts opts = {.listen_ip = "127.0.0.1", .port = -1, .state_dir = k->dir};
	struct bk_server *again;
	struct bk_loop *loop;
	char text[BK_SERVER_TEXT_MAX];

	(void)state;
	assert_int_equal(bk_loop_new(BK_LOOP_POLL, &loop), 0);
	assert_int_equal(bk_server_new(loop, &opts, &again, text), 0);
	assert_string_equal(bk_server_pin(again), bk_server_pin(k->server));
	bk_server_free(again);
	opts.listen_ip = NULL;
	assert_int_equal(bk_server_new(loop, &opts, &again, text), 0);
	bk_server_free(again);
	opts.listen_ip = "127.0.0.1";
	opts.port = k->port;
	assert_int_equal(bk_server_new(loop, &opts, &again, text), BK_E_ADDRESS_IN_USE);
	assert_non_null(strstr(text, "cannot bind '127.0.0.1:"));
	opts.listen_ip = "nowhere";
	assert_int_equal(bk_server_new(loop, &opts, &again, text), BK_E_ADDRESS);
	assert_string_equal(text, "cannot listen on 'nowhere': not an IP address");
	bk_loop_free(loop);
	kit_stop(k);
}

static void who_may_not_come_is_refused_with_a_code(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.token = "sesame"}, NULL);
	struct bk_rdv_msg m, good = hello_of("good");
	struct peer p;

	(void)state;
	snprintf(good.token, sizeof(good.token), "sesame");
	peer_connect(&p, k->port);
	peer_secure(&p);
	peer_send(&p, good);
	peer_recv(&p, BK_RDV_SERVER_HELLO, &m);
	expect_refusal(k, good, "id-in-use");
	expect_refusal(k, hello_of("other"), "unauthorized");
	good.version = 9;
	expect_refusal(k, good, "version");
	peer_close(&p);
	kit_stop(k);
}

static void an_id_is_free_again_when_its_client_left(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct peer p;

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		peer_join(&p, k, "same");
		peer_close(&p);
		kit_log_wait("(eof)", i);
	}
	kit_stop(k);
}

static void mail_reaches_the_other_side_in_order(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.messages_per_second = 1000}, NULL);
	struct bk_rdv_msg m, mail = {.type = BK_RDV_CLIENT_MAIL};
	uint8_t token[BK_RDV_SECRET_LEN];
	struct peer a, b;

	(void)state;
	mail.body = calloc(1, BK_RDV_BODY_MAX);
	mail.body_len = BK_RDV_BODY_MAX;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peers_pair(&a, &b, token);
	for (uint8_t i = 0; i < 12; i++) {
		mail.body[0] = i;
		peer_send(i % 2 ? &b : &a, mail);
	}
	for (uint8_t i = 0; i < 12; i++) {
		peer_recv(i % 2 ? &a : &b, BK_RDV_SERVER_MAIL, &m);
		assert_int_equal(m.body_len, BK_RDV_BODY_MAX);
		assert_int_equal(m.body[0], i);
		bk_rdv_done(&m);
	}
	peer_send(&a, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_RELEASE});
	peer_recv(&b, BK_RDV_SERVER_RELEASED, &m);
	assert_string_equal(m.code, "");
	peer_send(&b, mail);
	peer_expect_error(&b, "not-found");
	free(mail.body);
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void mail_before_the_claim_waits_up_to_a_ceiling(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	uint8_t body[8] = "mail 0";
	struct bk_rdv_msg m, mail = {.type = BK_RDV_CLIENT_MAIL, .body = body, .body_len = sizeof(body)};
	struct peer a, b;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peer_send(&a, (struct bk_rdv_msg){
			      .type = BK_RDV_CLIENT_ALLOCATE, .nameplate = 77, .body = body, .body_len = 1});
	peer_recv(&a, BK_RDV_SERVER_NAMEPLATE, &m);
	assert_int_equal(m.nameplate, 77);
	for (int i = 0; i < BK_LIMIT_MAILS + 1; i++)
		peer_send(&a, mail);
	peer_expect_error(&a, "full");
	peer_send(&b, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = 77});
	peer_recv(&b, BK_RDV_SERVER_CLAIMED, &m);
	bk_rdv_done(&m);
	for (int i = 0; i < BK_LIMIT_MAILS; i++) {
		peer_recv(&b, BK_RDV_SERVER_MAIL, &m);
		assert_memory_equal(m.body, body, sizeof(body));
		bk_rdv_done(&m);
	}
	peer_close(&a);
	peer_recv(&b, BK_RDV_SERVER_RELEASED, &m);
	assert_int_equal(m.nameplate, 77);
	assert_string_equal(m.code, "peer-vanished");
	peer_close(&b);
	kit_stop(k);
}

static void a_nameplate_is_claimed_once(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	uint8_t body[1] = "x", token[BK_RDV_SECRET_LEN];
	struct peer a, b, c;
	struct bk_rdv_msg m;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peer_join(&c, k, "c");
	peers_pair(&a, &b, token);
	peer_send(
		&a, (struct bk_rdv_msg){
			    .type = BK_RDV_CLIENT_ALLOCATE, .nameplate = 5000, .body = body, .body_len = 1});
	peer_recv(&a, BK_RDV_SERVER_NAMEPLATE, &m);
	peer_send(&b, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = 5000});
	peer_recv(&b, BK_RDV_SERVER_CLAIMED, &m);
	bk_rdv_done(&m);
	peer_send(&c, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = 5000});
	peer_expect_error(&c, "code-used");
	peer_send(
		&c, (struct bk_rdv_msg){
			    .type = BK_RDV_CLIENT_ALLOCATE, .nameplate = 5000, .body = body, .body_len = 1});
	peer_expect_error(&c, "exists");
	/* guesses are rationed, for the address as a whole: two claims and a
	 * wish for a number succeeded, one of each failed before */
	for (int i = 0; i < BK_LIMIT_CLAIMS_BURST - 5; i++) {
		peer_send(&c, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = 4000000});
		peer_expect_error(&c, "no-such-peer");
	}
	peer_send(&c, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = 4000000});
	peer_expect_error(&c, "rate-limited");
	peer_close(&a);
	peer_close(&b);
	peer_close(&c);
	kit_stop(k);
}

static void a_claimed_nameplate_expires_for_both(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.nameplate_lifetime_ns = 20 * BK_MS}, NULL);
	uint8_t token[BK_RDV_SECRET_LEN];
	struct peer a, b;
	struct bk_rdv_msg m;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peers_pair(&a, &b, token);
	peer_recv(&a, BK_RDV_SERVER_RELEASED, &m);
	assert_string_equal(m.code, "timeout");
	peer_recv(&b, BK_RDV_SERVER_RELEASED, &m);
	assert_string_equal(m.code, "timeout");
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void a_silent_client_is_gone_and_the_other_side_is_told(void **state)
{
	struct kit *k = kit_start(
		(struct bk_server_opts){.ping_interval_ns = 100 * BK_MS, .messages_per_second = 1000000},
		NULL);
	uint8_t token[BK_RDV_SECRET_LEN];
	struct bk_rdv_msg m = {0};
	struct peer a, b;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peers_pair(&a, &b, token);
	/* a lives: a ping follows each pong; b says nothing */
	peer_send(&a, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING});
	while (m.type != BK_RDV_SERVER_RELEASED) {
		assert_int_equal(peer_try_recv(&a, &m), 0);
		if (m.type == BK_RDV_SERVER_PONG)
			peer_send(&a, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING});
	}
	assert_string_equal(m.code, "peer-vanished");
	kit_log_wait("silent for too long (idle)", 1);
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void send_probe(struct peer *p, uint16_t port, const uint8_t *nonce)
{
	struct bk_preface preface = {.kind = BK_PREFACE_PROBE};
	uint8_t bytes[BK_PREFACE_LEN];

	memcpy(preface.secret, nonce, sizeof(preface.secret));
	bk_preface_encode(&preface, bytes);
	peer_connect(p, port);
	peer_write_raw(p, bytes, sizeof(bytes));
}

static void expect_mapped(struct peer *owner, const struct peer *probe, uint16_t port)
{
	struct bk_rdv_msg m;

	peer_recv(owner, BK_RDV_SERVER_MAPPED, &m);
	assert_int_equal(m.public_port, peer_port(probe));
	assert_int_equal(m.server_port, port);
	assert_string_equal(m.server_ip, "127.0.0.1");
}

static void a_probe_from_another_address_tells_nothing(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	const struct bk_addr elsewhere = bk_addr_v4(127, 0, 0, 2, 0);
	struct bk_rdv_msg announce = {.type = BK_RDV_CLIENT_PROBE, .nonce = {7}};
	struct bk_preface preface = {.kind = BK_PREFACE_PROBE, .secret = {7}};
	uint8_t bytes[BK_PREFACE_LEN];
	struct peer owner, thief, probe;

	(void)state;
	bk_preface_encode(&preface, bytes);
	peer_join(&owner, k, "owner");
	peer_send(&owner, announce);
	peer_connect_from(&thief, &elsewhere, k->alt_port);
	peer_write_raw(&thief, bytes, sizeof(bytes));
	peer_expect_end(&thief);
	send_probe(&probe, k->alt_port, announce.nonce);
	expect_mapped(&owner, &probe, k->alt_port);
	peer_close(&probe);
	peer_close(&thief);
	peer_close(&owner);
	kit_stop(k);
}

static void a_probe_is_answered_in_either_order(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct bk_rdv_msg announce = {.type = BK_RDV_CLIENT_PROBE, .nonce = {1}};
	struct peer owner, early, late;

	(void)state;
	peer_join(&owner, k, "a");
	send_probe(&early, k->port, announce.nonce);
	peer_send(&owner, announce);
	expect_mapped(&owner, &early, k->port);
	send_probe(&late, k->alt_port, announce.nonce);
	expect_mapped(&owner, &late, k->alt_port);
	peer_close(&early);
	peer_close(&late);
	kit_log_wait("probe answered", 2);
	announce.nonce[0] = 2;
	for (int i = 0; i < BK_LIMIT_PROBES; i++) {
		announce.nonce[1] = (uint8_t)i;
		peer_send(&owner, announce);
	}
	peer_expect_error(&owner, "full");
	peer_close(&owner);
	kit_stop(k);
}

static void connecting_back_tells_what_gets_in(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.alt_ip = "127.0.0.2"}, NULL);
	struct bk_addr local;
	struct bk_rdv_msg m;
	struct peer p;
	int listener;

	(void)state;
	peer_join(&p, k, "a");
	peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_REACH, .nonce = {3}});
	peer_recv(&p, BK_RDV_SERVER_REACHED, &m);
	assert_int_equal(m.nonce[0], 3);
	assert_string_equal(m.same_address, "no");
	assert_string_equal(m.other_address, "no");
	peer_close(&p);

	/* a listener on the port of the control connection: bound before it, so that both share it */
	local = bk_addr_v4(127, 0, 0, 1, 0);
	assert_int_equal(bk_sock_listen(&local, true, 4, &listener), 0);
	assert_int_equal(bk_sock_local(listener, &local), 0);
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, k->port);
	struct timeval patience = {.tv_sec = 10};
	p = (struct peer){0};
	bk_buf_init(&p.in, 65536);
	assert_int_equal(bk_sock_connect(&local, &to, &p.fd), 0);
	setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(fcntl(p.fd, F_SETFL, 0), 0);
	peer_secure(&p);
	peer_send(&p, hello_of("b"));
	peer_recv(&p, BK_RDV_SERVER_HELLO, &m);
	peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_REACH, .nonce = {4}});
	peer_recv(&p, BK_RDV_SERVER_REACHED, &m);
	assert_string_equal(m.same_address, "yes");
	assert_string_equal(m.other_address, "yes");
	close(listener);
	peer_close(&p);
	kit_stop(k);
}

/* --- the plain dialect --- */

static void plain_join(
	struct peer *p, const struct kit *k, const char *id, const char *nat, const char *peer_id)
{
	struct bk_rdv_msg m, hello = hello_of(id);

	hello.version = 0;
	snprintf(hello.nat_type, sizeof(hello.nat_type), "%s", nat);
	snprintf(hello.peer_id, sizeof(hello.peer_id), "%s", peer_id);
	peer_connect(p, k->port);
	peer_send(p, hello);
	peer_recv(p, BK_RDV_SERVER_HELLO, &m);
	assert_int_equal(m.public_port, peer_port(p));
}

static void expect_info(
	struct peer *p, const struct peer *other, const char *id, const char *nat, const char *action)
{
	struct bk_rdv_msg m;

	peer_recv(p, BK_RDV_PEER_INFO, &m);
	assert_string_equal(m.action, action);
	assert_string_equal(m.peer.client_id, id);
	assert_string_equal(m.peer.nat_type, nat);
	assert_string_equal(m.peer.public_ip, "127.0.0.1");
	assert_int_equal(m.peer.public_port, peer_port(other));
}

static void plain_clients_are_matched_and_forgotten(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.speaks_plain = true}, NULL);
	struct peer a, b, c;
	struct bk_rdv_msg m;

	(void)state;
	plain_join(&a, k, "aaaaaaaa", "Full Cone", "");
	plain_join(&b, k, "bbbbbbbb", "Symmetric NAT", "aaaaaaaa");
	expect_info(&a, &b, "bbbbbbbb", "Symmetric NAT", "Listen");
	expect_info(&b, &a, "aaaaaaaa", "Full Cone", "Connect");
	plain_join(&c, k, "bbbbbbbb", "Full Cone", "aaaaaaaa");
	peer_recv(&c, BK_RDV_PEER_NOT_FOUND, &m);
	assert_string_equal(m.peer_id, "aaaaaaaa");
	peer_close(&a);
	peer_close(&b);
	peer_close(&c);
	kit_stop(k);
}

static void a_reported_port_reaches_the_side_on_standby(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.speaks_plain = true}, NULL);
	struct bk_rdv_msg m, report = {.type = BK_RDV_PEER_PORT, .client_id = "bb", .port = 4242};
	struct peer a, b, r;

	(void)state;
	plain_join(&a, k, "aa", "Restric Port NAT", "");
	plain_join(&b, k, "bb", "Restric Port NAT", "aa");
	expect_info(&a, &b, "bb", "Restric Port NAT", "Standby");
	expect_info(&b, &a, "aa", "Restric Port NAT", "TryAndReport");
	peer_connect(&r, k->port);
	peer_send(&r, report);
	peer_recv(&a, BK_RDV_PEER_PORT, &m);
	assert_string_equal(m.client_id, "bb");
	assert_int_equal(m.port, 4242);
	peer_expect_end(&r);
	peer_close(&r);
	peer_connect(&r, k->port);
	peer_send(&r, report);
	kit_log_wait("nobody waits for the port that was reported", 1);
	peer_close(&a);
	peer_close(&b);
	peer_close(&r);
	kit_stop(k);
}

/* --- lies --- */

static enum lie swap_mail(void *arg, unsigned from_seat, uint8_t **body, size_t *len)
{
	(void)arg;
	(void)from_seat;
	free(*body);
	*body = (uint8_t *)strdup("swapped");
	*len = 7;
	return LIE_TWICE;
}

static void a_lying_board_can_swap_and_repeat_mail(void **state)
{
	struct lies lies = {.on_mail = swap_mail};
	struct kit *k = kit_start((struct bk_server_opts){0}, &lies);
	uint8_t token[BK_RDV_SECRET_LEN], body[3] = "abc";
	struct peer a, b;
	struct bk_rdv_msg m;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peers_pair(&a, &b, token);
	peer_send(&a, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_MAIL, .body = body, .body_len = 3});
	for (int i = 0; i < 2; i++) {
		peer_recv(&b, BK_RDV_SERVER_MAIL, &m);
		assert_memory_equal(m.body, "swapped", 7);
		bk_rdv_done(&m);
	}
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

/* --- stopping --- */

static void a_stop_tells_every_client(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct peer a, b, silent;
	struct bk_rdv_msg m;

	(void)state;
	peer_connect(&silent, k->port);
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	kit_stop_begin(k);
	peer_recv(&a, BK_RDV_SERVER_STOP, &m);
	peer_expect_end(&a);
	peer_recv(&b, BK_RDV_SERVER_STOP, &m);
	peer_expect_end(&b);
	peer_close(&a);
	peer_close(&b);
	peer_close(&silent);
	kit_log_wait("the server is shutting down (shutdown)", 3);
	kit_stop(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_tells_what_the_server_sees),
		cmocka_unit_test(the_pin_survives_a_restart),
		cmocka_unit_test(who_may_not_come_is_refused_with_a_code),
		cmocka_unit_test(an_id_is_free_again_when_its_client_left),
		cmocka_unit_test(mail_reaches_the_other_side_in_order),
		cmocka_unit_test(mail_before_the_claim_waits_up_to_a_ceiling),
		cmocka_unit_test(a_nameplate_is_claimed_once),
		cmocka_unit_test(a_claimed_nameplate_expires_for_both),
		cmocka_unit_test(a_silent_client_is_gone_and_the_other_side_is_told),
		cmocka_unit_test(a_probe_is_answered_in_either_order),
		cmocka_unit_test(a_probe_from_another_address_tells_nothing),
		cmocka_unit_test(connecting_back_tells_what_gets_in),
		cmocka_unit_test(plain_clients_are_matched_and_forgotten),
		cmocka_unit_test(a_reported_port_reaches_the_side_on_standby),
		cmocka_unit_test(a_lying_board_can_swap_and_repeat_mail),
		cmocka_unit_test(a_stop_tells_every_client),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
