/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_CHAT_H
#define BK_WIRE_CHAT_H

#include <stddef.h>
#include <stdint.h>

#include <bodkin/chat.h>

#include "base/buf.h"

/* The messages of a channel of kind "chat/1" (docs/protocol/chat.md): length-prefixed, each a type, a number and, of
 * TEXT, what was said. Whether a number is the next one is for those who talk. */
#define BK_CHAT_CHANNEL_KIND "chat/1"

enum { BK_CHAT_HEADER_LEN = 9, BK_CHAT_WIRE_MAX = BK_CHAT_HEADER_LEN + BK_CHAT_TEXT_MAX };

enum bk_chat_type {
	BK_CHAT_TEXT = 1,      /* the number-th thing said, from 1 */
	BK_CHAT_DELIVERED = 2, /* the first `number` things that were said have been handed to the program */
	BK_CHAT_END = 3,       /* `number` things were said, and no more will be */
};

struct bk_chat_msg {
	uint8_t type; /* one of the above, or a later version's: to be skipped */
	uint64_t number;
	const char *text; /* borrowed, len bytes of UTF-8 without NUL; not yet harmless */
	size_t len;
};

/* May that be said? 0; BK_E_TOO_BIG; BK_E_INVALID: no UTF-8, or a NUL in it. */
int bk_chat_check(const char *text, size_t len);

/* Appends one message with its length in front. As bk_chat_check; BK_E_FULL, BK_E_NOMEM. */
int bk_chat_encode(struct bk_buf *out, const struct bk_chat_msg *m);

/* Reads the content of one; the text is borrowed from it. BK_E_TRUNCATED, BK_E_TOO_BIG; BK_E_MALFORMED: a number above
 * INT64_MAX, a text that is no UTF-8, a type of ours with bytes that do not belong there. */
int bk_chat_decode(const void *content, size_t len, struct bk_chat_msg *ret_msg);

#endif
