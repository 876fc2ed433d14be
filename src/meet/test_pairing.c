/* SPDX-License-Identifier: Apache-2.0 */
/* What two who share a key say to each other in later rounds. */
#include "meet/pairing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"

static void pair_up(struct bk_pairing *maker, struct bk_pairing *joiner)
{
	struct bk_intro me = {.version = BK_INTRO_VERSION, .id = "me", .name = "me"}, peer;
	struct bk_buf left, answer;

	bk_buf_init(&left, BK_PAIRING_MAIL_MAX);
	bk_buf_init(&answer, BK_PAIRING_MAIL_MAX);
	assert_int_equal(bk_pairing_init(maker, true, "tulip-anchor"), 0);
	assert_int_equal(bk_pairing_init(joiner, false, "tulip-anchor"), 0);
	assert_int_equal(bk_pairing_leave(maker, &left), 0);
	assert_int_equal(bk_pairing_answer(joiner, 7, bk_buf_head(&left), left.len, &me, &answer), 0);
	assert_int_equal(bk_pairing_take_answer(maker, 7, bk_buf_head(&answer), answer.len, &peer), 0);
	bk_buf_done(&left);
	bk_buf_done(&answer);
}

static void an_introduction_opens_once_and_in_its_round_alone(void **state)
{
	static const uint8_t one[BK_PAIRING_SECRET_LEN] = {1}, two[BK_PAIRING_SECRET_LEN] = {2};
	struct bk_intro me = {.version = BK_INTRO_VERSION, .id = "me", .name = "me"}, peer;
	struct bk_pairing maker, joiner;
	struct bk_buf first, second;

	(void)state;
	pair_up(&maker, &joiner);
	assert_memory_equal(maker.meeting, joiner.meeting, sizeof(maker.meeting));
	bk_buf_init(&first, BK_PAIRING_MAIL_MAX);
	bk_buf_init(&second, BK_PAIRING_MAIL_MAX);
	assert_int_equal(bk_pairing_again(&joiner, one, &me, &first), 0);
	assert_int_equal(bk_pairing_again(&joiner, one, &me, &second), 0);
#define TAKE(who, token, mail) bk_pairing_take_again(who, token, bk_buf_head(mail), (mail)->len, &peer)
	assert_int_equal(TAKE(&maker, two, &first), BK_E_WRONG_CODE);
	assert_int_equal(TAKE(&joiner, one, &first), BK_E_WRONG_CODE);
	bk_buf_head(&first)[5] ^= 4;
	assert_int_equal(TAKE(&maker, one, &first), BK_E_WRONG_CODE);
	bk_buf_head(&first)[5] ^= 4;
	assert_int_equal(TAKE(&maker, one, &second), 0);
	assert_int_equal(TAKE(&maker, one, &second), BK_E_WRONG_CODE);
	assert_int_equal(TAKE(&maker, one, &first), BK_E_WRONG_CODE);
	bk_buf_done(&first);
	bk_buf_done(&second);
	bk_pairing_done(&maker);
	bk_pairing_done(&joiner);
}

static void another_pairing_has_another_secret(void **state)
{
	struct bk_pairing maker, joiner, other_maker, other_joiner;

	(void)state;
	pair_up(&maker, &joiner);
	pair_up(&other_maker, &other_joiner);
	assert_memory_not_equal(maker.meeting, other_maker.meeting, sizeof(maker.meeting));
	assert_memory_not_equal(maker.meeting, maker.seal.initiator_key, sizeof(maker.meeting));
	assert_memory_not_equal(maker.meeting, maker.seal.responder_key, sizeof(maker.meeting));
	bk_pairing_done(&maker);
	bk_pairing_done(&joiner);
	bk_pairing_done(&other_maker);
	bk_pairing_done(&other_joiner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_introduction_opens_once_and_in_its_round_alone),
		cmocka_unit_test(another_pairing_has_another_secret),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
