/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a connection, whatever it was: one line with the address and the reason, for who wants to know
 * everything. Somebody who opens and closes connections as fast as he can must not fill the disk with such lines,
 * so they are rationed and the rest counted. Everybody is told of floods, once a minute. */
#include "server/state.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "server/crowd.h"

enum { FLOOD = 60 }; /* strangers a minute that are worth a line */
#define MINUTE (60 * BK_SEC)

/* Who comes and never says who he is, is told of in numbers. */
static void count_stranger(struct bk_server *s, const struct bk_arrival *a)
{
	if (a->guest && a->guest->share != BK_SHARE_STRANGERS && a->guest->share != BK_SHARES)
		return;
	if (!s->strangers_gone++)
		bk_timer_start(s->minute, MINUTE);
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
}

int bk_arrivals_open(struct bk_server *s)
{
	return bk_timer_new(s->loop, on_minute, s, &s->minute);
}

void bk_arrivals_close(struct bk_server *s)
{
	bk_timer_free(s->minute);
	s->minute = NULL;
}

void bk_arrival_log(struct bk_server *s, const struct bk_arrival *a, int error, const char *detail)
{
	char where[BK_ADDR_STR_MAX];

	count_stranger(s, a);
	if (!bk_rate_take(&s->log_rate, 1, bk_loop_now(s->loop))) {
		s->log_hidden++;
		return;
	}
	if (s->log_hidden)
		bk_log_debug("server", "closed %llu more connections than are listed here",
			(unsigned long long)s->log_hidden);
	s->log_hidden = 0;
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
