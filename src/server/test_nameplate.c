/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nameplate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "server/limits.h"

static const uint8_t token[BK_NAMEPLATE_TOKEN_LEN] = {1, 2, 3};

struct stage {
	struct bk_nameplates *table;
	struct bk_nameplate_holder a, b, c;
};

static int set_up(void **state)
{
	struct bk_nameplates_opts opts = {.max = 1000, .lifetime = 10 * BK_SEC, .seed = 42};
	struct stage *s = calloc(1, sizeof(*s));

	s->table = bk_nameplates_new(&opts);
	bk_nameplate_holder_init(&s->a);
	bk_nameplate_holder_init(&s->b);
	bk_nameplate_holder_init(&s->c);
	*state = s;
	return !s->table;
}

static int tear_down(void **state)
{
	struct stage *s = *state;

	bk_nameplates_free(s->table);
	free(s);
	return 0;
}

static struct bk_nameplate *pair(struct stage *s, bk_time now)
{
	struct bk_nameplate *p, *q;

	assert_int_equal(bk_nameplates_allocate(s->table, &s->a, 0, "left", 4, &p), 0);
	assert_int_equal(bk_nameplates_claim(s->table, &s->b, p->number, token, now, &q), 0);
	assert_ptr_equal(p, q);
	return p;
}

static void numbers_are_short_while_few_are_taken(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p;
	struct bk_nameplate_holder h[200];

	for (int i = 0; i < 200; i++) {
		bk_nameplate_holder_init(&h[i]);
		assert_int_equal(bk_nameplates_allocate(s->table, &h[i], 0, NULL, 0, &p), 0);
		assert_in_range(p->number, 1, i < 50 ? 99 : 999);
	}
	bk_nameplates_free(s->table);
	s->table = NULL;
}

static void a_wish_is_granted_once(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p;

	assert_int_equal(bk_nameplates_allocate(s->table, &s->a, 7, NULL, 0, &p), 0);
	assert_int_equal(p->number, 7);
	assert_int_equal(bk_nameplates_allocate(s->table, &s->b, 7, NULL, 0, &p), BK_E_EXISTS);
	assert_int_equal(bk_nameplates_allocate(s->table, &s->b, BK_LIMIT_NAMEPLATE_NUMBER + 1, NULL, 0, &p),
		BK_E_INVALID);
	bk_nameplates_release(s->table, bk_nameplate_of(&s->a, 7));
	assert_int_equal(bk_nameplates_allocate(s->table, &s->b, 7, NULL, 0, &p), 0);
}

static void a_claim_succeeds_once_and_not_for_the_owner(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p = pair(s, 0), *q;

	assert_memory_equal(p->relay_token, token, sizeof(token));
	assert_memory_equal(p->left->body, "left", 4);
	assert_int_equal(bk_nameplates_claim(s->table, &s->c, p->number, token, 0, &q), BK_E_CODE_USED);
	assert_int_equal(
		bk_nameplates_claim(s->table, &s->c, p->number + 1, token, 0, &q), BK_E_NO_SUCH_PEER);
	assert_int_equal(bk_nameplates_claim(s->table, &s->a, p->number, token, 0, &q), BK_E_NO_SUCH_PEER);
	assert_int_equal(bk_nameplate_side_of(p, &s->a), 0);
	assert_int_equal(bk_nameplate_side_of(p, &s->b), 1);
}

static void a_holder_has_few_and_the_newest_is_meant(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p;

	assert_null(bk_nameplate_of(&s->a, 0));
	for (uint32_t i = 1; i <= BK_LIMIT_NAMEPLATES; i++) {
		assert_int_equal(bk_nameplates_allocate(s->table, &s->a, i, NULL, 0, &p), 0);
		assert_ptr_equal(bk_nameplate_of(&s->a, 0), p);
	}
	assert_int_equal(bk_nameplates_allocate(s->table, &s->a, 0, NULL, 0, &p), BK_E_FULL);
	assert_int_equal(bk_nameplate_of(&s->a, 2)->number, 2);
	assert_null(bk_nameplate_of(&s->a, 99));
}

static void mail_waits_in_order_up_to_its_ceilings(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p = pair(s, 0);
	uint8_t *big = calloc(1, BK_LIMIT_MAIL_BYTES + 1);

	assert_int_equal(bk_nameplates_put(s->table, p, 1, big, BK_LIMIT_MAIL_BYTES + 1), BK_E_TOO_BIG);
	for (uint8_t i = 0; i < BK_LIMIT_MAILS; i++)
		assert_int_equal(bk_nameplates_put(s->table, p, 1, &i, 1), 0);
	assert_int_equal(bk_nameplates_put(s->table, p, 1, "x", 1), BK_E_FULL);
	assert_int_equal(bk_nameplates_put(s->table, p, 0, "x", 1), 0);
	for (uint8_t i = 0; i < BK_LIMIT_MAILS; i++) {
		assert_int_equal(bk_nameplate_front(p, 1)->body[0], i);
		bk_nameplates_pop(s->table, p, 1);
	}
	assert_null(bk_nameplate_front(p, 1));
	assert_non_null(bk_nameplate_front(p, 0));
	free(big);
}

