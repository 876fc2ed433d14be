/* SPDX-License-Identifier: Apache-2.0 */
/* It asks the honest board what it was asked, and tells what it was told, except for the lies. */
#include "server/test_lying_board.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"

enum { KNOWN_MAX = 4096, NEWS_MAX = 256 };

/* What some bytes say that were made for a group. */
struct news {
	const struct bk_chunk *chunk;
	struct bk_group_msg m;
	uint8_t *bytes;
};

struct lying {
	struct bk_board board;
	struct bk_board *honest;
	const struct lies *lies;
	struct bk_board_opts opts; /* of its owner */
	struct {
		uint64_t who;
		unsigned seat;
	} known[KNOWN_MAX]; /* who sat down where, oldest first */
	unsigned known_count;
	unsigned asked_seat; /* of the rejoin under way */
	bool is_repeating;
	struct news news[NEWS_MAX]; /* made last, in a ring */
	unsigned news_count;
};

static struct lying *lying_of(struct bk_board *b)
{
	return bk_container_of(b, struct lying, board);
}

static void remember(struct lying *l, uint64_t who, unsigned seat)
{
	bk_assert(l->known_count < KNOWN_MAX);
	l->known[l->known_count].who = who;
	l->known[l->known_count++].seat = seat;
}

static unsigned seat_of(const struct lying *l, uint64_t who)
{
	for (unsigned i = l->known_count; i > 0; i--)
		if (l->known[i - 1].who == who)
			return l->known[i - 1].seat;
	return 0;
}

static uint8_t *copy(const void *body, size_t len)
{
	uint8_t *c = body ? malloc(len + 1) : NULL;

	bk_assert(c || !body);
	if (len)
		memcpy(c, body, len);
	return c;
}

/* --- what it is told --- */

static void tell_claim(struct lying *l, uint64_t who, const struct bk_board_verdict *v)
{
	uint8_t *body = copy(v->body, v->len);
	struct bk_board_verdict told = *v;

	if (l->lies->on_left && l->lies->on_left(l->lies->arg, &body, &told.len) == LIE_DROP) {
		free(body);
		body = NULL;
		told.len = 0;
	}
	told.body = body;
	l->opts.events->on_verdict(l->opts.arg, who, &told);
	free(body);
}

static void on_verdict(void *arg, uint64_t who, const struct bk_board_verdict *v)
{
	struct lying *l = arg;

	if (v->error == 0 && v->wish == BK_BOARD_ALLOCATE)
		remember(l, who, 0);
	if (v->error == 0 && v->wish == BK_BOARD_CLAIM)
		remember(l, who, 1);
	if (v->error == 0 && v->wish == BK_BOARD_REJOIN)
		remember(l, who, l->asked_seat);
	if (v->error == 0 && v->wish == BK_BOARD_CLAIM)
		tell_claim(l, who, v);
	else if (!l->is_repeating)
		l->opts.events->on_verdict(l->opts.arg, who, v);
}

static void on_claimed(void *arg, uint64_t who, uint32_t number, const uint8_t *token)
{
	const struct lying *l = arg;

	l->opts.events->on_claimed(l->opts.arg, who, number, token);
}

static bool on_mail(void *arg, uint64_t who, const void *body, size_t len)
{
	const struct lying *l = arg;

	return l->opts.events->on_mail(l->opts.arg, who, body, len);
}

static void on_round(void *arg, uint64_t who, unsigned seat, const uint8_t *token)
{
	const struct lying *l = arg;

	l->opts.events->on_round(l->opts.arg, who, seat, token);
}

static void on_met(void *arg, uint32_t number, const uint64_t *who, unsigned n)
{
	const struct lying *l = arg;

	l->opts.events->on_met(l->opts.arg, number, who, n);
}

static int charge(void *arg, uint64_t who, enum bk_board_cost cost, size_t n, void **ret_account)
{
	const struct lying *l = arg;

	return l->opts.events->charge(l->opts.arg, who, cost, n, ret_account);
}

static void settle(void *arg, void *account, enum bk_board_cost cost, size_t n, enum bk_board_outcome how)
{
	const struct lying *l = arg;

	l->opts.events->settle(l->opts.arg, account, cost, n, how);
}

static void on_released(void *arg, uint64_t who, uint32_t number, int why)
{
	const struct lying *l = arg;

	l->opts.events->on_released(l->opts.arg, who, number, why);
}

static void make_token(void *arg, uint64_t who, uint8_t *ret_token)
{
	const struct lying *l = arg;

	l->opts.events->make_token(l->opts.arg, who, ret_token);
}

static bool may_spend(void *arg, uint64_t who, bk_time now)
{
	const struct lying *l = arg;

	return l->opts.events->may_spend(l->opts.arg, who, now);
}

