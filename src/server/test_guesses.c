/* SPDX-License-Identifier: Apache-2.0 */
/* Who guesses at codes, and how it is kept from the operator's eyes: each guess costs, and no noise hides one. */
#include "server/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/limits.h"

/* Claims that number, shows a secret that it made up, on the side that it has, and leaves. */
static bool guess_code(const struct kit *k, uint32_t number, unsigned i)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_REJOIN, .side = 1, .number = 1}, got;
	struct peer p;
	bool hit;
	char id[16];

	snprintf(id, sizeof(id), "guesser%u", i);
	memset(m.secret, (int)i + 1, sizeof(m.secret));
	peer_join(&p, k, id);
	peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = number});
	peer_send(&p, m);
	peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING});
	assert_int_equal(peer_try_recv(&p, &got), 0);
	hit = got.type == BK_RDV_SERVER_CLAIMED;
	bk_rdv_done(&got);
	peer_recv(&p, BK_RDV_SERVER_PONG, &got); /* the secret is there */
	peer_close(&p);
	return hit;
}

static void a_secret_that_is_made_up_gives_no_guess_back(void **state)
{
	enum { MAKERS = 8, CODES = MAKERS * BK_LIMIT_NAMEPLATES };
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct peer makers[MAKERS];
	uint32_t numbers[CODES];
	unsigned hits = 0;
	struct bk_rdv_msg m;
	char id[16];

	(void)state;
	for (int i = 0; i < CODES; i++) {
		struct peer *p = &makers[i / BK_LIMIT_NAMEPLATES];

		snprintf(id, sizeof(id), "maker%d", i);
		if (i % BK_LIMIT_NAMEPLATES == 0)
			peer_join(p, k, id);
		peer_send(p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_ALLOCATE});
		peer_recv(p, BK_RDV_SERVER_NAMEPLATE, &m);
		numbers[i] = m.nameplate;
	}
	for (unsigned i = 0; i < CODES; i++)
		if (guess_code(k, numbers[i], i))
			kit_log_wait("was used up by", ++hits);
	assert_in_range(hits, 1, BK_LIMIT_CLAIMS_BURST / BK_LIMIT_GUESS);
	assert_int_equal(kit_log_count(" met "), 0);
	for (int i = 0; i < MAKERS; i++)
		peer_close(&makers[i]);
	kit_stop(k);
}

/* A refusal is nothing that could be given back. */
static void who_wishes_for_numbers_beyond_its_ration_is_refused_and_no_more(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.messages_per_second = 10000}, NULL);
	struct peer waiting, p;
	struct bk_rdv_msg m;
	unsigned learned = 0;

	(void)state;
	peer_join(&waiting, k, "waiting");
	peer_send(&waiting, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_ALLOCATE});
	peer_recv(&waiting, BK_RDV_SERVER_NAMEPLATE, &m);
	peer_join(&p, k, "wishing");
	for (int i = 0; i < 10 * BK_LIMIT_CLAIMS_BURST; i++) {
		peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_ALLOCATE, .nameplate = m.nameplate});
		struct bk_rdv_msg answer;

		peer_recv(&p, BK_RDV_SERVER_ERROR, &answer);
		learned += !strcmp(answer.code, "exists");
		bk_rdv_done(&answer);
	}
	assert_in_range(learned, BK_LIMIT_CLAIMS_BURST, BK_LIMIT_CLAIMS_BURST + 10);
	peer_close(&p);
	peer_close(&waiting);
	kit_stop(k);
}

/* From networks enough that nobody is sent away for it. */
static void make_noise(struct kit *k, unsigned connections)
{
	for (unsigned i = 0; i < connections; i++) {
		const struct bk_addr from = bk_addr_v4(127, 3, (uint8_t)(i % 16), 1, 0);
		struct peer p;

		peer_connect_from(&p, &from, k->port);
		peer_write_raw(&p, "\1", 1);
		peer_expect_end(&p);
		peer_close(&p);
	}
}

/* By themselves, with nobody. */
static void meet_often(struct kit *k, unsigned times)
{
	struct peer maker, joiner;
	struct bk_rdv_msg m;

	peer_join(&maker, k, "maker");
	peer_join(&joiner, k, "joiner");
	for (unsigned i = 0; i < times; i++) {
		struct bk_rdv_msg r = {.type = BK_RDV_CLIENT_REJOIN, .secret = {1, (uint8_t)i}, .number = 1};

		peer_send(&maker, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_ALLOCATE});
		peer_recv(&maker, BK_RDV_SERVER_NAMEPLATE, &m);
		peer_send(
			&joiner, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = m.nameplate});
		peer_recv(&joiner, BK_RDV_SERVER_CLAIMED, &m);
		peer_recv(&maker, BK_RDV_SERVER_CLAIMED, &m);
		peer_send(&maker, r);
		peer_send(&maker, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_RELEASE});
		peer_recv(&joiner, BK_RDV_SERVER_RELEASED, &m);
	}
	peer_close(&maker);
	peer_close(&joiner);
}

/* Who guesses may be loud elsewhere: what the operator is to hear of is not drowned in it. */
static void noise_hides_no_wrong_guess_from_the_log(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.messages_per_second = 10000}, NULL);
	struct peer maker;
	struct bk_rdv_msg m;

	(void)state;
	make_noise(k, 2 * BK_LIMIT_LOG_BURST);
	meet_often(k, 2 * BK_LIMIT_NEWS_BURST);
	assert_in_range(kit_log_count(" met "), BK_LIMIT_NEWS_BURST, 2 * BK_LIMIT_NEWS_BURST - 1);
	peer_join(&maker, k, "another maker");
	peer_send(&maker, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_ALLOCATE});
	peer_recv(&maker, BK_RDV_SERVER_NAMEPLATE, &m);
	guess_code(k, m.nameplate, 0);
	kit_log_wait("was used up by", 1);
	peer_close(&maker);
	kit_stop(k);
}

static void floods_are_summed_up_in_the_log(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.messages_per_second = 10000}, NULL);

	(void)state;
	meet_often(k, 2 * BK_LIMIT_NEWS_BURST);
	kit_log_wait(" more meetings and 0 more wrong guesses within a minute than are listed", 1);
	for (int i = 0; i < 1000 && !kit_log_count("never said who they are"); i++)
		make_noise(k, 100);
	kit_log_wait(" connections of the last minute never said who they are, the last from 127.3.", 1);
	kit_stop(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_that_is_made_up_gives_no_guess_back),
		cmocka_unit_test(who_wishes_for_numbers_beyond_its_ration_is_refused_and_no_more),
		cmocka_unit_test(noise_hides_no_wrong_guess_from_the_log),
		cmocka_unit_test(floods_are_summed_up_in_the_log),
	};

	return cmocka_run_group_tests_name("guesses", tests, NULL, NULL);
}
