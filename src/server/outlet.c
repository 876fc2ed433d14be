/* SPDX-License-Identifier: Apache-2.0 */
/* One control connection as a stream of messages. An idle one should cost little, so every buffer is given
 * back as soon as it is empty. A length above the ceiling ends the connection before anything is allocated
 * for it, and so does a peer that does not take what it asked for. */
#include "server/outlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "net/pump.h"
#include "secure/stream.h"
#include "server/limits.h"
#include "wire/framing.h"

struct bk_outlet {
	struct bk_pump *pump;
	struct bk_tls *tls; /* NULL: plain */
	struct bk_buf plain_in, plain_out;
	struct bk_buf *in, *out; /* what the pump moves: the two above, or those of tls */
	struct bk_frame_decoder decoder;
	struct bk_buf message; /* the one that is coming in */
	const struct bk_outlet_events *events;
	void *arg;
	uint8_t *scratch;
	size_t scratch_len;
	bool finishing, ended, told_end;
};

/* Prefix of a message, and what TLS may add to each of its records. */
enum { MESSAGE_OVERHEAD = 4 + 8 * 300 };

static void settle(struct bk_outlet *c)
{
	if (!c->in->len)
		bk_buf_release(c->in);
	if (!c->out->len)
		bk_buf_release(c->out);
	if (!c->message.len)
		bk_buf_release(&c->message);
	if (c->finishing && !c->out->len && !c->told_end) {
		c->told_end = true;
		shutdown(bk_pump_fd(c->pump), SHUT_WR);
	}
}

static void end(struct bk_outlet *c, int error, const char *detail)
{
	if (c->ended)
		return;
	c->ended = true;
	bk_pump_pause(c->pump);
	c->events->on_end(c->arg, error, detail);
}

static void end_with_words(struct bk_outlet *c, int error)
{
	char detail[200];

	if (error != BK_E_TLS || !*bk_tls_error_text(c->tls)) {
		end(c, error, NULL);
		return;
	}
	snprintf(detail, sizeof(detail), "TLS failed: %s", bk_tls_error_text(c->tls));
	end(c, error, detail);
}

static int on_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_outlet *c = arg;

	while (n) {
		int event = bk_frame_collect(&c->decoder, &c->message, &data, &n);

		if (event < 0)
			return event;
		if (event != BK_FRAME_END)
			continue;
		if (c->events->on_message(c->arg, bk_buf_head(&c->message), c->message.len) != 0)
			return BK_E_CANCELLED;
		bk_buf_consume(&c->message, c->message.len);
	}
	return 0;
}

static int take_plain(struct bk_outlet *c)
{
	int err = on_data(c, bk_buf_head(c->in), c->in->len);

	bk_buf_consume(c->in, c->in->len);
	return err;
}

static void on_input(void *arg)
{
	static const struct bk_tls_events tls_events = {.on_data = on_data};
	struct bk_outlet *c = arg;
	int err = 0;

	if (!c->finishing && !c->ended) {
		err = c->tls ? bk_tls_advance(c->tls, &tls_events, c, c->scratch, c->scratch_len)
			     : take_plain(c);
		if (c->out->len)
			bk_pump_kick(c->pump);
	}
	if (c->finishing || c->ended)
		bk_buf_consume(c->in, c->in->len);
	if (err < 0 && err != BK_E_AGAIN && err != BK_E_CANCELLED)
		end_with_words(c, err);
	settle(c);
}

static void on_output(void *arg)
{
	struct bk_outlet *c = arg;

	settle(c);
	if (!c->finishing && !c->ended && c->events->on_drained)
		c->events->on_drained(c->arg);
}

static void on_pump_end(void *arg, int error)
{
	struct bk_outlet *c = arg;

	if (error == BK_E_EOF && !c->finishing && bk_frame_is_midway(&c->decoder))
		error = BK_E_TRUNCATED;
	end(c, error, NULL);
}

