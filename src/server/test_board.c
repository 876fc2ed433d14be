/* SPDX-License-Identifier: Apache-2.0 */
/* One suite over every kind of board. What a board tells is written down as words, in the order told:
 * "1:ok7 " (member 1 allocated or claimed 7), "1:done ", "1:exists " (an error), "1:claimed7 ", "1:mail[abc]
 * ", "1:round3 " (the third token), "1:released7(timeout) ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "server/counter.h"
#include "server/limits.h"
#include "server/test_lying_board.h"

#define LIFETIME (10 * BK_SEC)

static struct lies honest;

static const struct kind {
	const char *name;
	struct bk_board_kind board;
} kinds[] = {
	{"memory", {bk_board_memory_new, NULL}},
	{"memory behind another", {lying_board_new, &honest}},
};

struct stage {
	const struct bk_board_kind *kind;
	struct bk_board *board;
	struct bk_counters counters;
	char book[4096];
	size_t len;
	uint32_t number; /* of the last plate allocated */
	uint8_t token[BK_BOARD_TOKEN_LEN], tokens;
	uint64_t deaf;  /* takes no mail; 0: nobody */
	bool is_mean;   /* nobody may spend */
	bool is_strict; /* nobody may try */
	int spent;
	size_t kept[4]; /* of each cost, on the accounts of all */
	size_t open;    /* accounts that are to be settled */
	unsigned wrong,
		missed;  /* the last wrong guess: number times 100 and who; claims that found nothing */
	size_t mail_max; /* 0: no end */
	size_t news_max; /* likewise */
	uint8_t life[BK_GROUP_LIFE_LEN]; /* of the group that somebody joined last */
	unsigned made, told;             /* news, and how often they were told */
	bool is_quiet;                   /* news are counted, not noted */
	char met[64];                    /* "7:1,2": the last meeting */
	bk_time now;
};

/* --- the owner --- */

static void note(struct stage *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->book + s->len, sizeof(s->book) - s->len, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof(s->book) - s->len);
	s->len += (size_t)n;
}

static void on_verdict(void *arg, uint64_t who, const struct bk_board_verdict *v)
{
	struct stage *s = arg;

	if (v->error < 0) {
		note(s, "%d:%s%s ", (int)who, bk_error_name(v->error),
			v->wait && v->wish < BK_BOARD_JOIN ? "+wait" : "");
		return;
	}
	if (v->wish == BK_BOARD_ALLOCATE)
		s->number = v->number;
	if (v->wish == BK_BOARD_CLAIM)
		assert_memory_equal(v->token, s->token, BK_BOARD_TOKEN_LEN);
	if (v->wish == BK_BOARD_ALLOCATE || v->wish == BK_BOARD_CLAIM)
		note(s, "%d:ok%u ", (int)who, v->number);
	else
		note(s, "%d:done ", (int)who);
	if (v->body)
		note(s, "left[%.*s] ", (int)v->len, (const char *)v->body);
}

static void on_claimed(void *arg, uint64_t who, uint32_t number, const uint8_t *token)
{
	struct stage *s = arg;

	assert_memory_equal(token, s->token, BK_BOARD_TOKEN_LEN);
	note(s, "%d:claimed%u ", (int)who, number);
}

static bool on_mail(void *arg, uint64_t who, const void *body, size_t len)
{
	struct stage *s = arg;

	if (who == s->deaf)
		return false;
	note(s, "%d:mail[%.*s] ", (int)who, (int)len, (const char *)body);
	return true;
}

static void on_round(void *arg, uint64_t who, unsigned seat, const uint8_t *token)
{
	(void)seat;
	note(arg, "%d:round%d ", (int)who, token[0]);
}

static void on_released(void *arg, uint64_t who, uint32_t number, int why)
{
	note(arg, "%d:released%u(%s) ", (int)who, number, why ? bk_error_name(why) : "");
}

static void on_met(void *arg, uint32_t number, const uint64_t *who, unsigned n)
{
	struct stage *s = arg;

	assert_true(n >= 2 && who[0]);
	snprintf(s->met, sizeof(s->met), "%u:%d,%d", number, (int)who[0], (int)who[1]);
}

static int charge(void *arg, uint64_t who, enum bk_board_cost cost, size_t n, void **ret_account)
{
	struct stage *s = arg;

	*ret_account = (void *)(uintptr_t)who; /* of a refusal it means nothing */
	if (cost == BK_BOARD_LETTER && s->mail_max && s->kept[cost] + n > s->mail_max)
		return BK_E_FULL;
	if (cost == BK_BOARD_NEWS && s->news_max && s->kept[cost] + n > s->news_max)
		return BK_E_FULL;
	if (cost == BK_BOARD_TRY && s->is_strict)
		return BK_E_RATE_LIMITED;
	s->kept[cost] += n;
	s->open++;
	return 0;
}

static void settle(void *arg, void *account, enum bk_board_cost cost, size_t n, enum bk_board_outcome how)
{
	struct stage *s = arg;

	assert_true(s->open > 0);
	s->open--;
	if (how == BK_BOARD_WRONG)
		s->wrong = (unsigned)n * 100 + (unsigned)(uintptr_t)account;
	s->missed += how == BK_BOARD_MISSED;
	s->kept[cost] -= how == BK_BOARD_WRONG ? 1 : n;
}

static void make_token(void *arg, uint64_t who, uint8_t ret_token[BK_BOARD_TOKEN_LEN])
{
	struct stage *s = arg;

	assert_true(who);
	memset(s->token, 0, sizeof(s->token));
	s->token[0] = ++s->tokens;
	memcpy(ret_token, s->token, sizeof(s->token));
}

static bool may_spend(void *arg, uint64_t who, bk_time now)
{
	struct stage *s = arg;

	assert_true(who && now == s->now);
	s->spent++;
	return !s->is_mean;
}

