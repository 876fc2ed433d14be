/* SPDX-License-Identifier: Apache-2.0 */
/* What both ends of a transfer have in common. The end is the delicate part: whatever goes wrong first is the
 * verdict, the peer hears it as a message before the session closes, and the caller hears it once, when the
 * session has closed. */
#include "transfer/talk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/opts.h"
#include "transfer/known.h"

_Static_assert((int)BK_TRANSFER_TEXT_MAX == (int)BK_CALL_TEXT_MAX, "one size of a sentence");

enum {
	OUT_MAX = BK_KNOWN_MAX + BK_FILE_LIST_MAX + (1 << 20),
	HELD_MAX = 8 << 20,
};

#define LAST_WORD_TIME (30 * BK_SEC) /* for a peer that reads nothing to take our last message */
#define REACT_TIME     (2 * BK_SEC)  /* for a receiver that is writing to come to our error, and to leave */
#define SETTLE_TIME    (1 * BK_SEC)  /* for a disk to let go of our files */

static bool is_stopped(const struct bk_talk *t)
{
	return t->is_on_hold || t->is_paced;
}

static void count_end(struct bk_talk *t)
{
	bk_timer_stop(t->ticker);
}

static void close_session(struct bk_talk *t, int error)
{
	t->state = BK_TALK_ENDING;
	bk_timer_stop(t->patience);
	count_end(t);
	bk_timer_stop(t->pacer);
	/* On hold, the peer's own end would never be read. */
	if (is_stopped(t) && t->channel)
		bk_channel_resume(t->channel);
	t->is_on_hold = t->is_paced = false;
	if (t->call.is_guest) {
		bk_channel_free(t->channel, error);
		t->channel = NULL;
	}
	bk_call_close(&t->call, error);
}

/* What was put so far goes first. A receiver whose disk is slow has much to read before our error: it ends the
 * session itself when it has, and what it has not read would be lost if we did. */
static void flush_parting(struct bk_talk *t)
{
	int err = bk_talk_flush(t);

	if (err == BK_E_AGAIN)
		bk_timer_start(t->patience, LAST_WORD_TIME);
	else if (err >= 0 && t->ops->is_opener && t->call.error && t->channel)
		bk_timer_start(t->patience, REACT_TIME);
	else
		close_session(t, t->call.error);
}

/* The peer gets our sentence, as much of it as fits. */
static void tell(struct bk_talk *t, enum bk_file_type type, int error)
{
	struct bk_file_msg msg = {.type = type};

	snprintf(msg.text, sizeof(msg.text), "%.*s", (int)sizeof(msg.text) - 1, t->call.text);
	bk_call_trim(msg.text);
	snprintf(msg.code, sizeof(msg.code), "%s", bk_error_name(error));
	t->state = BK_TALK_PARTING;
	if (!t->channel || bk_file_msg_encode(&t->out, &msg, 0) < 0)
		close_session(t, t->call.error);
	else
		flush_parting(t);
}

/* Ours, while it is still open how it ends. */
void bk_talk_decide(struct bk_talk *t, enum bk_file_type type, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!t->is_done && !bk_talk_is_over(t) && bk_call_vdecide(&t->call, error, BK_CALL_WHO_HERE, fmt, ap))
		tell(t, type, error);
	va_end(ap);
}

static const char *name_of(const struct bk_talk *t)
{
	return t->call.peer_name[0] ? t->call.peer_name : "the other side";
}

void bk_talk_blame(struct bk_talk *t, const struct bk_file_msg *msg)
{
	int error = bk_error_from_name(msg->code);
	const char *why = msg->text[0] ? msg->text : bk_error_text(error);

	if (bk_talk_is_over(t))
		return;
	if (!t->is_done && msg->type == BK_FILE_REFUSE && error == BK_E_DECLINED)
		bk_call_decide(&t->call, BK_E_PEER_REFUSED, BK_CALL_WHO_PEER,
			"%s declined what was offered; nothing was sent%s", name_of(t),
			t->call.is_guest || t->call.opts.shared_code ? "" : ", and the code is used up");
	else if (!t->is_done && msg->type == BK_FILE_REFUSE)
		bk_call_decide(&t->call, BK_E_PEER_REFUSED, BK_CALL_WHO_PEER,
			"%s did not take it: %s; nothing was sent", name_of(t), why);
	else if (!t->is_done)
		bk_call_decide(&t->call, error, BK_CALL_WHO_PEER, "%s failed: %s", name_of(t), why);
	close_session(t, 0);
}

