/* SPDX-License-Identifier: Apache-2.0 */
/* The sending end: offer, wait for the answer, then every file that was taken in order, each with its digest.
 * One buffer is read into, hashed and written from; the header of a content message stands right in front of
 * the bytes, so that a piece leaves in one write. A message is built when its bytes are there already: a
 * file that ends early never leaves a message half sent. */
#include <bodkin/transfer.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/opts.h"
#include "transfer/digest.h"
#include "transfer/pick.h"
#include "transfer/source.h"
#include "transfer/talk.h"

enum {
	PIECE_MAX = 256 << 10,
	HEADROOM = 512, /* for the header of a content message */
};

enum send_state { SEND_OFFERING, SEND_SENDING, SEND_WAITING };

struct bk_send {
	struct bk_talk talk;
	enum send_state state;
	struct bk_source *source;
	struct bk_source_reader reader;
	struct bk_watch *input; /* of a stream that has nothing now */
	struct bk_file_choice *choices;
	struct bk_digest *file_digest, *all_digest;
	struct bk_transfer_offer offer;
	struct bk_transfer_entry *names;
	const char *paths[BK_TRANSFER_PATHS_MAX]; /* of what was taken */
	size_t paths_len;
	size_t current, taken;
	bool is_open;
	uint64_t offset;
	uint8_t *buffer; /* HEADROOM, then PIECE_MAX */
	uint8_t *piece;  /* waiting for the channel, in buffer */
	size_t piece_len, piece_content;
	struct bk_buf header;
	uint8_t last_digest[BK_DIGEST_LEN];
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

static void put_digest(struct bk_send *s)
{
	struct bk_file_msg msg = {.type = BK_FILE_DIGEST, .entry = (uint32_t)s->current};

	bk_digest_get(s->file_digest, msg.digest);
	memcpy(s->last_digest, msg.digest, sizeof(msg.digest));
	bk_digest_update(s->all_digest, msg.digest, sizeof(msg.digest));
	if (s->paths_len < BK_TRANSFER_PATHS_MAX)
		s->paths[s->paths_len++] = bk_source_list(s->source)->entries[s->current].path;
	s->current++;
	s->is_open = false;
	s->taken++;
	bk_talk_put(&s->talk, &msg);
}

/* Puts the header in front of the n bytes that were read. */
static int frame_piece(struct bk_send *s, size_t n)
{
	const struct bk_file_msg msg = {
		.type = BK_FILE_CONTENT, .entry = (uint32_t)s->current, .offset = s->offset};
	int err = bk_file_msg_encode(&s->header, &msg, n);

	if (err < 0)
		return err;
	s->piece = s->buffer + HEADROOM - s->header.len;
	s->piece_len = s->header.len + n;
	s->piece_content = n;
	s->offset += n;
	memcpy(s->piece, bk_buf_head(&s->header), s->header.len);
	bk_buf_consume(&s->header, s->header.len);
	return 0;
}

/* The next file that was taken is open, or there is none: false. */
static bool open_next(struct bk_send *s)
{
	size_t n = bk_source_list(s->source)->len;

	while (s->current < n && !s->choices[s->current].is_taken)
		s->current++;
	if (s->current == n) {
		s->state = SEND_WAITING;
		return false;
	}
	if (bk_source_open(&s->reader, s->current) < 0) {
		bk_talk_fail(&s->talk, BK_E_FILE, "%s", s->reader.text);
		return false;
	}
	s->is_open = true;
	s->offset = 0;
	bk_digest_reset(s->file_digest);
	return true;
}

/* False: a stream has nothing now. */
static bool read_piece(struct bk_send *s)
{
	int n = bk_source_read(&s->reader, s->buffer + HEADROOM, PIECE_MAX), err;

	if (n == BK_E_AGAIN) {
		bk_watch_set(s->input, BK_READABLE);
		bk_talk_await(&s->talk, 0, NULL); /* we wait for ourselves */
		return false;
	}
	if (n < 0) {
		bk_talk_fail(&s->talk, BK_E_FILE, "%s", s->reader.text);
		return true;
	}
	if (!n) {
		put_digest(s);
		return true;
	}
	bk_digest_update(s->file_digest, s->buffer + HEADROOM, (size_t)n);
	err = frame_piece(s, (size_t)n);
	if (err < 0)
		bk_talk_fail(&s->talk, err, "cannot send: %s", bk_error_text(err));
	return true;
}

/* Feeds the channel until it has enough. */
static void pump(void *owner)
{
	struct bk_send *s = owner;

	while (!bk_talk_is_over(&s->talk) && s->talk.channel && bk_talk_flush(&s->talk) >= 0) {
		if (s->piece_len) {
			if (bk_channel_write(s->talk.channel, s->piece, s->piece_len) < 0)
				break;
			s->talk.meter.bytes += s->piece_content;
			s->piece_len = 0;
		}
		if (s->state == SEND_WAITING)
			bk_talk_await(&s->talk, BK_TALK_BUSY_TIME,
				"the other side did not say within an hour that everything arrived");
		if (s->state != SEND_SENDING)
			return;
		if ((s->is_open || open_next(s)) && !read_piece(s))
			return;
	}
	bk_talk_await(&s->talk, BK_TALK_BUSY_TIME, "the other side took nothing more for an hour");
}

static void on_input(void *arg, int fd, int events)
{
	struct bk_send *s = arg;

	(void)fd;
	(void)events;
	bk_watch_set(s->input, 0);
	pump(s);
}

static uint64_t bytes_taken(const struct bk_send *s)
{
	const struct bk_file_list *list = bk_source_list(s->source);
	uint64_t sum = 0;

	for (size_t i = 0; i < list->len; i++)
		sum += s->choices[i].is_taken ? list->entries[i].size : 0;
	return sum;
}

static void on_accept(struct bk_send *s)
{
	const struct bk_file_list *list = bk_source_list(s->source);
	const struct bk_buf *content = &s->talk.reader.list;
	int err = bk_file_accept_decode(bk_buf_head(content), content->len, list->len, s->choices);

	if (err >= 0)
		for (size_t i = 0; i < list->len; i++)
			if (s->choices[i].offset)
				err = BK_E_UNSUPPORTED; /* nothing was promised that could be resumed */
	if (err < 0) {
		bk_talk_fail(&s->talk, err, "the other side's answer cannot be used: %s", bk_error_text(err));
		return;
	}
	s->state = SEND_SENDING;
	bk_talk_await(&s->talk, 0, NULL);
	bk_talk_count(&s->talk, bytes_taken(s));
	pump(s);
}

static void on_done(struct bk_send *s, const struct bk_file_msg *msg)
{
	struct bk_transfer_result result = {.entries = s->taken, .bytes = s->talk.meter.bytes};
	uint8_t digest[BK_DIGEST_LEN];

	if (s->taken == 1)
		memcpy(digest, s->last_digest, sizeof(digest));
	else
		bk_digest_get(s->all_digest, digest);
	if (msg->entries != s->taken || msg->bytes != result.bytes ||
		memcmp(msg->digest, digest, sizeof(digest)) != 0) {
		bk_talk_fail(&s->talk, BK_E_DIGEST, "the other side did not get what was sent: %s",
			bk_error_text(BK_E_DIGEST));
		return;
	}
	result.digest = bk_digest_to_str(digest, s->digest_text);
	result.first = s->taken ? s->paths[0] : NULL;
	result.paths = s->paths;
	result.paths_len = s->paths_len;
	result.skipped = s->offer.entries - s->taken;
	bk_talk_succeed(&s->talk, &result);
}

static void on_message(void *owner, const struct bk_file_msg *msg)
{
	struct bk_send *s = owner;

	if (msg->type == BK_FILE_ACCEPT && s->state == SEND_OFFERING)
		on_accept(s);
	else if (msg->type == BK_FILE_REFUSE && s->state == SEND_OFFERING)
		bk_talk_blame(&s->talk, msg);
	else if (msg->type == BK_FILE_DONE && s->state == SEND_WAITING && !s->piece_len)
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

static void on_end(void *owner)
{
	struct bk_send *s = owner;

	bk_watch_free(s->input);
	s->input = NULL;
	bk_source_close(&s->reader);
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
	s->reader = (struct bk_source_reader){.source = s->source, .fd = -1};
	bk_buf_init(&s->header, HEADROOM);
	s->choices = calloc(list->len, sizeof(*s->choices));
	s->file_digest = bk_digest_new();
	s->all_digest = bk_digest_new();
	s->buffer = aligned_alloc(4096, (HEADROOM + PIECE_MAX + 4095) / 4096 * 4096);
	return s->names && s->choices && s->file_digest && s->all_digest && s->buffer ? 0 : BK_E_NOMEM;
}

static int start(struct bk_send *s, struct bk_loop *loop, const struct bk_send_opts *o, char *ret_text)
{
	int err = bk_source_new(o->paths, o->paths_len, o->stream_name, o->stream_fd, &s->source, ret_text);

	if (err >= 0)
		err = allocate(s);
	if (err >= 0 && o->stream_name)
		err = bk_watch_new(loop, o->stream_fd, on_input, s, &s->input);
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
		err = unread < 0 ? unread : start(s, loop, &o, text);
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
	bk_watch_free(s->input);
	if (s->source)
		bk_source_close(&s->reader);
	bk_source_free(s->source);
	free(s->choices);
	free(s->names);
	bk_digest_free(s->file_digest);
	bk_digest_free(s->all_digest);
	free(s->buffer);
	bk_buf_done(&s->header);
	free(s);
}

const struct bk_transfer_offer *bk_send_offer(const struct bk_send *s)
{
	return &s->offer;
}
