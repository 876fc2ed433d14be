/* SPDX-License-Identifier: Apache-2.0 */
/* How far a message connection is: its states, which it only ever goes through forwards; what it waits for, and
 * until when; and its end, which has one name and is told at the end of a turn. Nothing here calls back. */
#include "service/conn.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/assert.h"
#include "base/error.h"
#include "service/msgdial.h"

void bk_conn_set_state(struct bk_conn *c, enum bk_conn_state state)
{
	bk_assert(state > c->state);
	c->state = (uint8_t)state;
}

void bk_conn_pend(struct bk_conn *c, unsigned todo)
{
	c->todo |= (uint8_t)todo;
	bk_turn_ask(&c->turn);
}

void bk_conn_end(struct bk_conn *c, int error, const char *text)
{
	if (c->state == BK_CONN_ENDED)
		return;
	bk_conn_set_state(c, BK_CONN_ENDED);
	c->error = error;
	c->text = text;
	bk_list_remove(&c->in_audience);
	bk_queue_done(&c->queue);
	bk_wakes_remove(&c->hub->wakes, &c->wake);
	if (c->watch)
		bk_watch_set(c->watch, 0);
	c->interest = 0;
	bk_msgdial_free(c->dial);
	c->dial = NULL;
	bk_conn_pend(c, BK_CONN_END);
}

void bk_conn_end_saying(struct bk_conn *c, int error, char *text)
{
	if (c->state == BK_CONN_ENDED) {
		free(text);
		return;
	}
	bk_conn_end(c, error, text);
	c->owns_text = text;
}

/* --- what it waits for --- */

size_t bk_conn_waiting(const struct bk_conn *c)
{
	return c->queue.waiting + (c->tls ? bk_tls_out(c->tls)->len : 0);
}

/* What was read while the owner paused comes before anything else. */
static bool wants_bytes(const struct bk_conn *c)
{
	if (c->has_peer_ended || (c->todo & BK_CONN_RESUME))
		return false;
	return c->state == BK_CONN_OPEN ? !c->is_paused && !c->held.len : c->state > BK_CONN_OPEN;
}

void bk_conn_set_interest(struct bk_conn *c)
{
	int want = (wants_bytes(c) ? BK_READABLE : 0) | (c->stuck_since != BK_NEVER ? BK_WRITABLE : 0);

	if (c->state == BK_CONN_ENDED || c->state == BK_CONN_DIALING || want == c->interest)
		return;
	c->interest = (uint8_t)want;
	if (bk_watch_set(c->watch, want) < 0)
		bk_conn_end(c, BK_E_IO, "the loop cannot watch the connection");
}

struct deadline {
	bk_time at;
	int error;
	const char *text;
};

static void consider(struct deadline *d, bk_time since, bk_dur patience, int error, const char *text)
{
	bk_time at = since == BK_NEVER ? BK_NEVER : bk_time_add(since, patience);

	if (at < d->at)
		*d = (struct deadline){at, error, text};
}

static struct deadline next_deadline(const struct bk_conn *c)
{
	const struct bk_message_opts *o = &c->profile->opts;
	struct deadline d = {.at = BK_NEVER};

	if (c->state == BK_CONN_OPEN && !c->is_paused) {
		consider(&d, c->heard, o->idle_timeout_ns, BK_E_IDLE, NULL);
		consider(&d, c->message_since, o->header_timeout_ns, BK_E_TIMEOUT,
			"a message took too long to arrive");
	}
	if (c->state == BK_CONN_DIALING)
		consider(&d, c->close_at, 0, BK_E_TIMEOUT, "the last words waited too long for a connection");
	if (c->state == BK_CONN_OPEN)
		consider(&d, c->owner_at, 0, c->owner_error, NULL);
	if (c->state == BK_CONN_OPEN)
		consider(&d, c->stuck_since, o->write_timeout_ns, BK_E_TOO_SLOW,
			"it did not read what was sent to it");
	if (c->state == BK_CONN_DRAINING)
		consider(&d, c->close_at, 0, BK_E_TOO_SLOW, "it did not read the last words");
	if (c->state == BK_CONN_LINGERING)
		consider(&d, c->close_at, 0, c->error, NULL);
	return d;
}

void bk_conn_arm(struct bk_conn *c)
{
	bk_msghub_wake(c->hub, c, next_deadline(c).at);
}

void bk_conn_wake(struct bk_conn *c, bk_time now)
{
	struct deadline d = next_deadline(c);

	if (d.at <= now)
		bk_conn_end(c, d.error, d.text);
	else
		bk_msghub_wake(c->hub, c, d.at);
}

void bk_conn_set_deadline(struct bk_conn *c, bk_time at, int error)
{
	c->owner_at = at;
	c->owner_error = error;
	bk_conn_arm(c);
}

/* --- last words --- */

/* Whether anything of ours may still be on its way to the peer. */
static bool has_last_words(const struct bk_conn *c)
{
	int unacknowledged = 0;

	return bk_conn_waiting(c) || ioctl(c->fd, SIOCOUTQ, &unacknowledged) < 0 || unacknowledged;
}

/* What was said while it dials is said once it is connected. */
static void close_dialing(struct bk_conn *c, int error, bk_time close_at)
{
	if (!bk_conn_waiting(c)) {
		bk_conn_end(c, error, NULL);
		return;
	}
	c->error = error;
	c->close_at = bk_time_min(c->close_at, close_at);
	bk_conn_arm(c);
}

void bk_conn_close_at(struct bk_conn *c, int error, bk_time close_at)
{
	if (c->state == BK_CONN_DIALING) {
		close_dialing(c, error, close_at);
		return;
	}
	if (c->state == BK_CONN_OPEN) {
		if (!has_last_words(c)) /* only the peer's own end is waited for: that is a courtesy */
			close_at = bk_time_min(close_at, bk_loop_now(c->hub->loop) + BK_CONN_COURTESY);
		bk_conn_set_state(c, BK_CONN_DRAINING);
		c->error = error;
		c->close_at = close_at;
		c->owes_room = false;
		bk_list_remove(&c->in_audience);
		if (c->broken)
			bk_conn_end(c, c->broken, NULL);
		bk_conn_pend(c, BK_CONN_FLUSH);
	}
	c->close_at = bk_time_min(c->close_at, close_at);
	bk_conn_arm(c);
}
