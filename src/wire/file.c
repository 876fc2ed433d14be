/* SPDX-License-Identifier: Apache-2.0 */
/* The messages with which files travel. Everything read here comes from the peer: a header is bounded before
 * it is parsed, a list before it is built, and a path is judged before anybody sees it. It refuses to repair:
 * a path with "./" or "//" in it is refused, not cleaned. It opens no file and knows no order of messages. */
#include "wire/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/field.h"
#include "wire/file_entry.h"
#include "wire/file_head.h"
#include "wire/json.h"
#include "wire/packed.h"

enum {
	HEADER_DEPTH_MAX = 4,
	HEADER_MEMBERS_MAX = 64,
	LIST_DEPTH_MAX = 4,
	LIST_MEMBERS_MAX = 12 * BK_FILE_ENTRIES_MAX + 16, /* room for fields of later versions */
};

#define OFFSET_LIMIT (INT64_MAX / 2) /* no disk has half of what an off_t can say */

static const char *const type_names[] = {
	[BK_FILE_COUNTING] = "counting",
	[BK_FILE_OFFER] = "offer",
	[BK_FILE_HAVE] = "have",
	[BK_FILE_ACCEPT] = "accept",
	[BK_FILE_REFUSE] = "refuse",
	[BK_FILE_CONTENT] = "content",
	[BK_FILE_DIGEST] = "digest",
	[BK_FILE_DONE] = "done",
	[BK_FILE_PACKED] = "packed",
	[BK_FILE_ERROR] = "error",
	[BK_FILE_ENTRIES] = "entries",
	[BK_FILE_CHOICES] = "choices",
	[BK_FILE_UNKNOWN] = "unknown",
};

#define AT(member)                                                                                           \
	offsetof(struct bk_file_msg, member), sizeof(((struct bk_file_msg *)NULL)->member), 0, NULL, 0

static const struct bk_field counting_fields[] = {
	{"entries", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(entries)},
};
static const struct bk_field offer_fields[] = {
	{"entries", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(entries)},
	{"bytes", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(bytes)},
	{"version", BK_FIELD_UINT, 0, AT(version)},
	{"more", BK_FIELD_UINT, 0, AT(more)},
};
static const struct bk_field entries_fields[] = {
	{"more", BK_FIELD_UINT, 0, AT(more)},
};
static const struct bk_field accept_fields[] = {
	{"version", BK_FIELD_UINT, 0, AT(version)},
	{"encoding", BK_FIELD_STR, 0, AT(encoding)},
	{"passes", BK_FIELD_UINT, 0, AT(passes)},
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
	[BK_FILE_COUNTING] = {ROWS(counting_fields), 0},
	[BK_FILE_OFFER] = {ROWS(offer_fields), BK_FILE_LIST_MAX},
	[BK_FILE_HAVE] = {NULL, 0, BK_FILE_LIST_MAX},
	[BK_FILE_ACCEPT] = {ROWS(accept_fields), BK_FILE_LIST_MAX},
	[BK_FILE_REFUSE] = {ROWS(reason_fields), 0},
	[BK_FILE_CONTENT] = {ROWS(content_fields), BK_FILE_CONTENT_MAX},
	[BK_FILE_DIGEST] = {ROWS(digest_fields), 0},
	[BK_FILE_DONE] = {ROWS(done_fields), 0},
	[BK_FILE_ERROR] = {ROWS(reason_fields), 0},
	[BK_FILE_PACKED] = {ROWS(packed_fields), BK_PACKED_MAX + BK_PACKED_SLACK},
	[BK_FILE_ENTRIES] = {ROWS(entries_fields), BK_FILE_PIECE_MAX},
	[BK_FILE_CHOICES] = {NULL, 0, BK_FILE_PIECE_MAX},
};

const char *bk_file_type_name(enum bk_file_type type)
{
	return type_names[type];
}

static json_t *header_new(enum bk_file_type type)
{
	return json_pack("{s:s}", "type", type_names[type]);
}

static bool is_list(enum bk_file_type type)
{
	return type == BK_FILE_OFFER || type == BK_FILE_ENTRIES || type == BK_FILE_ACCEPT ||
	       type == BK_FILE_CHOICES;
}

