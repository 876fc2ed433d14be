/* SPDX-License-Identifier: Apache-2.0 */
/* Two people's programs on a call. The session loses nothing, so what is kept here are numbers: what was said, what
 * the other side has acknowledged, what was heard, and what of that the other side knows. The delicate part is the
 * end: END is a message, because marks still have to go out after it; the channel's own end says "all my marks are
 * on their way and I need none", and only when both have said that is the session closed, so that neither takes the
 * other's last words away. */
#include <bodkin/chat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/opts.h"
#include "base/text.h"
#include "base/time.h"
#include "call/call.h"
#include "net/turn.h"
#include "wire/chat.h"
#include "wire/framing.h"

_Static_assert((int)BK_CHAT_SENTENCE_MAX == (int)BK_CALL_TEXT_MAX, "one size of a sentence");

enum {
	OUT_MAX = 1 << 20,  /* messages that the channel has not taken yet */
	OUT_SPARE = 64,     /* of it, for an END and a mark: they never wait behind a full queue */
	HELD_MAX = 2 << 20, /* came in the piece in which it was paused: one piece of a channel */
};

#define CHANNEL_PATIENCE                                                                                     \
	(60 * BK_SEC)              /* who came with the code opens it at once, but a path may die just then */
#define FIN_PATIENCE (10 * BK_SEC) /* everything is said, delivered and acknowledged */

struct bk_chat {
	struct bk_loop *loop;
	struct bk_call call;
	struct bk_chat_events events;
	void *arg;
	struct bk_channel *channel;
	struct bk_timer *patience; /* with an other side that does not open the channel, or does not end it */
	struct bk_turn turn;       /* marks for what was heard, what was held, the end */
	struct bk_frame_decoder decoder;
	struct bk_buf content, out, held;
	uint64_t said, delivered; /* ours */
	uint64_t heard, marked;   /* theirs */
	int64_t since;
	bool is_open, is_paused, wants_room;
	bool has_finished, is_leaving, has_sent_fin; /* we */
	bool is_other_finished, has_fin;             /* they */
	bool is_closing;
};

/* --- the end --- */

static void close_call(struct bk_chat *c, int error)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	if (c->is_paused && c->channel)
		bk_channel_resume(c->channel); /* or the other side's own end would never be read */
	bk_call_close(&c->call, error);
}

static void fail(struct bk_chat *c, int error, enum bk_call_who who, const char *text)
{
	if (!c->is_closing)
		bk_call_decide(&c->call, error, who, "%s", text);
	close_call(c, error);
}

static void fault(struct bk_chat *c, int error)
{
	char text[BK_CHAT_SENTENCE_MAX];

	snprintf(text, sizeof(text), "the other side sent what is no chat message: %s", bk_error_text(error));
	fail(c, error, BK_CALL_WHO_HERE, text);
}

/* Said, acknowledged, heard and marked: nothing of ours is missing anywhere. */
static bool is_settled(const struct bk_chat *c)
{
	return c->has_finished && !c->out.len && c->delivered == c->said && c->marked == c->heard;
}

static void advance_end(struct bk_chat *c)
{
	if (c->is_closing || !c->channel || !is_settled(c) || !(c->is_leaving || c->is_other_finished))
		return;
	if (!c->has_sent_fin) {
		bk_channel_finish(c->channel);
		bk_timer_start(c->patience, FIN_PATIENCE);
	}
	c->has_sent_fin = true;
	if (c->is_leaving || c->has_fin)
		close_call(c, 0);
}

/* --- going out --- */

static void flush(struct bk_chat *c)
{
	while (c->out.len && c->channel) {
		size_t n = c->out.len < BK_CHANNEL_WRITE_MAX ? c->out.len : BK_CHANNEL_WRITE_MAX;

		if (bk_channel_write(c->channel, bk_buf_head(&c->out), n) < 0)
			return;
		bk_buf_consume(&c->out, n);
	}
}

static int put(struct bk_chat *c, const struct bk_chat_msg *m)
{
	int err = bk_chat_encode(&c->out, m);

	if (!err)
		flush(c);
	return err;
}

