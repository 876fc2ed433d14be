/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FIELD_H
#define BK_WIRE_FIELD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A JSON object as rows: each names a member and the place of its value in a C struct, and one pair of
 * functions goes both ways. Nothing here knows a message. */
enum bk_field_kind {
	BK_FIELD_STR,    /* char[size], NUL included; a harmful character (text.h) is refused */
	BK_FIELD_TEXT,   /* the same for people to read: a harmful character becomes '?' */
	BK_FIELD_UINT,   /* size 2, 4 or 8 bytes, an int64_t too; 0 to INT64_MAX on the wire */
	BK_FIELD_HEX,    /* uint8_t[size] as hexadecimal digits, exactly */
	BK_FIELD_HEX64,  /* uint64_t as 16 hexadecimal digits: JSON numbers above 2^53 are not portable */
	BK_FIELD_BODY,   /* uint8_t * of at most size bytes as padded base64; its size_t is at len_offset */
	BK_FIELD_OBJECT, /* a struct inside, by the rows of sub */
};

/* Without a flag: left out when zero or empty; absent or null reads as that. */
enum bk_field_flag {
	BK_FIELD_REQUIRED = 1, /* absent or null is refused */
	BK_FIELD_NULLABLE = 2, /* always there; empty is written as null */
	BK_FIELD_NONEMPTY = 4, /* an empty string is refused when read */
};

struct bk_field {
	const char *name;
	enum bk_field_kind kind;
	unsigned flags;
	size_t offset, size, len_offset;
	const struct bk_field *sub;
	size_t sub_len;
};

/* BK_E_INVALID (not UTF-8, number out of range), BK_E_TOO_BIG (body), BK_E_NOMEM; o may be half filled. */
int bk_fields_encode(json_t *o, const struct bk_field *rows, size_t n, const void *base);

/* Members without a row are ignored. BK_E_MALFORMED, BK_E_NOMEM; base may be half filled then, and a body in
 * it is to be freed by the caller in any case. base is zeroed by the caller. */
int bk_fields_decode(const json_t *o, const struct bk_field *rows, size_t n, void *base);

#endif
