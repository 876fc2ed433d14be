/* SPDX-License-Identifier: Apache-2.0 */
/* The control connection as a transport. Each address of the server gets five seconds; the first that
 * completes TCP is the server. */
#include "rendezvous/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hold.h"
#include "base/list.h"
#include "base/log.h"
#include "base/time.h"
#include "net/dial.h"
#include "net/pump.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "net/turn.h"
#include "secure/stream.h"
#include "wire/framing.h"

enum {
	PATIENCE_MS = 20000,
	BUFFER_MAX = 512 * 1024,
	SCRATCH_LEN = 32 * 1024,
};

#define CONNECT_TIMEOUT (5 * BK_SEC) /* round trips of three seconds exist */
#define SECURE_TIMEOUT  (10 * BK_SEC)
#define HELLO_TIMEOUT   (10 * BK_SEC)

struct bk_control {
	struct bk_loop *loop;
	struct bk_target target;
	const struct bk_control_events *events;
	void *arg;
	struct bk_dial *dial;   /* while it connects */
	struct bk_timer *timer; /* deadline of the handshake, of the hello */
	struct bk_turn ender;
	struct bk_tls *tls;
	struct bk_pump *pump;
	struct bk_frame_decoder decoder;
	struct bk_buf message; /* the message being collected */
	struct bk_buf outgoing;
	struct bk_addr local, server;
	const char *stage;
	int end_error;
	bool has_ended;
	struct bk_hold hold;
};

static void end_later(struct bk_control *c, int error)
{
	bk_assert(error < 0);
	if (c->end_error)
		return;
	c->end_error = error;
	bk_turn_ask(&c->ender);
}

static void on_ender(void *arg)
{
	struct bk_control *c = arg;
	const char *detail = bk_error_text(c->end_error);

	if (c->has_ended)
		return;
	c->has_ended = true;
	if (c->end_error == BK_E_TLS && c->tls)
		detail = bk_tls_error_text(c->tls);
	c->events->on_end(c->arg, c->end_error, c->stage, detail);
}

static int deliver(struct bk_control *c)
{
	struct bk_rdv_msg m;
	int err = bk_rdv_decode(bk_buf_head(&c->message), c->message.len, &m);

	if (err < 0)
		return err;
	bk_log_trace("rdv", "got %s", bk_rdv_type_name(m.type));
	c->events->on_message(c->arg, &m);
	bk_rdv_done(&m);
	return c->hold.is_dead ? BK_E_CANCELLED : c->end_error; /* behind the end nothing is heard */
}

static int on_plain(void *arg, const uint8_t *data, size_t n)
{
	struct bk_control *c = arg;

	for (;;) {
		int event = bk_frame_collect(&c->decoder, &c->message, &data, &n);

		if (event == BK_FRAME_NONE)
			return 0;
		if (event == BK_FRAME_END)
			event = deliver(c);
		if (event < 0)
			return event;
	}
}

static void on_secure(void *arg)
{
	struct bk_control *c = arg;
	struct bk_pin pin;
	int err = bk_tls_peer_pin(c->tls, &pin);

	bk_timer_start(c->timer, HELLO_TIMEOUT);
	if (!err)
		err = c->events->on_secure(c->arg, &pin);
	if (err < 0 && !c->hold.is_dead)
		end_later(c, err);
	else
		c->stage = "say hello to";
}

static void release(struct bk_control *c)
{
	bk_tls_free(c->tls);
	bk_frame_decoder_done(&c->decoder);
	bk_buf_done(&c->message);
	bk_buf_done(&c->outgoing);
	free(c);
}

static void on_input(void *arg)
{
	static const struct bk_tls_events events = {.on_secure = on_secure, .on_data = on_plain};
	struct bk_control *c = arg;
	uint8_t scratch[SCRATCH_LEN];
	int err;

	if (c->end_error)
		return;
	bk_hold_enter(&c->hold);
	err = bk_tls_advance(c->tls, &events, c, scratch, sizeof(scratch));
	if (!c->hold.is_dead) {
		if (bk_tls_out(c->tls)->len)
			bk_pump_kick(c->pump);
		if (err < 0 && err != BK_E_AGAIN)
			end_later(c, err == BK_E_EOF ? BK_E_SERVER_GONE : err);
	}
	if (bk_hold_leave(&c->hold))
		release(c);
}

static void on_pump_end(void *arg, int error)
{
	struct bk_control *c = arg;

	end_later(c, error == BK_E_EOF ? BK_E_SERVER_GONE : error);
}

