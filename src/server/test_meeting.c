/* SPDX-License-Identifier: Apache-2.0 */
/* Meetings as clients see them: who shows the secret is in, whoever it is and whatever was before. */
#include "server/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/limits.h"

static struct bk_rdv_msg rejoin_of(uint8_t secret, uint32_t side, uint64_t number)
{
	return (struct bk_rdv_msg){
		.type = BK_RDV_CLIENT_REJOIN, .secret = {secret}, .side = side, .number = number};
}

static struct bk_rdv_msg asking(struct bk_rdv_msg m)
{
	m.asks = 1;
	return m;
}

/* Everything sent before has been handled. */
static void settle(struct peer *p)
{
	struct bk_rdv_msg m;

	peer_send(p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING, .number = 4711});
	peer_recv(p, BK_RDV_SERVER_PONG, &m);
	assert_int_equal(m.number, 4711);
}

static void expect_round(struct peer *p, struct bk_rdv_msg *m)
{
	peer_recv(p, BK_RDV_SERVER_RELAY, m);
	bk_rdv_done(m);
}

static void a_side_comes_back_by_the_secret_and_a_round_takes_both(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	uint8_t token[BK_RDV_SECRET_LEN], body[4] = "mail";
	struct peer a, b, b2, stranger;
	struct bk_rdv_msg m, round;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peers_pair(&a, &b, token);
	peer_send(&a, rejoin_of(9, 0, 1));
	peer_send(&b, rejoin_of(9, 1, 1));
	settle(&a);
	settle(&b);
	peer_close(&b);
	kit_log_wait("(eof)", 1);
	peer_send(&a, asking(rejoin_of(9, 0, 2)));
	expect_round(&a, &round);
	assert_memory_not_equal(round.relay_token, token, sizeof(token));
	peer_send(&a, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_MAIL, .body = body, .body_len = 4});
	peer_join(&stranger, k, "stranger"); /* with another secret it is alone */
	peer_send(&stranger, asking(rejoin_of(10, 1, 3)));
	expect_round(&stranger, &m);
	peer_join(&b2, k, "b2");
	peer_send(&b2, rejoin_of(9, 1, 2));
	expect_round(&b2, &m);
	assert_memory_equal(m.relay_token, round.relay_token, sizeof(token));
	m = rejoin_of(9, 1, 3);
	memcpy(m.relay_token, round.relay_token, sizeof(token));
	settle(&b2); /* told, and not in yet: no mail */
	peer_send(&b2, m);
	peer_recv(&b2, BK_RDV_SERVER_MAIL, &m);
	assert_memory_equal(m.body, body, 4);
	bk_rdv_done(&m);
	settle(&stranger);
	peer_send(&b2, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_RELEASE});
	peer_recv(&a, BK_RDV_SERVER_RELEASED, &m);
	assert_string_equal(m.code, "");
	peer_close(&a);
	peer_close(&b2);
	peer_close(&stranger);
	kit_stop(k);
}

static void who_never_showed_the_secret_is_not_waited_for(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	uint8_t token[BK_RDV_SECRET_LEN];
	struct bk_rdv_msg m;
	struct peer a, b;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peers_pair(&a, &b, token);
	peer_send(&a, rejoin_of(9, 0, 1));
	settle(&a);
	peer_close(&b);
	peer_recv(&a, BK_RDV_SERVER_RELEASED, &m);
	assert_string_equal(m.code, "peer-vanished");
	peer_close(&a);
	kit_stop(k);
}

static void who_asks_twice_or_comes_anew_in_a_round_begins_another(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct bk_rdv_msg first, second, m;
	struct peer a, b, b2;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peer_send(&a, rejoin_of(9, 0, 1));
	peer_send(&b, asking(rejoin_of(9, 1, 1)));
	expect_round(&b, &first);
	expect_round(&a, &m);
	assert_memory_equal(m.relay_token, first.relay_token, BK_RDV_SECRET_LEN);
	peer_send(&a, asking(rejoin_of(9, 0, 2))); /* both at once: the same */
	expect_round(&a, &m);
	assert_memory_equal(m.relay_token, first.relay_token, BK_RDV_SECRET_LEN);
	peer_join(&b2, k, "b2");
	m = rejoin_of(9, 1, 2);
	memcpy(m.relay_token, first.relay_token, BK_RDV_SECRET_LEN);
	peer_send(&b2, m);
	expect_round(&b2, &second);
	assert_memory_not_equal(second.relay_token, first.relay_token, BK_RDV_SECRET_LEN);
	expect_round(&a, &m);
	assert_memory_equal(m.relay_token, second.relay_token, BK_RDV_SECRET_LEN);
	settle(&b); /* its place was taken: it hears nothing */
	peer_send(&b2, asking(rejoin_of(9, 1, 3)));
	expect_round(&b2, &first);
	assert_memory_not_equal(second.relay_token, first.relay_token, BK_RDV_SECRET_LEN);
	peer_close(&a);
	peer_close(&b);
	peer_close(&b2);
	kit_stop(k);
}

static void rejoins_of_a_hostile_client_have_names_and_ceilings(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.messages_per_second = 100000}, NULL);
	struct peer p, q;
	unsigned made = 0;
	struct bk_rdv_msg m;

	(void)state;
	peer_join(&p, k, "p");
	peer_send(&p, rejoin_of(1, 7, 1));
	peer_expect_error(&p, "invalid");
	peer_send(&p, rejoin_of(1, 0, 5));
	peer_send(&p, rejoin_of(1, 0, 5));
	peer_expect_error(&p, "exists");
	peer_send(&p, rejoin_of(1, 1, 6));
	peer_expect_error(&p, "invalid");
	for (uint8_t i = 2; i <= BK_LIMIT_NAMEPLATES; i++)
		peer_send(&p, rejoin_of(i, 0, 1));
	peer_send(&p, rejoin_of(100, 0, 1));
	peer_expect_error(&p, "full");
	/* made and left, again and again; and rounds asked for without end */
	for (unsigned i = 0; i < 4 * BK_LIMIT_REJOINS_BURST; i++) {
		peer_send(&p, asking(rejoin_of(1, 0, 10 + i)));
		assert_int_equal(peer_try_recv(&p, &m), 0);
		made += m.type == BK_RDV_SERVER_RELAY;
		if (m.type != BK_RDV_SERVER_RELAY)
			assert_string_equal(m.code, "rate-limited");
		bk_rdv_done(&m);
	}
	assert_in_range(made, 1, BK_LIMIT_REJOINS_BURST + 10);
	peer_join(&q, k, "q");
	for (uint8_t i = 0; i < 20; i++)
		peer_send(&q, rejoin_of((uint8_t)(200 + i), 0, 1));
	peer_expect_error(&q, "rate-limited");
	peer_close(&p);
	peer_close(&q);
	kit_stop(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_side_comes_back_by_the_secret_and_a_round_takes_both),
		cmocka_unit_test(who_never_showed_the_secret_is_not_waited_for),
		cmocka_unit_test(who_asks_twice_or_comes_anew_in_a_round_begins_another),
		cmocka_unit_test(rejoins_of_a_hostile_client_have_names_and_ceilings),
	};

	return cmocka_run_group_tests_name("meeting", tests, NULL, NULL);
}