void bk_talk_succeed(struct bk_talk *t, const struct bk_transfer_result *result)
{
	if (t->call.error || bk_talk_is_over(t))
		return;
	t->is_done = true;
	t->result = *result;
	t->result.seconds = bk_meter_seconds(&t->meter, bk_loop_now(t->loop));
	t->state = BK_TALK_PARTING;
	flush_parting(t);
}

void bk_talk_cancel(struct bk_talk *t)
{
	if (t->state == BK_TALK_ENDING)
		return;
	if (!t->is_done)
		bk_call_decide(&t->call, BK_E_CANCELLED, BK_CALL_WHO_HERE, "cancelled");
	close_session(t, BK_E_CANCELLED);
}

int bk_talk_flush(struct bk_talk *t)
{
	int err = 0;

	while (t->out.len && err >= 0) {
		size_t n = t->out.len < BK_CHANNEL_WRITE_MAX ? t->out.len : BK_CHANNEL_WRITE_MAX;

		err = t->channel ? bk_channel_write(t->channel, bk_buf_head(&t->out), n) : BK_E_EOF;
		if (err >= 0)
			bk_buf_consume(&t->out, n);
	}
	return err < 0 ? err : 0;
}

void bk_talk_put(struct bk_talk *t, const struct bk_file_msg *msg)
{
	int err;

	if (bk_talk_is_over(t))
		return;
	err = bk_file_msg_encode(&t->out, msg, 0);
	if (err < 0)
		bk_talk_fail(t, err, "cannot answer the other side: %s", bk_error_text(err));
	else
		(void)bk_talk_flush(t);
}

/* Of what has come so much was not paid for yet. */
static void slow_down(struct bk_talk *t, uint64_t bytes)
{
	bk_time now = bk_loop_now(t->loop);
	bk_dur wait;

	if (!t->pace)
		return;
	bk_pace_take(t->pace, bytes, now);
	wait = bk_talk_is_over(t) ? 0 : bk_pace_wait(t->pace, now);
	if (!wait)
		return;
	t->is_paced = true;
	if (t->channel)
		bk_channel_pause(t->channel);
	bk_timer_start(t->pacer, wait);
}

static void hand_on(struct bk_talk *t, int event)
{
	if (event == BK_FILE_PIECE)
		t->ops->on_piece(t->owner, t->reader.piece, t->reader.piece_len);
	else if (t->reader.msg.type == BK_FILE_ERROR)
		bk_talk_blame(t, &t->reader.msg);
	else
		t->ops->on_message(t->owner, &t->reader.msg);
}

/* Reads until the input is used up, on hold, or over. */
static void read_input(struct bk_talk *t, const uint8_t **data, size_t *n)
{
	while (!is_stopped(t) && !bk_talk_is_over(t)) {
		uint64_t before = t->reader.travelled;
		int event = bk_file_reader_next(&t->reader, data, n);

		if (t->reader.travelled != before)
			slow_down(t, t->reader.travelled - before);

		if (event == BK_FILE_NOTHING)
			return;
		if (event < 0)
			bk_talk_fail(t, event, "the other side sent what is no file message: %s",
				bk_error_text(event));
		else
			hand_on(t, event);
	}
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct bk_talk *t = arg;

	(void)channel;
	read_input(t, &data, &n);
	if (!n || bk_talk_is_over(t))
		return;
	if (bk_buf_append(&t->held, data, n) < 0)
		bk_talk_fail(t, BK_E_FULL, "the other side sends while it should wait");
}

