/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FRAMING_H
#define BK_WIRE_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/service.h>

#include "base/buf.h"

/* The framings, both ways, incremental: bytes may come one at a time, several messages in one
 * piece, one message over many pieces; the result is the same.
 *
 *   length-prefixed  4-byte length, content
 *   JSON header      2-byte header length, JSON header {"byteorder","content-type","content-encoding",
 *                    "content-length", ...}, content
 *   key-value        2-byte little-endian header length, header "CL:7;type:message" (pairs.h), content
 *
 * The decoder keeps only the header; content is handed on in pieces as it arrives, so a message may be
 * larger than memory. Who wants it whole uses bk_frame_collect. BK_FRAMING_RAW is none: nothing
 * decodes it. */

struct bk_frame_limits {
	size_t header_max;    /* bytes of a header; 0: 64 KiB - 1 */
	uint64_t content_max; /* above it the length itself is refused with BK_E_TOO_BIG */
};

enum bk_frame_event {
	BK_FRAME_NONE,    /* all input consumed, nothing to tell yet */
	BK_FRAME_HEADER,  /* a message begins: content_len is set, and header where the framing has one */
	BK_FRAME_CONTENT, /* `piece`, `piece_len` bytes of content; borrowed from the input */
	BK_FRAME_END,     /* the message is complete (also after a content of 0 bytes) */
};

struct bk_frame_decoder {
	enum bk_framing framing;
	struct bk_frame_limits limits;
	int state;
	uint8_t prefix[4];
	size_t prefix_len;
	char *header; /* owned; NUL-terminated text, until the next message's header begins */
	size_t header_len, header_need, header_cap;
	uint64_t content_len, content_left;
	const uint8_t *piece; /* with BK_FRAME_CONTENT */
	size_t piece_len;
	int error; /* sticky */
};

void bk_frame_decoder_init(
	struct bk_frame_decoder *d, enum bk_framing framing, const struct bk_frame_limits *limits);
void bk_frame_decoder_done(struct bk_frame_decoder *d);

/* Between two messages: gives back the memory of the last header. */
void bk_frame_decoder_trim(struct bk_frame_decoder *d);

/* Takes bytes from *data / *len (advancing both) until there is something to tell. Call it until
 * BK_FRAME_NONE, also when *len is 0 already: BK_FRAME_END needs no further byte. Returns an event, or a
 * negative error, which is then final for this decoder: BK_E_TOO_BIG, BK_E_MALFORMED (a JSON header that
 * is empty, not an object, deeper or wider than json.h allows, or without a content-length >= 0; a key-value
 * header that pairs.h refuses), BK_E_NOMEM. */
int bk_frame_decode(struct bk_frame_decoder *d, const uint8_t **data, size_t *len);

/* As bk_frame_decode, gathering the content: BK_FRAME_END when `content` holds one whole message (it is
 * emptied when the next begins), BK_FRAME_NONE when more input is needed. BK_E_TOO_BIG above content's
 * ceiling. */
int bk_frame_collect(struct bk_frame_decoder *d, struct bk_buf *content, const uint8_t **data, size_t *len);

/* A message has begun and not ended: a stream that stops now was cut short. */
bool bk_frame_is_midway(const struct bk_frame_decoder *d);

/* Appends a length-prefixed message, or its prefix alone. BK_E_TOO_BIG, BK_E_FULL, BK_E_NOMEM. */
int bk_frame_append_length(struct bk_buf *out, const void *content, size_t n);
int bk_frame_append_length_prefix(struct bk_buf *out, size_t n);

/* Appends 2-byte length and header of a JSON-header message whose content of content_len bytes follows by
 * the caller. `fields` is a jansson object (json_t *) with further fields, may be NULL; content-length,
 * byteorder ("little" or "big", the host's) are added; content_type and content_encoding likewise (defaults
 * "binary" and "binary"), and win over fields of the same name. BK_E_TOO_BIG above 64 KiB - 1, BK_E_INVALID,
 * BK_E_FULL, BK_E_NOMEM. */
struct json_t;
int bk_frame_append_json(struct bk_buf *out, struct json_t *fields, const char *content_type,
	const char *content_encoding, uint64_t content_len);

/* Appends 2-byte length and header of a key-value message whose content of content_len bytes follows by the
 * caller: CL, then `fields` ("key:value" pairs joined by ';', NULL or "": none; a CL among them is left out).
 * BK_E_INVALID for fields that are none, BK_E_TOO_BIG above 64 KiB - 1, BK_E_FULL, BK_E_NOMEM. */
int bk_frame_append_key_value(struct bk_buf *out, const char *fields, uint64_t content_len);

#endif
