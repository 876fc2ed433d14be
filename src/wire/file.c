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
#include "wire/json.h"

enum {
	HEADER_DEPTH_MAX = 4,
	HEADER_MEMBERS_MAX = 64,
	LIST_DEPTH_MAX = 4,
	LIST_MEMBERS_MAX = 12 * BK_FILE_ENTRIES_MAX + 16, /* room for fields of later versions */
};

#define SIZE_LIMIT ((uint64_t)INT64_MAX) /* off_t, and what JSON integers can carry */

static const char *const type_names[] = {
	[BK_FILE_OFFER] = "offer",
	[BK_FILE_ACCEPT] = "accept",
	[BK_FILE_REFUSE] = "refuse",
	[BK_FILE_CONTENT] = "content",
	[BK_FILE_DIGEST] = "digest",
	[BK_FILE_DONE] = "done",
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
};
static const struct bk_field reason_fields[] = {
	{"code", BK_FIELD_STR, BK_FIELD_REQUIRED, AT(code)},
	{"text", BK_FIELD_TEXT, 0, AT(text)},
};
static const struct bk_field content_fields[] = {
	{"entry", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(entry)},
	{"offset", BK_FIELD_UINT, BK_FIELD_REQUIRED, AT(offset)},
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

#define ROWS(fields) fields, sizeof(fields) / sizeof(fields[0])

static const struct shape {
	const struct bk_field *fields;
	size_t len;
	uint64_t content_max;
} shapes[] = {
	[BK_FILE_OFFER] = {ROWS(offer_fields), BK_FILE_LIST_MAX},
	[BK_FILE_ACCEPT] = {ROWS(accept_fields), BK_FILE_LIST_MAX},
	[BK_FILE_REFUSE] = {ROWS(reason_fields), 0},
	[BK_FILE_CONTENT] = {ROWS(content_fields), BK_FILE_CONTENT_MAX},
	[BK_FILE_DIGEST] = {ROWS(digest_fields), 0},
	[BK_FILE_DONE] = {ROWS(done_fields), 0},
	[BK_FILE_ERROR] = {ROWS(reason_fields), 0},
};

const char *bk_file_type_name(enum bk_file_type type)
{
	return type_names[type];
}

int bk_file_path_check(const char *path)
{
	size_t len = strlen(path);

	if (!len || len > BK_FILE_PATH_MAX || !bk_text_is_plain(path))
		return BK_E_UNSAFE_PATH;
	for (const char *at = path;; at++) {
		size_t n = strcspn(at, "/");

		if (!n || n > BK_FILE_NAME_MAX || (n == 1 && at[0] == '.') ||
			(n == 2 && at[0] == '.' && at[1] == '.'))
			return BK_E_UNSAFE_PATH;
		at += n;
		if (!*at)
			return 0;
	}
}

static bool is_utf8(const char *s)
{
	json_t *value = json_string(s);

	json_decref(value);
	return value;
}

static int list_grow(struct bk_file_list *l)
{
	size_t cap = l->cap ? 2 * l->cap : 16;
	struct bk_file_entry *entries = realloc(l->entries, cap * sizeof(*entries));

	if (!entries)
		return BK_E_NOMEM;
	l->entries = entries;
	l->cap = cap;
	return 0;
}

static int list_append(struct bk_file_list *l, const struct bk_file_entry *entry)
{
	char *path;

	if (bk_file_path_check(entry->path) < 0)
		return BK_E_UNSAFE_PATH;
	if (l->len == BK_FILE_ENTRIES_MAX)
		return BK_E_FULL;
	if (entry->size > SIZE_LIMIT - l->bytes)
		return BK_E_TOO_BIG;
	if (l->len == l->cap && list_grow(l) < 0)
		return BK_E_NOMEM;
	path = strdup(entry->path);
	if (!path)
		return BK_E_NOMEM;
	l->entries[l->len] = *entry;
	l->entries[l->len++].path = path;
	l->bytes += entry->size;
	return 0;
}

int bk_file_list_add(struct bk_file_list *l, const struct bk_file_entry *entry)
{
	return is_utf8(entry->path) ? list_append(l, entry) : BK_E_UNSAFE_PATH;
}

void bk_file_list_done(struct bk_file_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->entries[i].path);
	free(l->entries);
	*l = (struct bk_file_list){0};
}