static int set_up_tls(struct bk_outlet *c, const struct bk_outlet_opts *opts)
{
	struct bk_tls_opts tls = {.is_server = true,
		.identity = opts->identity,
		.alpn = "bodkin/1",
		.buffer_max = opts->out_max};
	int err = bk_tls_new(&tls, &c->tls);

	if (err < 0)
		return err;
	c->in = bk_tls_in(c->tls);
	c->out = bk_tls_out(c->tls);
	return 0;
}

int bk_outlet_new(struct bk_loop *loop, int fd, const struct bk_outlet_opts *opts,
	const struct bk_outlet_events *events, void *arg, struct bk_outlet **ret_outlet)
{
	static const struct bk_pump_events pump_events = {on_input, on_output, on_pump_end};
	struct bk_frame_limits limits = {.content_max = opts->message_max};
	struct bk_outlet *c = calloc(1, sizeof(*c));
	int err = 0;

	if (!c)
		return BK_E_NOMEM;
	c->events = events;
	c->arg = arg;
	c->scratch = opts->scratch;
	c->scratch_len = opts->scratch_len;
	bk_buf_init(&c->plain_in, opts->scratch_len);
	bk_buf_init(&c->plain_out, opts->out_max);
	bk_buf_init(&c->message, BK_RDV_MESSAGE_MAX);
	c->in = &c->plain_in;
	c->out = &c->plain_out;
	bk_frame_decoder_init(&c->decoder, BK_FRAMING_LENGTH, &limits);
	if (opts->identity)
		err = set_up_tls(c, opts);
	if (err == 0)
		err = bk_pump_new(loop, fd, c->in, c->out, &pump_events, c, &c->pump);
	if (err < 0) {
		bk_outlet_free(c);
		return err;
	}
	*ret_outlet = c;
	return 0;
}

void bk_outlet_free(struct bk_outlet *c)
{
	if (!c)
		return;
	bk_pump_free(c->pump);
	bk_tls_free(c->tls);
	bk_frame_decoder_done(&c->decoder);
	bk_buf_done(&c->plain_in);
	bk_buf_done(&c->plain_out);
	bk_buf_done(&c->message);
	free(c);
}

void bk_outlet_set_message_max(struct bk_outlet *c, size_t max)
{
	c->decoder.limits.content_max = max;
}

static int queue(struct bk_outlet *c, const uint8_t *data, size_t n)
{
	ssize_t taken;

	if (bk_buf_room(c->out) < n + MESSAGE_OVERHEAD)
		return BK_E_TOO_SLOW;
	if (!c->tls)
		return bk_buf_append(c->out, data, n);
	taken = bk_tls_write(c->tls, data, n);
	if (taken < 0 && taken != BK_E_AGAIN)
		return (int)taken;
	return (size_t)taken == n ? 0 : BK_E_TOO_SLOW;
}

int bk_outlet_send(struct bk_outlet *c, const struct bk_rdv_msg *m)
{
	struct bk_buf framed;
	int err;

	if (c->finishing || c->ended)
		return BK_E_CANCELLED;
	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX + MESSAGE_OVERHEAD);
	err = bk_rdv_append(&framed, m);
	if (err >= 0)
		err = queue(c, bk_buf_head(&framed), framed.len);
	bk_buf_done(&framed);
	if (err < 0)
		return err;
	bk_pump_kick(c->pump);
	if (!c->out->len)
		bk_buf_release(c->out);
	return 0;
}

size_t bk_outlet_waiting(const struct bk_outlet *c)
{
	return c->out->len;
}

void bk_outlet_finish(struct bk_outlet *c)
{
	if (c->finishing || c->ended)
		return;
	c->finishing = true;
	if (c->tls)
		bk_tls_close(c->tls);
	bk_pump_kick(c->pump);
	bk_pump_resume(c->pump);
	if (!c->out->len && !c->told_end) {
		c->told_end = true;
		shutdown(bk_pump_fd(c->pump), SHUT_WR);
	}
}
