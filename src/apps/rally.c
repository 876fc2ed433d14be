/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange is a chain: every message answers the one before. So that it does not run as fast as the path
 * lets it, the side that began keeps an interval between its messages, and the other answers at once, but not
 * more than five times a second, should the first know no pause. Whoever holds a message back says for how
 * long in `content`, which old tools only show; the time is taken off the round trip that the other side
 * measures. */
#include "apps/rally.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "wire/hello.h"

#define INTERVAL_FIRST (1 * BK_SEC)
#define INTERVAL_OTHER (200 * BK_MS)
#define NOT_NOW        (50 * BK_MS) /* the carrier is full */
#define INTERVAL_MAX   (3600 * BK_SEC)
#define OVERDUE                                                                                              \
	(120 * BK_SEC) /* longer than a session waits for a path; a process may be stopped for a minute */
#define HELD ", held "

static int64_t interval_of(const struct bk_rally *r)
{
	if (r->interval)
		return r->interval;
	return r->is_first ? INTERVAL_FIRST : INTERVAL_OTHER;
}

static int send_number(struct bk_rally *r, int64_t now)
{
	struct bk_hello h = {.number = r->number};
	struct bk_buf out;
	int err;

	if (r->received_at)
		snprintf(h.content, sizeof(h.content), "hello" HELD "%" PRId64 " us",
			(now - r->received_at) / BK_US);
	else
		snprintf(h.content, sizeof(h.content), "hello");
	bk_buf_init(&out, BK_HELLO_MESSAGE_MAX);
	err = bk_hello_encode(&out, &h);
	if (!err)
		err = r->ops->send(r->owner, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
	return err;
}

/* Who answers does so at once; who began may keep any interval before it says the next number. */
static void await_peer(struct bk_rally *r)
{
	bk_timer_start(r->timer, r->is_first || !r->since ? OVERDUE : INTERVAL_MAX + OVERDUE);
}

static void on_timer(void *arg)
{
	struct bk_rally *r = arg;
	int64_t now = bk_loop_now(r->loop);
	int err;

	if (!r->is_running)
		return;
	if (r->is_awaiting || (!r->is_first && !r->received_at)) {
		r->ops->on_silence(r->owner);
		return;
	}
	err = send_number(r, now);
	if (err == BK_E_AGAIN)
		bk_timer_start(r->timer, NOT_NOW);
	if (err < 0)
		return;
	r->sent_at = now;
	r->is_awaiting = true;
	if (!r->since)
		r->since = now;
	await_peer(r);
}

int bk_rally_init(struct bk_rally *r, struct bk_loop *loop, const struct bk_rally_ops *ops, void *owner)
{
	*r = (struct bk_rally){.loop = loop, .ops = ops, .owner = owner};
	return bk_timer_new(loop, on_timer, r, &r->timer);
}

void bk_rally_done(struct bk_rally *r)
{
	bk_timer_free(r->timer);
	r->timer = NULL;
}

void bk_rally_start(struct bk_rally *r, bool is_first)
{
	r->is_running = true;
	r->is_first = is_first;
	r->number = 1;
	if (is_first)
		bk_timer_start(r->timer, 0);
	else
		await_peer(r);
}

/* How long the peer says it held our message back; nothing it says makes a round trip negative. */
static int64_t held(const char *content, int64_t elapsed)
{
	const char *at = strstr(content, HELD);
	char *end;
	long long us;

	if (!at)
		return 0;
	us = strtoll(at + strlen(HELD), &end, 10);
	if (strcmp(end, " us") != 0 || us < 0 || us > elapsed / BK_US)
		return 0;
	return us * BK_US;
}

static void count_answer(struct bk_rally *r, const struct bk_hello *h, int64_t now)
{
	int64_t elapsed = now - r->sent_at;
	double ms = bk_dur_to_ms(elapsed - held(h->content, elapsed));

	r->is_awaiting = false;
	if (!r->answered || ms < r->min_ms)
		r->min_ms = ms;
	if (ms > r->max_ms)
		r->max_ms = ms;
	r->sum_ms += ms;
	r->sum_squares += ms * ms;
	r->answered++;
	r->ops->on_pong(r->owner, h->number, ms);
}

/* Our turn comes when we wait for this number, or when the other side begins. */
static bool is_our_turn(const struct bk_rally *r, uint64_t number)
{
	if (number >= INT64_MAX)
		return false;
	return r->is_awaiting ? number == r->number + 1 : !r->is_first && !r->received_at;
}

int bk_rally_take(struct bk_rally *r, const void *json, size_t n)
{
	int64_t now = bk_loop_now(r->loop), next;
	struct bk_hello h;
	int err = bk_hello_decode(json, n, &h);

	if (err < 0)
		return err == BK_E_PROTOCOL ? 0 : err;
	if (!r->is_running || !is_our_turn(r, h.number))
		return 0;
	if (r->is_awaiting)
		count_answer(r, &h, now);
	r->received_at = now;
	r->number = h.number + 1;
	if (r->count && r->answered >= r->count) {
		r->is_running = false;
		r->ops->on_enough(r->owner);
		return 0;
	}
	next = r->sent_at + interval_of(r);
	bk_timer_start(r->timer, r->since && next > now ? next - now : 0);
	return 0;
}

void bk_rally_stop(struct bk_rally *r, bool has_failed)
{
	r->is_running = false;
	bk_timer_stop(r->timer);
	if (r->is_awaiting && has_failed)
		r->lost++;
	r->is_awaiting = false;
}

void bk_rally_get(const struct bk_rally *r, struct bk_rally_result *ret_result)
{
	double n = (double)r->answered, mean = r->answered ? r->sum_ms / n : 0;
	double variance = r->answered ? r->sum_squares / n - mean * mean : 0;

	*ret_result = (struct bk_rally_result){
		.sent = r->answered + r->lost,
		.answered = r->answered,
		.min_ms = r->min_ms,
		.avg_ms = mean,
		.max_ms = r->max_ms,
		.mdev_ms = variance > 0 ? sqrt(variance) : 0,
		.seconds = r->since ? (double)(bk_loop_now(r->loop) - r->since) / (double)BK_SEC : 0,
	};
}
