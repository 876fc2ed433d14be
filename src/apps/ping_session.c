/* SPDX-License-Identifier: Apache-2.0 */
/* Hello messages over a channel of a session. Who came with the code opens it and begins. */
#include <stdlib.h>
#include <string.h>

#include "apps/ping_way.h"
#include "base/error.h"
#include "base/time.h"
#include "wire/framing.h"
#include "wire/hello.h"

#define KIND             "ping/1"
#define CHANNEL_PATIENCE (10 * BK_SEC) /* who came with the code opens it at once */
#define NO_PART          "the other side does not take part; both run 'bodkin ping'"

struct way {
	struct bk_ping *ping;
	struct bk_session *session;
	struct bk_channel *channel;
	struct bk_timer *patience;
	struct bk_frame_decoder decoder;
	struct bk_buf content;
};

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct way *w = arg;
	int event;

	while ((event = bk_frame_collect(&w->decoder, &w->content, &data, &n)) == BK_FRAME_END)
		bk_ping_on_message(w->ping, bk_buf_head(&w->content), w->content.len);
	if (event < 0)
		bk_ping_fail(w->ping, event, "the other side sent what is no hello message");
}

static void on_finished(void *arg)
{
	struct way *w = arg;

	bk_ping_stop(w->ping);
}

static void on_reset(void *arg, int error)
{
	struct way *w = arg;

	w->channel = NULL;
	/* Most often the session ends with it, and its own sentence is the better one. */
	if (w->ping->rally.received_at || error == BK_E_EOF)
		bk_session_close(w->session, 0);
	else
		bk_ping_fail(w->ping, error ? error : BK_E_PEER_REFUSED, NO_PART);
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_finished = on_finished, .on_reset = on_reset};

static void on_patience(void *arg)
{
	struct way *w = arg;

	bk_ping_fail(w->ping, BK_E_PEER_REFUSED, NO_PART);
}

static void on_open(void *arg)
{
	struct way *w = arg;
	int err;

	if (!w->ping->opts.session->code) {
		bk_timer_start(w->patience, CHANNEL_PATIENCE);
		return;
	}
	err = bk_channel_open(w->session, KIND, &channel_events, w, &w->channel);
	if (err < 0)
		bk_ping_fail(w->ping, err, "cannot open a channel to the other side");
	else
		bk_ping_on_open(w->ping, true);
}

static void on_channel(void *arg, struct bk_channel *channel, const char *kind)
{
	struct way *w = arg;

	if (w->channel || w->ping->opts.session->code)
		return;
	bk_timer_stop(w->patience);
	if (strcmp(kind, KIND) != 0) {
		bk_ping_fail(w->ping, BK_E_PEER_REFUSED, NO_PART);
		return;
	}
	w->channel = channel;
	bk_channel_listen(channel, &channel_events, w);
	bk_ping_on_open(w->ping, false);
}

static void on_code(void *arg, const char *code)
{
	struct way *w = arg;

	bk_ping_on_code(w->ping, code);
}

static void on_peer(void *arg, const struct bk_peer *peer)
{
	struct way *w = arg;

	bk_ping_on_peer(w->ping, peer);
}

static void on_path(void *arg, const struct bk_path *path)
{
	struct way *w = arg;

	w->ping->events.on_path(w->ping->arg, path);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct way *w = arg;

	w->ping->events.on_note(w->ping->arg, verbosity, text);
}

static void on_closed(void *arg, int error, const char *text)
{
	struct way *w = arg;

	w->channel = NULL;
	bk_timer_stop(w->patience);
	if (!error && !w->ping->has_started)
		bk_ping_end(w->ping, BK_E_PEER_REFUSED, NO_PART);
	else
		bk_ping_end(w->ping, error == BK_E_PEER_CANCELLED ? 0 : error, text);
}

static const struct bk_session_events session_events = {
	.on_code = on_code,
	.on_peer = on_peer,
	.on_path = on_path,
	.on_open = on_open,
	.on_channel = on_channel,
	.on_note = on_note,
	.on_closed = on_closed,
};

static int start(void *way)
{
	struct way *w = way;

	return bk_session_new(w->ping->loop, w->ping->opts.session, &session_events, w, &w->session);
}

static int send_json(void *way, const void *json, size_t n)
{
	struct way *w = way;
	struct bk_buf out;
	int err;

	if (!w->channel)
		return BK_E_EOF;
	bk_buf_init(&out, BK_HELLO_MESSAGE_MAX + 4);
	err = bk_frame_append_length(&out, json, n);
	if (!err)
		err = bk_channel_write(w->channel, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
	return err;
}

static void close_way(void *way, int error)
{
	struct way *w = way;

	bk_session_close(w->session, error);
}

static void free_way(void *way)
{
	struct way *w = way;

	if (!w)
		return;
	bk_session_free(w->session);
	bk_timer_free(w->patience);
	bk_frame_decoder_done(&w->decoder);
	bk_buf_done(&w->content);
	free(w);
}

const struct bk_ping_way_ops bk_ping_session_ops = {
	.start = start, .send = send_json, .close = close_way, .free = free_way};

int bk_ping_session_new(struct bk_ping *p, void **ret_way)
{
	const struct bk_frame_limits limits = {.content_max = BK_HELLO_MESSAGE_MAX};
	struct way *w = calloc(1, sizeof(*w));
	int err = w ? bk_timer_new(p->loop, on_patience, w, &w->patience) : BK_E_NOMEM;

	if (err < 0) {
		free(w);
		return err;
	}
	w->ping = p;
	bk_frame_decoder_init(&w->decoder, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&w->content, BK_HELLO_MESSAGE_MAX);
	*ret_way = w;
	return 0;
}
