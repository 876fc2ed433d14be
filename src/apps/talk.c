/* SPDX-License-Identifier: Apache-2.0 */
/* What both ends of a transfer have in common. The end is the delicate part: whatever goes wrong first is the
 * verdict, the peer hears it as a message before the session closes, and the caller hears it once, when the
 * session has closed. */
#include "apps/talk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/text.h"

enum {
	OUT_MAX = BK_FILE_LIST_MAX + (1 << 16),
	HELD_MAX = 8 << 20,
};

static void close_session(struct bk_talk *t, int error)
{
	t->state = BK_TALK_ENDING;
	bk_talk_count_end(t);
	/* On hold, the peer's own end would never be read. */
	if (t->on_hold && t->channel)
		bk_channel_resume(t->channel);
	t->on_hold = false;
	bk_session_close(t->session, error);
}

/* What was cut at the end of a buffer may end inside a character. */
static void trim_character(char *s)
{
	size_t n = strlen(s), at = n, need = 1;

	while (at && n - at < 3 && ((unsigned char)s[at - 1] & 0xc0) == 0x80)
		at--;
	if (!at)
		return;
	if ((unsigned char)s[at - 1] >= 0xc0)
		need = (unsigned char)s[at - 1] >= 0xf0 ? 4 : (unsigned char)s[at - 1] >= 0xe0 ? 3 : 2;
	if (n - at + 1 < need)
		s[at - 1] = 0;
}

/* Keeps the first sentence. */
static bool decide(struct bk_talk *t, int error, const char *fmt, va_list ap)
{
	if (t->error || t->is_done || bk_talk_is_over(t))
		return false;
	t->error = error;
	vsnprintf(t->text, sizeof(t->text), fmt, ap);
	trim_character(t->text);
	bk_text_sanitize(t->text);
	return true;
}

/* The peer gets our sentence, as much of it as fits. */
static void tell(struct bk_talk *t, enum bk_file_type type, int error)
{
	struct bk_file_msg msg = {.type = type};

	snprintf(msg.text, sizeof(msg.text), "%.*s", (int)sizeof(msg.text) - 1, t->text);
	trim_character(msg.text);
	snprintf(msg.code, sizeof(msg.code), "%s", bk_error_name(error));
	t->state = BK_TALK_FAILING;
	if (!t->channel || bk_file_msg_encode(&t->out, &msg, 0) < 0 || bk_talk_flush(t) != BK_E_AGAIN)
		close_session(t, t->error);
}

void bk_talk_fail(struct bk_talk *t, int error, const char *fmt, ...)
{
	va_list ap;
	bool is_first;

	va_start(ap, fmt);
	is_first = decide(t, error, fmt, ap);
	va_end(ap);
	if (is_first)
		tell(t, BK_FILE_ERROR, error);
}

void bk_talk_refuse(struct bk_talk *t, int error, const char *fmt, ...)
{
	va_list ap;
	bool is_first;

	va_start(ap, fmt);
	is_first = decide(t, error, fmt, ap);
	va_end(ap);
	if (is_first)
		tell(t, BK_FILE_REFUSE, error);
}

static void decide_quietly(struct bk_talk *t, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void decide_quietly(struct bk_talk *t, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)decide(t, error, fmt, ap);
	va_end(ap);
}

void bk_talk_blame(struct bk_talk *t, const struct bk_file_msg *msg)
{
	int error = bk_error_from_name(msg->code);
	const char *why = msg->text[0] ? msg->text : bk_error_text(error);

	if (bk_talk_is_over(t))
		return;
	t->is_remote = true;
	if (msg->type == BK_FILE_REFUSE)
		decide_quietly(t, BK_E_PEER_REFUSED, "the other side refused: %s", why);
	else
		decide_quietly(t, error, "the other side failed: %s", why);
	close_session(t, 0);
}

void bk_talk_succeed(struct bk_talk *t, const struct bk_transfer_result *result)
{
	if (t->error || bk_talk_is_over(t))
		return;
	t->is_done = true;
	t->result = *result;
	t->result.seconds = bk_meter_seconds(&t->meter, bk_loop_now(t->loop));
	close_session(t, 0);
}

void bk_talk_cancel(struct bk_talk *t)
{
	if (t->state == BK_TALK_ENDING)
		return;
	if (!t->error)
		decide_quietly(t, BK_E_CANCELLED, "cancelled");
	close_session(t, BK_E_CANCELLED);
}

