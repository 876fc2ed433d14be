/* SPDX-License-Identifier: Apache-2.0 */
/* From messages to a socket. What is said is queued and leaves at the end of the loop's turn, in one system
 * call for all of it; a socket that takes no more is waited for, up to the queue's ceiling and the owner's
 * patience. Inside TLS it is the plain bytes that wait, so that what goes to many stands once however many are slow,
 * and what a turn said is one record and not one for each message. Nothing here calls back. */
#include "service/conn.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/error.h"
#include "service/compose.h"

enum {
	FLUSH_EARLY = 128 * 1024, /* waiting in a burst: it goes out before the turn is over */
};

/* What the socket gets next: a record as full as it gets, or, behind the last words, the end of the stream. The
 * record before has gone, so this one has room. */
static int encrypt_next(struct bk_conn *c)
{
	size_t n = bk_queue_take(&c->queue, c->hub->record, sizeof(c->hub->record));
	ssize_t taken;

	if (!n && c->state == BK_CONN_DRAINING)
		bk_tls_close(c->tls);
	if (!n)
		return 0;
	taken = bk_tls_write(c->tls, c->hub->record, n);
	bk_assert(taken < 0 ? taken != BK_E_AGAIN : (size_t)taken == n);
	return taken < 0 ? (int)taken : 0;
}

static ssize_t write_tls(struct bk_conn *c)
{
	struct bk_buf *out = bk_tls_out(c->tls);
	ssize_t sum = 0;

	for (;;) {
		int err = out->len ? 0 : encrypt_next(c);
		ssize_t n;

		if (err < 0)
			return err;
		if (!out->len)
			break;
		n = send(c->fd, bk_buf_head(out), out->len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sum ? sum : bk_error_from_errno(errno);
		bk_buf_consume(out, (size_t)n);
		sum += n;
	}
	bk_buf_release(out);
	return sum;
}

/* What the peer sent before it went may still be read: the reading finds the end. */
static void on_broken(struct bk_conn *c, int error)
{
	c->broken = error == BK_E_EOF ? BK_E_RESET : error;
	bk_queue_done(&c->queue);
	c->stuck_since = BK_NEVER;
	if (c->state != BK_CONN_OPEN || c->is_paused || c->has_peer_ended)
		bk_conn_end(c, c->broken, NULL);
	else
		bk_conn_set_interest(c);
}

static void say_goodbye(struct bk_conn *c)
{
	shutdown(c->fd, SHUT_WR);
	bk_conn_set_state(c, BK_CONN_LINGERING);
	if (c->has_peer_ended)
		bk_conn_end(c, c->error, NULL);
}

static bool can_send(const struct bk_conn *c)
{
	return (c->state == BK_CONN_OPEN || c->state == BK_CONN_DRAINING) && !c->broken;
}

void bk_conn_flush(struct bk_conn *c)
{
	ssize_t n;

	if (!can_send(c))
		return;
	n = c->tls ? write_tls(c) : bk_queue_write(&c->queue, c->fd);
	if (n < 0 && n != BK_E_AGAIN) {
		on_broken(c, (int)n);
		return;
	}
	if (!bk_conn_waiting(c)) {
		c->stuck_since = BK_NEVER;
		if (c->state == BK_CONN_DRAINING)
			say_goodbye(c);
	} else if (n > 0 || c->stuck_since == BK_NEVER) {
		c->stuck_since = bk_loop_now(c->hub->loop);
	}
	if (c->stuck_since != BK_NEVER)
		bk_conn_arm(c);
	bk_conn_set_interest(c);
}

/* Whether n more bytes may wait; a long burst goes out on the way. */
static bool has_room(struct bk_conn *c, size_t n)
{
	size_t max = c->profile->opts.queue_max, waiting = bk_conn_waiting(c);

	if (waiting && c->stuck_since == BK_NEVER && (n > max - waiting || waiting >= FLUSH_EARLY)) {
		bk_conn_flush(c);
		waiting = bk_conn_waiting(c);
	}
	return waiting <= max && n <= max - waiting;
}

/* Nothing is said before it is known to whom. */
static bool is_ready(const struct bk_conn *c)
{
	return !c->tls || bk_tls_is_secure(c->tls);
}

static int pend_flush(struct bk_conn *c, int err)
{
	if (!err && c->stuck_since == BK_NEVER)
		bk_conn_pend(c, BK_CONN_FLUSH);
	return err;
}

static int queue(struct bk_conn *c, const struct bk_buf *head, const void *body, size_t body_len)
{
	if (!is_ready(c) || !has_room(c, head->len + body_len))
		return BK_E_AGAIN;
	return pend_flush(c, bk_queue_add_copy(&c->queue, bk_buf_head(head), head->len, body, body_len));
}

int bk_conn_queue_shared(struct bk_conn *c, struct bk_chunk *chunk, size_t start, size_t n)
{
	if (!is_ready(c) || !has_room(c, n))
		return BK_E_AGAIN;
	return pend_flush(c, bk_queue_add(&c->queue, chunk, start, n));
}

static bool takes_words(const struct bk_conn *c)
{
	return c->state <= BK_CONN_OPEN && c->close_at == BK_NEVER && !c->broken;
}

int bk_conn_send(struct bk_conn *c, const struct bk_message *m)
{
	const struct bk_message_opts *o = &c->profile->opts;
	struct bk_buf *head = &c->hub->head;
	int err;

	if (!takes_words(c))
		return BK_E_EOF;
	bk_buf_consume(head, head->len);
	err = bk_compose_head(head, o->framing, m);
	if (err < 0)
		return err;
	if (m->content_len > o->queue_max || head->len > o->queue_max - m->content_len)
		return BK_E_TOO_BIG;
	if (head->len + m->content_len == 0)
		return 0;
	err = queue(c, head, m->content, m->content_len);
	c->owes_room = c->owes_room || err == BK_E_AGAIN;
	return err;
}

int bk_conn_send_framed(struct bk_conn *c, const void *data, size_t n)
{
	static const struct bk_buf no_head;

	if (!takes_words(c))
		return BK_E_EOF;
	return queue(c, &no_head, data, n);
}

int bk_conn_send_shared(struct bk_conn *c, struct bk_chunk *chunk)
{
	return takes_words(c) ? bk_conn_queue_shared(c, chunk, 0, chunk->len) : BK_E_EOF;
}

void bk_conn_want_room(struct bk_conn *c)
{
	c->owes_room = true;
	if (c->stuck_since == BK_NEVER)
		bk_conn_pend(c, BK_CONN_FLUSH);
}