static int compare_paths(const void *a, const void *b)
{
	const struct bk_file_entry *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

/* By path; NULL: no memory. */
static const struct bk_file_entry **sort_entries(const struct bk_file_list *l)
{
	const struct bk_file_entry **sorted = calloc(l->len + 1, sizeof(*sorted));

	for (size_t i = 0; sorted && i < l->len; i++)
		sorted[i] = &l->entries[i];
	if (sorted)
		qsort(sorted, l->len, sizeof(*sorted), compare_paths);
	return sorted;
}

int bk_file_list_find_twin(const struct bk_file_list *l, const char **ret_path)
{
	const struct bk_file_entry **sorted = sort_entries(l);

	if (!sorted)
		return BK_E_NOMEM;
	*ret_path = NULL;
	for (size_t i = 1; i < l->len && !*ret_path; i++)
		if (!strcmp(sorted[i - 1]->path, sorted[i]->path))
			*ret_path = sorted[i]->path;
	free(sorted);
	return 0;
}

struct prefix {
	const char *path;
	size_t len;
};

static int compare_prefix(const void *key, const void *row)
{
	const struct prefix *p = key;
	const char *path = (*(const struct bk_file_entry *const *)row)->path;
	int order = strncmp(p->path, path, p->len);

	return order ? order : path[p->len] ? -1 : 0;
}

static bool is_orphan(const struct bk_file_entry **sorted, size_t n, const struct bk_file_entry *e)
{
	const char *slash = strrchr(e->path, '/');
	const struct prefix parent = {e->path, slash ? (size_t)(slash - e->path) : 0};
	const struct bk_file_entry *const *found;

	if (!slash)
		return false;
	found = bsearch(&parent, sorted, n, sizeof(*sorted), compare_prefix);
	return !found || !(*found)->is_folder || *found > e;
}

int bk_file_list_find_orphan(const struct bk_file_list *l, const char **ret_path)
{
	const struct bk_file_entry **sorted = sort_entries(l);

	if (!sorted)
		return BK_E_NOMEM;
	*ret_path = NULL;
	for (size_t i = 0; i < l->len && !*ret_path; i++)
		if (is_orphan(sorted, l->len, &l->entries[i]))
			*ret_path = l->entries[i].path;
	free(sorted);
	return 0;
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
		err = bk_frame_append_json(out, header, type, NULL, content_len);
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

static json_t *entry_to_json(const struct bk_file_entry *e)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:s}", "path", e->path, "size", (json_int_t)e->size, "mode",
		(json_int_t)e->mode, "mtime", (json_int_t)e->mtime, "kind",
		e->is_folder   ? "folder"
		: e->is_stream ? "stream"
			       : "file");
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

static int decode_entry(const json_t *o, struct bk_file_list *l)
{
	const char *path = json_string_value(json_object_get(o, "path"));
	const char *kind = json_string_value(json_object_get(o, "kind"));
	bool is_stream = kind && !strcmp(kind, "stream"), is_folder = kind && !strcmp(kind, "folder");
	struct bk_file_entry e = {.is_file = is_stream || (kind && !strcmp(kind, "file")),
		.is_stream = is_stream,
		.is_folder = is_folder};
	uint64_t mode = 0644;
	char *copy;
	int err;

	if (!path || !kind || get_uint(o, "size", is_stream || is_folder ? 0 : SIZE_LIMIT, &e.size) < 0)
		return BK_E_MALFORMED;
	if (json_object_get(o, "mode") && get_uint(o, "mode", 07777777, &mode) < 0)
		return BK_E_MALFORMED;
	if (json_object_get(o, "mtime") && get_uint(o, "mtime", SIZE_LIMIT, &e.mtime) < 0)
		return BK_E_MALFORMED;
	e.mode = (uint32_t)mode & 0777;
	copy = strdup(path);
	if (!copy)
		return BK_E_NOMEM;
	e.path = copy;
	err = list_append(l, &e);
	free(copy);
	return err == BK_E_FULL ? BK_E_TOO_BIG : err;
}

static int decode_entries(const json_t *array, struct bk_file_list *l)
{
	const char *twin = NULL, *orphan = NULL;
	int err = 0;

	if (!json_is_array(array) || !json_array_size(array))
		return BK_E_MALFORMED;
	for (size_t i = 0; i < json_array_size(array) && err >= 0; i++)
		err = decode_entry(json_array_get(array, i), l);
	if (err >= 0)
		err = bk_file_list_find_twin(l, &twin);
	if (err >= 0)
		err = bk_file_list_find_orphan(l, &orphan);
	return err >= 0 && (twin || orphan) ? BK_E_MALFORMED : err;
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

void bk_file_reader_init(struct bk_file_reader *r)
{
	const struct bk_frame_limits limits = {
		.header_max = BK_FILE_HEADER_MAX, .content_max = BK_FILE_CONTENT_MAX};

	*r = (struct bk_file_reader){.msg.type = BK_FILE_UNKNOWN};
	bk_frame_decoder_init(&r->frames, BK_FRAMING_JSON, &limits);
	bk_buf_init(&r->list, BK_FILE_LIST_MAX);
}

void bk_file_reader_done(struct bk_file_reader *r)
{
	bk_frame_decoder_done(&r->frames);
	bk_buf_done(&r->list);
}

static int on_header(struct bk_file_reader *r)
{
	const struct bk_frame_decoder *d = &r->frames;
	int err = bk_file_msg_decode(d->header, d->header_len, d->content_len, &r->msg);

	bk_buf_release(&r->list);
	if (err < 0)
		return err;
	return r->msg.type == BK_FILE_CONTENT ? BK_FILE_MESSAGE : BK_FILE_NOTHING;
}

static int on_content(struct bk_file_reader *r)
{
	const struct bk_frame_decoder *d = &r->frames;

	switch (r->msg.type) {
	case BK_FILE_CONTENT:
		r->piece = d->piece;
		r->piece_len = d->piece_len;
		return BK_FILE_PIECE;
	case BK_FILE_OFFER:
	case BK_FILE_ACCEPT:
		return bk_buf_append(&r->list, d->piece, d->piece_len);
	default:
		return BK_FILE_NOTHING;
	}
}

int bk_file_reader_next(struct bk_file_reader *r, const uint8_t **data, size_t *len)
{
	for (;;) {
		int event = bk_frame_decode(&r->frames, data, len), told = BK_FILE_NOTHING;

		switch (event) {
		case BK_FRAME_HEADER:
			told = on_header(r);
			break;
		case BK_FRAME_CONTENT:
			told = on_content(r);
			break;
		case BK_FRAME_END:
			if (r->msg.type != BK_FILE_CONTENT && r->msg.type != BK_FILE_UNKNOWN)
				told = BK_FILE_MESSAGE;
			break;
		default: /* an error, or BK_FRAME_NONE */
			return event;
		}
		if (told != BK_FILE_NOTHING)
			return told;
	}
}
