/* SPDX-License-Identifier: Apache-2.0 */
/* Meetings, and more than two, on every kind of board. */
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

/* --- meetings --- */

static void a_secret_turns_a_plate_into_a_meeting(void **state)
{
	struct stage *s = *state;

	stage_pair(s);
	s->deaf = 2;
	stage_mail(s, 1, "kept");
	s->len = 0;
	stage_rejoin(s, 1, 9, 0, 1, 0, false);
	stage_rejoin(s, 2, 9, 1, 1, 0, false);
	stage_expect(s, "1:done 2:done ");
	assert_int_equal(stage_meetings(s), 1);
	assert_int_equal(stage_plates(s), 0);
	assert_int_equal(stage_next_wake(s), BK_NEVER);
	assert_int_equal(s->spent, 0);
	s->deaf = 0;
	s->board->ops->deliver(s->board, 2);
	stage_allocate(s, 3, 7, NULL);
	stage_expect(s, "2:mail[kept] 3:ok7 ");
}

static void the_secret_is_the_authority_and_its_order_counts(void **state)
{
	struct stage *s = *state;

	stage_pair(s);
	stage_rejoin(s, 1, 9, 0, 5, 0, false);
	stage_rejoin(s, 3, 9, 0, 5, 0, false);
	stage_rejoin(s, 3, 9, 0, 6, 0, false);
	stage_expect(s, "1:done 3:exists 3:done ");
	stage_mail(s, 2, "to the new one");
	stage_mail(s, 1, "x");
	stage_expect(s, "3:mail[to the new one] 2:done 1:not-found ");
	stage_rejoin(s, 1, 9, 0, 4, 0, false);
	stage_rejoin(s, 3, 9, 1, 7, 0, false);
	stage_rejoin(s, 1, 9, 7, 7, 0, false);
	stage_expect(s, "1:exists 3:invalid 1:invalid ");
	stage_rejoin(s, 1, 8, 0, 7, 0, false);
	stage_expect(s, "1:done ");
	assert_int_equal(stage_meetings(s), 2);
	assert_int_equal(s->spent, 1); /* that one was made from nothing */
}

static void a_meeting_waits_for_a_member_that_showed_the_secret(void **state)
{
	struct stage *s = *state;

	stage_meet(s);
	s->now = BK_SEC;
	stage_leave(s, 1, false);
	stage_expect(s, "");
	assert_int_equal(stage_next_wake(s), BK_SEC + BK_LIMIT_MEETING_GRACE);
	s->now = 2 * BK_SEC;
	stage_rejoin(s, 3, 9, 0, 2, 0, false);
	assert_int_equal(stage_next_wake(s), BK_NEVER);
	s->now = 3 * BK_SEC;
	stage_leave(s, 3, true);
	stage_expect(s, "3:done ");
	stage_wake_at(s, 3 * BK_SEC + BK_LIMIT_MEETING_GRACE_SHORT - 1);
	stage_expect(s, "");
	stage_wake_at(s, 3 * BK_SEC + BK_LIMIT_MEETING_GRACE_SHORT);
	stage_expect(s, "2:released0(peer-vanished) ");
	assert_int_equal(stage_meetings(s), 0);
}

static void a_meeting_does_not_wait_for_who_never_showed_it_nor_for_nobody(void **state)
{
	struct stage *s = *state;

	stage_pair(s);
	stage_rejoin(s, 1, 9, 0, 1, 0, false);
	stage_leave(s, 2, false);
	stage_expect(s, "1:done 1:released0(peer-vanished) ");
	assert_int_equal(stage_meetings(s), 0);
	stage_pair(s);
	stage_rejoin(s, 1, 9, 0, 1, 0, false);
	stage_rejoin(s, 2, 9, 1, 1, 0, false);
	stage_leave(s, 1, false);
	stage_leave(s, 2, false);
	stage_expect(s, "1:done 2:done ");
	assert_int_equal(stage_meetings(s), 0);
	assert_int_equal(stage_next_wake(s), BK_NEVER);
}

static void claims_and_meetings_expire_in_their_order(void **state)
{
	struct stage *s = *state;

	stage_rejoin(s, 3, 9, 0, 1, 0, false); /* nobody else yet */
	stage_expect(s, "3:done ");
	stage_pair(s);
	assert_int_equal(stage_next_wake(s), STAGE_LIFETIME);
	s->now = 55 * BK_SEC;
	s->board->ops->refresh(s->board, 1, s->now);
	s->board->ops->refresh(s->board, 3, s->now);
	s->board->ops->refresh(s->board, 33, s->now);
	assert_int_equal(stage_next_wake(s), BK_LIMIT_CLAIM_DOUBT);
	stage_wake_at(s, s->now);
	stage_expect(s, "");
	assert_int_equal(stage_next_wake(s), BK_LIMIT_MEETING_GRACE);
	stage_wake_at(s, BK_LIMIT_MEETING_GRACE);
	stage_expect(s, "3:released0(peer-vanished) ");
	assert_int_equal(stage_next_wake(s), 65 * BK_SEC);
}

