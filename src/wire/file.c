/* SPDX-License-Identifier: Apache-2.0 */
/* The messages with which files travel. Everything read here comes from the peer: a header is bounded before
 * it is parsed, a list before it is built, and a path is judged before anybody sees it. It refuses to repair:
 * a path with "./" or "//" in it is refused, not cleaned. It opens no file and knows no order of messages. */
#include "wire/file.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/field.h"
#include "wire/json.h"
#include "wire/packed.h"

enum {
	HEADER_DEPTH_MAX = 4,
	HEADER_MEMBERS_MAX = 64,
	LIST_DEPTH_MAX = 4,
	LIST_MEMBERS_MAX = 12 * BK_FILE_ENTRIES_MAX + 16, /* room for fields of later versions */
};

#define SIZE_LIMIT ((uint64_t)INT64_MAX) /* off_t, and what JSON integers can carry */

static const char *const type_names[] = {
	[BK_FILE_OFFER] = "offer",
	[BK_FILE_HAVE] = "have",
	[BK_FILE_ACCEPT] = "accept",
	[BK_FILE_REFUSE] = "refuse",
	[BK_FILE_CONTENT] = "content",
	[BK_FILE_DIGEST] = "digest",
	[BK_FILE_DONE] = "done",
	[BK_FILE_PACKED] = "packed",
	[BK_FILE_ERROR] = "error",
	[BK_FILE_UNKNOWN] = "unknown",
};

#define AT(member)                                                                                           \
	offsetof(struct bk_file_msg, member), sizeof(((struct bk_file_msg *)NULL)->member), 0, NULL, 0

static const struct bk_field offer_fields[] = {
	{"entries", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(entries)},
	{"bytes", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(bytes)},
	{"version", BK_FIELD_UINT, 0, AT(version)},
};
static const struct bk_field accept_fields[] = {
	{"version", BK_FIELD_UINT, 0, AT(version)},
	{"encoding", BK_FIELD_STR, 0, AT(encoding)},
};
static const struct bk_field reason_fields[] = {
	{"code", BK_FIELD_STR, BK_FIELD_REQUIRED, AT(code)},
	{"text", BK_FIELD_TEXT, 0, AT(text)},
};
static const struct bk_field content_fields[] = {
	{"entry", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(entry)},
	{"offset", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(offset)},
	{"hole", BK_FIELD_UINT, 0, AT(hole)},
};
static const struct bk_field digest_fields[] = {
	{"entry", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(entry)},
	{"xxh3_128", BK_FIELD_HEX, BK_FIELD_REQUIRED, AT(digest)},
};
static const struct bk_field done_fields[] = {
	{"entries", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(entries)},
	{"bytes", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(bytes)},
	{"xxh3_128", BK_FIELD_HEX, BK_FIELD_REQUIRED, AT(digest)},
};
static const struct bk_field packed_fields[] = {
	{"content-encoding", BK_FIELD_STR, BK_FIELD_REQUIRED, AT(encoding)},
	{"bytes", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(bytes)},
};

#define ROWS(fields) fields, sizeof(fields) / sizeof(fields[0])

static const struct shape {
	const struct bk_field *fields;
	size_t len;
	uint64_t content_max;
} shapes[] = {
	[BK_FILE_OFFER] = {ROWS(offer_fields), BK_FILE_LIST_MAX},
	[BK_FILE_HAVE] = {NULL, 0, BK_FILE_LIST_MAX},
	[BK_FILE_ACCEPT] = {ROWS(accept_fields), BK_FILE_LIST_MAX},
	[BK_FILE_REFUSE] = {ROWS(reason_fields), 0},
	[BK_FILE_CONTENT] = {ROWS(content_fields), BK_FILE_CONTENT_MAX},
	[BK_FILE_DIGEST] = {ROWS(digest_fields), 0},
	[BK_FILE_DONE] = {ROWS(done_fields), 0},
	[BK_FILE_ERROR] = {ROWS(reason_fields), 0},
	[BK_FILE_PACKED] = {ROWS(packed_fields), BK_PACKED_MAX + BK_PACKED_SLACK},
};

const char *bk_file_type_name(enum bk_file_type type)
{
	return type_names[type];
}

static json_t *header_new(enum bk_file_type type)
{
	return json_pack("{s:s}", "type", type_names[type]);
}