/* Of what is kept, then of what comes. */
static void go_on(struct bk_talk *t)
{
	const uint8_t *data = bk_buf_head(&t->held);
	size_t left = t->held.len;

	read_input(t, &data, &left); /* also of what the reader has itself, unpacked */
	bk_buf_consume(&t->held, t->held.len - left);
	if (is_stopped(t))
		return;
	bk_buf_release(&t->held);
	if (t->channel)
		bk_channel_resume(t->channel);
}

static void on_pacer(void *arg)
{
	struct bk_talk *t = arg;

	if (t->ops->is_opener && t->state == BK_TALK_TALKING) {
		t->ops->on_writable(t->owner);
	} else if (!t->ops->is_opener) {
		t->is_paced = false;
		go_on(t);
	}
}

void bk_talk_hold(struct bk_talk *t)
{
	t->is_on_hold = true;
	if (t->channel)
		bk_channel_pause(t->channel);
}

void bk_talk_release(struct bk_talk *t)
{
	t->is_on_hold = false;
	bk_talk_progress(t);
	go_on(t);
}

bool bk_talk_waits(struct bk_talk *t, uint64_t bytes)
{
	bk_time now = bk_loop_now(t->loop);

	if (t->pace && !t->booked)
		t->booked = bk_pace_book(t->pace, bytes, now);
	if (t->booked <= now)
		return false;
	bk_timer_start(t->pacer, t->booked - now);
	return true;
}

void bk_talk_paced(struct bk_talk *t)
{
	t->booked = 0;
}

/* --- patience --- */

void bk_talk_await(struct bk_talk *t, bk_dur time, const char *if_not)
{
	if (bk_talk_is_over(t))
		return;
	t->awaited_for = time;
	t->if_not = if_not;
	bk_talk_progress(t);
	if (time)
		bk_timer_start(t->patience, time);
	else
		bk_timer_stop(t->patience);
}

static void on_patience(void *arg)
{
	struct bk_talk *t = arg;
	bk_dur left = t->awaited_since + t->awaited_for - bk_loop_now(t->loop);

	if (t->is_settling)
		bk_talk_settled(t);
	else if (t->state == BK_TALK_PARTING)
		close_session(t, t->call.error);
	else if (is_stopped(t)) /* it is we who keep it waiting */
		bk_timer_start(t->patience, t->awaited_for);
	else if (left > 0)
		bk_timer_start(t->patience, left);
	else
		bk_talk_fail(t, BK_E_TIMEOUT, "%s", t->if_not);
}

static void tell_file(struct bk_talk *t)
{
	if (!t->events.on_file || !t->now.path || t->now.number == t->told_number)
		return;
	t->told_number = t->now.number;
	t->events.on_file(&t->call, t->arg, t->now.path, t->now.number, t->now.files);
}

static void on_tick(void *arg)
{
	struct bk_talk *t = arg;

	bk_meter_tick(&t->meter, bk_loop_now(t->loop));
	bk_timer_start(t->ticker, BK_METER_INTERVAL);
	tell_file(t);
	if (t->events.on_progress)
		t->events.on_progress(&t->call, t->arg, t->meter.bytes, t->meter.total, t->meter.rate);
}

void bk_talk_count(struct bk_talk *t, const struct bk_transfer_resume *from)
{
	bk_meter_init(&t->meter, from->total, from->bytes, bk_loop_now(t->loop));
	bk_timer_start(t->ticker, BK_METER_INTERVAL);
	if ((from->bytes || from->changed) && t->events.on_resume)
		t->events.on_resume(&t->call, t->arg, from);
}

static void on_writable(struct bk_channel *channel, void *arg)
{
	struct bk_talk *t = arg;

	(void)channel;
	if (t->state == BK_TALK_PARTING)
		flush_parting(t);
	else if (t->state == BK_TALK_TALKING && bk_talk_flush(t) >= 0 && t->ops->on_writable)
		t->ops->on_writable(t->owner);
}

static void on_finished(struct bk_channel *channel, void *arg)
{
	struct bk_talk *t = arg;

	(void)channel;
	if (!is_stopped(t) && !t->is_done)
		bk_talk_fail(t, BK_E_PROTOCOL, "the other side stopped before the transfer was complete");
}

