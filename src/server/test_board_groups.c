/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, on every kind of board. */
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

static void join_with(struct stage *s, uint64_t who, uint8_t id, const uint8_t *life, uint64_t last)
{
	const uint8_t bytes[BK_BOARD_TOKEN_LEN] = {id};
	const char card[] = {(char)('a' + who % 26), 0};

	stage_ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_JOIN,
			.secret = bytes,
			.life = life,
			.last = last,
			.body = card,
			.len = 1});
}

static void join(struct stage *s, uint64_t who)
{
	join_with(s, who, 9, NULL, 0);
}

static void post_bytes(struct stage *s, uint64_t who, const void *body, size_t len)
{
	stage_ask(s, who, (struct bk_board_request){.wish = BK_BOARD_POST, .body = body, .len = len});
}

static void post(struct stage *s, uint64_t who, const char *text)
{
	post_bytes(s, who, text, strlen(text));
}

static void part(struct stage *s, uint64_t who)
{
	stage_ask(s, who, (struct bk_board_request){.wish = BK_BOARD_PART});
}

static void all_members_are_told_the_same_in_one_order(void **state)
{
	struct stage *s = *state;

	join(s, 1);
	stage_expect(s, "1:joined1(0-0) 1:list1 1:done ");
	post(s, 1, "one");
	stage_expect(s, "1:said1[one] 1:done ");
	join(s, 2);
	stage_expect(s, "1:came2[c] 2:joined2(1-1) 2:list1,2 2:said1[one] 2:done ");
	post(s, 2, "two");
	stage_expect(s, "1:said2[two] 2:said2[two] 2:done ");
	stage_ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_CARD, .body = "new", .len = 3});
	stage_expect(s, "1:came1[new] 2:came1[new] 1:done ");
	part(s, 1);
	stage_expect(s, "2:gone1() 1:done ");
	join_with(s, 3, 8, NULL, 0); /* another group hears nothing of it */
	post(s, 2, "three");
	stage_leave(s, 2, true);
	stage_expect(s, "3:joined3(0-0) 3:list3 3:done 2:said3[three] 2:done ");
}

static void who_comes_back_is_told_what_it_does_not_know(void **state)
{
	struct stage *s = *state;
	uint8_t life[BK_GROUP_LIFE_LEN], other[BK_GROUP_LIFE_LEN] = {1};

	join(s, 1);
	post(s, 1, "one");
	post(s, 1, "two");
	memcpy(life, s->life, sizeof(life));
	s->len = 0;
	join_with(s, 2, 9, life, 1);
	stage_expect(s, "1:came2[c] 2:joined2(2-2) 2:list1,2 2:said2[two] 2:done ");
	join_with(s, 3, 9, life, 2);
	stage_expect(s, "1:came3[d] 2:came3[d] 3:joined3(0-2) 3:list1,2,3 3:done ");
	join_with(s, 4, 9, other, 7); /* of another life its number says nothing */
	stage_expect(s,
		"1:came4[e] 2:came4[e] 3:came4[e] 4:joined4(1-2) 4:list1,2,3,4 4:said1[one] 4:said2[two] "
		"4:done ");
	join_with(s, 5, 8, other, 7); /* whoever makes it anew goes on where he was */
	post(s, 5, "x");
	stage_expect(s, "5:joined5(0-7) 5:list5 5:done 5:said8[x] 5:done ");
	join_with(s, 6, 7, other, INT64_MAX);
	stage_expect(s, "6:joined6(0-0) 6:list6 6:done ");
}

/* The rates are those of many seconds. */
static void talk(struct stage *s, uint64_t who, int n)
{
	bool was_quiet = s->is_quiet;

	s->is_quiet = true;
	for (int i = 0; i < n; i++) {
		s->now += BK_SEC;
		post(s, who, "x");
		s->len = 0;
		s->book[0] = 0;
	}
	s->is_quiet = was_quiet;
}