static void flush_failing(struct bk_talk *t)
{
	if (bk_talk_flush(t) != BK_E_AGAIN)
		close_session(t, t->error);
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

static void hand_on(struct bk_talk *t, int event)
{
	if (event == BK_FILE_PIECE)
		t->ops->on_piece(t->owner, t->reader.piece, t->reader.piece_len);
	else if (t->reader.msg.type == BK_FILE_ERROR || t->reader.msg.type == BK_FILE_REFUSE)
		bk_talk_blame(t, &t->reader.msg);
	else
		t->ops->on_message(t->owner, &t->reader.msg);
}

/* Reads until the input is used up, on hold, or over. */
static void read_input(struct bk_talk *t, const uint8_t **data, size_t *n)
{
	while (!t->on_hold && !bk_talk_is_over(t)) {
		int event = bk_file_reader_next(&t->reader, data, n);

		if (event == BK_FILE_NOTHING)
			return;
		if (event < 0)
			bk_talk_fail(t, event, "the other side sent what is no file message: %s",
				bk_error_text(event));
		else
			hand_on(t, event);
	}
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_talk *t = arg;

	read_input(t, &data, &n);
	if (!n || bk_talk_is_over(t))
		return;
	if (bk_buf_append(&t->held, data, n) < 0)
		bk_talk_fail(t, BK_E_FULL, "the other side sends while it should wait");
}

void bk_talk_hold(struct bk_talk *t)
{
	t->on_hold = true;
	if (t->channel)
		bk_channel_pause(t->channel);
}

void bk_talk_release(struct bk_talk *t)
{
	size_t left = t->held.len;

	t->on_hold = false;
	if (left) {
		const uint8_t *data = bk_buf_head(&t->held);

		read_input(t, &data, &left);
		bk_buf_consume(&t->held, t->held.len - left);
	}
	if (t->on_hold)
		return;
	bk_buf_release(&t->held);
	if (t->channel)
		bk_channel_resume(t->channel);
}

static void on_tick(void *arg)
{
	struct bk_talk *t = arg;

	bk_meter_tick(&t->meter, bk_loop_now(t->loop));
	bk_timer_start(t->ticker, BK_METER_INTERVAL);
	t->events->on_progress(t->arg, t->meter.bytes, t->meter.total, t->meter.rate);
}

void bk_talk_count(struct bk_talk *t, uint64_t total)
{
	bk_meter_init(&t->meter, total, bk_loop_now(t->loop));
	bk_timer_start(t->ticker, BK_METER_INTERVAL);
}

void bk_talk_count_end(struct bk_talk *t)
{
	bk_timer_stop(t->ticker);
}

static void on_writable(void *arg)
{
	struct bk_talk *t = arg;

	if (t->state == BK_TALK_FAILING)
		flush_failing(t);
	else if (t->state == BK_TALK_TALKING && bk_talk_flush(t) >= 0 && t->ops->on_writable)
		t->ops->on_writable(t->owner);
}

static void on_finished(void *arg)
{
	struct bk_talk *t = arg;

	if (!t->on_hold && !t->is_done)
		bk_talk_fail(t, BK_E_PROTOCOL, "the other side stopped before the transfer was complete");
}

/* When it comes with the end of the session, the session's own sentence is the better one. */
static void on_reset(void *arg, int error)
{
	struct bk_talk *t = arg;

	t->channel = NULL;
	t->reset_error = error;
	if (t->state == BK_TALK_FAILING)
		close_session(t, t->error);
	else if (t->state != BK_TALK_ENDING)
		close_session(t, 0);
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data,
	.on_writable = on_writable,
	.on_finished = on_finished,
	.on_reset = on_reset,
};

static void on_code(void *arg, const char *code)
{
	struct bk_talk *t = arg;

	t->has_code = true;
	t->events->on_code(t->arg, code);
}

/* Nothing the other side chose reaches a terminal as it came. */
static const char *harmless(char *out, size_t max, const char *text)
{
	snprintf(out, max, "%s", text ? text : "");
	trim_character(out);
	bk_text_sanitize(out);
	return out;
}

static void on_peer(void *arg, const struct bk_peer *peer)
{
	struct bk_talk *t = arg;
	char id[BK_TALK_NAME_MAX], nat[BK_TALK_NAME_MAX];
	const struct bk_peer safe = {
		.id = harmless(id, sizeof(id), peer->id),
		.name = harmless(t->peer_name, sizeof(t->peer_name), peer->name),
		.nat = harmless(nat, sizeof(nat), peer->nat),
	};

	t->has_peer = true;
	t->events->on_peer(t->arg, &safe);
}

static void on_path(void *arg, const struct bk_path *path)
{
	struct bk_talk *t = arg;

	t->events->on_path(t->arg, path);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct bk_talk *t = arg;
	char safe[BK_TRANSFER_TEXT_MAX];

	t->events->on_note(t->arg, verbosity, harmless(safe, sizeof(safe), text));
}

static void on_open(void *arg)
{
	struct bk_talk *t = arg;
	int err;

	if (!t->ops->is_opener || t->state != BK_TALK_PAIRING)
		return;
	err = bk_channel_open(t->session, BK_FILE_CHANNEL_KIND, &channel_events, t, &t->channel);
	if (err < 0) {
		bk_talk_fail(t, err, "cannot open a channel to the other side: %s", bk_error_text(err));
		return;
	}
	t->state = BK_TALK_TALKING;
	t->ops->on_start(t->owner);
}

/* Two senders or two receivers that meet each get a reset, and say so. */
static void on_channel(void *arg, struct bk_channel *channel, const char *kind)
{
	struct bk_talk *t = arg;

	if (t->ops->is_opener || t->state != BK_TALK_PAIRING || strcmp(kind, BK_FILE_CHANNEL_KIND) != 0)
		return;
	t->channel = channel;
	t->state = BK_TALK_TALKING;
	bk_channel_listen(channel, &channel_events, t);
	t->ops->on_start(t->owner);
}

static void report(struct bk_talk *t)
{
	const struct bk_transfer_failure failure = {.error = t->error,
		.text = t->text,
		.is_remote = t->is_remote,
		.has_code = t->has_code,
		.has_peer = t->has_peer};

	if (!t->is_done) {
		t->events->on_error(t->arg, &failure);
		return;
	}
	t->events->on_done(t->arg, &t->result);
}

/* A code that the user chose belongs to whoever came first: the other side may have made it already. */
static bool join_instead(struct bk_talk *t, int error)
{
	if (error != BK_E_EXISTS || !t->opts.code_wish || t->error)
		return false;
	t->opts.code = t->opts.code_wish;
	t->opts.code_wish = NULL;
	bk_session_free(t->session);
	t->session = NULL;
	t->state = BK_TALK_PAIRING;
	return bk_talk_start(t, t->ops, t->owner) >= 0;
}

static void on_closed(void *arg, int error, const char *text)
{
	struct bk_talk *t = arg;

	if (join_instead(t, error))
		return;
	t->channel = NULL;
	t->state = BK_TALK_ENDING;
	bk_talk_count_end(t);
	if (!t->is_done && !t->error) {
		int why = error ? error : t->reset_error ? t->reset_error : BK_E_PEER_VANISHED;

		t->error = why;
		t->is_remote =
			t->has_peer && (error == BK_E_FILE || error == BK_E_NO_SPACE || error == BK_E_EXISTS);
		snprintf(t->text, sizeof(t->text), "%s",
			error ? text
			: t->reset_error
				? "the other side does not take part in this transfer; one side sends, "
				  "the other receives"
				: "the other side ended before the transfer was complete");
		bk_text_sanitize(t->text);
	}
	t->ops->on_end(t->owner);
	report(t);
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

static int copy_strings(struct bk_talk *t)
{
	const char **const strings[] = {&t->opts.server, &t->opts.code, &t->opts.code_wish, &t->opts.name,
		&t->opts.token, &t->opts.state_dir};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (!*strings[i])
			continue;
		t->strings[i] = strdup(*strings[i]);
		*strings[i] = t->strings[i];
		if (!t->strings[i])
			return BK_E_NOMEM;
	}
	return 0;
}

int bk_talk_init(struct bk_talk *t, struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_transfer_events *events, void *arg)
{
	*t = (struct bk_talk){.loop = loop, .opts = *opts, .events = events, .arg = arg};
	bk_file_reader_init(&t->reader);
	bk_buf_init(&t->out, OUT_MAX);
	bk_buf_init(&t->held, HELD_MAX);
	if (copy_strings(t) < 0)
		return BK_E_NOMEM;
	return bk_timer_new(loop, on_tick, t, &t->ticker);
}

int bk_talk_start(struct bk_talk *t, const struct bk_talk_ops *ops, void *owner)
{
	t->ops = ops;
	t->owner = owner;
	return bk_session_new(t->loop, &t->opts, &session_events, t, &t->session);
}

void bk_talk_explain(
	int error, const char *act, const struct bk_session_opts *opts, char ret_text[BK_TRANSFER_TEXT_MAX])
{
	const char *code = opts->code ? opts->code : opts->code_wish;

	if (ret_text[0])
		return;
	if (error == BK_E_INVALID)
		snprintf(ret_text, BK_TRANSFER_TEXT_MAX,
			"cannot %s: server '%s'%s%s%s cannot be read; a server is HOST[:PORT][#PIN], a code "
			"is like "
			"7-tulip-anchor",
			act, opts->server, code ? " or code '" : "", code ? code : "", code ? "'" : "");
	else
		snprintf(ret_text, BK_TRANSFER_TEXT_MAX, "cannot %s: %s", act, bk_error_text(error));
}

void bk_talk_done(struct bk_talk *t)
{
	bk_session_free(t->session);
	bk_timer_free(t->ticker);
	bk_file_reader_done(&t->reader);
	bk_buf_done(&t->out);
	bk_buf_done(&t->held);
	for (size_t i = 0; i < sizeof(t->strings) / sizeof(t->strings[0]); i++)
		free(t->strings[i]);
}