/* When it comes with the end of the session, the session's own sentence is the better one. */
static void on_reset(struct bk_channel *channel, void *arg, int error)
{
	struct bk_talk *t = arg;

	(void)channel;
	t->channel = NULL;
	t->reset_error = error;
	if (t->state == BK_TALK_PARTING)
		close_session(t, t->call.error);
	else if (t->state != BK_TALK_ENDING)
		close_session(t, 0);
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data,
	.on_writable = on_writable,
	.on_finished = on_finished,
	.on_reset = on_reset,
};

/* A sign is there to be seen: a sender passes it over, and whoever does something else with the code knows it. */
static void on_sign(struct bk_channel *sign, void *arg, const uint8_t *data, size_t n)
{
	(void)sign;
	(void)arg;
	(void)data;
	(void)n;
}

static const struct bk_channel_events sign_events = {.on_data = on_sign};

static void on_open(void *arg)
{
	struct bk_talk *t = arg;
	struct bk_channel *sign;
	int err;

	if (t->state != BK_TALK_PAIRING)
		return;
	if (!t->ops->is_opener) {
		bk_talk_await(t, BK_TALK_CHANNEL_TIME, BK_CALL_NO_PART);
		(void)bk_channel_open(t->call.session, BK_FILE_TAKER_KIND, &sign_events, t, &sign);
		return;
	}
	err = bk_channel_open(t->call.session, BK_TRANSFER_CHANNEL_KIND, &channel_events, t, &t->channel);
	if (err < 0) {
		bk_talk_fail(t, err, "cannot open a channel to the other side: %s", bk_error_text(err));
		return;
	}
	t->state = BK_TALK_TALKING;
	t->ops->on_start(t->owner);
}

/* Two senders that meet each get a reset, two receivers each other's sign, and say so. */
static void on_channel(void *arg, struct bk_channel *channel, const char *kind)
{
	struct bk_talk *t = arg;

	if (!t->ops->is_opener && t->state == BK_TALK_PAIRING && !strcmp(kind, BK_FILE_TAKER_KIND)) {
		t->reset_error = BK_E_UNSUPPORTED;
		close_session(t, 0);
		return;
	}
	if (t->ops->is_opener || t->state != BK_TALK_PAIRING || strcmp(kind, BK_TRANSFER_CHANNEL_KIND) != 0)
		return;
	if (bk_channel_listen(channel, &channel_events, t) < 0)
		return;
	t->channel = channel;
	t->state = BK_TALK_TALKING;
	t->ops->on_start(t->owner);
}

static void report(struct bk_talk *t)
{
	const struct bk_call_failure failure = bk_call_failure(&t->call);

	if (t->is_done)
		t->events.on_done(&t->call, t->arg, &t->result);
	else
		t->events.on_error(&t->call, t->arg, &failure);
}

void bk_talk_settled(struct bk_talk *t)
{
	t->is_settling = false;
	bk_timer_stop(t->patience);
	report(t);
}

/* The session ended in good order, or, of a guest, goes on. */
static void judge(struct bk_talk *t)
{
	const char *name = name_of(t);

	if (t->call.is_guest && t->reset_error == BK_E_UNSUPPORTED)
		bk_call_decide(&t->call, BK_E_PEER_REFUSED, BK_CALL_WHO_PEER, "%s takes no files now", name);
	else if (t->reset_error == BK_E_UNSUPPORTED)
		bk_call_decide(&t->call, t->reset_error, BK_CALL_WHO_BETWEEN, "%s", BK_CALL_NO_PART);
	else if (t->reset_error && t->reset_error != BK_E_EOF)
		bk_call_decide(&t->call, t->reset_error, BK_CALL_WHO_PEER,
			"%s ended the transfer before it was complete", name);
	else
		bk_call_decide(&t->call, BK_E_PEER_VANISHED, BK_CALL_WHO_BETWEEN,
			"the other side ended before the transfer was complete");
}