static void the_last_hundred_are_kept_and_made_once_for_all(void **state)
{
	struct stage *s = *state;

	for (uint64_t who = 1; who <= 10; who++)
		join(s, who);
	s->made = s->told = 0;
	talk(s, 1, 150);
	assert_int_equal(s->made, 150);
	assert_int_equal(s->told, 1500);
	s->len = 0;
	s->told = 0;
	s->is_quiet = true;
	join(s, 11);
	assert_int_equal(s->told, 10 + 2 + BK_LIMIT_GROUP_HISTORY);
}

static void who_takes_nothing_is_sent_away_with_the_reason_and_comes_back(void **state)
{
	struct stage *s = *state;
	uint8_t life[BK_GROUP_LIFE_LEN];

	join(s, 1);
	join(s, 2);
	memcpy(life, s->life, sizeof(life));
	s->deaf = 2;
	s->len = 0;
	talk(s, 1, BK_LIMIT_GROUP_BACKLOG);
	post(s, 1, "too much");
	stage_expect(s, "1:said1001[too much] 2:ended(too-slow) 1:gone2(too-slow) 1:done ");
	post(s, 2, "I am here");
	stage_expect(s, "2:not-found ");
	s->deaf = 0;
	join_with(s, 2, 9, life, 999);
	stage_expect(
		s, "1:came2[c] 2:joined2(1000-1001) 2:list1,2 2:said1000[x] 2:said1001[too much] 2:done ");
	stage_leave(s, 2, false);
	stage_expect(s, "1:gone2(peer-vanished) ");
}

static void who_was_slow_for_a_while_gets_all_of_it_in_order(void **state)
{
	struct stage *s = *state;

	join(s, 1);
	s->deaf = 2;
	join(s, 2);
	post(s, 1, "one");
	join(s, 3);
	part(s, 3);
	post(s, 1, "two");
	s->len = 0;
	s->deaf = 0;
	s->board->ops->deliver(s->board, 2);
	stage_expect(s, "2:joined2(1-2) 2:list1,2 2:said1[one] 2:came3[d] 2:gone3() 2:said2[two] ");
	s->board->ops->deliver(s->board, 2);
	s->board->ops->deliver(s->board, 77);
	stage_expect(s, "");
}

/* Its list is long, and takes its time; meanwhile others talk, and come and go. */
static void who_comes_slowly_is_not_sent_away_for_what_was_before(void **state)
{
	struct stage *s = *state;

	join(s, 1);
	talk(s, 1, BK_LIMIT_GROUP_HISTORY);
	s->is_quiet = true;
	s->deaf = 2;
	join(s, 2);
	talk(s, 1, 50);
	for (int i = 0; i < BK_LIMIT_GROUP_COMINGS / 2; i++) {
		join(s, 3);
		part(s, 3);
		s->len = 0;
	}
	s->deaf = 0;
	s->told = 0;
	s->board->ops->deliver(s->board, 2);
	assert_int_equal(s->told, 2 + BK_LIMIT_GROUP_HISTORY + 50 + BK_LIMIT_GROUP_COMINGS);
	s->is_quiet = false;
	s->len = 0;
	join(s, 4); /* and what was kept for it alone is not kept for others */
	assert_non_null(strstr(s->book, "4:joined4(51-150) "));
}

/* Somebody is always just coming. */
static void comings_are_not_kept_for_who_has_them_in_its_list(void **state)
{
	struct stage *s = *state;

	s->is_quiet = true;
	for (uint64_t who = 1; who <= 4 * BK_LIMIT_GROUP_COMINGS && who <= BK_LIMIT_GROUP_MEMBERS; who++) {
		s->deaf = who;
		s->len = 0;
		join(s, who);
		s->deaf = 0;
		s->board->ops->deliver(s->board, who - 1); /* one step behind */
		assert_null(strstr(s->book, "ended"));
	}
	post(s, 1, "x");
	assert_null(strstr(s->book, "not-found"));
}

