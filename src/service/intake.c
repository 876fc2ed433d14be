/* SPDX-License-Identifier: Apache-2.0 */
/* From a socket to whole messages. A read goes into the space that all connections share, and a message that
 * came whole is handed on from there; only what is cut short is kept with its connection. Every end of the
 * stream gets its name here. */
#include "service/conn.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "secure/stream.h"
#include "service/compose.h"

static bool is_hungry(const struct bk_conn *c)
{
	return !c->hold.is_dead && c->state == BK_CONN_OPEN && !c->is_paused;
}

static void tell(struct bk_conn *c, const struct bk_message *m)
{
	c->profile->messages++;
	c->profile->events.on_message(c, c->profile->arg, m);
}

static void deliver(struct bk_conn *c, const void *content, size_t n)
{
	const struct bk_frame_decoder *d = &c->decoder;
	struct bk_message m = {.content = content, .content_len = n};
	struct json_t *tree = NULL;
	int err = 0;

	if (c->profile->opts.framing >= BK_FRAMING_KEY_VALUE)
		m.header = d->header;
	if (c->profile->opts.framing == BK_FRAMING_JSON)
		err = bk_compose_read_json(&m, d->header_len, &tree);
	if (err < 0)
		bk_conn_end(c, err, NULL);
	else
		tell(c, &m);
	json_decref(tree);
}

/* The content of a message that came whole is a view of what was read. */
static void take_framed(struct bk_conn *c, const uint8_t **data, size_t *n)
{
	struct bk_frame_decoder *d = &c->decoder;
	const uint8_t *view = NULL;
	int err = 0;

	while (is_hungry(c) && err >= 0) {
		int event = bk_frame_decode(d, data, n);

		if (event == BK_FRAME_NONE)
			break;
		if (event == BK_FRAME_CONTENT && d->piece_len == d->content_len) {
			view = d->piece;
		} else if (event == BK_FRAME_CONTENT) {
			err = bk_buf_append(&c->content, d->piece, d->piece_len);
		} else if (event == BK_FRAME_END) {
			c->message_since = BK_NEVER;
			deliver(c,
				view              ? view
				: c->content.data ? bk_buf_head(&c->content)
						  : *data,
				(size_t)d->content_len);
			view = NULL;
			if (!c->hold.is_dead)
				bk_buf_consume(&c->content, c->content.len);
		} else if (event < 0) {
			err = event;
		}
	}
	if (err < 0)
		bk_conn_end(c, err == BK_E_FULL ? BK_E_TOO_BIG : err, NULL);
}

static void take_raw(struct bk_conn *c, const uint8_t **data, size_t *n)
{
	struct bk_message m = {.content = *data, .content_len = *n};

	if (!is_hungry(c) || !*n)
		return;
	*data += *n;
	*n = 0;
	tell(c, &m);
}

/* Hands on what came, and keeps the rest where the owner paused. */
static void take(struct bk_conn *c, const uint8_t *data, size_t n, bk_time now)
{
	int err = 0;

	if (c->profile->opts.framing == BK_FRAMING_RAW)
		take_raw(c, &data, &n);
	else
		take_framed(c, &data, &n);
	if (c->hold.is_dead || c->state != BK_CONN_OPEN)
		return;
	if (n)
		err = bk_buf_append(&c->held, data, n);
	if (err < 0)
		bk_conn_end(c, err, NULL);
	if (c->message_since == BK_NEVER && bk_frame_is_midway(&c->decoder))
		c->message_since = now;
	if (!bk_frame_is_midway(&c->decoder)) {
		bk_frame_decoder_trim(&c->decoder);
		bk_buf_release(&c->content);
	}
}

struct taking {
	struct bk_conn *conn;
	bk_time now;
};

static int on_decrypted(void *arg, const uint8_t *data, size_t n)
{
	const struct taking *t = arg;

	take(t->conn, data, n, t->now);
	if (t->conn->hold.is_dead || t->conn->state != BK_CONN_OPEN)
		return BK_E_CANCELLED;
	return t->conn->is_paused ? BK_E_AGAIN : 0;
}

static void end_in_its_words(struct bk_conn *c, int error)
{
	char *text = NULL;
	const char *words = error == BK_E_TLS ? bk_tls_error_text(c->tls) : "";

	if (*words && asprintf(&text, "TLS failed: %s", words) < 0)
		text = NULL;
	bk_conn_end_saying(c, error, text);
}

static void on_peer_end(struct bk_conn *c)
{
	int error = c->broken ? c->broken : bk_frame_is_midway(&c->decoder) ? BK_E_TRUNCATED : BK_E_EOF;

	c->has_peer_ended = true;
	if (c->state == BK_CONN_LINGERING)
		bk_conn_end(c, c->error, NULL);
	else if (c->state == BK_CONN_OPEN && bk_conn_waiting(c) && !c->broken)
		bk_conn_close_at(c, error, bk_loop_now(c->hub->loop) + BK_CONN_DRAIN);
	else if (c->state == BK_CONN_OPEN)
		bk_conn_end(c, error, NULL);
	if (!c->hold.is_dead)
		bk_conn_set_interest(c);
}

static void decrypt(struct bk_conn *c, bk_time now)
{
	static const struct bk_tls_events events = {.on_data = on_decrypted};
	struct taking t = {c, now};
	struct bk_buf *in = bk_tls_in(c->tls);
	int err = bk_tls_advance(c->tls, &events, &t, c->hub->scratch, sizeof(c->hub->scratch));

	if (c->hold.is_dead)
		return;
	if (bk_tls_out(c->tls)->len)
		bk_conn_flush(c);
	if (!in->len)
		bk_buf_release(in);
	if (c->state != BK_CONN_OPEN)
		return;
	if (err == BK_E_EOF)
		on_peer_end(c);
	else if (err < 0 && err != BK_E_AGAIN)
		end_in_its_words(c, err);
}

/* What comes after the end of our interest is dropped: a close with unread bytes would be a reset, which can
 * destroy our last words on their way. */
static bool is_deaf(const struct bk_conn *c)
{
	return c->state == BK_CONN_DRAINING || c->state == BK_CONN_LINGERING;
}

static void on_bytes(struct bk_conn *c, size_t n, bk_time now)
{
	int err;

	c->heard = now;
	if (is_deaf(c))
		return;
	if (!c->tls) {
		take(c, c->hub->scratch, n, now);
		return;
	}
	err = bk_buf_append(bk_tls_in(c->tls), c->hub->scratch, n);
	if (err < 0)
		bk_conn_end(c, err, NULL);
	else
		decrypt(c, now);
}

void bk_conn_read(struct bk_conn *c, bk_time now)
{
	size_t room = sizeof(c->hub->scratch);
	ssize_t n;

	if (c->tls && bk_buf_room(bk_tls_in(c->tls)) < room)
		room = bk_buf_room(bk_tls_in(c->tls));
	if (!room)
		return;
	n = recv(c->fd, c->hub->scratch, room, 0);
	if (n > 0)
		on_bytes(c, (size_t)n, now);
	else if (n == 0)
		on_peer_end(c);
	else if (errno != EAGAIN && errno != EINTR)
		bk_conn_end(c, bk_error_from_errno(errno), NULL);
}

void bk_conn_read_held(struct bk_conn *c, bk_time now)
{
	struct bk_buf held = c->held;

	bk_buf_init(&c->held, held.max);
	if (held.len)
		take(c, bk_buf_head(&held), held.len, now);
	bk_buf_done(&held);
	if (is_hungry(c) && c->tls)
		decrypt(c, now);
}