/* As words: the same ones for all. */
static struct bk_chunk *make_news(void *arg, const struct bk_group_msg *m)
{
	char text[300] = "";
	struct bk_chunk *c = bk_chunk_new(sizeof(text));
	const uint8_t *at = m->bytes, *card;
	size_t left = m->len, len, n = 0;
	uint64_t member;

	((struct stage *)arg)->made++;
	if (m->type == BK_GROUP_JOINED)
		snprintf(text, sizeof(text), "joined%d(%d-%d)", (int)m->member, (int)m->oldest,
			(int)m->number);
	else if (m->type == BK_GROUP_SAID)
		snprintf(text, sizeof(text), "said%d[%.*s]", (int)m->number, m->len > 9 ? 9 : (int)m->len,
			(const char *)m->bytes);
	else if (m->type == BK_GROUP_CAME)
		snprintf(text, sizeof(text), "came%d[%.*s]", (int)m->member, (int)m->len,
			(const char *)m->bytes);
	else if (m->type == BK_GROUP_GONE)
		snprintf(text, sizeof(text), "gone%d(%s)", (int)m->member, m->code);
	else if (m->type == BK_GROUP_ENDED)
		snprintf(text, sizeof(text), "ended(%s)", m->code);
	if (m->type == BK_GROUP_JOINED)
		memcpy(((struct stage *)arg)->life, m->life, BK_GROUP_LIFE_LEN);
	for (n = 0; m->type == BK_GROUP_ROSTER && n < 250 &&
		    bk_group_entry_next(&at, &left, &member, &card, &len);)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d", n ? "," : "list", (int)member);
	if (m->type == BK_GROUP_ROSTER && !m->is_last)
		strcat(text, "...");
	bk_chunk_append(c, text, strlen(text));
	return c;
}

static bool on_news(void *arg, uint64_t who, struct bk_chunk *news, bool is_last)
{
	struct stage *s = arg;

	if (who == s->deaf && !is_last)
		return false;
	s->told++;
	if (!s->is_quiet)
		note(s, "%d:%.*s ", (int)who, (int)news->len, (const char *)news->bytes);
	return true;
}

/* --- the stage --- */

static int set_up(void **state)
{
	static const struct bk_board_events events = {on_verdict, on_claimed, on_mail, on_round, on_released,
		on_met, make_token, charge, settle, may_spend, make_news, on_news};
	const struct kind *kind = *state;
	struct stage *s = calloc(1, sizeof(*s));
	const struct bk_board_opts opts = {
		.events = &events,
		.arg = s,
		.counters = &s->counters,
		.max = 1000,
		.lifetime = LIFETIME,
		.grace = BK_LIMIT_MEETING_GRACE,
		.posts_burst = BK_LIMIT_MEMBER_POSTS_BURST,
		.seed = 42,
	};

	*state = s;
	return kind->board.new(&opts, kind->board.arg, &s->board);
}

static int tear_down(void **state)
{
	struct stage *s = *state;

	bk_board_free(s->board);
	assert_true(!s->open && !s->kept[0] && !s->kept[1] && !s->kept[2] && !s->kept[3]);
	free(s);
	return 0;
}

static void expect(struct stage *s, const char *told)
{
	assert_string_equal(s->book, told);
	s->len = 0;
	s->book[0] = 0;
}

static void ask(struct stage *s, uint64_t who, struct bk_board_request r)
{
	s->board->ops->ask(s->board, who, &r, s->now);
}

static void allocate(struct stage *s, uint64_t who, uint32_t number, const char *left)
{
	ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_ALLOCATE,
			.number = number,
			.body = left,
			.len = left ? strlen(left) : 0});
}

static void claim(struct stage *s, uint64_t who, uint32_t number)
{
	ask(s, who, (struct bk_board_request){.wish = BK_BOARD_CLAIM, .number = number});
}

static void mail_bytes(struct stage *s, uint64_t who, uint32_t number, const void *body, size_t len)
{
	ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_MAIL, .number = number, .body = body, .len = len});
}

static void mail(struct stage *s, uint64_t who, const char *text)
{
	mail_bytes(s, who, 0, text, strlen(text));
}

static void release(struct stage *s, uint64_t who, uint32_t number)
{
	ask(s, who, (struct bk_board_request){.wish = BK_BOARD_RELEASE, .number = number});
}

/* knows: which token it names, 0: none. */
static void rejoin(struct stage *s, uint64_t who, uint8_t secret, unsigned seat, uint64_t order,
	uint8_t knows, bool asks)
{
	const uint8_t bytes[BK_BOARD_TOKEN_LEN] = {secret}, token[BK_BOARD_TOKEN_LEN] = {knows};

	ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_REJOIN,
			.secret = bytes,
			.token = token,
			.seat = seat,
			.order = order,
			.asks_round = asks});
}

static void leave(struct stage *s, uint64_t who, bool is_closed)
{
	s->board->ops->leave(s->board, who, is_closed, s->now);
}

static bk_time next_wake(const struct stage *s)
{
	return s->board->ops->next_wake(s->board);
}

static void wake_at(struct stage *s, bk_time t)
{
	s->now = t;
	s->board->ops->wake(s->board, t);
}

static uint64_t plates(const struct stage *s)
{
	return bk_counters_get(&s->counters, "nameplates");
}

static uint64_t meetings(const struct stage *s)
{
	return bk_counters_get(&s->counters, "meetings");
}

/* 1 and 2 share plate 7. */
static void pair(struct stage *s)
{
	allocate(s, 1, 7, "hi");
	claim(s, 2, 7);
	expect(s, "1:ok7 1:claimed7 2:ok7 left[hi] ");
}