static void join_with_a_large_card(struct stage *s, uint64_t who)
{
	static const uint8_t id[BK_GROUP_ID_LEN] = {9}, card[BK_GROUP_CARD_MAX] = {'c'};

	s->len = 0;
	stage_ask(s, who,
		(struct bk_board_request){
			.wish = BK_BOARD_JOIN, .secret = id, .body = card, .len = sizeof(card)});
}

/* Sixty-two of such cards are a message; joined, came and what is left of the list are each one's own. */
static void the_list_is_made_once_for_all_who_come(void **state)
{
	struct stage *s = *state;

	s->is_quiet = true;
	for (uint64_t who = 1; who <= 150; who++)
		join_with_a_large_card(s, who);
	s->made = s->told = 0;
	join_with_a_large_card(s, 151);
	assert_int_equal(s->told, 150 + 1 + 3);
	assert_int_equal(s->made, 3);
	part(s, 63); /* it is on the second page */
	s->made = 0;
	s->len = 0;
	s->is_quiet = false;
	join(s, 152);
	assert_int_equal(s->made, 4);
	assert_non_null(strstr(s->book, "152:list1,2,"));
	assert_non_null(strstr(s->book, "152:list64,65,"));
	assert_null(strstr(s->book, ",63"));
	s->len = 0;
	stage_ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_CARD, .body = "new", .len = 3});
	s->made = 0;
	s->is_quiet = true;
	join_with_a_large_card(s, 153);
	assert_int_equal(s->made, 2 + 3); /* the first one is another, and so are those behind it */
}

static void coming_and_going_costs_nobody_his_history(void **state)
{
	struct stage *s = *state;
	size_t kept;

	join(s, 1);
	post(s, 1, "one");
	kept = s->kept[BK_BOARD_NEWS];
	s->is_quiet = true;
	for (int i = 0; i < 5000; i++) {
		join(s, 2);
		part(s, 2);
		s->len = 0;
	}
	assert_int_equal(s->kept[BK_BOARD_NEWS], kept);
	s->is_quiet = false;
	join(s, 3);
	stage_expect(s, "1:came3[d] 3:joined3(1-1) 3:list1,3 3:said1[one] 3:done ");
	s->deaf = 1; /* who hears none of it is sent away, and no more is kept for it */
	s->is_quiet = true;
	for (int i = 0; i < 5000; i++) {
		join(s, 2);
		part(s, 2);
		s->len = 0;
	}
	assert_int_equal(s->kept[BK_BOARD_NEWS], kept);
	s->len = 0;
	s->book[0] = 0;
	s->deaf = 0;
	post(s, 1, "x");
	stage_expect(s, "1:not-found ");
}

static void who_says_too_much_is_told_when_to_say_it(void **state)
{
	static uint8_t large[BK_GROUP_POST_MAX + 1];
	struct stage *s = *state;
	int said = 0;

	join(s, 1);
	s->is_quiet = true;
	for (s->len = 0; said < 1000 && !strstr(s->book, "limited"); said++) {
		s->len = 0;
		post(s, 1, "x");
	}
	assert_int_equal(said, BK_LIMIT_MEMBER_POSTS_BURST + 1);
	s->now += BK_SEC * 60;
	s->len = 0;
	s->book[0] = 0;
	for (said = 0; said < 100 && !strstr(s->book, "limited"); said++) {
		s->len = 0;
		s->book[0] = 0;
		post_bytes(s, 1, large, BK_GROUP_POST_MAX);
	}
	assert_in_range(said, 2, 4); /* large ones count for more */
	s->len = 0;
	s->book[0] = 0;
	post_bytes(s, 1, large, sizeof(large));
	stage_expect(s, "1:too-big ");
}

