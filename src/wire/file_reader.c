/* SPDX-License-Identifier: Apache-2.0 */
/* A packed message is gathered, unpacked into as many bytes as it said, and read like what comes by itself; only what
 * travels in masses may be inside, and every message there ends in it. */
#include "wire/file_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

_Static_assert(BK_PACKED_MAX + BK_PACKED_SLACK <= (int)BK_FILE_LIST_MAX,
	"a packed message is gathered as a list is");

static const struct bk_frame_limits limits = {
	.header_max = BK_FILE_HEADER_MAX, .content_max = BK_FILE_CONTENT_MAX};

void bk_file_reader_init(struct bk_file_reader *r)
{
	*r = (struct bk_file_reader){.msg.type = BK_FILE_UNKNOWN};
	bk_frame_decoder_init(&r->frames, BK_FRAMING_JSON, &limits);
	bk_frame_decoder_init(&r->inside, BK_FRAMING_JSON, &limits);
	bk_buf_init(&r->list, BK_FILE_LIST_MAX);
}

void bk_file_reader_done(struct bk_file_reader *r)
{
	bk_frame_decoder_done(&r->frames);
	bk_frame_decoder_done(&r->inside);
	bk_buf_done(&r->list);
	bk_unpacker_free(r->unpacker);
	free(r->raw);
}

/* What a packed message says of itself. */
static int judge_packed(const struct bk_file_reader *r)
{
	if (!r->takes_packed || strcmp(r->msg.encoding, BK_PACKED_NAME) != 0)
		return BK_E_PROTOCOL;
	if (!r->msg.bytes)
		return BK_E_MALFORMED;
	return r->msg.bytes > BK_PACKED_MAX ? BK_E_TOO_BIG : 0;
}

static int on_header(struct bk_file_reader *r, const struct bk_frame_decoder *d)
{
	int err = bk_file_msg_decode(d->header, d->header_len, d->content_len, &r->msg);

	if (err < 0)
		return err;
	if (r->msg.type == BK_FILE_PACKED) /* one follows another: it keeps its memory */
		bk_buf_consume(&r->list, r->list.len);
	else if (!r->is_inside)
		bk_buf_release(&r->list);
	if (r->is_inside && r->msg.type != BK_FILE_CONTENT && r->msg.type != BK_FILE_DIGEST &&
		r->msg.type != BK_FILE_UNKNOWN)
		return BK_E_PROTOCOL;
	if (r->msg.type == BK_FILE_PACKED)
		err = judge_packed(r);
	return r->msg.type == BK_FILE_CONTENT ? BK_FILE_MESSAGE : err;
}

static int on_content(struct bk_file_reader *r, const struct bk_frame_decoder *d)
{
	switch (r->msg.type) {
	case BK_FILE_CONTENT:
		r->piece = d->piece;
		r->piece_len = d->piece_len;
		r->travelled += r->is_inside ? 0 : d->piece_len;
		return BK_FILE_PIECE;
	case BK_FILE_OFFER:
	case BK_FILE_HAVE:
	case BK_FILE_ENTRIES:
	case BK_FILE_ACCEPT:
	case BK_FILE_CHOICES:
	case BK_FILE_PACKED:
		return bk_buf_append(&r->list, d->piece, d->piece_len);
	default:
		return BK_FILE_NOTHING;
	}
}

static int enter(struct bk_file_reader *r)
{
	size_t raw = (size_t)r->msg.bytes;
	int err = r->unpacker ? 0 : bk_unpacker_new(&r->unpacker);

	if (err >= 0 && !r->raw)
		r->raw = malloc(BK_PACKED_MAX);
	if (err >= 0)
		err = r->raw ? bk_unpacker_unpack(
				       r->unpacker, bk_buf_head(&r->list), r->list.len, r->raw, raw)
			     : BK_E_NOMEM;
	if (err < 0)
		return err;
	r->travelled += r->list.len;
	r->is_inside = true;
	r->raw_at = r->raw;
	r->raw_left = raw;
	return BK_FILE_NOTHING;
}

static int on_end(struct bk_file_reader *r)
{
	if (r->msg.type == BK_FILE_PACKED)
		return enter(r);
	return r->msg.type != BK_FILE_CONTENT && r->msg.type != BK_FILE_UNKNOWN ? BK_FILE_MESSAGE
										: BK_FILE_NOTHING;
}

/* All of a packed message is read. */
static int leave(struct bk_file_reader *r)
{
	r->is_inside = false;
	return bk_frame_is_midway(&r->inside) ? BK_E_MALFORMED : BK_FILE_NOTHING;
}

int bk_file_reader_next(struct bk_file_reader *r, const uint8_t **data, size_t *len)
{
	for (;;) {
		struct bk_frame_decoder *d = r->is_inside ? &r->inside : &r->frames;
		int event = r->is_inside ? bk_frame_decode(d, &r->raw_at, &r->raw_left)
					 : bk_frame_decode(d, data, len),
		    told = BK_FILE_NOTHING;

		if (event < 0 || (event == BK_FRAME_NONE && !r->is_inside))
			return event;
		if (event == BK_FRAME_HEADER)
			told = on_header(r, d);
		else if (event == BK_FRAME_CONTENT)
			told = on_content(r, d);
		else
			told = event == BK_FRAME_END ? on_end(r) : leave(r);
		if (told != BK_FILE_NOTHING)
			return told;
	}
}
