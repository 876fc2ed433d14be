/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a connection, whatever it was: one line with the address and the reason, for who wants to know
 * everything. Somebody who opens and closes connections as fast as he can, or meets himself, must not fill the disk
 * with such lines, nor hide others behind them, so each kind is rationed and the rest counted. Everybody is told of
 * floods, once a minute. */
#include "server/state.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "server/crowd.h"
#include "server/limits.h"

enum { FLOOD = 60 }; /* strangers a minute that are worth a line */

static void watch_minute(struct bk_server *s)
{
	if (!s->is_minute_running)
		bk_timer_start(s->minute, s->config.sums_interval);
	s->is_minute_running = true;
}

bool bk_news_may_tell(struct bk_server *s, enum bk_news_kind kind)
{
	struct bk_news *n = &s->news[kind];
	bool may_tell = bk_rate_take(&n->rate, 1, bk_loop_now(s->loop));

	if (!may_tell) {
		n->hidden++;
		watch_minute(s);
	}
	return may_tell;
}

static void sum_up(struct bk_server *s)
{
	unsigned meetings = s->news[BK_NEWS_MEETINGS].hidden, guesses = s->news[BK_NEWS_GUESSES].hidden;

	if (meetings || guesses)
		bk_log_info("server",
			"%u more meetings and %u more wrong guesses within a minute than are listed",
			meetings, guesses);
	s->news[BK_NEWS_MEETINGS].hidden = s->news[BK_NEWS_GUESSES].hidden = 0;
}

/* Who comes and never says who he is, is told of in numbers. */
static void count_stranger(struct bk_server *s, const struct bk_arrival *a)
{
	if (a->guest && a->guest->share != BK_SHARE_STRANGERS && a->guest->share != BK_SHARES)
		return;
	s->strangers_gone++;
	watch_minute(s);
	s->last_stranger = a->peer;
}

static void on_minute(void *arg)
{
	struct bk_server *s = arg;
	char where[BK_ADDR_STR_MAX];

	if (s->strangers_gone >= FLOOD)
		bk_log_info("server",
			"%u connections of the last minute never said who they are, the last from %s",
			s->strangers_gone, bk_addr_ip_to_str(&s->last_stranger, where));
	s->strangers_gone = 0;
	s->is_minute_running = false;
	sum_up(s);
}

int bk_arrivals_open(struct bk_server *s)
{
	bk_time now = bk_loop_now(s->loop);

	for (int i = 0; i < BK_NEWS_KINDS; i++)
		bk_rate_init(&s->news[i].rate, BK_LIMIT_NEWS_PER_SECOND, BK_LIMIT_NEWS_BURST, now);
	bk_rate_init(&s->news[BK_NEWS_CLOSINGS].rate, BK_LIMIT_LOG_PER_SECOND, BK_LIMIT_LOG_BURST, now);
	return bk_timer_new(s->loop, on_minute, s, &s->minute);
}

void bk_arrivals_close(struct bk_server *s)
{
	bk_timer_free(s->minute);
	s->minute = NULL;
}

void bk_arrival_log(struct bk_server *s, const struct bk_arrival *a, int error, const char *detail)
{
	struct bk_news *n = &s->news[BK_NEWS_CLOSINGS];
	char where[BK_ADDR_STR_MAX];

	count_stranger(s, a);
	if (!bk_news_may_tell(s, BK_NEWS_CLOSINGS))
		return;
	if (n->hidden)
		bk_log_debug("server", "closed %u more connections than are listed here", n->hidden);
	n->hidden = 0;
	bk_log_debug("server", "closing %s: %s (%s)", bk_addr_to_str(&a->peer, where),
		detail && *detail ? detail : bk_error_text(error), error ? bk_error_name(error) : "done");
}

void bk_arrival_done(struct bk_server *s, struct bk_arrival *a)
{
	bk_crowd_leave(s->crowd, a->guest, bk_loop_now(s->loop));
	a->guest = NULL;
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

void bk_arrival_end(struct bk_server *s, struct bk_arrival *a, int error, const char *detail)
{
	bk_arrival_log(s, a, error, detail);
	bk_arrival_done(s, a);
}