static void all_mailboxes_together_have_a_ceiling(void **state)
{
	struct stage *s = *state;
	enum { HOLDERS = 80 };
	struct bk_nameplate_holder h[HOLDERS];
	uint8_t *big = calloc(1, BK_LIMIT_MAIL_BYTES);
	struct bk_nameplate *p;
	size_t stored = 0;

	for (int i = 0; i < HOLDERS; i++) {
		bk_nameplate_holder_init(&h[i]);
		assert_int_equal(bk_nameplates_allocate(s->table, &h[i], 0, NULL, 0, &p), 0);
		for (int k = 0; k < BK_LIMIT_MAILS; k++)
			stored += bk_nameplates_put(s->table, p, 1, big, BK_LIMIT_MAIL_BYTES) == 0;
	}
	assert_int_equal(stored * BK_LIMIT_MAIL_BYTES, BK_LIMIT_MAIL_TOTAL);
	bk_nameplates_release(s->table, bk_nameplate_of(&h[0], 0));
	assert_int_equal(bk_nameplates_put(s->table, p, 1, big, BK_LIMIT_MAIL_BYTES), 0);
	bk_nameplates_free(s->table);
	s->table = NULL;
	free(big);
}

static void only_claimed_ones_expire(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p, *q;

	assert_int_equal(bk_nameplates_allocate(s->table, &s->c, 0, NULL, 0, &q), 0);
	assert_int_equal(bk_nameplates_next_expiry(s->table), BK_NEVER);
	p = pair(s, 5 * BK_SEC);
	assert_int_equal(bk_nameplates_next_expiry(s->table), 15 * BK_SEC);
	assert_null(bk_nameplates_expired(s->table, 15 * BK_SEC - 1));
	assert_ptr_equal(bk_nameplates_expired(s->table, 15 * BK_SEC), p);
	bk_nameplates_release(s->table, p);
	assert_null(bk_nameplates_expired(s->table, 1000 * BK_SEC));
	assert_null(bk_nameplate_of(&s->a, 0));
	assert_null(bk_nameplate_of(&s->b, 0));
	assert_int_equal(s->a.count, 0);
	assert_int_equal(bk_nameplates_count(s->table), 1);
}

static int rejoin(struct stage *s, struct bk_nameplate_holder *h, uint8_t secret, unsigned side,
	uint64_t number, bk_time now, struct bk_nameplate **ret_plate)
{
	const uint8_t bytes[BK_NAMEPLATE_TOKEN_LEN] = {secret};
	const struct bk_rejoin r = {.secret = bytes, .side = side, .number = number};

	return bk_nameplates_rejoin(s->table, h, &r, true, now, ret_plate);
}

static void a_secret_turns_a_nameplate_into_a_meeting(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p = pair(s, 0), *q = NULL;
	uint32_t number = p->number;

	assert_int_equal(bk_nameplates_put(s->table, p, 1, "mail", 4), 0);
	assert_int_equal(rejoin(s, &s->a, 9, 0, 1, 0, &q), 0);
	assert_ptr_equal(p, q);
	assert_int_equal(rejoin(s, &s->b, 9, 1, 1, 0, &q), 0);
	assert_ptr_equal(p, q);
	assert_int_equal(bk_nameplates_meetings(s->table), 1);
	assert_int_equal(bk_nameplates_count(s->table), 0);
	assert_memory_equal(bk_nameplate_front(p, 1)->body, "mail", 4);
	assert_int_equal(bk_nameplates_next_expiry(s->table), BK_NEVER);
	assert_int_equal(bk_nameplates_allocate(s->table, &s->c, number, NULL, 0, &q), 0);
}

static void the_secret_is_the_authority_and_the_number_its_order(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p = pair(s, 0), *q;

	assert_int_equal(rejoin(s, &s->a, 9, 0, 5, 0, &p), 0);
	assert_int_equal(rejoin(s, &s->c, 9, 0, 5, 0, &q), BK_E_EXISTS);
	assert_int_equal(rejoin(s, &s->c, 9, 0, 6, 0, &q), 1);
	assert_ptr_equal(p, q);
	assert_ptr_equal(p->side[0].holder, &s->c);
	assert_int_equal(s->a.count, 0);
	assert_int_equal(rejoin(s, &s->a, 9, 0, 4, 0, &q), BK_E_EXISTS);
	assert_int_equal(rejoin(s, &s->c, 9, 1, 7, 0, &q), BK_E_INVALID);
	assert_int_equal(rejoin(s, &s->a, 9, 7, 7, 0, &q), BK_E_INVALID);
	assert_int_equal(rejoin(s, &s->a, 8, 0, 7, 0, &q), 1);
	assert_ptr_not_equal(p, q);
}