static int encode_tree(struct bk_buf *out, const struct bk_file_msg *m, uint64_t content_len)
{
	const struct shape *shape = &shapes[m->type];
	json_t *header = header_new(m->type);
	const char *type = is_list(m->type) ? "text/json" : "binary";
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

int bk_file_msg_encode(struct bk_buf *out, const struct bk_file_msg *m, uint64_t content_len)
{
	int err;

	return bk_file_head_append(out, m, content_len, &err) ? err : encode_tree(out, m, content_len);
}

/* Header and content of a list message. */
static int append_text(struct bk_buf *out, const struct bk_file_msg *m, const struct bk_buf *text)
{
	int err = text->len > BK_FILE_LIST_MAX ? BK_E_TOO_BIG : 0;

	if (err >= 0 && text->len + BK_FILE_HEADER_MAX > bk_buf_room(out))
		err = BK_E_FULL;
	if (err >= 0)
		err = bk_file_msg_encode(out, m, text->len);
	return err < 0 ? err : bk_buf_append(out, bk_buf_head(text), text->len);
}

/* The same of a tree; takes over `content`, which may be NULL for "out of memory". */
static int append_list(struct bk_buf *out, const struct bk_file_msg *m, json_t *content)
{
	struct bk_buf text;
	int err;

	if (!content)
		return BK_E_NOMEM;
	bk_buf_init(&text, BK_FILE_LIST_MAX);
	err = bk_json_append(&text, content, 0, BK_FILE_LIST_MAX);
	json_decref(content);
	if (err >= 0)
		err = append_text(out, m, &text);
	bk_buf_done(&text);
	return err;
}

static json_t *choice_to_json(size_t entry, size_t count, const struct bk_file_choice *c)
{
	json_t *o =
		json_pack("{s:I, s:s}", "entry", (json_int_t)entry, "action", c->is_taken ? "take" : "skip");
	bool is_whole = o;

	if (is_whole && c->is_taken)
		is_whole = json_object_set_new(o, "offset", json_integer((json_int_t)c->offset)) == 0;
	if (is_whole && count > 1)
		is_whole = json_object_set_new(o, "count", json_integer((json_int_t)count)) == 0;
	if (is_whole)
		return o;
	json_decref(o);
	return NULL;
}

/* {"entries": [...]}; NULL when the memory is gone. */
static json_t *wrap_entries(json_t *array, bool is_whole)
{
	json_t *content = is_whole ? json_pack("{s:O}", "entries", array) : NULL;

	json_decref(array);
	return content;
}

/* From entry *at on, as many as there is room for. */
static int append_rows(struct bk_buf *text, const struct bk_file_list *l, size_t *at, size_t max)
{
	const size_t from = *at;
	size_t room = 0;
	int err = 0;

	for (; *at < l->len && *at - from < BK_FILE_ENTRIES_MAX && err >= 0; ++*at) {
		room += bk_file_entry_room(&l->entries[*at]);
		if (room > max && *at > from)
			break;
		if (*at > from)
			err = bk_buf_append(text, ",", 1);
		if (err >= 0)
			err = bk_file_entry_append(text, &l->entries[*at]);
	}
	return err;
}

/* The next message: as many as one of so many bytes has. */
static int append_entries(
	struct bk_buf *out, struct bk_file_msg *m, const struct bk_file_list *l, size_t *at, size_t max)
{
	static const char front[] = "{\"entries\":[", back[] = "]}";
	struct bk_buf text;
	int err;

	bk_buf_init(&text, BK_FILE_LIST_MAX + sizeof(front) + sizeof(back));
	err = bk_buf_append(&text, front, sizeof(front) - 1);
	if (err >= 0)
		err = append_rows(&text, l, at, max);
	if (err >= 0)
		err = bk_buf_append(&text, back, sizeof(back) - 1);
	m->more = *at < l->len;
	if (err >= 0)
		err = append_text(out, m, &text);
	bk_buf_done(&text);
	return err;
}

/* One message has all names. */
static bool is_plain(const struct bk_file_list *l)
{
	size_t room = 0;

	for (size_t i = 0; i < l->len && l->len <= BK_FILE_ENTRIES_MAX && room <= BK_FILE_LIST_MAX; i++)
		room += bk_file_entry_room(&l->entries[i]);
	return l->len <= BK_FILE_ENTRIES_MAX && room <= BK_FILE_LIST_MAX;
}

int bk_file_offer_encode(struct bk_buf *out, const struct bk_file_list *l, size_t *at)
{
	struct bk_file_msg offer = {.type = BK_FILE_OFFER,
				   .entries = (uint32_t)l->len,
				   .bytes = l->bytes,
				   .version = BK_FILE_VERSION},
			   entries = {.type = BK_FILE_ENTRIES};
	int err = 0;

	if (!*at && is_plain(l))
		return append_entries(out, &offer, l, at, BK_FILE_LIST_MAX);
	if (!*at) {
		offer.more = 1;
		err = append_list(out, &offer,
			json_pack("{s:[{s:s, s:s, s:i}]}", "entries", "path", "more than 10000 entries",
				"kind", "tree", "size", 0));
	}
	return err < 0 ? err : append_entries(out, &entries, l, at, BK_FILE_PIECE_MAX - BK_FILE_HEADER_MAX);
}

static bool is_same(const struct bk_file_choice *a, struct bk_file_choice b)
{
	return a->is_taken == b.is_taken && !a->offset && !b.offset;
}

int bk_file_accept_encode(struct bk_buf *out, const struct bk_file_msg *header,
	const struct bk_file_choices *choices, size_t *at)
{
	struct bk_file_msg m = *header;
	json_t *array = json_array();
	bool is_whole = array;

	for (size_t rows = 0; *at < choices->len && is_whole && rows < BK_FILE_ENTRIES_MAX; rows++) {
		const struct bk_file_choice c = choices->get(choices->arg, *at);
		size_t next = *at + 1;

		while (m.version && next < choices->len && is_same(&c, choices->get(choices->arg, next)))
			next++;
		is_whole = json_array_append_new(array, choice_to_json(*at, next - *at, &c)) == 0;
		*at = next;
	}
	m.type = *at < choices->len ? BK_FILE_CHOICES : BK_FILE_ACCEPT;
	return append_list(out, &m, wrap_entries(array, is_whole));
}

static int decode_tree(const char *header, size_t len, struct bk_file_msg *m)
{
	const char *name;
	json_t *o;
	int err = bk_json_load(header, len, HEADER_DEPTH_MAX, HEADER_MEMBERS_MAX, &o);

	if (err < 0)
		return err;
	name = json_string_value(json_object_get(o, "type"));
	if (!name) {
		err = BK_E_MALFORMED;
	} else {
		m->type = (enum bk_file_type)bk_text_index(type_names, BK_FILE_UNKNOWN, name);
		if (m->type != BK_FILE_UNKNOWN)
			err = bk_fields_decode(o, shapes[m->type].fields, shapes[m->type].len, m);
	}
	json_decref(o);
	return err;
}

int bk_file_msg_decode(const void *header, size_t len, uint64_t content_len, struct bk_file_msg *ret_msg)
{
	struct bk_file_msg m = {.content_len = content_len};
	int err = bk_file_head_read(header, len, &m) ? 0 : decode_tree(header, len, &m);

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

static int decode_entries(const json_t *array, struct bk_file_list *l)
{
	int err = 0;

	if (!json_is_array(array) || !json_array_size(array))
		return BK_E_MALFORMED;
	if (json_array_size(array) > BK_FILE_ENTRIES_MAX)
		return BK_E_TOO_BIG;
	for (size_t i = 0; i < json_array_size(array) && err >= 0; i++)
		err = bk_file_entry_from_json(json_array_get(array, i), l);
	return err;
}

int bk_file_offer_decode(const void *content, size_t len, struct bk_file_list *l)
{
	json_t *o;
	int err = bk_json_load(content, len, LIST_DEPTH_MAX, LIST_MEMBERS_MAX, &o);

	if (err < 0)
		return err;
	err = decode_entries(json_object_get(o, "entries"), l);
	json_decref(o);
	return err;
}

static int decode_choice(const json_t *o, size_t n, struct bk_file_choice *choices, size_t *said)
{
	const char *action = json_string_value(json_object_get(o, "action"));
	struct bk_file_choice c = {.is_said = true};
	int64_t entry = -1, count = 1, offset = 0;

	if (!action || bk_json_get_int(o, "entry", 0, (int64_t)n - 1, &entry) < 0 || entry < 0)
		return BK_E_MALFORMED;
	if (bk_json_get_int(o, "count", 1, (int64_t)n - entry, &count) < 0)
		return BK_E_MALFORMED;
	c.is_taken = !strcmp(action, "take");
	if (!c.is_taken && strcmp(action, "skip") != 0)
		return BK_E_MALFORMED;
	if (c.is_taken && bk_json_get_int(o, "offset", 0, OFFSET_LIMIT, &offset) < 0)
		return BK_E_MALFORMED;
	c.offset = (uint64_t)offset;
	*said += (size_t)count;
	for (; count; count--, entry++) {
		if (choices[entry].is_said)
			return BK_E_MALFORMED;
		choices[entry] = c;
	}
	return 0;
}

int bk_file_accept_decode(
	const void *content, size_t len, size_t n, struct bk_file_choice *choices, size_t *said)
{
	const json_t *array;
	json_t *o;
	int err = bk_json_load(content, len, LIST_DEPTH_MAX, LIST_MEMBERS_MAX, &o);

	if (err < 0)
		return err;
	array = json_object_get(o, "entries");
	if (!json_is_array(array))
		err = BK_E_MALFORMED;
	for (size_t i = 0; i < json_array_size(array) && err >= 0; i++)
		err = decode_choice(json_array_get(array, i), n, choices, said);
	json_decref(o);
	return err;
}
