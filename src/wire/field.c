/* SPDX-License-Identifier: Apache-2.0 */
/* Structs from and to JSON objects, driven by tables of rows. Reading is strict in kind and range and lax in
 * everything a later version may add. It does not parse or print JSON text; json.c bounds what arrives
 * here. */
#include "wire/field.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static uint64_t load_uint(const uint8_t *at, size_t size)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (size) {
	case sizeof(v16):
		memcpy(&v16, at, sizeof(v16));
		return v16;
	case sizeof(v32):
		memcpy(&v32, at, sizeof(v32));
		return v32;
	default:
		memcpy(&v64, at, sizeof(v64));
		return v64;
	}
}

static void store_uint(uint8_t *at, size_t size, uint64_t v)
{
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	switch (size) {
	case sizeof(v16):
		memcpy(at, &v16, sizeof(v16));
		break;
	case sizeof(v32):
		memcpy(at, &v32, sizeof(v32));
		break;
	default:
		memcpy(at, &v, sizeof(v));
	}
}

static size_t body_len(const struct bk_field *f, const uint8_t *base)
{
	size_t n;

	memcpy(&n, base + f->len_offset, sizeof(n));
	return n;
}

static bool is_empty(const struct bk_field *f, const uint8_t *base)
{
	const uint8_t *at = base + f->offset;

	switch (f->kind) {
	case BK_FIELD_STR:
	case BK_FIELD_TEXT:
		return !*at;
	case BK_FIELD_BODY:
		return !body_len(f, base);
	case BK_FIELD_OBJECT:
		return false;
	default:
		for (size_t i = 0; i < f->size; i++)
			if (at[i])
				return false;
		return true;
	}
}

static int encode_uint(const struct bk_field *f, const uint8_t *at, json_t **ret_value)
{
	uint64_t v = load_uint(at, f->size);

	if (v > INT64_MAX)
		return BK_E_INVALID;
	*ret_value = json_integer((json_int_t)v);
	return *ret_value ? 0 : BK_E_NOMEM;
}

static int encode_hex(const uint8_t *bytes, size_t n, json_t **ret_value)
{
	char hex[2 * 64 + 1];

	if (n > 64)
		return BK_E_INVALID;
	sodium_bin2hex(hex, sizeof(hex), bytes, n);
	*ret_value = json_string(hex);
	return *ret_value ? 0 : BK_E_NOMEM;
}

static int encode_hex64(const uint8_t *at, json_t **ret_value)
{
	uint64_t v = load_uint(at, sizeof(v));
	uint8_t be[8];

	for (size_t i = sizeof(be); i-- > 0; v >>= 8)
		be[i] = (uint8_t)v;
	return encode_hex(be, sizeof(be), ret_value);
}

static int encode_body(const struct bk_field *f, const uint8_t *base, json_t **ret_value)
{
	size_t n = body_len(f, base), text_max;
	const uint8_t *body;
	char *text;

	if (n > f->size)
		return BK_E_TOO_BIG;
	text_max = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	text = malloc(text_max);
	if (!text)
		return BK_E_NOMEM;
	memcpy(&body, base + f->offset, sizeof(body));
	sodium_bin2base64(text, text_max, body, n, sodium_base64_VARIANT_ORIGINAL);
	*ret_value = json_string_nocheck(text);
	free(text);
	return *ret_value ? 0 : BK_E_NOMEM;
}

static int encode_object(const struct bk_field *f, const uint8_t *at, json_t **ret_value)
{
	json_t *o = json_object();
	int err;

	if (!o)
		return BK_E_NOMEM;
	err = bk_fields_encode(o, f->sub, f->sub_len, at);
	if (err < 0) {
		json_decref(o);
		return err;
	}
	*ret_value = o;
	return 0;
}

static int encode_value(const struct bk_field *f, const uint8_t *base, json_t **ret_value)
{
	const uint8_t *at = base + f->offset;

	switch (f->kind) {
	case BK_FIELD_STR:
	case BK_FIELD_TEXT:
		/* NULL is also what jansson says when the memory is gone, which no caller can tell apart
		 * either. */
		*ret_value = json_string((const char *)at);
		return *ret_value ? 0 : BK_E_INVALID;
	case BK_FIELD_UINT:
		return encode_uint(f, at, ret_value);
	case BK_FIELD_HEX:
		return encode_hex(at, f->size, ret_value);
	case BK_FIELD_HEX64:
		return encode_hex64(at, ret_value);
	case BK_FIELD_BODY:
		return encode_body(f, base, ret_value);
	case BK_FIELD_OBJECT:
		return encode_object(f, at, ret_value);
	}
	return BK_E_INTERNAL;
}