/* One mark stands for all before it, so one at a time is enough and they never pile up. */
static void put_mark(struct bk_chat *c)
{
	const struct bk_chat_msg m = {.type = BK_CHAT_DELIVERED, .number = c->heard};

	if (c->marked == c->heard || c->out.len || !c->channel || c->has_sent_fin)
		return;
	if (put(c, &m) >= 0)
		c->marked = c->heard;
	else
		fail(c, BK_E_NOMEM, BK_CALL_WHO_HERE, bk_error_text(BK_E_NOMEM));
}

static bool has_room(const struct bk_chat *c, size_t len)
{
	return c->is_open && bk_buf_room(&c->out) >= len + 4 + BK_CHAT_HEADER_LEN + OUT_SPARE;
}

static void on_writable(struct bk_channel *channel, void *arg)
{
	struct bk_chat *c = arg;

	(void)channel;
	flush(c);
	bk_turn_ask(&c->turn);
	if (!c->wants_room || c->out.len || c->is_closing)
		return;
	c->wants_room = false;
	if (c->events.on_writable)
		c->events.on_writable(c, c->arg);
}

/* --- coming in --- */

static int on_text(struct bk_chat *c, const struct bk_chat_msg *m)
{
	size_t at = (size_t)((const uint8_t *)m->text - bk_buf_head(&c->content));
	struct bk_chat_message message = {.number = m->number, .from = c->call.peer_name};
	char *text;
	int err;

	if (m->number != c->heard + 1 || c->is_other_finished)
		return BK_E_PROTOCOL;
	err = bk_buf_append(&c->content, "", 1);
	if (err < 0)
		return err;
	text = (char *)bk_buf_head(&c->content) + at;
	bk_text_sanitize_lines(text);
	message.text = text;
	message.len = strlen(text);
	c->heard++;
	c->events.on_message(c, c->arg, &message);
	return 0;
}

static int on_delivered(struct bk_chat *c, uint64_t number)
{
	if (number <= c->delivered || number > c->said)
		return BK_E_PROTOCOL;
	c->delivered = number;
	if (c->events.on_delivered)
		c->events.on_delivered(c, c->arg, number);
	return 0;
}

static int on_end_message(struct bk_chat *c, uint64_t number)
{
	if (number != c->heard || c->is_other_finished)
		return BK_E_PROTOCOL;
	c->is_other_finished = true;
	if (c->events.on_finished)
		c->events.on_finished(c, c->arg);
	return 0;
}

/* One whole message. Types of a later version mean nothing here. */
static int take(struct bk_chat *c)
{
	struct bk_chat_msg m;
	int err = bk_chat_decode(bk_buf_head(&c->content), c->content.len, &m);

	if (err < 0)
		return err;
	switch (m.type) {
	case BK_CHAT_TEXT:
		return on_text(c, &m);
	case BK_CHAT_DELIVERED:
		return on_delivered(c, m.number);
	case BK_CHAT_END:
		return on_end_message(c, m.number);
	default:
		return 0;
	}
}

static void read_input(struct bk_chat *c, const uint8_t **data, size_t *n)
{
	int event = 0;

	while (!c->is_paused && !c->is_closing && event >= 0) {
		event = bk_frame_collect(&c->decoder, &c->content, data, n);
		if (event == BK_FRAME_NONE)
			break;
		if (event == BK_FRAME_END)
			event = take(c);
	}
	if (event < 0)
		fault(c, event);
	bk_turn_ask(&c->turn);
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct bk_chat *c = arg;

	(void)channel;
	read_input(c, &data, &n);
	if (n && !c->is_closing && bk_buf_append(&c->held, data, n) < 0)
		fault(c, BK_E_FULL);
}

/* What was held since a pause, when that is over. */
static void read_held(struct bk_chat *c)
{
	const uint8_t *data = bk_buf_head(&c->held);
	size_t left = c->held.len;

	if (c->is_paused || !c->channel)
		return;
	if (left) {
		read_input(c, &data, &left);
		bk_buf_consume(&c->held, c->held.len - left);
	}
	if (c->is_paused)
		return;
	bk_buf_release(&c->held);
	bk_channel_resume(c->channel);
}

static void on_turn(void *arg)
{
	struct bk_chat *c = arg;

	if (c->is_closing)
		return;
	read_held(c);
	put_mark(c);
	advance_end(c);
}

