/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_JSON_H
#define BK_WIRE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* JSON from a peer. A tree is built only after a linear pass without allocation has seen that the text is
 * well-formed, not too deep and not too wide: 200,000 keys or 60,000 brackets cost one look at the bytes up
 * to the ceiling. "Members" are all members of objects and all elements of arrays, together. */
enum {
	BK_JSON_DEPTH_LIMIT = 64,      /* depth_max may not be larger */
	BK_JSON_HEADER_DEPTH_MAX = 16, /* of bk_json_find_uint */
	BK_JSON_HEADER_MEMBERS_MAX = 1024,
};

/* BK_E_MALFORMED unless text is one JSON object or array (RFC 8259) within the ceilings. What it leaves to
 * jansson: UTF-8 inside strings, surrogate pairs, duplicate keys, numbers out of range. */
int bk_json_check(const void *text, size_t len, size_t depth_max, size_t members_max);

/* Checks, then builds. The result is an object without duplicate keys and without NUL in any string; the
 * caller owns it. BK_E_MALFORMED, BK_E_NOMEM. */
int bk_json_load(const void *text, size_t len, size_t depth_max, size_t members_max, json_t **ret_object);

/* Checks text as a header (ceilings above; it must be an object) and reads its member `key`, a whole number
 * from 0 to INT64_MAX, without building anything. BK_E_MALFORMED also when it is absent or there twice. */
int bk_json_find_uint(const void *text, size_t len, const char *key, uint64_t *ret_value);

/* The member `key` of an object, a whole number from min to max; where there is none *value stays. BK_E_MALFORMED. */
int bk_json_get_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *value);

/* Appends the compact text of o after its length as prefix_len bytes, big-endian. BK_E_TOO_BIG when the text
 * is longer than text_max, BK_E_FULL, BK_E_NOMEM; nothing is appended then. */
int bk_json_append(struct bk_buf *out, const json_t *o, size_t prefix_len, size_t text_max);

#endif