int bk_file_msg_encode(struct bk_buf *out, const struct bk_file_msg *m, uint64_t content_len)
{
	const struct shape *shape = &shapes[m->type];
	json_t *header = header_new(m->type);
	const char *type = m->type == BK_FILE_OFFER || m->type == BK_FILE_ACCEPT ? "text/json" : "binary";
	int err;

	if (!header)
		return BK_E_NOMEM;
	err = bk_fields_encode(header, shape->fields, shape->len, m);
	if (err >= 0)
		err = bk_frame_append_json(
			out, header, type, m->type == BK_FILE_PACKED ? m->encoding : NULL, content_len);
	json_decref(header);
	return err;
}

/* Header and JSON content of a list message; takes over `content`, which may be NULL for "out of memory". */
static int append_list(struct bk_buf *out, const struct bk_file_msg *m, json_t *content)
{
	struct bk_buf text;
	int err;

	if (!content)
		return BK_E_NOMEM;
	bk_buf_init(&text, BK_FILE_LIST_MAX);
	err = bk_json_append(&text, content, 0, BK_FILE_LIST_MAX);
	json_decref(content);
	if (err >= 0 && text.len + BK_FILE_HEADER_MAX > bk_buf_room(out))
		err = BK_E_FULL;
	if (err >= 0)
		err = bk_file_msg_encode(out, m, text.len);
	if (err >= 0)
		err = bk_buf_append(out, bk_buf_head(&text), text.len);
	bk_buf_done(&text);
	return err;
}

static const char *kind_of(const struct bk_file_entry *e)
{
	return e->is_folder ? "folder" : e->is_stream ? "stream" : e->is_link ? "link" : "file";
}

/* 0, or -1: no memory. */
static int set_hex(json_t *o, const char *key, const char *bytes)
{
	char hex[2 * BK_FILE_PATH_MAX + 1];

	sodium_bin2hex(hex, sizeof(hex), (const unsigned char *)bytes, strlen(bytes));
	return json_object_set_new(o, key, json_string(hex));
}

/* As plain text, and where it is none by its bytes, too. */
static int set_bytes(json_t *o, const char *key, const char *key_hex, const char *bytes)
{
	char shown[BK_FILE_SHOWN_MAX];

	if (json_object_set_new(o, key, json_string(bk_file_path_show(bytes, shown, sizeof(shown)))) < 0)
		return -1;
	return strcmp(shown, bytes) != 0 ? set_hex(o, key_hex, bytes) : 0;
}