static void on_fin(struct bk_channel *channel, void *arg)
{
	struct bk_chat *c = arg;

	(void)channel;
	if (!c->is_other_finished) {
		fault(c, BK_E_PROTOCOL);
		return;
	}
	c->has_fin = true;
	bk_turn_ask(&c->turn);
}

static void on_reset(struct bk_channel *channel, void *arg, int error)
{
	struct bk_chat *c = arg;

	(void)channel;
	c->channel = NULL;
	/* Most often the session ends with it, and its own sentence is the better one. */
	if (error == BK_E_UNSUPPORTED)
		fail(c, BK_E_PEER_REFUSED, BK_CALL_WHO_PEER, BK_CALL_NO_PART);
	else
		close_call(c, 0);
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_writable = on_writable, .on_finished = on_fin, .on_reset = on_reset};

/* --- the call --- */

static void begin(struct bk_chat *c)
{
	c->is_open = true;
	c->wants_room = false;
	c->since = bk_loop_now(c->loop);
	if (c->events.on_open)
		c->events.on_open(c, c->arg);
}

static void on_patience(void *arg)
{
	struct bk_chat *c = arg;

	if (c->has_sent_fin)
		close_call(c, 0);
	else
		fail(c, BK_E_PEER_REFUSED, BK_CALL_WHO_PEER, BK_CALL_NO_PART);
}

static void on_open(void *arg)
{
	struct bk_chat *c = arg;
	int err;

	if (c->is_closing || c->channel)
		return;
	if (!bk_call_is_joiner(&c->call)) {
		bk_timer_start(c->patience, CHANNEL_PATIENCE);
		return;
	}
	err = bk_channel_open(c->call.session, BK_CHAT_CHANNEL_KIND, &channel_events, c, &c->channel);
	if (err < 0)
		fail(c, err, BK_CALL_WHO_HERE, "cannot open a channel to the other side");
	else
		begin(c);
}

static void on_channel(void *arg, struct bk_channel *channel, const char *kind)
{
	struct bk_chat *c = arg;

	if (c->is_closing)
		return;
	if (c->is_open) {
		if (c->events.on_channel)
			c->events.on_channel(c, c->arg, channel, kind);
		return;
	}
	bk_timer_stop(c->patience);
	if (bk_call_is_joiner(&c->call) || strcmp(kind, BK_CHAT_CHANNEL_KIND) != 0 ||
		bk_channel_listen(channel, &channel_events, c) < 0) {
		fail(c, BK_E_PEER_REFUSED, BK_CALL_WHO_PEER, BK_CALL_NO_PART);
		return;
	}
	c->channel = channel;
	begin(c);
}

/* The session ended in good order; was the talk over? */
static void judge(struct bk_chat *c)
{
	const char *name = c->call.peer_name[0] ? c->call.peer_name : "the other side";
	unsigned long long missing = c->said - c->delivered;

	if (!c->is_open)
		bk_call_decide(&c->call, BK_E_PEER_REFUSED, BK_CALL_WHO_PEER, BK_CALL_NO_PART);
	else if (missing)
		bk_call_decide(&c->call, BK_E_PEER_VANISHED, BK_CALL_WHO_PEER,
			"%s left before %llu message%s of ours reached it", name, missing,
			missing == 1 ? "" : "s");
	else if (!c->is_leaving && !c->is_other_finished)
		bk_call_decide(&c->call, BK_E_PEER_VANISHED, BK_CALL_WHO_PEER,
			"%s ended without saying that it was all", name);
}

static void on_end(void *arg, int error)
{
	struct bk_chat *c = arg;
	struct bk_chat_result result = {.said = c->said, .delivered = c->delivered, .heard = c->heard};
	struct bk_call_failure failure;

	c->is_closing = true;
	c->channel = NULL;
	bk_timer_stop(c->patience);
	if (!error)
		judge(c);
	if (c->is_open)
		result.seconds = (double)(bk_loop_now(c->loop) - c->since) / (double)BK_SEC;
	failure = bk_call_failure(&c->call);
	/* Where nothing was missing any more it does not matter how the session ended. */
	c->events.on_end(c, c->arg, &result, failure.error && !c->has_sent_fin ? &failure : NULL);
}

static const struct bk_call_ops call_ops = {.on_open = on_open, .on_channel = on_channel, .on_end = on_end};