/* 1 and 2 meet by secret 9. */
static void meet(struct stage *s)
{
	pair(s);
	rejoin(s, 1, 9, 0, 1, 0, false);
	rejoin(s, 2, 9, 1, 1, 0, false);
	expect(s, "1:done 2:done ");
}

/* --- plates --- */

static void numbers_are_short_while_few_are_taken(void **state)
{
	struct stage *s = *state;

	for (uint64_t i = 0; i < 200; i++) {
		allocate(s, i + 1, 0, NULL);
		assert_in_range(s->number, 1, i < 9 ? 99 : i < 99 ? 999 : 9999); /* a tenth */
		s->len = 0;
	}
	assert_int_equal(plates(s), 200);
}

static void a_wish_is_granted_once(void **state)
{
	struct stage *s = *state;

	allocate(s, 1, 7, NULL);
	allocate(s, 2, 7, NULL);
	allocate(s, 2, BK_LIMIT_NAMEPLATE_NUMBER + 1, NULL);
	expect(s, "1:ok7 2:exists 2:invalid ");
	release(s, 1, 7);
	allocate(s, 2, 7, NULL);
	expect(s, "1:done 2:ok7 ");
}

static void allocate_as(struct stage *s, uint64_t who, uint32_t number, const uint8_t *secret)
{
	ask(s, who,
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
	expect(s, "1:ok7 2:exists 2:exists 2:exists 1:exists ");
	claim(s, 3, 7);
	allocate_as(s, 3, 7, mine); /* who sits there, too */
	s->len = 0;
	allocate_as(s, 4, 7, mine);
	expect(s, "3:released7(peer-vanished) 4:ok7 ");
	claim(s, 3, 7);
	s->len = 0;
	mail(s, 3, "x");
	mail(s, 1, "y"); /* the old seat is nobody's */
	expect(s, "4:mail[x] 3:done 1:not-found ");
	allocate_as(s, 1, 8, none);
	allocate_as(s, 2, 8, none); /* no secret is nobody's */
	expect(s, "1:ok8 2:exists ");
}

static void allocate_for_heir(struct stage *s, uint64_t who, uint32_t number, uint8_t secret, uint8_t heir)
{
	const uint8_t own[BK_BOARD_TOKEN_LEN] = {secret}, next[BK_BOARD_TOKEN_LEN] = {heir};

	ask(s, who,
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
	claim(s, 2, 7);
	s->len = 0;
	claim(s, 4, 7);
	allocate_for_heir(s, 3, 7, 2, 5); /* the two have not met yet */
	allocate_for_heir(s, 3, 7, 2, 6);
	expect(s, "4:code-used+wait 3:exists+wait 3:exists ");
	assert_int_equal(s->missed, 1); /* who is told to wait pays nothing */
	rejoin(s, 2, 9, 1, 1, 0, false);
	rejoin(s, 1, 9, 0, 1, 0, false);
	expect(s, "2:done 1:done ");
	assert_int_equal(s->kept[BK_BOARD_PLATE], 2);
	claim(s, 4, 7);
	allocate(s, 5, 7, NULL);
	allocate_for_heir(s, 3, 7, 2, 5);
	claim(s, 4, 7);
	expect(s, "4:code-used+wait 5:exists 3:ok7 3:claimed7 4:ok7 left[hi] ");
	assert_int_equal(s->kept[BK_BOARD_PLATE], 2);
}

static void a_number_waits_for_its_heir_after_a_claim_that_led_to_nothing(void **state)
{
	struct stage *s = *state;

	allocate_for_heir(s, 1, 7, 1, 5);
	claim(s, 2, 7);
	leave(s, 2, true);
	s->len = 0;
	claim(s, 4, 7);
	allocate_for_heir(s, 1, 7, 1, 5); /* the same once more */
	claim(s, 2, 7);
	release(s, 1, 7); /* it was a wrong guess */
	expect(s, "4:code-used+wait 1:ok7 1:claimed7 2:ok7 left[hi] 2:released7() 1:done ");
	claim(s, 4, 7);
	allocate_for_heir(s, 1, 7, 1, 5);
	claim(s, 4, 7);
	expect(s, "4:code-used+wait 1:ok7 1:claimed7 4:ok7 left[hi] ");
}

static void a_number_waits_for_its_heir_for_a_while_and_not_after_its_maker(void **state)
{
	struct stage *s = *state;

	allocate_for_heir(s, 1, 7, 1, 5);
	claim(s, 2, 7);
	release(s, 2, 7);
	s->len = 0;
	wake_at(s, s->now + BK_LIMIT_KEPT);
	claim(s, 4, 7);
	expect(s, "4:no-such-peer ");
	allocate_for_heir(s, 1, 7, 1, 5);
	claim(s, 2, 7);
	leave(s, 1, true);
	s->len = 0;
	claim(s, 4, 7);
	expect(s, "4:no-such-peer ");
	assert_int_equal(s->kept[BK_BOARD_PLATE], 0);
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
}

static void a_claim_succeeds_once_and_not_for_the_owner(void **state)
{
	struct stage *s = *state;

	pair(s);
	claim(s, 3, 7);
	claim(s, 3, 8);
	claim(s, 1, 7);
	expect(s, "3:code-used 3:no-such-peer 1:no-such-peer ");
	assert_int_equal(s->tokens, 1);
}

static void a_claim_is_given_back_when_it_led_to_a_meeting(void **state)
{
	struct stage *s = *state;

	meet(s);
	assert_string_equal(s->met, "7:1,2");
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	claim(s, 3, 8);
	assert_int_equal(s->missed, 1);
	allocate(s, 4, 8, NULL);
	claim(s, 3, 8);
	assert_int_equal(s->kept[BK_BOARD_TRY], 2); /* the number was wished for, too */
	release(s, 4, 8);
	assert_int_equal(s->wrong, 803);
	assert_int_equal(s->missed, 1); /* the wish is given back: the guess pays for both */
	allocate(s, 4, 9, NULL);
	claim(s, 3, 9);
	leave(s, 3, true);
	assert_int_equal(s->wrong, 903);
}

/* 2 claims 1's number and shows a secret that it made up. */
static void guess(struct stage *s)
{
	pair(s);
	rejoin(s, 2, 9, 1, 1, 0, false);
	expect(s, "2:done ");
	assert_int_equal(meetings(s), 1);
	assert_int_equal(s->kept[BK_BOARD_TRY], 2);
}

static void a_meeting_that_a_guesser_made_up_is_a_wrong_guess(void **state)
{
	struct stage *s = *state;

	guess(s);
	release(s, 1, 7); /* by the number that it knows */
	expect(s, "2:released0() 1:done ");
	assert_int_equal(s->wrong, 702);
	s->wrong = 0;
	guess(s);
	leave(s, 1, true);
	expect(s, "2:released0(peer-vanished) ");
	assert_int_equal(s->wrong, 702);
	s->wrong = 0;
	guess(s);
	leave(s, 2, true);
	assert_int_equal(s->wrong, 702); /* at once */
	assert_int_equal(next_wake(s), BK_LIMIT_MEETING_GRACE_SHORT);
	wake_at(s, BK_LIMIT_MEETING_GRACE_SHORT);
	expect(s, "1:released0(peer-vanished) ");
	assert_int_equal(s->wrong, 702);
	assert_string_equal(s->met, "");
	assert_int_equal(meetings(s), 0);
}

static void nobody_takes_the_seat_of_a_maker_that_has_not_shown_the_secret(void **state)
{
	struct stage *s = *state;

	guess(s);
	rejoin(s, 3, 9, 0, 99, 0, true);
	expect(s, "3:full ");
	assert_string_equal(s->met, "");
	mail(s, 2, "x"); /* it sits there still */
	expect(s, "1:mail[x] 2:done ");
	rejoin(s, 4, 9, 1, 2, 0, false); /* the guesser's own seat is the guesser's business */
	expect(s, "4:done ");
	rejoin(s, 1, 9, 0, 1, 0, false); /* it was no guess at all */
	assert_string_equal(s->met, "7:1,4");
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	rejoin(s, 3, 9, 0, 2, 0, false);
	expect(s, "1:done 3:done ");
}

static void a_claim_is_in_doubt_for_a_while_only(void **state)
{
	struct stage *s = *state;

	guess(s);
	s->board->ops->refresh(s->board, 2, 5 * BK_SEC); /* pings make a meeting last, not a guess */
	assert_int_equal(next_wake(s), LIFETIME);
	wake_at(s, LIFETIME);
	expect(s, "1:released0(peer-vanished) 2:released0(peer-vanished) ");
	assert_int_equal(s->wrong, 702);
	s->wrong = 0;
	pair(s);
	for (bk_time t = s->now; t < LIFETIME + BK_LIMIT_CLAIM_DOUBT; t += BK_SEC) {
		wake_at(s, t);
		s->board->ops->refresh(s->board, 2, t);
		assert_int_equal(s->wrong, 0);
	}
	wake_at(s, LIFETIME + BK_LIMIT_CLAIM_DOUBT);
	assert_int_equal(s->wrong, 702);
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	expect(s, "");
	rejoin(s, 2, 9, 1, 1, 0, false);
	rejoin(s, 1, 9, 0, 1, 0, false); /* late, but they have met */
	expect(s, "2:done 1:done ");
	assert_string_equal(s->met, "7:1,2");
}

/* What an asker learns of somebody else's number it has paid for; who cannot use the answer gets none. */
static void no_answer_tells_for_nothing_whether_somebody_waits(void **state)
{
	struct stage *s = *state;

	for (uint32_t i = 0; i < BK_LIMIT_NAMEPLATES; i++)
		allocate(s, 2, 0, NULL);
	allocate(s, 3, 5001, NULL);
	s->len = 0;
	claim(s, 2, 5001);
	allocate(s, 2, 5001, NULL);
	allocate(s, 2, 5000, NULL);
	claim(s, 2, 5000);
	expect(s, "2:full 2:full 2:full 2:full ");
	allocate(s, 4, 5001, NULL);
	assert_int_equal(s->missed, 1);
	allocate(s, 4, 5002, NULL); /* free, which is an answer, too */
	release(s, 4, 5002);
	assert_int_equal(s->missed, 2);
	expect(s, "4:exists 4:ok5002 4:done ");
	s->is_strict = true;
	allocate(s, 4, 5001, NULL);
	allocate(s, 4, 5002, NULL);
	claim(s, 4, 5001);
	claim(s, 4, 5002);
	expect(s, "4:rate-limited 4:rate-limited 4:rate-limited 4:rate-limited ");
	allocate(s, 4, 0, NULL); /* tells nothing */
	assert_null(strstr(s->book, "rate-limited"));
}

/* A maker that comes back to its number again and again, because others take it and go, has done nothing wrong. */
static void a_maker_does_not_pay_for_those_who_guess_at_its_number(void **state)
{
	struct stage *s = *state;

	for (unsigned i = 1; i <= 3; i++) {
		allocate(s, 1, 7, "hi");
		claim(s, 2, 7);
		if (i == 1)
			release(s, 2, 0);
		else
			leave(s, 2, true);
		assert_int_equal(s->wrong, 702);
	}
	allocate(s, 1, 7, "hi");
	claim(s, 2, 7);
	wake_at(s, s->now + BK_LIMIT_CLAIM_DOUBT); /* who says nothing is no better */
	assert_int_equal(s->missed, 0);
	assert_int_equal(s->kept[BK_BOARD_TRY], 0);
	s->len = 0;
}

static void a_member_has_few_plates_and_the_newest_is_meant(void **state)
{
	struct stage *s = *state;

	mail(s, 1, "x");
	expect(s, "1:not-found ");
	for (uint32_t i = 1; i <= BK_LIMIT_NAMEPLATES; i++) {
		allocate(s, 1, i, NULL);
		claim(s, 10 + i, i);
	}
	s->len = 0;
	allocate(s, 1, 0, NULL);
	allocate(s, 2, 50, NULL);
	claim(s, 1, 50);
	expect(s, "1:full 2:ok50 1:full ");
	mail(s, 1, "newest");
	mail_bytes(s, 1, 2, "second", 6);
	mail_bytes(s, 1, 99, "none", 4);
	expect(s, "14:mail[newest] 1:done 12:mail[second] 1:done 1:not-found ");
}

static void a_released_plate_is_gone_for_the_others_and_they_are_told(void **state)
{
	struct stage *s = *state;

	pair(s);
	release(s, 2, 7);
	expect(s, "1:released7() 2:done ");
	release(s, 1, 7);
	mail(s, 2, "x");
	expect(s, "1:not-found 2:not-found ");
	assert_int_equal(plates(s), 0);
}

static void who_leaves_takes_its_plates_along(void **state)
{
	struct stage *s = *state;

	pair(s);
	allocate(s, 1, 8, NULL);
	claim(s, 3, 8);
	s->len = 0;
	leave(s, 1, true);
	expect(s, "3:released8(peer-vanished) 2:released7(peer-vanished) ");
	assert_int_equal(plates(s), 0);
	leave(s, 1, true);
	expect(s, "");
}

static void only_claimed_ones_expire(void **state)
{
	struct stage *s = *state;

	allocate(s, 3, 50, NULL);
	expect(s, "3:ok50 ");
	assert_int_equal(next_wake(s), BK_NEVER);
	s->now = 5 * BK_SEC;
	pair(s);
	assert_int_equal(next_wake(s), 15 * BK_SEC);
	wake_at(s, 15 * BK_SEC - 1);
	expect(s, "");
	wake_at(s, 15 * BK_SEC);
	expect(s, "1:released7(timeout) 2:released7(timeout) ");
	wake_at(s, 1000 * BK_SEC);
	mail(s, 1, "x");
	expect(s, "1:not-found ");
	assert_int_equal(plates(s), 1);
}

/* --- mail --- */

static void mail_waits_in_order_up_to_its_ceilings(void **state)
{
	struct stage *s = *state;
	char *big = calloc(1, BK_LIMIT_MAIL_BYTES + 1), expected[4096] = "";
	size_t n = 0;

	allocate(s, 1, 7, NULL);
	mail_bytes(s, 1, 0, big, BK_LIMIT_MAIL_BYTES + 1);
	for (int i = 0; i < BK_LIMIT_MAILS; i++)
		mail_bytes(s, 1, 0, &"abcdefghijklmnop"[i], 1);
	s->len = 0;
	mail(s, 1, "x");
	expect(s, "1:full ");
	claim(s, 2, 7);
	n += (size_t)snprintf(expected, sizeof(expected), "1:claimed7 2:ok7 ");
	for (int i = 0; i < BK_LIMIT_MAILS; i++)
		n += (size_t)snprintf(
			expected + n, sizeof(expected) - n, "2:mail[%c] ", "abcdefghijklmnop"[i]);
	expect(s, expected);
	mail_bytes(s, 1, 0, big, BK_LIMIT_MAIL_BYTES + 1);
	expect(s, "1:too-big ");
	free(big);
}

static void mail_is_kept_on_the_account_of_who_sends_it(void **state)
{
	struct stage *s = *state;
	enum { MAKERS = 16 };
	uint8_t *big = calloc(1, BK_LIMIT_MAIL_BYTES);

	s->mail_max = (size_t)MAKERS * BK_LIMIT_MAILS * BK_LIMIT_MAIL_BYTES;
	for (uint64_t i = 1; i <= MAKERS; i++) {
		allocate(s, i, 0, NULL);
		for (int k = 0; k < BK_LIMIT_MAILS; k++)
			mail_bytes(s, i, 0, big, BK_LIMIT_MAIL_BYTES);
		assert_null(strstr(s->book, "full"));
		s->len = 0;
	}
	allocate(s, MAKERS + 1, 700, NULL);
	mail_bytes(s, MAKERS + 1, 0, big, 1);
	allocate(s, MAKERS + 1, 701, "x");
	expect(s, "17:ok700 17:full 17:full ");
	release(s, 1, 0);
	mail_bytes(s, MAKERS + 1, 0, "x", 1);
	expect(s, "1:done 17:done ");
	free(big);
}

static void who_has_no_room_gets_its_mail_later(void **state)
{
	struct stage *s = *state;

	pair(s);
	s->deaf = 2;
	mail(s, 1, "a");
	mail(s, 1, "b");
	s->board->ops->deliver(s->board, 2);
	expect(s, "1:done 1:done ");
	s->deaf = 0;
	s->board->ops->deliver(s->board, 2);
	s->board->ops->deliver(s->board, 2);
	s->board->ops->deliver(s->board, 33);
	expect(s, "2:mail[a] 2:mail[b] ");
}

/* --- meetings --- */

static void a_secret_turns_a_plate_into_a_meeting(void **state)
{
	struct stage *s = *state;

	pair(s);
	s->deaf = 2;
	mail(s, 1, "kept");
	s->len = 0;
	rejoin(s, 1, 9, 0, 1, 0, false);
	rejoin(s, 2, 9, 1, 1, 0, false);
	expect(s, "1:done 2:done ");
	assert_int_equal(meetings(s), 1);
	assert_int_equal(plates(s), 0);
	assert_int_equal(next_wake(s), BK_NEVER);
	assert_int_equal(s->spent, 0);
	s->deaf = 0;
	s->board->ops->deliver(s->board, 2);
	allocate(s, 3, 7, NULL);
	expect(s, "2:mail[kept] 3:ok7 ");
}

static void the_secret_is_the_authority_and_its_order_counts(void **state)
{
	struct stage *s = *state;

	pair(s);
	rejoin(s, 1, 9, 0, 5, 0, false);
	rejoin(s, 3, 9, 0, 5, 0, false);
	rejoin(s, 3, 9, 0, 6, 0, false);
	expect(s, "1:done 3:exists 3:done ");
	mail(s, 2, "to the new one");
	mail(s, 1, "x");
	expect(s, "3:mail[to the new one] 2:done 1:not-found ");
	rejoin(s, 1, 9, 0, 4, 0, false);
	rejoin(s, 3, 9, 1, 7, 0, false);
	rejoin(s, 1, 9, 7, 7, 0, false);
	expect(s, "1:exists 3:invalid 1:invalid ");
	rejoin(s, 1, 8, 0, 7, 0, false);
	expect(s, "1:done ");
	assert_int_equal(meetings(s), 2);
	assert_int_equal(s->spent, 1); /* that one was made from nothing */
}

static void a_meeting_waits_for_a_member_that_showed_the_secret(void **state)
{
	struct stage *s = *state;

	meet(s);
	s->now = BK_SEC;
	leave(s, 1, false);
	expect(s, "");
	assert_int_equal(next_wake(s), BK_SEC + BK_LIMIT_MEETING_GRACE);
	s->now = 2 * BK_SEC;
	rejoin(s, 3, 9, 0, 2, 0, false);
	assert_int_equal(next_wake(s), BK_NEVER);
	s->now = 3 * BK_SEC;
	leave(s, 3, true);
	expect(s, "3:done ");
	wake_at(s, 3 * BK_SEC + BK_LIMIT_MEETING_GRACE_SHORT - 1);
	expect(s, "");
	wake_at(s, 3 * BK_SEC + BK_LIMIT_MEETING_GRACE_SHORT);
	expect(s, "2:released0(peer-vanished) ");
	assert_int_equal(meetings(s), 0);
}

static void a_meeting_does_not_wait_for_who_never_showed_it_nor_for_nobody(void **state)
{
	struct stage *s = *state;

	pair(s);
	rejoin(s, 1, 9, 0, 1, 0, false);
	leave(s, 2, false);
	expect(s, "1:done 1:released0(peer-vanished) ");
	assert_int_equal(meetings(s), 0);
	pair(s);
	rejoin(s, 1, 9, 0, 1, 0, false);
	rejoin(s, 2, 9, 1, 1, 0, false);
	leave(s, 1, false);
	leave(s, 2, false);
	expect(s, "1:done 2:done ");
	assert_int_equal(meetings(s), 0);
	assert_int_equal(next_wake(s), BK_NEVER);
}

static void claims_and_meetings_expire_in_their_order(void **state)
{
	struct stage *s = *state;

	rejoin(s, 3, 9, 0, 1, 0, false); /* nobody else yet */
	expect(s, "3:done ");
	pair(s);
	assert_int_equal(next_wake(s), LIFETIME);
	s->now = 55 * BK_SEC;
	s->board->ops->refresh(s->board, 1, s->now);
	s->board->ops->refresh(s->board, 3, s->now);
	s->board->ops->refresh(s->board, 33, s->now);
	assert_int_equal(next_wake(s), BK_LIMIT_CLAIM_DOUBT);
	wake_at(s, s->now);
	expect(s, "");
	assert_int_equal(next_wake(s), BK_LIMIT_MEETING_GRACE);
	wake_at(s, BK_LIMIT_MEETING_GRACE);
	expect(s, "3:released0(peer-vanished) ");
	assert_int_equal(next_wake(s), 65 * BK_SEC);
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
			ask(s, (uint64_t)i, r);
		}
		assert_null(strstr(s->book, "full"));
		s->len = 0;
		secret[1] = 99;
		ask(s, (uint64_t)i, r);
		assert_non_null(strstr(s->book, "full"));
		s->len = 0;
	}
	secret[0] = 255;
	ask(s, 251, r);
	s->is_mean = true;
	ask(s, 251, r);
	expect(s, "251:full 251:rate-limited ");
	assert_int_equal(meetings(s), 1000);
}

