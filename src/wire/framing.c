/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting a byte stream into messages. Only the length and the header are ever held here; content passes
 * through as views of the caller's input. A length above the ceiling is refused when it is read, before
 * anything is allocated for it. It does not look into content, and into a header only for its
 * content-length. */
#include "wire/framing.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/json.h"
#include "wire/pairs.h"

enum state { STATE_PREFIX, STATE_HEADER, STATE_CONTENT };

enum { HEADER_MAX = 65535, HEADER_CAP_MIN = 512, HEADER_PREFIX = 2, LENGTH_PREFIX = 4, OWN_PAIR_MAX = 24 };

void bk_frame_decoder_init(
	struct bk_frame_decoder *d, enum bk_framing framing, const struct bk_frame_limits *limits)
{
	*d = (struct bk_frame_decoder){.framing = framing, .limits = *limits, .state = STATE_PREFIX};
	if (!d->limits.header_max || d->limits.header_max > HEADER_MAX)
		d->limits.header_max = HEADER_MAX;
}

void bk_frame_decoder_done(struct bk_frame_decoder *d)
{
	free(d->header);
	*d = (struct bk_frame_decoder){.error = BK_E_CANCELLED};
}

void bk_frame_decoder_trim(struct bk_frame_decoder *d)
{
	if (d->state != STATE_PREFIX)
		return;
	free(d->header);
	d->header = NULL;
	d->header_cap = 0;
}

static int fail(struct bk_frame_decoder *d, int error)
{
	d->error = error;
	return error;
}

/* Moves up to `need - *have` bytes of the input to `out + *have`; whether they are all there now. */
static bool gather(void *out, size_t *have, size_t need, const uint8_t **data, size_t *len)
{
	size_t n = need - *have < *len ? need - *have : *len;

	if (n) {
		memcpy((uint8_t *)out + *have, *data, n);
		*have += n;
		*data += n;
		*len -= n;
	}
	return *have == need;
}

static int begin_content(struct bk_frame_decoder *d, uint64_t content_len)
{
	if (content_len > d->limits.content_max)
		return fail(d, BK_E_TOO_BIG);
	d->content_len = d->content_left = content_len;
	d->state = STATE_CONTENT;
	return BK_FRAME_HEADER;
}

/* The buffer stays with the decoder, so a stream of messages allocates a few times in its life. */
static int begin_header(struct bk_frame_decoder *d, size_t need)
{
	size_t cap = need + 1 > HEADER_CAP_MIN ? need + 1 : HEADER_CAP_MIN;
	char *header;

	if (!need)
		return fail(d, BK_E_MALFORMED);
	if (need > d->limits.header_max)
		return fail(d, BK_E_TOO_BIG);
	if (cap > d->header_cap) {
		header = realloc(d->header, cap);
		if (!header)
			return fail(d, BK_E_NOMEM);
		d->header = header;
		d->header_cap = cap;
	}
	d->header_need = need;
	d->header_len = 0;
	d->state = STATE_HEADER;
	return BK_FRAME_NONE;
}

static int take_header(struct bk_frame_decoder *d, const uint8_t **data, size_t *len)
{
	uint64_t content_len;
	int err;

	if (!gather(d->header, &d->header_len, d->header_need, data, len))
		return BK_FRAME_NONE;
	d->header[d->header_len] = 0;
	if (d->framing == BK_FRAMING_JSON)
		err = bk_json_find_uint(d->header, d->header_len, "content-length", &content_len);
	else
		err = bk_pairs_find_content_len(d->header, d->header_len, &content_len);
	return err < 0 ? fail(d, err) : begin_content(d, content_len);
}

static int take_prefix(struct bk_frame_decoder *d, const uint8_t **data, size_t *len)
{
	size_t need = d->framing == BK_FRAMING_LENGTH ? LENGTH_PREFIX : HEADER_PREFIX;
	const uint8_t *p = d->prefix;
	int err;

	if (!gather(d->prefix, &d->prefix_len, need, data, len))
		return BK_FRAME_NONE;
	if (d->framing == BK_FRAMING_LENGTH)
		return begin_content(
			d, (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3]);
	if (d->framing == BK_FRAMING_KEY_VALUE) /* the one little-endian number of all framings */
		err = begin_header(d, (size_t)p[1] << 8 | p[0]);
	else
		err = begin_header(d, (size_t)p[0] << 8 | p[1]);
	return err < 0 ? err : take_header(d, data, len);
}

static int take_content(struct bk_frame_decoder *d, const uint8_t **data, size_t *len)
{
	size_t n = d->content_left < *len ? (size_t)d->content_left : *len;

	if (!d->content_left) {
		d->prefix_len = 0;
		d->state = STATE_PREFIX;
		return BK_FRAME_END;
	}
	if (!n)
		return BK_FRAME_NONE;
	d->piece = *data;
	d->piece_len = n;
	d->content_left -= n;
	*data += n;
	*len -= n;
	return BK_FRAME_CONTENT;
}