/* What became of the files, when somebody wants no more. */
static const char *how_much(const struct bk_talk *t)
{
	if (t->meter.bytes)
		return t->ops->is_opener ? "; not everything was sent" : "; not everything was received";
	return t->ops->is_opener ? "; nothing was sent" : "; nothing was received";
}

/* What is to be done on this side. Who joined does not know whether the other side makes another code or, as one that
 * sends to several, goes on with this one; what is shown there is right in any case. */
void bk_talk_add_how_to_go_on(struct bk_talk *t)
{
	const struct bk_session_opts *o = &t->call.opts;
	bool has_ended_code = t->call.error == BK_E_CANCELLED && t->call.who == BK_CALL_WHO_HERE;

	bk_call_add(&t->call, "; what came is kept: ");
	bk_call_add(
		&t->call, t->call.is_guest || o->peer_key     ? "sent again, it goes on from there"
			  : o->shared_code && !has_ended_code ? "with the same code it goes on"
			  : o->code ? "the same command goes on, with the code that the other side shows then"
			  : o->code_wish ? "run both commands again, with the same code, to go on"
					 : "the same command goes on, with the new code that it shows");
}

static void on_end(void *owner, int error)
{
	struct bk_talk *t = owner;

	t->channel = NULL;
	t->state = BK_TALK_ENDING;
	bk_timer_stop(t->patience);
	count_end(t);
	if (!error && !t->is_done)
		judge(t);
	if (error == BK_E_PEER_CANCELLED && !t->is_done)
		bk_call_add(&t->call, how_much(t));
	if (t->ops->is_opener && !t->is_done && t->is_resumable && t->meter.bytes >= BK_HAVE_BLOCK)
		bk_talk_add_how_to_go_on(t);
	t->is_settling = true;
	if (t->ops->on_end(t->owner))
		bk_talk_settled(t);
	else
		bk_timer_start(t->patience, SETTLE_TIME);
}

static const struct bk_call_ops call_ops = {.on_open = on_open, .on_channel = on_channel, .on_end = on_end};

int bk_talk_init(struct bk_talk *t, struct bk_loop *loop, const struct bk_talk_place *place,
	const struct bk_transfer_events *events, void *arg)
{
	int err, unread;

	*t = (struct bk_talk){.loop = loop, .arg = arg};
	bk_file_reader_init(&t->reader);
	bk_buf_init(&t->out, OUT_MAX);
	bk_buf_init(&t->held, HELD_MAX);
	unread = bk_opts_read(&t->events, events, on_error);
	if (place->within || place->channel)
		err = bk_call_init_guest(&t->call, loop, place->within, place->peer, t->events.news, arg);
	else
		err = bk_call_init(&t->call, loop, place->session, t->events.news, arg);
	if (!err && !place->session == !(place->within || place->channel))
		err = BK_E_INVALID;
	if (!err)
		err = unread;
	if (!err && (!t->events.on_done || !t->events.on_error))
		err = BK_E_INVALID;
	t->pace = place->pace;
	if (err >= 0)
		err = bk_timer_new(loop, on_tick, t, &t->ticker);
	if (err >= 0)
		err = bk_timer_new(loop, on_pacer, t, &t->pacer);
	return err < 0 ? err : bk_timer_new(loop, on_patience, t, &t->patience);
}

int bk_talk_start(struct bk_talk *t, const struct bk_talk_ops *ops, void *owner, struct bk_channel *channel)
{
	t->ops = ops;
	t->owner = owner;
	if (channel) /* now or never: it is reset when nobody listens */
		on_channel(t, channel, BK_TRANSFER_CHANNEL_KIND);
	return channel && !t->channel ? BK_E_INVALID : bk_call_start(&t->call, &call_ops, t);
}

void bk_talk_done(struct bk_talk *t)
{
	if (t->call.is_guest)
		bk_channel_free(t->channel, BK_E_CANCELLED);
	bk_call_done(&t->call);
	bk_timer_free(t->ticker);
	bk_timer_free(t->pacer);
	bk_timer_free(t->patience);
	bk_file_reader_done(&t->reader);
	bk_buf_done(&t->out);
	bk_buf_done(&t->held);
}