static void a_round_forgets_older_mail_and_only_who_is_in_it_gets_some(void **state)
{
	struct stage *s = *state;

	meet(s);
	s->deaf = 2;
	mail(s, 1, "old");
	s->deaf = 0;
	rejoin(s, 1, 9, 0, 2, 0, true);
	expect(s, "1:done 1:round2 2:round2 1:done ");
	mail(s, 1, "new");
	s->board->ops->deliver(s->board, 2);
	expect(s, "1:done ");
	rejoin(s, 2, 9, 1, 2, 2, false);
	expect(s, "2:mail[new] 2:done ");
	assert_int_equal(s->spent, 1);
}

static void who_comes_again_or_too_late_begins_another_round(void **state)
{
	struct stage *s = *state;

	meet(s);
	rejoin(s, 1, 9, 0, 2, 0, true);
	expect(s, "1:round2 2:round2 1:done ");
	rejoin(s, 1, 9, 0, 3, 2, true); /* again */
	expect(s, "1:round3 2:round3 1:done ");
	s->now = BK_LIMIT_ROUND_FRESH;
	rejoin(s, 2, 9, 1, 2, 2, false); /* that one is over */
	expect(s, "2:round4 1:round4 2:done ");
	rejoin(s, 3, 9, 0, 4, 0, false); /* comes in time, and is told */
	expect(s, "3:round4 3:done ");
	s->is_mean = true;
	rejoin(s, 2, 9, 1, 3, 0, true);
	expect(s, "2:rate-limited ");
}