int bk_frame_decode(struct bk_frame_decoder *d, const uint8_t **data, size_t *len)
{
	if (d->error)
		return d->error;
	switch ((enum state)d->state) {
	case STATE_PREFIX:
		return take_prefix(d, data, len);
	case STATE_HEADER:
		return take_header(d, data, len);
	case STATE_CONTENT:
		return take_content(d, data, len);
	}
	return fail(d, BK_E_INTERNAL);
}

int bk_frame_collect(struct bk_frame_decoder *d, struct bk_buf *content, const uint8_t **data, size_t *len)
{
	int event, err;

	while ((event = bk_frame_decode(d, data, len)) > BK_FRAME_NONE && event != BK_FRAME_END) {
		if (event == BK_FRAME_HEADER)
			bk_buf_consume(content, content->len);
		if (event == BK_FRAME_HEADER && d->content_len > content->max)
			return fail(d, BK_E_TOO_BIG);
		if (event == BK_FRAME_CONTENT && (err = bk_buf_append(content, d->piece, d->piece_len)) < 0)
			return fail(d, err);
	}
	return event;
}

bool bk_frame_is_midway(const struct bk_frame_decoder *d)
{
	return d->state != STATE_PREFIX || d->prefix_len;
}

/* Room for `room` bytes, the first of which are the prefix for n. */
static int append_prefix(struct bk_buf *out, size_t n, size_t room)
{
	uint8_t *at;

	if (n > UINT32_MAX)
		return BK_E_TOO_BIG;
	if (room > bk_buf_room(out))
		return BK_E_FULL;
	at = bk_buf_reserve(out, room);
	if (!at)
		return BK_E_NOMEM;
	at[0] = (uint8_t)(n >> 24);
	at[1] = (uint8_t)(n >> 16);
	at[2] = (uint8_t)(n >> 8);
	at[3] = (uint8_t)n;
	bk_buf_commit(out, LENGTH_PREFIX);
	return 0;
}

int bk_frame_append_length_prefix(struct bk_buf *out, size_t n)
{
	return append_prefix(out, n, LENGTH_PREFIX);
}

int bk_frame_append_length(struct bk_buf *out, const void *content, size_t n)
{
	int err = append_prefix(out, n, n > SIZE_MAX - LENGTH_PREFIX ? SIZE_MAX : LENGTH_PREFIX + n);

	return err < 0 ? err : bk_buf_append(out, content, n);
}

static const char *host_byteorder(void)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "little" : "big";
}

/* Our own four fields come first and win over fields of the same name. */
static json_t *header_of(
	json_t *fields, const char *content_type, const char *content_encoding, uint64_t content_len)
{
	json_t *o =
		json_pack("{s:s,s:s,s:s,s:I}", "byteorder", host_byteorder(), "content-type", content_type,
			"content-encoding", content_encoding, "content-length", (json_int_t)content_len);

	if (o && fields && json_object_update_missing(o, fields) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int bk_frame_append_json(struct bk_buf *out, json_t *fields, const char *content_type,
	const char *content_encoding, uint64_t content_len)
{
	json_t *o;
	int err;

	if (content_len > INT64_MAX || (fields && !json_is_object(fields)))
		return BK_E_INVALID;
	o = header_of(fields, content_type ? content_type : "binary",
		content_encoding ? content_encoding : "binary", content_len);
	if (!o)
		return BK_E_NOMEM;
	err = bk_json_append(out, o, HEADER_PREFIX, HEADER_MAX);
	json_decref(o);
	return err;
}

int bk_frame_append_key_value(struct bk_buf *out, const char *fields, uint64_t content_len)
{
	size_t room = HEADER_PREFIX + OWN_PAIR_MAX + (fields ? strlen(fields) + 1 : 0), n;
	int further = 0;
	char *at;

	if (content_len > INT64_MAX)
		return BK_E_INVALID;
	if (room > HEADER_PREFIX + HEADER_MAX + OWN_PAIR_MAX)
		return BK_E_TOO_BIG;
	if (room > bk_buf_room(out))
		return BK_E_FULL;
	at = (char *)bk_buf_reserve(out, room);
	if (!at)
		return BK_E_NOMEM;
	n = (size_t)snprintf(at + HEADER_PREFIX, OWN_PAIR_MAX, "CL:%" PRIu64, content_len);
	if (fields && *fields)
		further = bk_pairs_copy_further(fields, at + HEADER_PREFIX + n);
	if (further < 0)
		return BK_E_INVALID;
	n += (size_t)further;
	if (n > HEADER_MAX)
		return BK_E_TOO_BIG;
	at[0] = (char)(n & 0xff);
	at[1] = (char)(n >> 8);
	bk_buf_commit(out, HEADER_PREFIX + n);
	return 0;
}
