/* SPDX-License-Identifier: Apache-2.0 */
#include "server/test_stage.h"

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
#include "server/test_lying_board.h"

static struct lies honest;

static const struct kind {
	const char *name;
	struct bk_board_kind board;
} kinds[] = {
	{"memory", {bk_board_memory_new, NULL}},
	{"memory behind another", {lying_board_new, &honest}},
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
		.lifetime = STAGE_LIFETIME,
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

void stage_expect(struct stage *s, const char *told)
{
	assert_string_equal(s->book, told);
	s->len = 0;
	s->book[0] = 0;
}

void stage_ask(struct stage *s, uint64_t who, struct bk_board_request r)
{
	s->board->ops->ask(s->board, who, &r, s->now);
}

void stage_allocate(struct stage *s, uint64_t who, uint32_t number, const char *left)
{
	stage_ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_ALLOCATE,
			.number = number,
			.body = left,
			.len = left ? strlen(left) : 0});
}

void stage_claim(struct stage *s, uint64_t who, uint32_t number)
{
	stage_ask(s, who, (struct bk_board_request){.wish = BK_BOARD_CLAIM, .number = number});
}

void stage_mail_bytes(struct stage *s, uint64_t who, uint32_t number, const void *body, size_t len)
{
	stage_ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_MAIL, .number = number, .body = body, .len = len});
}

void stage_mail(struct stage *s, uint64_t who, const char *text)
{
	stage_mail_bytes(s, who, 0, text, strlen(text));
}

void stage_release(struct stage *s, uint64_t who, uint32_t number)
{
	stage_ask(s, who, (struct bk_board_request){.wish = BK_BOARD_RELEASE, .number = number});
}

void stage_rejoin(struct stage *s, uint64_t who, uint8_t secret, unsigned seat, uint64_t order, uint8_t knows,
	bool asks)
{
	const uint8_t bytes[BK_BOARD_TOKEN_LEN] = {secret}, token[BK_BOARD_TOKEN_LEN] = {knows};

	stage_ask(s, who,
		(struct bk_board_request){.wish = BK_BOARD_REJOIN,
			.secret = bytes,
			.token = token,
			.seat = seat,
			.order = order,
			.asks_round = asks});
}

void stage_leave(struct stage *s, uint64_t who, bool is_closed)
{
	s->board->ops->leave(s->board, who, is_closed, s->now);
}

bk_time stage_next_wake(const struct stage *s)
{
	return s->board->ops->next_wake(s->board);
}

void stage_wake_at(struct stage *s, bk_time t)
{
	s->now = t;
	s->board->ops->wake(s->board, t);
}

uint64_t stage_plates(const struct stage *s)
{
	return bk_counters_get(&s->counters, "nameplates");
}

uint64_t stage_meetings(const struct stage *s)
{
	return bk_counters_get(&s->counters, "meetings");
}

void stage_pair(struct stage *s)
{
	stage_allocate(s, 1, 7, "hi");
	stage_claim(s, 2, 7);
	stage_expect(s, "1:ok7 1:claimed7 2:ok7 left[hi] ");
}

void stage_meet(struct stage *s)
{
	stage_pair(s);
	stage_rejoin(s, 1, 9, 0, 1, 0, false);
	stage_rejoin(s, 2, 9, 1, 1, 0, false);
	stage_expect(s, "1:done 2:done ");
}

int stage_run(const char *suite, const struct stage_claim *claims, size_t n)
{
	enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), MOST = 64 };
	struct CMUnitTest tests[MOST * KINDS];
	char names[MOST * KINDS][128];

	assert_true(n <= MOST);
	for (size_t i = 0; i < n * KINDS; i++) {
		const struct kind *k = &kinds[i / n];

		snprintf(names[i], sizeof(names[i]), "%s [%s]", claims[i % n].name, k->name);
		tests[i] = (struct CMUnitTest){
			names[i], claims[i % n].fn, set_up, tear_down, (void *)(uintptr_t)k};
	}
	return _cmocka_run_group_tests(suite, tests, n * KINDS, NULL, NULL);
}