/* --- more than two --- */

static void more_than_two_share_a_plate_and_a_meeting(void **state)
{
	struct stage *s = *state;

	ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .number = 7, .seats = 3});
	claim(s, 2, 7);
	rejoin(s, 1, 9, 0, 1, 0, false); /* it is not complete, so this is another one */
	expect(s, "1:ok7 1:claimed7 2:ok7 1:done ");
	release(s, 1, 0);
	claim(s, 3, 7);
	claim(s, 4, 7);
	expect(s, "1:done 1:claimed7 2:claimed7 3:ok7 4:code-used ");
	assert_int_equal(s->tokens, 1);
	mail(s, 2, "all");
	expect(s, "1:mail[all] 3:mail[all] 2:done ");
	for (uint64_t i = 1; i <= 3; i++)
		rejoin(s, i, 9, (unsigned)i - 1, 1, 0, false);
	expect(s, "1:done 2:done 3:done ");
	leave(s, 2, false);
	mail(s, 1, "two are left");
	expect(s, "3:mail[two are left] 1:done ");
	assert_int_equal(next_wake(s), BK_LIMIT_MEETING_GRACE);
	rejoin(s, 5, 9, 1, 2, 0, true);
	expect(s, "5:round2 1:round2 3:round2 5:done ");
	assert_int_equal(next_wake(s), BK_NEVER);
	assert_int_equal(meetings(s), 1);
}