static void a_meeting_waits_for_a_side_that_showed_the_secret(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *p = pair(s, 0), *q;

	assert_false(bk_nameplates_await(s->table, p, &s->a, false, 0));
	assert_int_equal(rejoin(s, &s->a, 9, 0, 1, 0, &p), 0);
	assert_false(bk_nameplates_await(s->table, p, &s->b, false, 0)); /* it has not */
	assert_true(bk_nameplates_await(s->table, p, &s->a, false, BK_SEC));
	assert_int_equal(s->a.count, 0);
	assert_int_equal(bk_nameplates_next_expiry(s->table), BK_SEC + BK_LIMIT_MEETING_GRACE);
	assert_int_equal(rejoin(s, &s->c, 9, 0, 2, 2 * BK_SEC, &q), 1);
	assert_int_equal(bk_nameplates_next_expiry(s->table), BK_NEVER);
	assert_true(bk_nameplates_await(s->table, p, &s->c, true, 3 * BK_SEC)); /* closed */
	assert_null(bk_nameplates_expired(s->table, 3 * BK_SEC + BK_LIMIT_MEETING_GRACE_SHORT - 1));
	assert_ptr_equal(bk_nameplates_expired(s->table, 3 * BK_SEC + BK_LIMIT_MEETING_GRACE_SHORT), p);
	assert_false(bk_nameplates_await(s->table, p, &s->b, false, 4 * BK_SEC)); /* nobody would be left */
	bk_nameplates_release(s->table, p);
	assert_int_equal(bk_nameplates_meetings(s->table), 0);
}

static void claims_and_meetings_expire_in_their_order(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate *m, *p;

	assert_int_equal(rejoin(s, &s->c, 9, 0, 1, 0, &m), 1); /* nobody else yet */
	p = pair(s, 0);
	assert_ptr_equal(bk_nameplates_expired(s->table, 10 * BK_SEC), p);
	bk_nameplates_refresh(s->table, p, 55 * BK_SEC);
	assert_ptr_equal(bk_nameplates_expired(s->table, BK_LIMIT_MEETING_GRACE), m);
	bk_nameplates_release(s->table, m);
	assert_int_equal(bk_nameplates_next_expiry(s->table), 65 * BK_SEC);
}

static void meetings_have_the_ceilings_of_nameplates(void **state)
{
	struct stage *s = *state;
	struct bk_nameplate_holder h[251];
	struct bk_nameplate *p;
	uint8_t bytes[BK_NAMEPLATE_TOKEN_LEN] = {0};
	struct bk_rejoin r = {.secret = bytes};

	for (int i = 0; i < 250; i++) {
		bk_nameplate_holder_init(&h[i]);
		for (int k = 0; k < BK_LIMIT_NAMEPLATES; k++) {
			bytes[0] = (uint8_t)i;
			bytes[1] = (uint8_t)k;
			assert_int_equal(bk_nameplates_rejoin(s->table, &h[i], &r, true, 0, &p), 1);
		}
		bytes[1] = 99;
		assert_int_equal(bk_nameplates_rejoin(s->table, &h[i], &r, true, 0, &p), BK_E_FULL);
	}
	bytes[0] = 255;
	bk_nameplate_holder_init(&h[250]);
	assert_int_equal(bk_nameplates_rejoin(s->table, &h[250], &r, true, 0, &p), BK_E_FULL);
	assert_int_equal(bk_nameplates_rejoin(s->table, &h[250], &r, false, 0, &p), BK_E_RATE_LIMITED);
	assert_int_equal(bk_nameplates_meetings(s->table), 1000);
	assert_int_equal(h[250].count, 0);
	bk_nameplates_free(s->table);
	s->table = NULL;
}

static void only_who_is_in_the_round_gets_mail_of_it(void **state)
{
	static const uint8_t round[BK_NAMEPLATE_TOKEN_LEN] = {7};
	struct stage *s = *state;
	struct bk_nameplate *p = pair(s, 0);

	assert_int_equal(rejoin(s, &s->a, 9, 0, 1, 0, &p), 0);
	assert_true(bk_nameplate_gets_mail(p, 1));
	assert_int_equal(bk_nameplates_put(s->table, p, 1, "old", 3), 0);
	bk_nameplates_begin_round(s->table, p, round, 5);
	assert_null(bk_nameplate_front(p, 1));
	assert_memory_equal(p->relay_token, round, sizeof(round));
	assert_false(bk_nameplate_gets_mail(p, 1));
	p->side[1].is_in = true;
	assert_true(bk_nameplate_gets_mail(p, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_are_short_while_few_are_taken),
		TEST(a_wish_is_granted_once),
		TEST(a_claim_succeeds_once_and_not_for_the_owner),
		TEST(a_holder_has_few_and_the_newest_is_meant),
		TEST(mail_waits_in_order_up_to_its_ceilings),
		TEST(all_mailboxes_together_have_a_ceiling),
		TEST(only_claimed_ones_expire),
		TEST(a_secret_turns_a_nameplate_into_a_meeting),
		TEST(the_secret_is_the_authority_and_the_number_its_order),
		TEST(a_meeting_waits_for_a_side_that_showed_the_secret),
		TEST(claims_and_meetings_expire_in_their_order),
		TEST(meetings_have_the_ceilings_of_nameplates),
		TEST(only_who_is_in_the_round_gets_mail_of_it),
	};

	return cmocka_run_group_tests_name("nameplate", tests, NULL, NULL);
}