/* --- what the program asks --- */

int bk_chat_say(struct bk_chat *c, const char *text, size_t len, uint64_t *ret_number)
{
	const struct bk_chat_msg m = {.type = BK_CHAT_TEXT, .number = c->said + 1, .text = text, .len = len};
	int err = bk_chat_check(text, len);

	if (err < 0)
		return err;
	if (c->has_finished || c->is_closing)
		return BK_E_EOF;
	if (!has_room(c, len)) {
		c->wants_room = true;
		return BK_E_AGAIN;
	}
	err = put(c, &m);
	if (err < 0)
		return err;
	c->said++;
	if (ret_number)
		*ret_number = c->said;
	return 0;
}

void bk_chat_pause(struct bk_chat *c)
{
	c->is_paused = true;
	if (c->channel)
		bk_channel_pause(c->channel);
}

void bk_chat_resume(struct bk_chat *c)
{
	c->is_paused = false;
	bk_turn_ask(&c->turn);
}

static void finish(struct bk_chat *c)
{
	const struct bk_chat_msg m = {.type = BK_CHAT_END, .number = c->said};

	if (c->has_finished || c->is_closing)
		return;
	c->has_finished = true;
	if (put(c, &m) < 0)
		fail(c, BK_E_NOMEM, BK_CALL_WHO_HERE, bk_error_text(BK_E_NOMEM));
	bk_turn_ask(&c->turn);
}

void bk_chat_finish(struct bk_chat *c)
{
	if (c->is_open)
		finish(c);
}

void bk_chat_leave(struct bk_chat *c)
{
	c->is_leaving = true;
	if (c->is_open)
		finish(c);
	else
		bk_chat_cancel(c);
	bk_turn_ask(&c->turn);
}

void bk_chat_cancel(struct bk_chat *c)
{
	fail(c, BK_E_CANCELLED, BK_CALL_WHO_HERE, bk_error_text(BK_E_CANCELLED));
}

struct bk_session *bk_chat_session(const struct bk_chat *c)
{
	return c->is_closing ? NULL : c->call.session;
}

/* --- life --- */

static int start(struct bk_chat *c)
{
	const struct bk_frame_limits limits = {.content_max = BK_CHAT_WIRE_MAX};
	int err = bk_timer_new(c->loop, on_patience, c, &c->patience);

	bk_frame_decoder_init(&c->decoder, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&c->content, BK_CHAT_WIRE_MAX + 1);
	bk_buf_init(&c->out, OUT_MAX);
	bk_buf_init(&c->held, HELD_MAX);
	bk_turn_init(&c->turn, c->loop, on_turn, c);
	if (!err && (!c->events.on_message || !c->events.on_end))
		err = BK_E_INVALID;
	return err < 0 ? err : bk_call_start(&c->call, &call_ops, c);
}

int bk_chat_new(struct bk_loop *loop, const struct bk_chat_opts *opts, const struct bk_chat_events *events,
	void *arg, struct bk_chat **ret_chat, char ret_text[BK_CHAT_SENTENCE_MAX])
{
	struct bk_chat *c = calloc(1, sizeof(*c));
	char text[BK_CHAT_SENTENCE_MAX] = "";
	struct bk_chat_opts o;
	int unread = bk_opts_read(&o, opts, session), err = c ? 0 : BK_E_NOMEM;

	if (c) {
		c->loop = loop;
		c->arg = arg;
		err = bk_opts_read(&c->events, events, on_end);
	}
	if (!err)
		err = bk_call_init(&c->call, loop, o.session, c->events.news, arg);
	if (!err)
		err = unread < 0 ? unread : start(c);
	if (err < 0) {
		bk_call_explain(err, "chat", o.session, text);
		if (ret_text)
			memcpy(ret_text, text, sizeof(text));
		bk_chat_free(c);
		return err;
	}
	*ret_chat = c;
	return 0;
}

void bk_chat_free(struct bk_chat *c)
{
	if (!c)
		return;
	bk_call_done(&c->call);
	bk_turn_done(&c->turn);
	bk_timer_free(c->patience);
	bk_frame_decoder_done(&c->decoder);
	bk_buf_done(&c->content);
	bk_buf_done(&c->out);
	bk_buf_done(&c->held);
	free(c);
}