static json_t *entry_to_json(const struct bk_file_entry *e)
{
	json_t *o = json_pack("{s:I, s:I, s:I, s:s}", "size", (json_int_t)e->size, "mode",
		(json_int_t)e->mode, "mtime", (json_int_t)e->mtime, "kind", kind_of(e));
	bool is_whole = o && set_bytes(o, "path", "path_hex", e->path) == 0;

	if (is_whole && e->mtime_ns)
		is_whole = json_object_set_new(o, "mtime_ns", json_integer((json_int_t)e->mtime_ns)) == 0;
	if (is_whole && e->is_link)
		is_whole = set_bytes(o, "target", "target_hex", bk_file_entry_target(e)) == 0;
	if (is_whole && e->is_text)
		is_whole = json_object_set_new(o, "text", json_true()) == 0;
	if (is_whole)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *choice_to_json(size_t entry, const struct bk_file_choice *c)
{
	json_int_t number = (json_int_t)entry;

	if (!c->is_taken)
		return json_pack("{s:I, s:s}", "entry", number, "action", "skip");
	return json_pack(
		"{s:I, s:s, s:I}", "entry", number, "action", "take", "offset", (json_int_t)c->offset);
}

/* {"entries": [...]}; NULL when the memory is gone. */
static json_t *wrap_entries(json_t *array, bool is_whole)
{
	json_t *content = is_whole ? json_pack("{s:O}", "entries", array) : NULL;

	json_decref(array);
	return content;
}

int bk_file_offer_encode(struct bk_buf *out, const struct bk_file_list *l)
{
	struct bk_file_msg m = {.type = BK_FILE_OFFER,
		.entries = (uint32_t)l->len,
		.bytes = l->bytes,
		.version = BK_FILE_VERSION};
	json_t *array = json_array();
	bool is_whole = array;

	for (size_t i = 0; i < l->len && is_whole; i++)
		is_whole = json_array_append_new(array, entry_to_json(&l->entries[i])) == 0;
	return append_list(out, &m, wrap_entries(array, is_whole));
}

int bk_file_accept_encode(
	struct bk_buf *out, const struct bk_file_msg *header, const struct bk_file_choice *choices, size_t n)
{
	struct bk_file_msg m = *header;
	json_t *array = json_array();
	bool is_whole = array;

	m.type = BK_FILE_ACCEPT;
	for (size_t i = 0; i < n && is_whole; i++)
		is_whole = json_array_append_new(array, choice_to_json(i, &choices[i])) == 0;
	return append_list(out, &m, wrap_entries(array, is_whole));
}

int bk_file_msg_decode(const void *header, size_t len, uint64_t content_len, struct bk_file_msg *ret_msg)
{
	struct bk_file_msg m = {.content_len = content_len};
	json_t *o;
	const char *name;
	int err = bk_json_load(header, len, HEADER_DEPTH_MAX, HEADER_MEMBERS_MAX, &o);

	if (err < 0)
		return err;
	name = json_string_value(json_object_get(o, "type"));
	if (!name) {
		err = BK_E_MALFORMED;
	} else {
		m.type = (enum bk_file_type)bk_text_index(type_names, BK_FILE_UNKNOWN, name);
		if (m.type != BK_FILE_UNKNOWN)
			err = bk_fields_decode(o, shapes[m.type].fields, shapes[m.type].len, &m);
	}
	json_decref(o);
	if (err < 0)
		return err;
	if (m.type != BK_FILE_UNKNOWN && content_len > shapes[m.type].content_max)
		return shapes[m.type].content_max ? BK_E_TOO_BIG : BK_E_PROTOCOL;
	if (m.hole && content_len)
		return BK_E_PROTOCOL;
	if (m.hole > BK_FILE_CONTENT_MAX)
		return BK_E_TOO_BIG;
	*ret_msg = m;
	return 0;
}

/* A member that is a whole number from 0 to max. */
static int get_uint(const json_t *o, const char *key, uint64_t max, uint64_t *ret_value)
{
	const json_t *value = json_object_get(o, key);
	json_int_t v = json_integer_value(value);

	if (!json_is_integer(value) || v < 0 || (uint64_t)v > max)
		return BK_E_MALFORMED;
	*ret_value = (uint64_t)v;
	return 0;
}

/* A member that is a whole number from min to max, or is absent. */
static int get_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret_value)
{
	const json_t *value = json_object_get(o, key);
	json_int_t v = json_integer_value(value);

	if (!value)
		return 0;
	if (!json_is_integer(value) || v < min || v > max)
		return BK_E_MALFORMED;
	*ret_value = v;
	return 0;
}

/* The bytes that the digits say, or the text where there are none; NULL: neither, or not as it should be. */
static const char *get_bytes(
	const json_t *o, const char *key, const char *key_hex, char out[BK_FILE_PATH_MAX + 2])
{
	const char *hex = json_string_value(json_object_get(o, key_hex));
	size_t n;

	if (!json_object_get(o, key_hex))
		return json_string_value(json_object_get(o, key));
	if (!hex ||
		sodium_hex2bin(
			(unsigned char *)out, BK_FILE_PATH_MAX + 1, hex, strlen(hex), NULL, &n, NULL) != 0 ||
		memchr(out, 0, n))
		return NULL;
	out[n] = 0;
	return out;
}

static int get_times(const json_t *o, struct bk_file_entry *e)
{
	int64_t ns = 0;

	if (get_int(o, "mtime", -INT64_MAX, INT64_MAX, &e->mtime) < 0 ||
		get_int(o, "mtime_ns", 0, 999999999, &ns) < 0)
		return BK_E_MALFORMED;
	e->mtime_ns = (uint32_t)ns;
	return 0;
}

/* Text is plain: whoever has other bytes says them by digits. */
static int add_decoded(
	const json_t *o, struct bk_file_list *l, const struct bk_file_entry *e, const char *target)
{
	int err;

	if (!json_object_get(o, "path_hex") && bk_file_path_check(e->path) < 0)
		return BK_E_UNSAFE_PATH;
	err = bk_file_list_add(l, e, target);
	if (err == BK_E_EXISTS || err == BK_E_NOT_FOUND)
		return BK_E_MALFORMED;
	return err == BK_E_FULL ? BK_E_TOO_BIG : err;
}