int bk_fields_encode(json_t *o, const struct bk_field *rows, size_t n, const void *base)
{
	for (const struct bk_field *f = rows; f < rows + n; f++) {
		json_t *value = NULL;
		bool empty = is_empty(f, base);
		int err;

		if (empty && (f->flags & BK_FIELD_NULLABLE)) {
			value = json_null();
		} else if (empty && !(f->flags & BK_FIELD_REQUIRED)) {
			continue;
		} else {
			err = encode_value(f, base, &value);
			if (err < 0)
				return err;
		}
		if (json_object_set_new(o, f->name, value) < 0)
			return BK_E_NOMEM;
	}
	return 0;
}

static int decode_string(const struct bk_field *f, const json_t *value, uint8_t *at)
{
	size_t n = json_string_length(value);

	if (!json_is_string(value) || n >= f->size || (!n && (f->flags & BK_FIELD_NONEMPTY)))
		return BK_E_MALFORMED;
	memcpy(at, json_string_value(value), n + 1);
	if (f->kind == BK_FIELD_TEXT)
		bk_text_sanitize((char *)at);
	return bk_text_is_plain((const char *)at) ? 0 : BK_E_MALFORMED;
}

static int decode_uint(const struct bk_field *f, const json_t *value, uint8_t *at)
{
	json_int_t v = json_integer_value(value);

	if (!json_is_integer(value) || v < 0 || (f->size < 8 && v >> 8 * f->size))
		return BK_E_MALFORMED;
	store_uint(at, f->size, (uint64_t)v);
	return 0;
}

static int decode_hex(const json_t *value, uint8_t *out, size_t n)
{
	size_t got;

	if (!json_is_string(value) || json_string_length(value) != 2 * n)
		return BK_E_MALFORMED;
	if (sodium_hex2bin(out, n, json_string_value(value), 2 * n, NULL, &got, NULL) < 0 || got != n)
		return BK_E_MALFORMED;
	return 0;
}

static int decode_hex64(const json_t *value, uint8_t *at)
{
	uint8_t be[8];
	uint64_t v = 0;
	int err = decode_hex(value, be, sizeof(be));

	if (err < 0)
		return err;
	for (size_t i = 0; i < sizeof(be); i++)
		v = v << 8 | be[i];
	store_uint(at, sizeof(v), v);
	return 0;
}

static int decode_body(const struct bk_field *f, const json_t *value, uint8_t *base)
{
	size_t text_len = json_string_length(value), max = text_len / 4 * 3, n;
	uint8_t *body;

	if (!json_is_string(value) || text_len % 4 || max > f->size + 2)
		return BK_E_MALFORMED;
	if (!text_len)
		return 0;
	body = malloc(max);
	if (!body)
		return BK_E_NOMEM;
	if (sodium_base642bin(body, max, json_string_value(value), text_len, NULL, &n, NULL,
		    sodium_base64_VARIANT_ORIGINAL) < 0 ||
		n > f->size) {
		free(body);
		return BK_E_MALFORMED;
	}
	memcpy(base + f->offset, &body, sizeof(body));
	memcpy(base + f->len_offset, &n, sizeof(n));
	return 0;
}

static int decode_value(const struct bk_field *f, const json_t *value, uint8_t *base)
{
	uint8_t *at = base + f->offset;

	switch (f->kind) {
	case BK_FIELD_STR:
	case BK_FIELD_TEXT:
		return decode_string(f, value, at);
	case BK_FIELD_UINT:
		return decode_uint(f, value, at);
	case BK_FIELD_HEX:
		return decode_hex(value, at, f->size);
	case BK_FIELD_HEX64:
		return decode_hex64(value, at);
	case BK_FIELD_BODY:
		return decode_body(f, value, base);
	case BK_FIELD_OBJECT:
		return json_is_object(value) ? bk_fields_decode(value, f->sub, f->sub_len, at)
					     : BK_E_MALFORMED;
	}
	return BK_E_INTERNAL;
}

int bk_fields_decode(const json_t *o, const struct bk_field *rows, size_t n, void *base)
{
	for (const struct bk_field *f = rows; f < rows + n; f++) {
		const json_t *value = json_object_get(o, f->name);
		int err;

		if (!value || json_is_null(value)) {
			if (f->flags & BK_FIELD_REQUIRED)
				return BK_E_MALFORMED;
			continue;
		}
		err = decode_value(f, value, base);
		if (err < 0)
			return err;
	}
	return 0;
}
