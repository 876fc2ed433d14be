/* SPDX-License-Identifier: Apache-2.0 */
/* Channels over a carrier: the mux says frames, the carrier brings them over, whatever becomes of the links;
 * neither knows the other one. */
#include "stream/stream.h"

#include <stdlib.h>

#include "base/error.h"
#include "stream/carrier.h"
#include "stream/mux.h"

struct bk_stream {
	struct bk_carrier *carrier;
	struct bk_mux *mux;
	const struct bk_stream_events *events;
	void *arg;
	bool is_stopped;
};

static void check(struct bk_stream *s, int err)
{
	if (err >= 0 || s->is_stopped)
		return;
	s->is_stopped = true;
	s->events->on_broken(s->arg, err);
}

static void on_head(void *arg, const struct bk_sframe *f)
{
	struct bk_stream *s = arg;

	if (!s->is_stopped)
		check(s, bk_mux_head(s->mux, f));
}

static void on_payload(void *arg, const uint8_t *data, size_t n, uint32_t left)
{
	struct bk_stream *s = arg;

	if (!s->is_stopped)
		check(s, bk_mux_payload(s->mux, data, n, left));
}

static void on_writable(void *arg)
{
	struct bk_stream *s = arg;

	if (!s->is_stopped)
		bk_mux_writable(s->mux);
}

static void on_closed(void *arg)
{
	struct bk_stream *s = arg;

	s->events->on_closed(s->arg);
}

static int send_frame(void *arg, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct bk_stream *s = arg;

	return bk_carrier_send(s->carrier, pieces, pieces_len, urgent);
}

int bk_stream_new(struct bk_loop *loop, const struct bk_stream_opts *opts,
	const struct bk_stream_events *events, void *arg, struct bk_stream **ret_stream)
{
	static const struct bk_carrier_user user = {.on_head = on_head,
		.on_payload = on_payload,
		.on_writable = on_writable,
		.on_closed = on_closed};
	struct bk_stream *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return BK_E_NOMEM;
	s->events = events;
	s->arg = arg;
	err = bk_carrier_new(loop, opts, &user, s, events, arg, &s->carrier);
	if (!err)
		err = bk_mux_new(loop, opts->is_leading, send_frame, s, events, arg, &s->mux);
	if (err < 0) {
		bk_stream_free(s);
		return err;
	}
	*ret_stream = s;
	return 0;
}

void bk_stream_free(struct bk_stream *s)
{
	if (!s)
		return;
	bk_mux_free(s->mux);
	bk_carrier_free(s->carrier);
	free(s);
}

int bk_stream_attach(struct bk_stream *s, struct bk_link *link, bool is_relay)
{
	return bk_carrier_attach(s->carrier, link, is_relay);
}

void bk_stream_drop(struct bk_stream *s, int error)
{
	bk_carrier_drop(s->carrier, error);
}

void bk_stream_drop_spare(struct bk_stream *s)
{
	bk_carrier_drop_spare(s->carrier);
}

void bk_stream_ask(struct bk_stream *s)
{
	bk_carrier_ask(s->carrier);
}

int bk_stream_open(struct bk_stream *s, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel)
{
	return bk_mux_open(s->mux, kind, events, arg, ret_channel);
}

bool bk_stream_owes_bye(const struct bk_stream *s)
{
	return bk_mux_owes_bye(s->mux);
}

void bk_stream_say_bye(struct bk_stream *s, int error)
{
	bk_mux_say_bye(s->mux, error);
}

void bk_stream_close(struct bk_stream *s)
{
	bk_carrier_close(s->carrier);
}

void bk_stream_stop(struct bk_stream *s)
{
	s->is_stopped = true;
}

void bk_stream_end(struct bk_stream *s, int error)
{
	bk_mux_end(s->mux, error);
	bk_carrier_free(s->carrier);
	s->carrier = NULL;
}