static void meetings_have_the_ceilings_of_plates(void **state)
{
	struct stage *s = *state;
	uint8_t secret[BK_BOARD_TOKEN_LEN] = {0};
	const uint8_t none[BK_BOARD_TOKEN_LEN] = {0};
	const struct bk_board_request r = {.wish = BK_BOARD_REJOIN, .secret = secret, .token = none};

	for (int i = 1; i <= 250; i++) {
		for (int k = 0; k < BK_LIMIT_NAMEPLATES; k++) {
			secret[0] = (uint8_t)i;
			secret[1] = (uint8_t)k;
			stage_ask(s, (uint64_t)i, r);
		}
		assert_null(strstr(s->book, "full"));
		s->len = 0;
		secret[1] = 99;
		stage_ask(s, (uint64_t)i, r);
		assert_non_null(strstr(s->book, "full"));
		s->len = 0;
	}
	secret[0] = 255;
	stage_ask(s, 251, r);
	s->is_mean = true;
	stage_ask(s, 251, r);
	stage_expect(s, "251:full 251:rate-limited ");
	assert_int_equal(stage_meetings(s), 1000);
}

static void a_round_forgets_older_mail_and_only_who_is_in_it_gets_some(void **state)
{
	struct stage *s = *state;

	stage_meet(s);
	s->deaf = 2;
	stage_mail(s, 1, "old");
	s->deaf = 0;
	stage_rejoin(s, 1, 9, 0, 2, 0, true);
	stage_expect(s, "1:done 1:round2 2:round2 1:done ");
	stage_mail(s, 1, "new");
	s->board->ops->deliver(s->board, 2);
	stage_expect(s, "1:done ");
	stage_rejoin(s, 2, 9, 1, 2, 2, false);
	stage_expect(s, "2:mail[new] 2:done ");
	assert_int_equal(s->spent, 1);
}

static void who_comes_again_or_too_late_begins_another_round(void **state)
{
	struct stage *s = *state;

	stage_meet(s);
	stage_rejoin(s, 1, 9, 0, 2, 0, true);
	stage_expect(s, "1:round2 2:round2 1:done ");
	stage_rejoin(s, 1, 9, 0, 3, 2, true); /* again */
	stage_expect(s, "1:round3 2:round3 1:done ");
	s->now = BK_LIMIT_ROUND_FRESH;
	stage_rejoin(s, 2, 9, 1, 2, 2, false); /* that one is over */
	stage_expect(s, "2:round4 1:round4 2:done ");
	stage_rejoin(s, 3, 9, 0, 4, 0, false); /* comes in time, and is told */
	stage_expect(s, "3:round4 3:done ");
	s->is_mean = true;
	stage_rejoin(s, 2, 9, 1, 3, 0, true);
	stage_expect(s, "2:rate-limited ");
}

/* --- more than two --- */

static void more_than_two_share_a_plate_and_a_meeting(void **state)
{
	struct stage *s = *state;

	stage_ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .number = 7, .seats = 3});
	stage_claim(s, 2, 7);
	stage_rejoin(s, 1, 9, 0, 1, 0, false); /* it is not complete, so this is another one */
	stage_expect(s, "1:ok7 1:claimed7 2:ok7 1:done ");
	stage_release(s, 1, 0);
	stage_claim(s, 3, 7);
	stage_claim(s, 4, 7);
	stage_expect(s, "1:done 1:claimed7 2:claimed7 3:ok7 4:code-used ");
	assert_int_equal(s->tokens, 1);
	stage_mail(s, 2, "all");
	stage_expect(s, "1:mail[all] 3:mail[all] 2:done ");
	for (uint64_t i = 1; i <= 3; i++)
		stage_rejoin(s, i, 9, (unsigned)i - 1, 1, 0, false);
	stage_expect(s, "1:done 2:done 3:done ");
	stage_leave(s, 2, false);
	stage_mail(s, 1, "two are left");
	stage_expect(s, "3:mail[two are left] 1:done ");
	assert_int_equal(stage_next_wake(s), BK_LIMIT_MEETING_GRACE);
	stage_rejoin(s, 5, 9, 1, 2, 0, true);
	stage_expect(s, "5:round2 1:round2 3:round2 5:done ");
	assert_int_equal(stage_next_wake(s), BK_NEVER);
	assert_int_equal(stage_meetings(s), 1);
}

static void mail_that_one_of_the_others_cannot_take_reaches_none(void **state)
{
	struct stage *s = *state;

	stage_ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .number = 7, .seats = 3});
	stage_claim(s, 2, 7);
	for (int i = 0; i < BK_LIMIT_MAILS; i++)
		stage_mail(s, 1, "m"); /* waits for the third */
	s->len = 0;
	stage_mail(s, 1, "x");
	stage_expect(s, "1:full ");
	stage_ask(s, 3, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .seats = 1});
	stage_ask(
		s, 3, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .seats = BK_BOARD_SEATS_MAX + 1});
	stage_expect(s, "3:invalid 3:invalid ");
}

int main(void)
{
	static const struct stage_claim claims[] = {
		STAGE_CLAIM(a_secret_turns_a_plate_into_a_meeting),
		STAGE_CLAIM(the_secret_is_the_authority_and_its_order_counts),
		STAGE_CLAIM(a_meeting_waits_for_a_member_that_showed_the_secret),
		STAGE_CLAIM(a_meeting_does_not_wait_for_who_never_showed_it_nor_for_nobody),
		STAGE_CLAIM(claims_and_meetings_expire_in_their_order),
		STAGE_CLAIM(meetings_have_the_ceilings_of_plates),
		STAGE_CLAIM(a_round_forgets_older_mail_and_only_who_is_in_it_gets_some),
		STAGE_CLAIM(who_comes_again_or_too_late_begins_another_round),
		STAGE_CLAIM(more_than_two_share_a_plate_and_a_meeting),
		STAGE_CLAIM(mail_that_one_of_the_others_cannot_take_reaches_none),
	};

	return stage_run("board_meetings", claims, sizeof(claims) / sizeof(claims[0]));
}
