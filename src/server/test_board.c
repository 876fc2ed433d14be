/* SPDX-License-Identifier: Apache-2.0 */
/* Plates and mail, on every kind of board. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "server/limits.h"
#include "server/test_stage.h"

/* --- plates --- */

static void numbers_are_short_while_few_are_taken(void **state)
{
	struct stage *s = *state;

	for (uint64_t i = 0; i < 200; i++) {
		stage_allocate(s, i + 1, 0, NULL);
		assert_in_range(s->number, 1, i < 9 ? 99 : i < 99 ? 999 : 9999); /* a tenth */
		s->len = 0;
	}
	assert_int_equal(stage_plates(s), 200);
}

static void a_wish_is_granted_once(void **state)
{
	struct stage *s = *state;

	stage_allocate(s, 1, 7, NULL);
	stage_allocate(s, 2, 7, NULL);
	stage_allocate(s, 2, BK_LIMIT_NAMEPLATE_NUMBER + 1, NULL);
	stage_expect(s, "1:ok7 2:exists 2:invalid ");
	stage_release(s, 1, 7);
	stage_allocate(s, 2, 7, NULL);
	stage_expect(s, "1:done 2:ok7 ");
}

static void allocate_as(struct stage *s, uint64_t who, uint32_t number, const uint8_t *secret)
{
	stage_ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_ALLOCATE,
			.number = number,
			.secret = secret,
			.body = "hi",
			.len = 2});
}

static void only_its_maker_takes_a_number_over(void **state)
{
	static const uint8_t mine[BK_BOARD_TOKEN_LEN] = {1}, others[BK_BOARD_TOKEN_LEN] = {2},
			     none[BK_BOARD_TOKEN_LEN];
	struct stage *s = *state;

	allocate_as(s, 1, 7, mine);
	allocate_as(s, 2, 7, others);
	allocate_as(s, 2, 7, none);
	allocate_as(s, 2, 7, NULL);
	allocate_as(s, 1, 7, mine); /* it has it */
	stage_expect(s, "1:ok7 2:exists 2:exists 2:exists 1:exists ");
	stage_claim(s, 3, 7);
	allocate_as(s, 3, 7, mine); /* who sits there, too */
	s->len = 0;
	allocate_as(s, 4, 7, mine);
	stage_expect(s, "3:released7(peer-vanished) 4:ok7 ");
	stage_claim(s, 3, 7);
	s->len = 0;
	stage_mail(s, 3, "x");
	stage_mail(s, 1, "y"); /* the old seat is nobody's */
	stage_expect(s, "4:mail[x] 3:done 1:not-found ");
	allocate_as(s, 1, 8, none);
	allocate_as(s, 2, 8, none); /* no secret is nobody's */
	stage_expect(s, "1:ok8 2:exists ");
}

static void allocate_for_heir(struct stage *s, uint64_t who, uint32_t number, uint8_t secret, uint8_t heir)
{
	const uint8_t own[BK_BOARD_TOKEN_LEN] = {secret}, next[BK_BOARD_TOKEN_LEN] = {heir};

	stage_ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_ALLOCATE,
			.number = number,
			.secret = own,
			.heir = heir ? next : NULL,
			.body = "hi",
			.len = 2});
}

/* 1 and 2 meet by 7, which 3 is to have next; a free number is not drawn meanwhile, and costs 1's account. */
static void a_number_that_was_claimed_waits_for_its_heir(void **state)
{
	struct stage *s = *state;

	allocate_for_heir(s, 1, 7, 1, 5);
	stage_claim(s, 2, 7);
	s->len = 0;
	stage_claim(s, 4, 7);
	allocate_for_heir(s, 3, 7, 2, 5); /* the two have not met yet */
	allocate_for_heir(s, 3, 7, 2, 6);
	stage_expect(s, "4:code-used+wait 3:exists+wait 3:exists ");
	assert_int_equal(s->missed, 1); /* who is told to wait pays nothing */
	stage_rejoin(s, 2, 9, 1, 1, 0, false);
	stage_rejoin(s, 1, 9, 0, 1, 0, false);
	stage_expect(s, "2:done 1:done ");
	assert_int_equal(s->kept[BK_BOARD_PLATE], 2);
	stage_claim(s, 4, 7);
	stage_allocate(s, 5, 7, NULL);
	allocate_for_heir(s, 3, 7, 2, 5);
	stage_claim(s, 4, 7);
	stage_expect(s, "4:code-used+wait 5:exists 3:ok7 3:claimed7 4:ok7 left[hi] ");
	assert_int_equal(s->kept[BK_BOARD_PLATE], 2);
}

