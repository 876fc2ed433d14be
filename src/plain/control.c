/* SPDX-License-Identifier: Apache-2.0 */
/* A socket to the server while it connects, then a pump and an inbox. It does not know what a message means.
 * What a server sends that is no message ends the connection with a named error. */
#include "plain/control.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hold.h"
#include "base/time.h"
#include "net/dial.h"
#include "net/pump.h"
#include "net/sock.h"
#include "net/turn.h"
#include "plain/inbox.h"

#define CONNECT_PATIENCE (10 * BK_SEC)

enum { IN_MAX = 16384, OUT_MAX = 16384, PATIENCE_MS = 30000 };

struct bk_plain_control {
	struct bk_loop *loop;
	const struct bk_plain_control_events *events;
	void *arg;
	struct bk_addr local;
	struct bk_dial *dial; /* while it connects */
	struct bk_turn ender;
	struct bk_pump *pump;
	struct bk_buf in, out;
	struct bk_plain_inbox inbox;
	int error; /* to be reported by the ender */
	bool is_over;
	struct bk_hold hold;
};

static void end_later(struct bk_plain_control *c, int error)
{
	bk_assert(error < 0);
	c->error = error;
	bk_turn_ask(&c->ender);
}

static void release(struct bk_plain_control *c)
{
	bk_plain_inbox_done(&c->inbox);
	free(c);
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

static void on_input(void *arg)
{
	struct bk_plain_control *c = arg;
	const uint8_t *data = bk_buf_head(&c->in);
	size_t left = c->in.len;
	struct bk_rdv_msg m;
	int got = 0;

	bk_hold_enter(&c->hold);
	while (!c->hold.is_dead && !c->is_over &&
		(got = bk_plain_inbox_next(&c->inbox, &data, &left, &m)) > 0) {
		c->events->on_message(c->arg, &m);
		bk_rdv_done(&m);
	}
	if (!c->hold.is_dead) {
		bk_buf_consume(&c->in, c->in.len);
		if (got < 0)
			end(c, got);
	}
	if (bk_hold_leave(&c->hold))
		release(c);
}

static void on_pump_end(void *arg, int error)
{
	end(arg, error);
}

static const struct bk_pump_events pump_events = {.on_input = on_input, .on_end = on_pump_end};

static void on_dialed(void *arg, int err, int fd)
{
	struct bk_plain_control *c = arg;

	if (!err) {
		bk_sock_tune_stream(fd, PATIENCE_MS);
		err = bk_pump_new(c->loop, fd, &c->in, &c->out, &pump_events, c, &c->pump);
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
	bk_buf_init(&c->in, IN_MAX);
	bk_buf_init(&c->out, OUT_MAX);
	bk_plain_inbox_init(&c->inbox);
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
	bk_pump_free(c->pump);
	bk_buf_done(&c->in);
	bk_buf_done(&c->out);
	if (bk_hold_end(&c->hold))
		release(c);
}

struct bk_addr bk_plain_control_local(const struct bk_plain_control *c)
{
	return c->local;
}

int bk_plain_control_send(struct bk_plain_control *c, const struct bk_rdv_msg *m)
{
	int err = c->pump ? bk_rdv_append(&c->out, m) : BK_E_PROTOCOL;

	if (!err)
		bk_pump_kick(c->pump);
	else
		end_later(c, err);
	return err;
}
