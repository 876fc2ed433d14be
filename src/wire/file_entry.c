/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/file_entry.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "wire/json.h"

enum { ROW_MAX = 176 }; /* bytes of an entry besides its paths */

#define SIZE_LIMIT INT64_MAX /* off_t, and what JSON integers can carry */

static const char *kind_of(const struct bk_file_entry *e)
{
	return e->is_folder ? "folder" : e->is_stream ? "stream" : e->is_link ? "link" : "file";
}

/* Quotes and backslashes are two; what is shown by digits stands there twice. */
static size_t bytes_room(const char *bytes)
{
	return 8 * strlen(bytes);
}

size_t bk_file_entry_room(const struct bk_file_entry *e)
{
	size_t n = ROW_MAX + (e->is_odd ? bytes_room(e->path) : 2 * strlen(e->path));

	return e->is_link ? n + bytes_room(bk_file_entry_target(e)) : n;
}

/* Where it goes; there is room for all of it. */
struct text {
	char *at;
};

static void put(struct text *t, const char *what, size_t n)
{
	memcpy(t->at, what, n);
	t->at += n;
}

#define PUT(t, what) put(t, what, sizeof(what) - 1)

static void put_number(struct text *t, const char *key, int64_t value)
{
	char text[64];

	put(t, text, (size_t)snprintf(text, sizeof(text), "%s%" PRId64, key, value));
}

/* Plain text has nothing else that stands for something in JSON. */
static void put_string(struct text *t, const char *plain)
{
	PUT(t, "\"");
	for (; *plain; plain++) {
		if (*plain == '"' || *plain == '\\')
			PUT(t, "\\");
		put(t, plain, 1);
	}
	PUT(t, "\"");
}

static void put_hex(struct text *t, const char *bytes)
{
	size_t n = strlen(bytes);

	PUT(t, "\"");
	sodium_bin2hex(t->at, 2 * n + 1, (const unsigned char *)bytes, n);
	t->at += 2 * n;
	PUT(t, "\"");
}

/* As plain text, and where it is none by its bytes, too. */
static void put_bytes(struct text *t, const char *key, const char *key_hex, const char *bytes)
{
	char shown[BK_FILE_SHOWN_MAX];

	bk_file_path_show(bytes, shown, sizeof(shown));
	put(t, key, strlen(key));
	put_string(t, shown);
	if (!strcmp(shown, bytes))
		return;
	put(t, key_hex, strlen(key_hex));
	put_hex(t, bytes);
}

int bk_file_entry_append(struct bk_buf *out, const struct bk_file_entry *e)
{
	size_t room = bk_file_entry_room(e);
	uint8_t *at = bk_buf_reserve(out, room);
	struct text t = {(char *)at};

	if (!at)
		return room > bk_buf_room(out) ? BK_E_FULL : BK_E_NOMEM;
	put_number(&t, "{\"size\":", (int64_t)e->size);
	put_number(&t, ",\"mode\":", e->mode);
	put_number(&t, ",\"mtime\":", e->mtime);
	PUT(&t, ",\"kind\":");
	put_string(&t, kind_of(e));
	put_bytes(&t, ",\"path\":", ",\"path_hex\":", e->path);
	if (e->mtime_ns)
		put_number(&t, ",\"mtime_ns\":", e->mtime_ns);
	if (e->is_link)
		put_bytes(&t, ",\"target\":", ",\"target_hex\":", bk_file_entry_target(e));
	if (e->is_text)
		PUT(&t, ",\"text\":true");
	PUT(&t, "}");
	bk_assert((size_t)((uint8_t *)t.at - at) < room);
	bk_buf_commit(out, (size_t)((uint8_t *)t.at - at));
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

	if (bk_json_get_int(o, "mtime", -INT64_MAX, INT64_MAX, &e->mtime) < 0 ||
		bk_json_get_int(o, "mtime_ns", 0, 999999999, &ns) < 0)
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

int bk_file_entry_from_json(const json_t *o, struct bk_file_list *l)
{
	char path[BK_FILE_PATH_MAX + 2], aim[BK_FILE_PATH_MAX + 2];
	const char *kind = json_string_value(json_object_get(o, "kind")), *target = NULL;
	struct bk_file_entry e = {.path = get_bytes(o, "path", "path_hex", path)};
	int64_t mode = 0644, size = -1, size_max;

	if (!e.path || !kind)
		return BK_E_MALFORMED;
	e.is_stream = !strcmp(kind, "stream");
	e.is_folder = !strcmp(kind, "folder");
	e.is_link = !strcmp(kind, "link");
	e.is_file = e.is_stream || !strcmp(kind, "file");
	e.is_text = e.is_file && !e.is_stream && json_is_true(json_object_get(o, "text"));
	size_max = e.is_stream || e.is_folder || e.is_link ? 0 : SIZE_LIMIT;
	if (bk_json_get_int(o, "size", 0, size_max, &size) < 0 || size < 0 ||
		bk_json_get_int(o, "mode", 0, 07777777, &mode) < 0 || get_times(o, &e) < 0)
		return BK_E_MALFORMED;
	e.size = (uint64_t)size;
	if (e.is_link && !(target = get_bytes(o, "target", "target_hex", aim)))
		return BK_E_MALFORMED;
	e.mode = (uint16_t)(mode & 0777);
	return add_decoded(o, l, &e, target);
}
