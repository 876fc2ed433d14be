/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/file_entry.h"

#include <sodium.h>
#include <string.h>

#include "base/error.h"

enum { ROW_MAX = 176 }; /* bytes of an entry besides its paths */

#define SIZE_LIMIT INT64_MAX /* off_t, and what JSON integers can carry */

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

json_t *bk_file_entry_to_json(const struct bk_file_entry *e)
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

int bk_file_entry_from_json(const json_t *o, struct bk_file_list *l)
{
	char path[BK_FILE_PATH_MAX + 2], aim[BK_FILE_PATH_MAX + 2];
	const char *kind = json_string_value(json_object_get(o, "kind")), *target = NULL;
	struct bk_file_entry e = {.path = get_bytes(o, "path", "path_hex", path)};
	int64_t mode = 0644, size = -1;

	if (!e.path || !kind)
		return BK_E_MALFORMED;
	e.is_stream = !strcmp(kind, "stream");
	e.is_folder = !strcmp(kind, "folder");
	e.is_link = !strcmp(kind, "link");
	e.is_file = e.is_stream || !strcmp(kind, "file");
	e.is_text = e.is_file && !e.is_stream && json_is_true(json_object_get(o, "text"));
	if (get_int(o, "size", 0, e.is_stream || e.is_folder || e.is_link ? 0 : SIZE_LIMIT, &size) < 0 ||
		size < 0 || get_int(o, "mode", 0, 07777777, &mode) < 0 || get_times(o, &e) < 0)
		return BK_E_MALFORMED;
	e.size = (uint64_t)size;
	if (e.is_link && !(target = get_bytes(o, "target", "target_hex", aim)))
		return BK_E_MALFORMED;
	e.mode = (uint16_t)(mode & 0777);
	return add_decoded(o, l, &e, target);
}