static void a_number_waits_for_its_heir_after_a_claim_that_led_to_nothing(void **state)
{
	struct stage *s = *state;

	allocate_for_heir(s, 1, 7, 1, 5);
	stage_claim(s, 2, 7);
	stage_leave(s, 2, true);
	s->len = 0;
	stage_claim(s, 4, 7);
	allocate_for_heir(s, 1, 7, 1, 5); /* the same once more */
	stage_claim(s, 2, 7);
	stage_release(s, 1, 7); /* it was a wrong guess */
	stage_expect(s, "4:code-used+wait 1:ok7 1:claimed7 2:ok7 left[hi] 2:released7() 1:done ");
	stage_claim(s, 4, 7);
	allocate_for_heir(s, 1, 7, 1, 5);
	stage_claim(s, 4, 7);
	stage_expect(s, "4:code-used+wait 1:ok7 1:claimed7 4:ok7 left[hi] ");
}

static void a_number_waits_for_its_heir_for_a_while_and_not_after_its_maker(void **state)
{
	struct stage *s = *state;

	allocate_for_heir(s, 1, 7, 1, 5);
	stage_claim(s, 2, 7);
	stage_release(s, 2, 7);
	s->len = 0;
	stage_wake_at(s, s->now + BK_LIMIT_KEPT);
	stage_claim(s, 4, 7);
	stage_expect(s, "4:no-such-peer ");
	allocate_for_heir(s, 1, 7, 1, 5);
	stage_claim(s, 2, 7);
	stage_leave(s, 1, true);
	s->len = 0;
	stage_claim(s, 4, 7);
	stage_expect(s, "4:no-such-peer ");
	assert_int_equal(s->kept[BK_BOARD_PLATE], 0);
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
}

static void a_claim_succeeds_once_and_not_for_the_owner(void **state)
{
	struct stage *s = *state;

	stage_pair(s);
	stage_claim(s, 3, 7);
	stage_claim(s, 3, 8);
	stage_claim(s, 1, 7);
	stage_expect(s, "3:code-used 3:no-such-peer 1:no-such-peer ");
	assert_int_equal(s->tokens, 1);
}

static void a_claim_is_given_back_when_it_led_to_a_meeting(void **state)
{
	struct stage *s = *state;

	stage_meet(s);
	assert_string_equal(s->met, "7:1,2");
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	stage_claim(s, 3, 8);
	assert_int_equal(s->missed, 1);
	stage_allocate(s, 4, 8, NULL);
	stage_claim(s, 3, 8);
	assert_int_equal(s->kept[BK_BOARD_TRY], 2); /* the number was wished for, too */
	stage_release(s, 4, 8);
	assert_int_equal(s->wrong, 803);
	assert_int_equal(s->missed, 1); /* the wish is given back: the guess pays for both */
	stage_allocate(s, 4, 9, NULL);
	stage_claim(s, 3, 9);
	stage_leave(s, 3, true);
	assert_int_equal(s->wrong, 903);
}

/* 2 claims 1's number and shows a secret that it made up. */
static void guess(struct stage *s)
{
	stage_pair(s);
	stage_rejoin(s, 2, 9, 1, 1, 0, false);
	stage_expect(s, "2:done ");
	assert_int_equal(stage_meetings(s), 1);
	assert_int_equal(s->kept[BK_BOARD_TRY], 2);
}

static void a_meeting_that_a_guesser_made_up_is_a_wrong_guess(void **state)
{
	struct stage *s = *state;

	guess(s);
	stage_release(s, 1, 7); /* by the number that it knows */
	stage_expect(s, "2:released0() 1:done ");
	assert_int_equal(s->wrong, 702);
	s->wrong = 0;
	guess(s);
	stage_leave(s, 1, true);
	stage_expect(s, "2:released0(peer-vanished) ");
	assert_int_equal(s->wrong, 702);
	s->wrong = 0;
	guess(s);
	stage_leave(s, 2, true);
	assert_int_equal(s->wrong, 702); /* at once */
	assert_int_equal(stage_next_wake(s), BK_LIMIT_MEETING_GRACE_SHORT);
	stage_wake_at(s, BK_LIMIT_MEETING_GRACE_SHORT);
	stage_expect(s, "1:released0(peer-vanished) ");
	assert_int_equal(s->wrong, 702);
	assert_string_equal(s->met, "");
	assert_int_equal(stage_meetings(s), 0);
}