static int decode_entry(const json_t *o, struct bk_file_list *l)
{
	char path[BK_FILE_PATH_MAX + 2], aim[BK_FILE_PATH_MAX + 2];
	const char *kind = json_string_value(json_object_get(o, "kind")), *target = NULL;
	struct bk_file_entry e = {.path = get_bytes(o, "path", "path_hex", path)};
	int64_t mode = 0644;
	uint64_t size_max;

	if (!e.path || !kind)
		return BK_E_MALFORMED;
	e.is_stream = !strcmp(kind, "stream");
	e.is_folder = !strcmp(kind, "folder");
	e.is_link = !strcmp(kind, "link");
	e.is_file = e.is_stream || !strcmp(kind, "file");
	e.is_text = e.is_file && !e.is_stream && json_is_true(json_object_get(o, "text"));
	size_max = e.is_stream || e.is_folder || e.is_link ? 0 : SIZE_LIMIT;
	if (get_uint(o, "size", size_max, &e.size) < 0 || get_int(o, "mode", 0, 07777777, &mode) < 0 ||
		get_times(o, &e) < 0)
		return BK_E_MALFORMED;
	if (e.is_link && !(target = get_bytes(o, "target", "target_hex", aim)))
		return BK_E_MALFORMED;
	e.mode = (uint16_t)(mode & 0777);
	return add_decoded(o, l, &e, target);
}

static int decode_entries(const json_t *array, struct bk_file_list *l)
{
	int err = 0;

	if (!json_is_array(array) || !json_array_size(array))
		return BK_E_MALFORMED;
	for (size_t i = 0; i < json_array_size(array) && err >= 0; i++)
		err = decode_entry(json_array_get(array, i), l);
	return err >= 0 && bk_file_list_find_stray(l) ? BK_E_UNSAFE_PATH : err;
}

int bk_file_offer_decode(const void *content, size_t len, struct bk_file_list *ret_list)
{
	struct bk_file_list l = {0};
	json_t *o;
	int err = bk_json_load(content, len, LIST_DEPTH_MAX, LIST_MEMBERS_MAX, &o);

	if (err < 0)
		return err;
	err = decode_entries(json_object_get(o, "entries"), &l);
	json_decref(o);
	if (err < 0)
		bk_file_list_done(&l);
	else
		*ret_list = l;
	return err;
}

static int decode_choice(const json_t *o, size_t n, bool *seen, struct bk_file_choice *choices)
{
	const char *action = json_string_value(json_object_get(o, "action"));
	uint64_t entry;

	if (!action || !n || get_uint(o, "entry", n - 1, &entry) < 0 || seen[entry])
		return BK_E_MALFORMED;
	seen[entry] = true;
	if (!strcmp(action, "skip"))
		return 0;
	if (strcmp(action, "take") != 0)
		return BK_E_MALFORMED;
	choices[entry].is_taken = true;
	if (json_object_get(o, "offset"))
		return get_uint(o, "offset", SIZE_LIMIT, &choices[entry].offset);
	return 0;
}

int bk_file_accept_decode(const void *content, size_t len, size_t n, struct bk_file_choice *ret_choices)
{
	struct bk_file_choice *choices = calloc(n + 1, sizeof(*choices));
	bool *seen = calloc(n + 1, sizeof(*seen));
	json_t *o = NULL;
	const json_t *array;
	int err = choices && seen ? 0 : BK_E_NOMEM;

	if (err >= 0)
		err = bk_json_load(content, len, LIST_DEPTH_MAX, LIST_MEMBERS_MAX, &o);
	if (err >= 0) {
		array = json_object_get(o, "entries");
		if (!json_is_array(array) || json_array_size(array) != n)
			err = BK_E_MALFORMED;
		for (size_t i = 0; i < n && err >= 0; i++)
			err = decode_choice(json_array_get(array, i), n, seen, choices);
		json_decref(o);
	}
	if (err >= 0)
		memcpy(ret_choices, choices, n * sizeof(*choices));
	free(choices);
	free(seen);
	return err;
}
