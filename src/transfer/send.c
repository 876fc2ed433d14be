/* SPDX-License-Identifier: Apache-2.0 */
/* The sending end: offer, wait for the answer, then every file that was taken in order, each with its digest, as the
 * reader has made them ready. */
#include <bodkin/transfer.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/opts.h"
#include "transfer/pick.h"
#include "transfer/reader.h"
#include "transfer/talk.h"

enum send_state { SEND_OFFERING, SEND_SENDING, SEND_WAITING };

struct bk_send {
	struct bk_talk talk;
	enum send_state state;
	struct bk_source *source; /* the reader's, once there is one */
	struct bk_reader *reader;
	struct bk_file_choice *choices;
	struct bk_transfer_offer offer;
	struct bk_transfer_entry *names;
	const char *paths[BK_TRANSFER_PATHS_MAX]; /* of what was taken */
	size_t paths_len, taken, folders;
	char digest_text[BK_DIGEST_STR_MAX];
};

static void on_start(void *owner)
{
	struct bk_send *s = owner;
	int err;

	if (s->talk.events.on_offer)
		s->talk.events.on_offer(&s->talk.call, s->talk.arg, &s->offer);
	err = bk_file_offer_encode(&s->talk.out, bk_source_list(s->source));
	if (err < 0)
		bk_talk_fail(&s->talk, err, "cannot offer that many files: %s; send a tar of them",
			bk_error_text(err));
	else
		(void)bk_talk_flush(&s->talk);
	bk_talk_await(&s->talk, BK_TALK_BUSY_TIME, "the other side did not answer the offer within an hour");
}

/* Nothing is ready: it failed, that was all, or we wait for ourselves. */
static void on_nothing(struct bk_send *s, int err, const char *text)
{
	if (err == BK_E_AGAIN) {
		bk_talk_await(&s->talk, 0, NULL);
	} else if (err == BK_E_EOF) {
		s->state = SEND_WAITING;
		bk_talk_await(&s->talk, BK_TALK_BUSY_TIME,
			"the other side did not say within an hour that everything arrived");
	} else {
		bk_talk_fail(&s->talk, err, "%s", text);
	}
}

/* Feeds the channel until it has enough. */
static void pump(void *owner)
{
	struct bk_send *s = owner;
	struct bk_reader_piece piece;
	const char *text;

	while (s->state == SEND_SENDING && !bk_talk_is_over(&s->talk)) {
		int err = bk_reader_piece(s->reader, &piece, &text);

		if (err < 0) {
			on_nothing(s, err, text);
			return;
		}
		if (!s->talk.channel || bk_talk_flush(&s->talk) < 0 ||
			bk_channel_write(s->talk.channel, piece.bytes, piece.len) < 0) {
			bk_talk_await(
				&s->talk, BK_TALK_BUSY_TIME, "the other side took nothing more for an hour");
			return;
		}
		s->talk.meter.bytes += piece.content;
		bk_reader_next(s->reader);
	}
}

/* Of what is taken: bytes, how many, and what the first are called. */
static uint64_t count_taken(struct bk_send *s)
{
	const struct bk_file_list *list = bk_source_list(s->source);
	uint64_t sum = 0;

	for (size_t i = 0; i < list->len; i++) {
		if (!s->choices[i].is_taken)
			continue;
		sum += list->entries[i].size;
		if (list->entries[i].is_folder)
			s->folders++;
		else
			s->taken++;
		if (s->paths_len < BK_TRANSFER_PATHS_MAX && !strchr(list->entries[i].path, '/'))
			s->paths[s->paths_len++] = list->entries[i].path;
	}
	return sum;
}

static void on_accept(struct bk_send *s, const struct bk_file_msg *msg)
{
	const struct bk_file_list *list = bk_source_list(s->source);
	const struct bk_buf *content = &s->talk.reader.list;
	int err = bk_file_accept_decode(bk_buf_head(content), content->len, list->len, s->choices);

	s->talk.peer_version = msg->version;
	if (err >= 0)
		for (size_t i = 0; i < list->len; i++)
			if (s->choices[i].offset)
				err = BK_E_UNSUPPORTED; /* nothing was promised that could be resumed */
	if (err < 0) {
		bk_talk_fail(&s->talk, err, "the other side's answer cannot be used: %s", bk_error_text(err));
		return;
	}
	err = bk_reader_new(s->talk.loop, s->source, s->choices, pump, s, &s->reader);
	if (err < 0) {
		bk_talk_fail(&s->talk, err, "cannot send: %s", bk_error_text(err));
		return;
	}
	s->state = SEND_SENDING;
	bk_talk_count(&s->talk, count_taken(s));
	pump(s);
}