static void a_group_and_who_is_in_it_have_ceilings(void **state)
{
	struct stage *s = *state;
	static const uint8_t none[BK_BOARD_TOKEN_LEN];

	s->is_quiet = true;
	join(s, 1);
	s->len = 0;
	s->book[0] = 0;
	join_with(s, 1, 8, NULL, 0);
	post(s, 2, "x");
	part(s, 2);
	stage_ask(s, 2, (struct bk_board_request){.wish = BK_BOARD_JOIN, .secret = none});
	stage_ask(s, 2, (struct bk_board_request){.wish = BK_BOARD_JOIN});
	stage_expect(s, "1:invalid 2:not-found 2:not-found 2:invalid 2:invalid ");
	for (uint64_t who = 2; who <= BK_LIMIT_GROUP_MEMBERS; who++) {
		s->len = 0;
		join(s, who);
	}
	s->len = 0;
	s->book[0] = 0;
	join(s, BK_LIMIT_GROUP_MEMBERS + 1);
	stage_expect(s, "1001:full ");
	s->is_quiet = false;
	s->news_max = 1;
	join_with(s, 2000, 8, NULL, 0); /* the account bears no other group */
	stage_expect(s, "2000:full ");
}

static void where_the_account_bears_no_more_the_group_remembers_less(void **state)
{
	static uint8_t large[10000];
	struct stage *s = *state;

	join(s, 1);
	s->news_max = s->kept[BK_BOARD_NEWS] + 50000;
	s->is_quiet = true;
	for (int i = 0; i < 20; i++) {
		s->now += 10 * BK_SEC;
		post_bytes(s, 1, large, sizeof(large));
	}
	assert_null(strstr(s->book, "full"));
	s->is_quiet = false;
	s->len = 0;
	join(s, 2);
	assert_non_null(strstr(s->book, "2:joined2(18-20) "));
}

static void an_empty_group_is_kept_for_who_comes_late_and_then_forgotten(void **state)
{
	struct stage *s = *state;

	join(s, 1);
	post(s, 1, "one");
	part(s, 1);
	s->len = 0;
	assert_int_equal(stage_next_wake(s), s->now + BK_LIMIT_GROUP_EMPTY);
	stage_wake_at(s, BK_LIMIT_GROUP_EMPTY - 1);
	join(s, 2);
	stage_expect(s, "2:joined2(1-1) 2:list2 2:said1[one] 2:done ");
	assert_true(stage_next_wake(s) == BK_NEVER);
	stage_leave(s, 2, true);
	assert_int_equal(bk_counters_get(&s->counters, "groups"), 1);
	stage_wake_at(s, stage_next_wake(s));
	assert_int_equal(bk_counters_get(&s->counters, "groups"), 0);
	assert_int_equal(s->kept[BK_BOARD_NEWS], 0);
	join(s, 3);
	stage_expect(s, "3:joined3(0-0) 3:list3 3:done ");
}

#define TEST(name)                                                                                           \
	{                                                                                                    \
#name, name                                                                                  \
	}

int main(void)
{
	static const struct stage_claim claims[] = {
		STAGE_CLAIM(all_members_are_told_the_same_in_one_order),
		STAGE_CLAIM(who_comes_back_is_told_what_it_does_not_know),
		STAGE_CLAIM(the_last_hundred_are_kept_and_made_once_for_all),
		STAGE_CLAIM(who_takes_nothing_is_sent_away_with_the_reason_and_comes_back),
		STAGE_CLAIM(who_was_slow_for_a_while_gets_all_of_it_in_order),
		STAGE_CLAIM(who_comes_slowly_is_not_sent_away_for_what_was_before),
		STAGE_CLAIM(comings_are_not_kept_for_who_has_them_in_its_list),
		STAGE_CLAIM(the_list_is_made_once_for_all_who_come),
		STAGE_CLAIM(coming_and_going_costs_nobody_his_history),
		STAGE_CLAIM(who_says_too_much_is_told_when_to_say_it),
		STAGE_CLAIM(a_group_and_who_is_in_it_have_ceilings),
		STAGE_CLAIM(where_the_account_bears_no_more_the_group_remembers_less),
		STAGE_CLAIM(an_empty_group_is_kept_for_who_comes_late_and_then_forgotten),
	};

	return stage_run("board_groups", claims, sizeof(claims) / sizeof(claims[0]));
}
