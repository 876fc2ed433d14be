/* SPDX-License-Identifier: Apache-2.0 */
/* A socket to the server while it connects, then a connection of whole messages. It does not know what a message
 * means. A server may be anybody's: what it sends that is no message ends the connection with a named error, and as
 * messages of the plain dialect are small, the ceiling is the one that others have before their hello. */
#include "plain/control.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/time.h"
#include "net/dial.h"
#include "net/sock.h"
#include "net/turn.h"
#include "service/conn.h"

#define CONNECT_PATIENCE (10 * BK_SEC)

enum { OUT_MAX = 16384, PATIENCE_MS = 30000 };

struct bk_plain_control {
	struct bk_loop *loop;
	const struct bk_plain_control_events *events;
	void *arg;
	struct bk_addr local;
	struct bk_dial *dial; /* while it connects */
	struct bk_conn *conn; /* NULL: not yet, or no more */
	struct bk_turn ender;
	int error; /* to be reported by the ender */
	bool is_over;
};

static void end_later(struct bk_plain_control *c, int error)
{
	bk_assert(error < 0);
	c->error = error;
	bk_turn_ask(&c->ender);
}

static void end(struct bk_plain_control *c, int error)
{
	if (c->is_over)
		return;
	c->is_over = true;
	c->events->on_end(c->arg, error);
}

static void on_ender(void *arg)
{
	struct bk_plain_control *c = arg;

	end(c, c->error);
}

/* --- connected --- */

static void on_message(struct bk_conn *conn, void *arg, const struct bk_message *message)
{
	struct bk_plain_control *c = arg;
	struct bk_rdv_msg m;
	int err;

	(void)conn;
	if (c->is_over)
		return;
	err = bk_rdv_decode(message->content, message->content_len, &m);
	if (err < 0) {
		end(c, err);
		return;
	}
	c->events->on_message(c->arg, &m);
	bk_rdv_done(&m);
}

static void on_left(struct bk_conn *conn, void *arg, int error, const char *text)
{
	struct bk_plain_control *c = arg;

	(void)conn;
	(void)text;
	c->conn = NULL;
	end(c, error == BK_E_TRUNCATED ? BK_E_EOF : error);
}

static void on_dialed(void *arg, int err, int fd)
{
	static const struct bk_message_events events = {.on_message = on_message, .on_left = on_left};
	const struct bk_message_opts opts = {
		.framing = BK_FRAMING_LENGTH,
		.message_max = BK_RDV_HELLO_MAX,
		.queue_max = OUT_MAX,
		.header_timeout_ns = -1, /* how long is waited is the owner's */
		.write_timeout_ns = -1,
	};
	struct bk_plain_control *c = arg;

	if (!err) {
		bk_sock_tune_stream(fd, PATIENCE_MS);
		err = bk_conn_adopt(c->loop, fd, &opts, &events, c, &c->conn);
	}
	if (err < 0) {
		if (fd >= 0)
			bk_sock_abort(fd);
		end(c, err);
		return;
	}
	c->events->on_connected(c->arg);
}

/* --- life --- */

int bk_plain_control_new(struct bk_loop *loop, const struct bk_addr *local, const struct bk_addr *server,
	const struct bk_plain_control_events *events, void *arg, struct bk_plain_control **ret_control)
{
	const struct bk_dial_opts opts = {
		.addrs = server, .len = 1, .local = *local, .patience = CONNECT_PATIENCE};
	struct bk_plain_control *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	*c = (struct bk_plain_control){.loop = loop, .events = events, .arg = arg};
	bk_turn_init(&c->ender, loop, on_ender, c);
	err = bk_dial_new(loop, &opts, on_dialed, c, &c->dial);
	if (err < 0) {
		bk_plain_control_free(c);
		return err;
	}
	c->local = bk_dial_local(c->dial);
	*ret_control = c;
	return 0;
}

void bk_plain_control_free(struct bk_plain_control *c)
{
	if (!c)
		return;
	bk_dial_free(c->dial);
	bk_turn_done(&c->ender);
	bk_conn_free(c->conn);
	free(c);
}

struct bk_addr bk_plain_control_local(const struct bk_plain_control *c)
{
	return c->local;
}

/* At once: who sends a last word frees it behind that. */
int bk_plain_control_send(struct bk_plain_control *c, const struct bk_rdv_msg *m)
{
	struct bk_buf out;
	int err;

	bk_buf_init(&out, OUT_MAX);
	err = c->conn ? bk_rdv_append(&out, m) : BK_E_PROTOCOL;
	if (!err)
		err = bk_conn_send_framed(c->conn, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
	if (!err)
		bk_conn_flush(c->conn);
	else
		end_later(c, err);
	return err;
}