static struct bk_chunk *make_news(void *arg, const struct bk_group_msg *m)
{
	struct lying *l = arg;
	struct news *n = &l->news[l->news_count++ % NEWS_MAX];
	struct bk_chunk *made;

	free(n->bytes);
	*n = (struct news){.m = *m, .bytes = copy(m->bytes, m->len)};
	n->m.bytes = n->bytes;
	made = l->opts.events->make_news(l->opts.arg, m);
	n->chunk = made;
	return made;
}

static const struct bk_group_msg *said_by(const struct lying *l, const struct bk_chunk *chunk)
{
	for (unsigned i = l->news_count; i > 0 && l->news_count - i < NEWS_MAX; i--)
		if (l->news[(i - 1) % NEWS_MAX].chunk == chunk)
			return &l->news[(i - 1) % NEWS_MAX].m;
	return NULL;
}

void lying_tell(struct lying *l, uint64_t who, const struct bk_group_msg *m)
{
	struct bk_chunk *chunk = l->opts.events->make_news(l->opts.arg, m);

	bk_assert(chunk);
	l->opts.events->on_news(l->opts.arg, who, chunk, false);
	bk_chunk_unref(chunk);
}

static bool on_news(void *arg, uint64_t who, struct bk_chunk *news, bool is_last)
{
	struct lying *l = arg;
	const struct bk_group_msg *m = l->lies->on_news ? said_by(l, news) : NULL;

	if (!m || is_last)
		return l->opts.events->on_news(l->opts.arg, who, news, is_last);
	l->lies->on_news(l->lies->arg, l, who, m);
	return true;
}

/* --- what it is asked --- */

static void ask_mail(struct lying *l, uint64_t who, const struct bk_board_request *r, bk_time now)
{
	const struct bk_board_verdict fine = {.wish = BK_BOARD_MAIL};
	struct bk_board_request changed = *r;
	uint8_t *body = copy(r->body, r->len);
	enum lie lie = l->lies->on_mail(l->lies->arg, seat_of(l, who), &body, &changed.len);

	changed.body = body;
	if (lie == LIE_DROP)
		l->opts.events->on_verdict(l->opts.arg, who, &fine);
	else
		l->honest->ops->ask(l->honest, who, &changed, now);
	if (lie == LIE_TWICE) {
		l->is_repeating = true;
		l->honest->ops->ask(l->honest, who, &changed, now);
		l->is_repeating = false;
	}
	free(body);
}

static void lying_ask(struct bk_board *b, uint64_t who, const struct bk_board_request *r, bk_time now)
{
	struct lying *l = lying_of(b);

	l->asked_seat = r->seat;
	if (r->wish == BK_BOARD_MAIL && l->lies->on_mail)
		ask_mail(l, who, r, now);
	else
		l->honest->ops->ask(l->honest, who, r, now);
}

static void lying_refresh(struct bk_board *b, uint64_t who, bk_time now)
{
	lying_of(b)->honest->ops->refresh(lying_of(b)->honest, who, now);
}

static void lying_deliver(struct bk_board *b, uint64_t who)
{
	lying_of(b)->honest->ops->deliver(lying_of(b)->honest, who);
}

static void lying_leave(struct bk_board *b, uint64_t who, bool is_closed, bk_time now)
{
	lying_of(b)->honest->ops->leave(lying_of(b)->honest, who, is_closed, now);
}

static void lying_wake(struct bk_board *b, bk_time now)
{
	lying_of(b)->honest->ops->wake(lying_of(b)->honest, now);
}

static bk_time lying_next_wake(struct bk_board *b)
{
	return lying_of(b)->honest->ops->next_wake(lying_of(b)->honest);
}

static void lying_free(struct bk_board *b)
{
	struct lying *l = lying_of(b);

	bk_board_free(l->honest);
	for (unsigned i = 0; i < NEWS_MAX; i++)
		free(l->news[i].bytes);
	free(l);
}

int lying_board_new(const struct bk_board_opts *opts, void *arg, struct bk_board **ret_board)
{
	static const struct bk_board_ops ops = {lying_ask, lying_refresh, lying_deliver, lying_leave,
		lying_wake, lying_next_wake, lying_free};
	static const struct bk_board_events events = {on_verdict, on_claimed, on_mail, on_round, on_released,
		on_met, make_token, charge, settle, may_spend, make_news, on_news};
	struct lying *l = calloc(1, sizeof(*l));
	struct bk_board_opts inner = *opts;
	int err;

	if (!l)
		return BK_E_NOMEM;
	l->board.ops = &ops;
	l->lies = arg;
	l->opts = *opts;
	inner.events = &events;
	inner.arg = l;
	err = bk_board_memory_new(&inner, NULL, &l->honest);
	if (err < 0)
		free(l);
	else
		*ret_board = &l->board;
	return err;
}
