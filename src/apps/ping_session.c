/* SPDX-License-Identifier: Apache-2.0 */
/* Hello messages over a channel of a session. Who came with the code opens it and begins. */
#include <stdlib.h>
#include <string.h>

#include "apps/ping_way.h"
#include "base/error.h"
#include "base/time.h"
#include "call/call.h"
#include "wire/framing.h"
#include "wire/hello.h"

#define KIND             "ping/1"
#define CHANNEL_PATIENCE (10 * BK_SEC) /* who came with the code opens it at once */

struct way {
	struct bk_call call;
	const struct bk_ping_way_events *events;
	void *owner;
	struct bk_channel *channel;
	bool has_started, has_heard;
	struct bk_timer *patience;
	struct bk_frame_decoder decoder;
	struct bk_buf content;
};

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct way *w = arg;
	int event;

	(void)channel;
	w->has_heard = true;
	while ((event = bk_frame_collect(&w->decoder, &w->content, &data, &n)) == BK_FRAME_END)
		w->events->on_message(w->owner, bk_buf_head(&w->content), w->content.len);
	if (event < 0)
		w->events->on_fault(w->owner, event, "the other side sent what is no hello message");
}

static void on_finished(struct bk_channel *channel, void *arg)
{
	struct way *w = arg;

	(void)channel;
	w->events->on_finished(w->owner);
}

static void on_reset(struct bk_channel *channel, void *arg, int error)
{
	struct way *w = arg;

	(void)channel;
	w->channel = NULL;
	/* Most often the session ends with it, and its own sentence is the better one. */
	if (w->has_heard || error == BK_E_EOF)
		bk_call_close(&w->call, 0);
	else
		w->events->on_fault(w->owner, BK_E_PEER_REFUSED, BK_CALL_NO_PART); /* whatever it says */
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_finished = on_finished, .on_reset = on_reset};

static void on_patience(void *arg)
{
	struct way *w = arg;

	w->events->on_fault(w->owner, BK_E_PEER_REFUSED, BK_CALL_NO_PART);
}

static void begin(struct way *w, bool is_first)
{
	w->has_started = true;
	w->events->on_open(w->owner, is_first);
}

static void on_open(void *arg)
{
	struct way *w = arg;
	int err;

	if (!bk_call_is_joiner(&w->call)) {
		bk_timer_start(w->patience, CHANNEL_PATIENCE);
		return;
	}
	err = bk_channel_open(w->call.session, KIND, &channel_events, w, &w->channel);
	if (err < 0)
		w->events->on_fault(w->owner, err, "cannot open a channel to the other side");
	else
		begin(w, true);
}

static void on_channel(void *arg, struct bk_channel *channel, const char *kind)
{
	struct way *w = arg;

	if (w->channel || bk_call_is_joiner(&w->call))
		return;
	bk_timer_stop(w->patience);
	if (strcmp(kind, KIND) != 0) {
		w->events->on_fault(w->owner, BK_E_PEER_REFUSED, BK_CALL_NO_PART);
		return;
	}
	w->channel = channel;
	bk_channel_listen(channel, &channel_events, w);
	begin(w, false);
}

static void on_end(void *arg, int error)
{
	struct way *w = arg;
	struct bk_call_failure failure = bk_call_failure(&w->call);

	w->channel = NULL;
	bk_timer_stop(w->patience);
	if (error == BK_E_PEER_CANCELLED)
		failure.error = 0;
	if (!error && !w->has_started) {
		failure.error = BK_E_PEER_REFUSED;
		failure.text = BK_CALL_NO_PART;
		failure.who = BK_CALL_WHO_PEER;
	}
	w->events->on_end(w->owner, &failure);
}

static const struct bk_call_ops call_ops = {.on_open = on_open, .on_channel = on_channel, .on_end = on_end};

static int start(void *way)
{
	struct way *w = way;

	return bk_call_start(&w->call, &call_ops, w);
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

	bk_call_close(&w->call, error);
}

static void free_way(void *way)
{
	struct way *w = way;

	if (!w)
		return;
	bk_call_done(&w->call);
	bk_timer_free(w->patience);
	bk_frame_decoder_done(&w->decoder);
	bk_buf_done(&w->content);
	free(w);
}

static int create(const struct bk_ping_way_opts *o, void **ret_way)
{
	const struct bk_frame_limits limits = {.content_max = BK_HELLO_MESSAGE_MAX};
	struct way *w = calloc(1, sizeof(*w));
	int err = w ? bk_call_init(&w->call, o->loop, o->ping->session, o->news, o->arg) : BK_E_NOMEM;

	if (!w)
		return err;
	w->events = o->events;
	w->owner = o->owner;
	bk_frame_decoder_init(&w->decoder, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&w->content, BK_HELLO_MESSAGE_MAX);
	if (err >= 0)
		err = bk_timer_new(o->loop, on_patience, w, &w->patience);
	if (err < 0)
		free_way(w);
	else
		*ret_way = w;
	return err;
}

const struct bk_ping_way_ops bk_ping_session_ops = {
	.create = create, .start = start, .send = send_json, .close = close_way, .free = free_way};