static void mail_that_one_of_the_others_cannot_take_reaches_none(void **state)
{
	struct stage *s = *state;

	ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .number = 7, .seats = 3});
	claim(s, 2, 7);
	for (int i = 0; i < BK_LIMIT_MAILS; i++)
		mail(s, 1, "m"); /* waits for the third */
	s->len = 0;
	mail(s, 1, "x");
	expect(s, "1:full ");
	ask(s, 3, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .seats = 1});
	ask(s, 3, (struct bk_board_request){.wish = BK_BOARD_ALLOCATE, .seats = BK_BOARD_SEATS_MAX + 1});
	expect(s, "3:invalid 3:invalid ");
}

/* --- groups --- */

static void join_with(struct stage *s, uint64_t who, uint8_t id, const uint8_t *life, uint64_t last)
{
	const uint8_t bytes[BK_BOARD_TOKEN_LEN] = {id};
	const char card[] = {(char)('a' + who % 26), 0};

	ask(s, who,
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
	ask(s, who, (struct bk_board_request){.wish = BK_BOARD_POST, .body = body, .len = len});
}

static void post(struct stage *s, uint64_t who, const char *text)
{
	post_bytes(s, who, text, strlen(text));
}

static void part(struct stage *s, uint64_t who)
{
	ask(s, who, (struct bk_board_request){.wish = BK_BOARD_PART});
}

static void all_members_are_told_the_same_in_one_order(void **state)
{
	struct stage *s = *state;

	join(s, 1);
	expect(s, "1:joined1(0-0) 1:list1 1:done ");
	post(s, 1, "one");
	expect(s, "1:said1[one] 1:done ");
	join(s, 2);
	expect(s, "1:came2[c] 2:joined2(1-1) 2:list1,2 2:said1[one] 2:done ");
	post(s, 2, "two");
	expect(s, "1:said2[two] 2:said2[two] 2:done ");
	ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_CARD, .body = "new", .len = 3});
	expect(s, "1:came1[new] 2:came1[new] 1:done ");
	part(s, 1);
	expect(s, "2:gone1() 1:done ");
	join_with(s, 3, 8, NULL, 0); /* another group hears nothing of it */
	post(s, 2, "three");
	leave(s, 2, true);
	expect(s, "3:joined3(0-0) 3:list3 3:done 2:said3[three] 2:done ");
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
	expect(s, "1:came2[c] 2:joined2(2-2) 2:list1,2 2:said2[two] 2:done ");
	join_with(s, 3, 9, life, 2);
	expect(s, "1:came3[d] 2:came3[d] 3:joined3(0-2) 3:list1,2,3 3:done ");
	join_with(s, 4, 9, other, 7); /* of another life its number says nothing */
	expect(s, "1:came4[e] 2:came4[e] 3:came4[e] 4:joined4(1-2) 4:list1,2,3,4 4:said1[one] 4:said2[two] "
		  "4:done ");
	join_with(s, 5, 8, other, 7); /* whoever makes it anew goes on where he was */
	post(s, 5, "x");
	expect(s, "5:joined5(0-7) 5:list5 5:done 5:said8[x] 5:done ");
	join_with(s, 6, 7, other, INT64_MAX);
	expect(s, "6:joined6(0-0) 6:list6 6:done ");
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
	expect(s, "1:said1001[too much] 2:ended(too-slow) 1:gone2(too-slow) 1:done ");
	post(s, 2, "I am here");
	expect(s, "2:not-found ");
	s->deaf = 0;
	join_with(s, 2, 9, life, 999);
	expect(s, "1:came2[c] 2:joined2(1000-1001) 2:list1,2 2:said1000[x] 2:said1001[too much] 2:done ");
	leave(s, 2, false);
	expect(s, "1:gone2(peer-vanished) ");
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
	expect(s, "2:joined2(1-2) 2:list1,2 2:said1[one] 2:came3[d] 2:gone3() 2:said2[two] ");
	s->board->ops->deliver(s->board, 2);
	s->board->ops->deliver(s->board, 77);
	expect(s, "");
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
	ask(s, who,
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
	ask(s, 1, (struct bk_board_request){.wish = BK_BOARD_CARD, .body = "new", .len = 3});
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
	expect(s, "1:came3[d] 3:joined3(1-1) 3:list1,3 3:said1[one] 3:done ");
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
	expect(s, "1:not-found ");
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
	expect(s, "1:too-big ");
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
	ask(s, 2, (struct bk_board_request){.wish = BK_BOARD_JOIN, .secret = none});
	ask(s, 2, (struct bk_board_request){.wish = BK_BOARD_JOIN});
	expect(s, "1:invalid 2:not-found 2:not-found 2:invalid 2:invalid ");
	for (uint64_t who = 2; who <= BK_LIMIT_GROUP_MEMBERS; who++) {
		s->len = 0;
		join(s, who);
	}
	s->len = 0;
	s->book[0] = 0;
	join(s, BK_LIMIT_GROUP_MEMBERS + 1);
	expect(s, "1001:full ");
	s->is_quiet = false;
	s->news_max = 1;
	join_with(s, 2000, 8, NULL, 0); /* the account bears no other group */
	expect(s, "2000:full ");
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
	assert_int_equal(next_wake(s), s->now + BK_LIMIT_GROUP_EMPTY);
	wake_at(s, BK_LIMIT_GROUP_EMPTY - 1);
	join(s, 2);
	expect(s, "2:joined2(1-1) 2:list2 2:said1[one] 2:done ");
	assert_true(next_wake(s) == BK_NEVER);
	leave(s, 2, true);
	assert_int_equal(bk_counters_get(&s->counters, "groups"), 1);
	wake_at(s, next_wake(s));
	assert_int_equal(bk_counters_get(&s->counters, "groups"), 0);
	assert_int_equal(s->kept[BK_BOARD_NEWS], 0);
	join(s, 3);
	expect(s, "3:joined3(0-0) 3:list3 3:done ");
}