static void nobody_takes_the_seat_of_a_maker_that_has_not_shown_the_secret(void **state)
{
	struct stage *s = *state;

	guess(s);
	stage_rejoin(s, 3, 9, 0, 99, 0, true);
	stage_expect(s, "3:full ");
	assert_string_equal(s->met, "");
	stage_mail(s, 2, "x"); /* it sits there still */
	stage_expect(s, "1:mail[x] 2:done ");
	stage_rejoin(s, 4, 9, 1, 2, 0, false); /* the guesser's own seat is the guesser's business */
	stage_expect(s, "4:done ");
	stage_rejoin(s, 1, 9, 0, 1, 0, false); /* it was no guess at all */
	assert_string_equal(s->met, "7:1,4");
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	stage_rejoin(s, 3, 9, 0, 2, 0, false);
	stage_expect(s, "1:done 3:done ");
}

static void a_claim_is_in_doubt_for_a_while_only(void **state)
{
	struct stage *s = *state;

	guess(s);
	s->board->ops->refresh(s->board, 2, 5 * BK_SEC); /* pings make a meeting last, not a guess */
	assert_int_equal(stage_next_wake(s), STAGE_LIFETIME);
	stage_wake_at(s, STAGE_LIFETIME);
	stage_expect(s, "1:released0(peer-vanished) 2:released0(peer-vanished) ");
	assert_int_equal(s->wrong, 702);
	s->wrong = 0;
	stage_pair(s);
	for (bk_time t = s->now; t < STAGE_LIFETIME + BK_LIMIT_CLAIM_DOUBT; t += BK_SEC) {
		stage_wake_at(s, t);
		s->board->ops->refresh(s->board, 2, t);
		assert_int_equal(s->wrong, 0);
	}
	stage_wake_at(s, STAGE_LIFETIME + BK_LIMIT_CLAIM_DOUBT);
	assert_int_equal(s->wrong, 702);
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	stage_expect(s, "");
	stage_rejoin(s, 2, 9, 1, 1, 0, false);
	stage_rejoin(s, 1, 9, 0, 1, 0, false); /* late, but they have met */
	stage_expect(s, "2:done 1:done ");
	assert_string_equal(s->met, "7:1,2");
}

/* What an asker learns of somebody else's number it has paid for; who cannot use the answer gets none. */
static void no_answer_tells_for_nothing_whether_somebody_waits(void **state)
{
	struct stage *s = *state;

	for (uint32_t i = 0; i < BK_LIMIT_NAMEPLATES; i++)
		stage_allocate(s, 2, 0, NULL);
	stage_allocate(s, 3, 5001, NULL);
	s->len = 0;
	stage_claim(s, 2, 5001);
	stage_allocate(s, 2, 5001, NULL);
	stage_allocate(s, 2, 5000, NULL);
	stage_claim(s, 2, 5000);
	stage_expect(s, "2:full 2:full 2:full 2:full ");
	stage_allocate(s, 4, 5001, NULL);
	assert_int_equal(s->missed, 1);
	stage_allocate(s, 4, 5002, NULL); /* free, which is an answer, too */
	stage_release(s, 4, 5002);
	assert_int_equal(s->missed, 2);
	stage_expect(s, "4:exists 4:ok5002 4:done ");
	s->is_strict = true;
	stage_allocate(s, 4, 5001, NULL);
	stage_allocate(s, 4, 5002, NULL);
	stage_claim(s, 4, 5001);
	stage_claim(s, 4, 5002);
	stage_expect(s, "4:rate-limited 4:rate-limited 4:rate-limited 4:rate-limited ");
	stage_allocate(s, 4, 0, NULL); /* tells nothing */
	assert_null(strstr(s->book, "rate-limited"));
}