static void on_done(struct bk_send *s, const struct bk_file_msg *msg)
{
	struct bk_transfer_result result = {.entries = s->taken, .bytes = s->talk.meter.bytes};
	const uint8_t *digest = bk_reader_digest(s->reader);

	if (msg->entries != s->taken || msg->bytes != result.bytes ||
		memcmp(msg->digest, digest, BK_DIGEST_LEN) != 0) {
		bk_talk_fail(&s->talk, BK_E_DIGEST, "the other side did not get what was sent: %s",
			bk_error_text(BK_E_DIGEST));
		return;
	}
	result.digest = bk_digest_to_str(digest, s->digest_text);
	result.first = s->paths_len ? s->paths[0] : NULL;
	result.paths = s->paths;
	result.paths_len = s->paths_len;
	result.folders = s->folders;
	result.skipped = s->offer.entries - s->taken - s->folders;
	bk_talk_succeed(&s->talk, &result);
}

static void on_message(void *owner, const struct bk_file_msg *msg)
{
	struct bk_send *s = owner;

	if (msg->type == BK_FILE_ACCEPT && s->state == SEND_OFFERING)
		on_accept(s, msg);
	else if (msg->type == BK_FILE_REFUSE && s->state == SEND_OFFERING)
		bk_talk_blame(&s->talk, msg);
	else if (msg->type == BK_FILE_DONE && s->state == SEND_WAITING)
		on_done(s, msg);
	else
		bk_talk_fail(&s->talk, BK_E_PROTOCOL, "the other side sent '%s' out of place",
			bk_file_type_name(msg->type));
}

/* A content message was refused above, so no piece follows. */
static void on_piece(void *owner, const uint8_t *data, size_t n)
{
	(void)owner;
	(void)data;
	(void)n;
}

static bool on_end(void *owner)
{
	(void)owner;
	return true;
}

static const struct bk_talk_ops ops = {
	.is_opener = true,
	.on_start = on_start,
	.on_message = on_message,
	.on_piece = on_piece,
	.on_writable = pump,
	.on_end = on_end,
};

static int allocate(struct bk_send *s)
{
	const struct bk_file_list *list = bk_source_list(s->source);

	s->names = bk_picks_describe(list);
	s->offer = (struct bk_transfer_offer){.entries = list->len,
		.bytes = list->bytes,
		.first = list->entries[0].path,
		.names = s->names};
	for (size_t i = 0; i < list->len; i++)
		s->offer.folders += list->entries[i].is_folder;
	bk_source_left_out(s->source, &s->offer);
	s->choices = calloc(list->len + 1, sizeof(*s->choices));
	return s->names && s->choices ? 0 : BK_E_NOMEM;
}

static int start(struct bk_send *s, const struct bk_send_opts *o, char *ret_text)
{
	const struct bk_source_wish wish = {.paths = o->paths,
		.paths_len = o->paths_len,
		.exclude = o->exclude,
		.exclude_len = o->exclude_len,
		.stream_name = o->stream_name,
		.stream_fd = o->stream_fd};
	int err = bk_source_new(&wish, &s->source, ret_text);

	if (err >= 0)
		err = allocate(s);
	return err < 0 ? err : bk_talk_start(&s->talk, &ops, s, NULL);
}

int bk_send_new(struct bk_loop *loop, const struct bk_send_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_send **ret_send,
	char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_send *s = calloc(1, sizeof(*s));
	char text[BK_TRANSFER_TEXT_MAX] = "";
	struct bk_send_opts o;
	int unread = bk_opts_read(&o, opts, stream_fd);
	const struct bk_talk_place place = {.session = o.session, .within = o.within, .peer = o.peer};
	int err = s ? bk_talk_init(&s->talk, loop, &place, events, arg) : BK_E_NOMEM;

	if (err >= 0)
		err = unread < 0 ? unread : start(s, &o, text);
	if (err < 0) {
		bk_call_explain(err, "send", o.session, text);
		if (ret_text)
			memcpy(ret_text, text, sizeof(text));
		bk_send_free(s);
		return err;
	}
	*ret_send = s;
	return 0;
}

void bk_send_cancel(struct bk_send *s)
{
	bk_talk_cancel(&s->talk);
}

void bk_send_free(struct bk_send *s)
{
	if (!s)
		return;
	bk_talk_done(&s->talk);
	if (s->reader)
		bk_reader_free(s->reader);
	else
		bk_source_free(s->source);
	free(s->choices);
	free(s->names);
	free(s);
}

const struct bk_transfer_offer *bk_send_offer(const struct bk_send *s)
{
	return &s->offer;
}