static int start_tls(struct bk_control *c, int fd)
{
	static const struct bk_pump_events events = {.on_input = on_input, .on_end = on_pump_end};
	const struct bk_tls_opts opts = {
		.alpn = BK_RDV_ALPN,
		.peer_pin = c->target.has_pin ? &c->target.pin : NULL,
		.buffer_max = BUFFER_MAX,
	};
	int err = bk_tls_new(&opts, &c->tls);

	if (!err) {
		err = bk_tls_handshake(c->tls);
		err = err == BK_E_AGAIN ? 0 : err;
	}
	if (!err)
		err = bk_pump_new(c->loop, fd, bk_tls_in(c->tls), bk_tls_out(c->tls), &events, c, &c->pump);
	if (err < 0)
		bk_sock_abort(fd);
	else
		bk_pump_kick(c->pump);
	return err;
}

static void on_dialed(void *arg, int err, int fd)
{
	struct bk_control *c = arg;

	if (!err)
		err = bk_sock_local(fd, &c->local);
	if (!err)
		err = bk_sock_peer(fd, &c->server);
	if (err < 0) {
		if (fd >= 0)
			bk_sock_abort(fd);
		end_later(c, err);
		return;
	}
	bk_sock_tune_stream(fd, PATIENCE_MS);
	c->stage = "agree on TLS with";
	bk_timer_start(c->timer, SECURE_TIMEOUT);
	err = start_tls(c, fd);
	if (err < 0)
		end_later(c, err);
}

static void on_deadline(void *arg)
{
	end_later(arg, BK_E_TIMEOUT);
}

/* IPv4 first: it is the family whose NAT mapping the connection is there to keep. */
static int dial(struct bk_control *c, const struct bk_addr *addrs, size_t len)
{
	struct bk_addr sorted[BK_RESOLVE_MAX];
	struct bk_dial_opts opts = {
		.addrs = sorted, .is_shared = true, .patience = CONNECT_TIMEOUT, .again = BK_DIAL_AGAIN};

	for (int family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < len && opts.len < BK_RESOLVE_MAX; i++)
			if (addrs[i].family == family)
				sorted[opts.len++] = addrs[i];
	return bk_dial_new(c->loop, &opts, on_dialed, c, &c->dial);
}

int bk_control_new(struct bk_loop *loop, const struct bk_addr *addrs, size_t len,
	const struct bk_target *target, const struct bk_control_events *events, void *arg,
	struct bk_control **ret_control)
{
	const struct bk_frame_limits limits = {.content_max = BK_RDV_MESSAGE_MAX};
	struct bk_control *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	c->loop = loop;
	c->target = *target;
	c->events = events;
	c->arg = arg;
	c->stage = "connect to";
	bk_frame_decoder_init(&c->decoder, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&c->message, BK_RDV_MESSAGE_MAX);
	bk_buf_init(&c->outgoing, BK_RDV_MESSAGE_MAX + 4);
	bk_turn_init(&c->ender, loop, on_ender, c);
	err = bk_timer_new(loop, on_deadline, c, &c->timer);
	if (err < 0) {
		bk_control_free(c);
		return err;
	}
	err = dial(c, addrs, len);
	if (err < 0)
		end_later(c, err);
	*ret_control = c;
	return 0;
}

void bk_control_free(struct bk_control *c)
{
	if (!c)
		return;
	bk_timer_free(c->timer);
	bk_turn_done(&c->ender);
	bk_dial_free(c->dial);
	bk_pump_free(c->pump);
	c->pump = NULL;
	if (bk_hold_end(&c->hold))
		release(c);
}

void bk_control_welcome(struct bk_control *c)
{
	bk_timer_stop(c->timer);
}

void bk_control_end(struct bk_control *c, int error)
{
	end_later(c, error);
}

int bk_control_send(struct bk_control *c, const struct bk_rdv_msg *m)
{
	ssize_t took;
	int err;

	if (!c->tls || !bk_tls_is_secure(c->tls) || c->end_error)
		return BK_E_SERVER_GONE;
	err = bk_rdv_append(&c->outgoing, m);
	if (err < 0)
		return err;
	took = bk_tls_write(c->tls, bk_buf_head(&c->outgoing), c->outgoing.len);
	err = took == (ssize_t)c->outgoing.len ? 0 : took < 0 ? (int)took : BK_E_FULL;
	bk_buf_consume(&c->outgoing, c->outgoing.len);
	if (err < 0)
		end_later(c, err);
	else
		bk_pump_kick(c->pump);
	return err;
}

bool bk_control_is_dialing(const struct bk_control *c, struct bk_addr *ret_local, struct bk_addr *ret_server)
{
	if (!c->dial || c->tls)
		return false;
	*ret_local = bk_dial_local(c->dial);
	*ret_server = bk_dial_remote(c->dial);
	return ret_local->family && ret_server->family;
}

struct bk_addr bk_control_local(const struct bk_control *c)
{
	return c->local;
}

struct bk_addr bk_control_server(const struct bk_control *c)
{
	return c->server;
}