/* A maker that comes back to its number again and again, because others take it and go, has done nothing wrong. */
static void a_maker_does_not_pay_for_those_who_guess_at_its_number(void **state)
{
	struct stage *s = *state;

	for (unsigned i = 1; i <= 3; i++) {
		stage_allocate(s, 1, 7, "hi");
		stage_claim(s, 2, 7);
		if (i == 1)
			stage_release(s, 2, 0);
		else
			stage_leave(s, 2, true);
		assert_int_equal(s->wrong, 702);
	}
	stage_allocate(s, 1, 7, "hi");
	stage_claim(s, 2, 7);
	stage_wake_at(s, s->now + BK_LIMIT_CLAIM_DOUBT); /* who says nothing is no better */
	assert_int_equal(s->missed, 0);
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	s->len = 0;
}

static void a_member_has_few_plates_and_the_newest_is_meant(void **state)
{
	struct stage *s = *state;

	stage_mail(s, 1, "x");
	stage_expect(s, "1:not-found ");
	for (uint32_t i = 1; i <= BK_LIMIT_NAMEPLATES; i++) {
		stage_allocate(s, 1, i, NULL);
		stage_claim(s, 10 + i, i);
	}
	s->len = 0;
	stage_allocate(s, 1, 0, NULL);
	stage_allocate(s, 2, 50, NULL);
	stage_claim(s, 1, 50);
	stage_expect(s, "1:full 2:ok50 1:full ");
	stage_mail(s, 1, "newest");
	stage_mail_bytes(s, 1, 2, "second", 6);
	stage_mail_bytes(s, 1, 99, "none", 4);
	stage_expect(s, "14:mail[newest] 1:done 12:mail[second] 1:done 1:not-found ");
}

static void a_released_plate_is_gone_for_the_others_and_they_are_told(void **state)
{
	struct stage *s = *state;

	stage_pair(s);
	stage_release(s, 2, 7);
	stage_expect(s, "1:released7() 2:done ");
	stage_release(s, 1, 7);
	stage_mail(s, 2, "x");
	stage_expect(s, "1:not-found 2:not-found ");
	assert_int_equal(stage_plates(s), 0);
}

static void who_leaves_takes_its_plates_along(void **state)
{
	struct stage *s = *state;

	stage_pair(s);
	stage_allocate(s, 1, 8, NULL);
	stage_claim(s, 3, 8);
	s->len = 0;
	stage_leave(s, 1, true);
	stage_expect(s, "3:released8(peer-vanished) 2:released7(peer-vanished) ");
	assert_int_equal(stage_plates(s), 0);
	stage_leave(s, 1, true);
	stage_expect(s, "");
}

static void only_claimed_ones_expire(void **state)
{
	struct stage *s = *state;

	stage_allocate(s, 3, 50, NULL);
	stage_expect(s, "3:ok50 ");
	assert_int_equal(stage_next_wake(s), BK_NEVER);
	s->now = 5 * BK_SEC;
	stage_pair(s);
	assert_int_equal(stage_next_wake(s), 15 * BK_SEC);
	stage_wake_at(s, 15 * BK_SEC - 1);
	stage_expect(s, "");
	stage_wake_at(s, 15 * BK_SEC);
	stage_expect(s, "1:released7(timeout) 2:released7(timeout) ");
	stage_wake_at(s, 1000 * BK_SEC);
	stage_mail(s, 1, "x");
	stage_expect(s, "1:not-found ");
	assert_int_equal(stage_plates(s), 1);
}

/* --- mail --- */

static void mail_waits_in_order_up_to_its_ceilings(void **state)
{
	struct stage *s = *state;
	char *big = calloc(1, BK_LIMIT_MAIL_BYTES + 1), expected[4096] = "";
	size_t n = 0;

	stage_allocate(s, 1, 7, NULL);
	stage_mail_bytes(s, 1, 0, big, BK_LIMIT_MAIL_BYTES + 1);
	for (int i = 0; i < BK_LIMIT_MAILS; i++)
		stage_mail_bytes(s, 1, 0, &"abcdefghijklmnop"[i], 1);
	s->len = 0;
	stage_mail(s, 1, "x");
	stage_expect(s, "1:full ");
	stage_claim(s, 2, 7);
	n += (size_t)snprintf(expected, sizeof(expected), "1:claimed7 2:ok7 ");
	for (int i = 0; i < BK_LIMIT_MAILS; i++)
		n += (size_t)snprintf(
			expected + n, sizeof(expected) - n, "2:mail[%c] ", "abcdefghijklmnop"[i]);
	stage_expect(s, expected);
	stage_mail_bytes(s, 1, 0, big, BK_LIMIT_MAIL_BYTES + 1);
	stage_expect(s, "1:too-big ");
	free(big);
}