#define TEST(name)                                                                                           \
	{                                                                                                    \
#name, name                                                                                  \
	}

static const struct {
	const char *name;
	void (*fn)(void **state);
} claims[] = {
	TEST(numbers_are_short_while_few_are_taken),
	TEST(a_wish_is_granted_once),
	TEST(only_its_maker_takes_a_number_over),
	TEST(a_number_that_was_claimed_waits_for_its_heir),
	TEST(a_number_waits_for_its_heir_after_a_claim_that_led_to_nothing),
	TEST(a_number_waits_for_its_heir_for_a_while_and_not_after_its_maker),
	TEST(a_claim_succeeds_once_and_not_for_the_owner),
	TEST(a_claim_is_given_back_when_it_led_to_a_meeting),
	TEST(a_meeting_that_a_guesser_made_up_is_a_wrong_guess),
	TEST(nobody_takes_the_seat_of_a_maker_that_has_not_shown_the_secret),
	TEST(a_claim_is_in_doubt_for_a_while_only),
	TEST(no_answer_tells_for_nothing_whether_somebody_waits),
	TEST(a_maker_does_not_pay_for_those_who_guess_at_its_number),
	TEST(a_member_has_few_plates_and_the_newest_is_meant),
	TEST(a_released_plate_is_gone_for_the_others_and_they_are_told),
	TEST(who_leaves_takes_its_plates_along),
	TEST(only_claimed_ones_expire),
	TEST(mail_waits_in_order_up_to_its_ceilings),
	TEST(mail_is_kept_on_the_account_of_who_sends_it),
	TEST(who_has_no_room_gets_its_mail_later),
	TEST(a_secret_turns_a_plate_into_a_meeting),
	TEST(the_secret_is_the_authority_and_its_order_counts),
	TEST(a_meeting_waits_for_a_member_that_showed_the_secret),
	TEST(a_meeting_does_not_wait_for_who_never_showed_it_nor_for_nobody),
	TEST(claims_and_meetings_expire_in_their_order),
	TEST(meetings_have_the_ceilings_of_plates),
	TEST(a_round_forgets_older_mail_and_only_who_is_in_it_gets_some),
	TEST(who_comes_again_or_too_late_begins_another_round),
	TEST(more_than_two_share_a_plate_and_a_meeting),
	TEST(mail_that_one_of_the_others_cannot_take_reaches_none),
	TEST(all_members_are_told_the_same_in_one_order),
	TEST(who_comes_back_is_told_what_it_does_not_know),
	TEST(the_last_hundred_are_kept_and_made_once_for_all),
	TEST(who_takes_nothing_is_sent_away_with_the_reason_and_comes_back),
	TEST(who_was_slow_for_a_while_gets_all_of_it_in_order),
	TEST(who_comes_slowly_is_not_sent_away_for_what_was_before),
	TEST(comings_are_not_kept_for_who_has_them_in_its_list),
	TEST(the_list_is_made_once_for_all_who_come),
	TEST(coming_and_going_costs_nobody_his_history),
	TEST(who_says_too_much_is_told_when_to_say_it),
	TEST(a_group_and_who_is_in_it_have_ceilings),
	TEST(where_the_account_bears_no_more_the_group_remembers_less),
	TEST(an_empty_group_is_kept_for_who_comes_late_and_then_forgotten),
};

enum { CLAIMS = sizeof(claims) / sizeof(claims[0]), KINDS = sizeof(kinds) / sizeof(kinds[0]) };

int main(void)
{
	struct CMUnitTest tests[CLAIMS * KINDS];
	char names[CLAIMS * KINDS][128];

	for (size_t i = 0; i < CLAIMS * KINDS; i++) {
		const struct kind *k = &kinds[i / CLAIMS];

		snprintf(names[i], sizeof(names[i]), "%s [%s]", claims[i % CLAIMS].name, k->name);
		tests[i] = (struct CMUnitTest){
			names[i], claims[i % CLAIMS].fn, set_up, tear_down, (void *)(uintptr_t)k};
	}
	return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
