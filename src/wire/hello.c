/* SPDX-License-Identifier: Apache-2.0 */
/* The one message between plain peers, field for field as the old tools send it. It judges form only: whether
 * a number is the next one is for those who talk. */
#include "wire/hello.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "wire/field.h"
#include "wire/json.h"

enum { DEPTH_MAX = 8, MEMBERS_MAX = 64 };

#define TYPE "PeerHelloMessage"
#define PLACE(member)                                                                                        \
	.name = #member, .offset = offsetof(struct bk_hello, member),                                        \
	.size = sizeof(((struct bk_hello *)0)->member)

static const struct bk_field rows[] = {
	{PLACE(content), .kind = BK_FIELD_TEXT, .flags = BK_FIELD_NULLABLE},
	{PLACE(number), .kind = BK_FIELD_UINT, .flags = BK_FIELD_REQUIRED},
};

enum { ROWS_LEN = sizeof(rows) / sizeof(rows[0]) };

int bk_hello_encode(struct bk_buf *out, const struct bk_hello *h)
{
	json_t *o = json_pack("{s:s}", "type", TYPE);
	int err = o ? bk_fields_encode(o, rows, ROWS_LEN, h) : BK_E_NOMEM;

	if (!err)
		err = bk_json_append(out, o, 0, BK_HELLO_MESSAGE_MAX);
	json_decref(o);
	return err;
}

static int decode_object(const json_t *o, struct bk_hello *h)
{
	const char *type = json_string_value(json_object_get(o, "type"));

	if (!type)
		return BK_E_MALFORMED;
	return strcmp(type, TYPE) != 0 ? BK_E_PROTOCOL : bk_fields_decode(o, rows, ROWS_LEN, h);
}

int bk_hello_decode(const void *json, size_t len, struct bk_hello *ret_hello)
{
	struct bk_hello h = {0};
	json_t *o;
	int err;

	if (len > BK_HELLO_MESSAGE_MAX)
		return BK_E_TOO_BIG;
	err = bk_json_load(json, len, DEPTH_MAX, MEMBERS_MAX, &o);
	if (err < 0)
		return err;
	err = decode_object(o, &h);
	json_decref(o);
	if (err < 0)
		return err;
	*ret_hello = h;
	return 0;
}