static void mail_is_kept_on_the_account_of_who_sends_it(void **state)
{
	struct stage *s = *state;
	enum { MAKERS = 16 };
	uint8_t *big = calloc(1, BK_LIMIT_MAIL_BYTES);

	s->mail_max = (size_t)MAKERS * BK_LIMIT_MAILS * BK_LIMIT_MAIL_BYTES;
	for (uint64_t i = 1; i <= MAKERS; i++) {
		stage_allocate(s, i, 0, NULL);
		for (int k = 0; k < BK_LIMIT_MAILS; k++)
			stage_mail_bytes(s, i, 0, big, BK_LIMIT_MAIL_BYTES);
		assert_null(strstr(s->book, "full"));
		s->len = 0;
	}
	stage_allocate(s, MAKERS + 1, 700, NULL);
	stage_mail_bytes(s, MAKERS + 1, 0, big, 1);
	stage_allocate(s, MAKERS + 1, 701, "x");
	stage_expect(s, "17:ok700 17:full 17:full ");
	stage_release(s, 1, 0);
	stage_mail_bytes(s, MAKERS + 1, 0, "x", 1);
	stage_expect(s, "1:done 17:done ");
	free(big);
}

static void who_has_no_room_gets_its_mail_later(void **state)
{
	struct stage *s = *state;

	stage_pair(s);
	s->deaf = 2;
	stage_mail(s, 1, "a");
	stage_mail(s, 1, "b");
	s->board->ops->deliver(s->board, 2);
	stage_expect(s, "1:done 1:done ");
	s->deaf = 0;
	s->board->ops->deliver(s->board, 2);
	s->board->ops->deliver(s->board, 2);
	s->board->ops->deliver(s->board, 33);
	stage_expect(s, "2:mail[a] 2:mail[b] ");
}

int main(void)
{
	static const struct stage_claim claims[] = {
		STAGE_CLAIM(numbers_are_short_while_few_are_taken),
		STAGE_CLAIM(a_wish_is_granted_once),
		STAGE_CLAIM(only_its_maker_takes_a_number_over),
		STAGE_CLAIM(a_number_that_was_claimed_waits_for_its_heir),
		STAGE_CLAIM(a_number_waits_for_its_heir_after_a_claim_that_led_to_nothing),
		STAGE_CLAIM(a_number_waits_for_its_heir_for_a_while_and_not_after_its_maker),
		STAGE_CLAIM(a_claim_succeeds_once_and_not_for_the_owner),
		STAGE_CLAIM(a_claim_is_given_back_when_it_led_to_a_meeting),
		STAGE_CLAIM(a_meeting_that_a_guesser_made_up_is_a_wrong_guess),
		STAGE_CLAIM(nobody_takes_the_seat_of_a_maker_that_has_not_shown_the_secret),
		STAGE_CLAIM(a_claim_is_in_doubt_for_a_while_only),
		STAGE_CLAIM(no_answer_tells_for_nothing_whether_somebody_waits),
		STAGE_CLAIM(a_maker_does_not_pay_for_those_who_guess_at_its_number),
		STAGE_CLAIM(a_member_has_few_plates_and_the_newest_is_meant),
		STAGE_CLAIM(a_released_plate_is_gone_for_the_others_and_they_are_told),
		STAGE_CLAIM(who_leaves_takes_its_plates_along),
		STAGE_CLAIM(only_claimed_ones_expire),
		STAGE_CLAIM(mail_waits_in_order_up_to_its_ceilings),
		STAGE_CLAIM(mail_is_kept_on_the_account_of_who_sends_it),
		STAGE_CLAIM(who_has_no_room_gets_its_mail_later),
	};

	return stage_run("board", claims, sizeof(claims) / sizeof(claims[0]));
}
