/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/devices_store.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "base/text.h"
#include "cli/key.h"
#include "net/file.h"

enum { FILE_MAX = 1 << 20 };

static int path_of(const char *dir, char *out, size_t max)
{
	return snprintf(out, max, "%s/devices.json", dir) < (int)max ? 0 : BK_E_TOO_BIG;
}

/* --- to and from the file --- */

static bool copy_text(char *out, size_t max, const char *text)
{
	return text && snprintf(out, max, "%s", text) < (int)max;
}

static int read_known(struct bk_cli_devices_store *s, const json_t *known)
{
	size_t n = json_array_size(known);

	s->known = calloc(BK_CLI_DEVICES_KNOWN_MAX, sizeof(*s->known));
	if (!s->known)
		return BK_E_NOMEM;
	for (size_t i = 0; i < n && s->known_len < BK_CLI_DEVICES_KNOWN_MAX; i++) {
		struct bk_cli_known_device *k = &s->known[s->known_len];
		const json_t *row = json_array_get(known, i);

		if (!copy_text(k->name, sizeof(k->name), json_string_value(json_object_get(row, "name"))) ||
			!bk_cli_key_from_str(json_string_value(json_object_get(row, "key")), k->key))
			return BK_E_MALFORMED;
		s->known_len++;
	}
	return 0;
}

static int read_root(struct bk_cli_devices_store *s, const json_t *root)
{
	char why[BK_GROUP_SENTENCE_MAX];
	const char *invite = json_string_value(json_object_get(root, "invite"));

	if (!invite || bk_group_invite_check(invite, s->invite, why) < 0 ||
		!copy_text(
			s->server, sizeof(s->server), json_string_value(json_object_get(root, "server"))) ||
		!copy_text(s->name, sizeof(s->name), json_string_value(json_object_get(root, "name"))))
		return BK_E_MALFORMED;
	return read_known(s, json_object_get(root, "known"));
}

static int read_store(struct bk_cli_devices_store *s, const char *dir)
{
	char path[sizeof(s->dir) + 16], *data;
	json_t *root;
	size_t n;
	int err;

	*s = (struct bk_cli_devices_store){0};
	err = copy_text(s->dir, sizeof(s->dir), dir) ? path_of(dir, path, sizeof(path)) : BK_E_TOO_BIG;
	if (err >= 0)
		err = bk_file_read(path, FILE_MAX, &data, &n);
	if (err < 0)
		return err;
	root = json_loadb(data, n, JSON_REJECT_DUPLICATES, NULL);
	free(data);
	err = root ? read_root(s, root) : BK_E_MALFORMED;
	json_decref(root);
	if (err < 0)
		bk_cli_devices_store_done(s);
	return err;
}

static json_t *known_value(const struct bk_cli_devices_store *s)
{
	json_t *all = json_array();
	char hex[BK_CLI_KEY_STR_MAX];

	for (size_t i = 0; i < s->known_len; i++) {
		json_array_append_new(all, json_pack("{s:s, s:s}", "name", s->known[i].name, "key",
						   bk_cli_key_to_str(s->known[i].key, hex)));
	}
	return all;
}

static int write_store(const struct bk_cli_devices_store *s)
{
	char path[sizeof(s->dir) + 16];
	json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:o}", "version", 1, "invite", s->invite, "server",
		s->server, "name", s->name, "known", known_value(s));
	char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
	int err = text ? path_of(s->dir, path, sizeof(path)) : BK_E_NOMEM;

	if (err >= 0)
		err = bk_file_write(path, text, strlen(text));
	free(text);
	json_decref(root);
	return err;
}

/* --- sentences --- */

static int say_fault(int err, const char *dir, const char *act, char text[BK_CLI_TEXT_MAX])
{
	if (err == BK_E_NOT_FOUND)
		snprintf(text, BK_CLI_TEXT_MAX,
			"this machine is in no group of devices; on the first one: bodkin devices new; on the "
			"others, with the invite that it prints: bodkin devices join");
	else
		snprintf(text, BK_CLI_TEXT_MAX, "'%.300s/devices.json' cannot be %s: %s", dir, act,
			bk_error_text(err));
	return err;
}

/* Of a file here, not of a server. */
static int as_file(int err)
{
	return err < 0 && err != BK_E_NOMEM && err != BK_E_NOT_FOUND ? BK_E_FILE : err;
}

int bk_cli_devices_store_load(
	struct bk_cli_devices_store *ret_store, const char *state_dir, char ret_text[BK_CLI_TEXT_MAX])
{
	int err = state_dir ? read_store(ret_store, state_dir) : BK_E_NOT_FOUND;

	return err < 0 ? as_file(say_fault(err, state_dir, "read", ret_text)) : 0;
}

void bk_cli_devices_store_done(struct bk_cli_devices_store *s)
{
	free(s->known);
	*s = (struct bk_cli_devices_store){0};
}

/* --- changes --- */

/* What others have written meanwhile stands in *s, and nobody else writes until finish. BK_E_NOT_FOUND: this machine is
 * in another group by now; who is in the one that *s is of has no name there. */
static int begin(struct bk_cli_devices_store *s, int *ret_lock)
{
	struct bk_cli_devices_store now, was;
	int err = bk_file_lock(s->dir, ret_lock);

	if (err < 0)
		return err;
	err = read_store(&now, s->dir);
	if (err >= 0 && strcmp(now.invite, s->invite) != 0) {
		bk_cli_devices_store_done(&now);
		err = BK_E_NOT_FOUND;
	}
	if (err < 0) {
		bk_file_unlock(*ret_lock);
		return err;
	}
	was = *s;
	*s = now;
	bk_cli_devices_store_done(&was);
	return 0;
}

static int finish(struct bk_cli_devices_store *s, int lock, int err)
{
	if (err >= 0)
		err = write_store(s);
	bk_file_unlock(lock);
	return err;
}

static int make_locked(struct bk_cli_devices_store *s, const char *dir, const char *invite,
	const char *server, const char *name)
{
	int err = read_store(s, dir);

	if (err < 0 || strcmp(s->invite, invite) != 0) {
		bk_cli_devices_store_done(s);
		copy_text(s->dir, sizeof(s->dir), dir);
		copy_text(s->invite, sizeof(s->invite), invite);
	}
	if (!copy_text(s->server, sizeof(s->server), server) || !copy_text(s->name, sizeof(s->name), name))
		return BK_E_TOO_BIG;
	return write_store(s);
}

int bk_cli_devices_store_make(const char *state_dir, const char *invite, const char *server, const char *name,
	char ret_text[BK_CLI_TEXT_MAX])
{
	struct bk_cli_devices_store s = {0};
	int lock = -1, err = bk_file_make_dir(state_dir);

	if (err >= 0)
		err = bk_file_lock(state_dir, &lock);
	if (err >= 0)
		err = make_locked(&s, state_dir, invite, server, name);
	if (lock >= 0)
		bk_file_unlock(lock);
	bk_cli_devices_store_done(&s);
	return err < 0 ? as_file(say_fault(err, state_dir, "written", ret_text)) : 0;
}

int bk_cli_devices_store_rename(
	struct bk_cli_devices_store *s, const char *name, char ret_text[BK_CLI_TEXT_MAX])
{
	int lock, err = begin(s, &lock);

	if (err < 0)
		return as_file(say_fault(err, s->dir, "read", ret_text));
	copy_text(s->name, sizeof(s->name), name);
	err = finish(s, lock, 0);
	return err < 0 ? as_file(say_fault(err, s->dir, "written", ret_text)) : 0;
}

static struct bk_cli_known_device *find(const struct bk_cli_devices_store *s, const char *name)
{
	for (size_t i = 0; i < s->known_len; i++)
		if (!strcmp(s->known[i].name, name))
			return &s->known[i];
	return NULL;
}

bool bk_cli_devices_store_knows(const struct bk_cli_devices_store *s, const char *name)
{
	return find(s, name);
}

int bk_cli_devices_store_forget(
	struct bk_cli_devices_store *s, const char *name, char ret_text[BK_CLI_TEXT_MAX])
{
	struct bk_cli_known_device *k;
	int lock, err = begin(s, &lock);

	if (err < 0)
		return as_file(say_fault(err, s->dir, "read", ret_text));
	k = find(s, name);
	if (k)
		*k = s->known[--s->known_len];
	err = finish(s, lock, k ? 0 : BK_E_NOT_FOUND);
	if (!k)
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"no device '%.100s' is known; 'bodkin devices known' tells those that are", name);
	else if (err < 0)
		return as_file(say_fault(err, s->dir, "written", ret_text));
	return err;
}

static enum bk_cli_device_verdict judge(
	const struct bk_cli_devices_store *s, const char *name, const uint8_t *key)
{
	const struct bk_cli_known_device *k = find(s, name);

	if (!k)
		return BK_CLI_DEVICE_NEW;
	return memcmp(k->key, key, BK_GROUP_KEY_LEN) == 0 ? BK_CLI_DEVICE_KNOWN : BK_CLI_DEVICE_CHANGED;
}

static void remember(struct bk_cli_devices_store *s, const char *name, const uint8_t *key)
{
	struct bk_cli_known_device *k = &s->known[s->known_len];

	copy_text(k->name, sizeof(k->name), name);
	memcpy(k->key, key, BK_GROUP_KEY_LEN);
	s->known_len++;
}

/* Another process of ours may have met it first, or a person has told one to forget it: what stands in the file
 * decides. */
enum bk_cli_device_verdict bk_cli_devices_store_meet(
	struct bk_cli_devices_store *s, const char *name, const uint8_t key[BK_GROUP_KEY_LEN])
{
	enum bk_cli_device_verdict verdict = judge(s, name, key);
	int lock, err;

	if (verdict == BK_CLI_DEVICE_KNOWN)
		return verdict;
	err = *s->dir ? begin(s, &lock) : BK_E_NOT_FOUND;
	verdict = judge(s, name, key);
	if (verdict == BK_CLI_DEVICE_NEW && (!s->known || s->known_len == BK_CLI_DEVICES_KNOWN_MAX))
		verdict = BK_CLI_DEVICE_CHANGED;
	else if (verdict == BK_CLI_DEVICE_NEW)
		remember(s, name, key);
	if (err >= 0)
		(void)finish(s, lock, verdict == BK_CLI_DEVICE_NEW ? 0 : BK_E_EXISTS);
	return verdict;
}

/* --- names --- */

int bk_cli_devices_check_name(const char *name, char ret_text[BK_CLI_TEXT_MAX])
{
	const char *what = NULL;

	if (!*name)
		what = "is empty";
	else if (strlen(name) > BK_GROUP_NAME_MAX)
		what = "is longer than 64 bytes";
	else if (!bk_text_is_utf8(name, strlen(name)))
		what = "is not UTF-8";
	else if (!bk_text_is_plain(name))
		what = "has a character that a terminal would not show";
	if (!what)
		return 0;
	snprintf(ret_text, BK_CLI_TEXT_MAX, "the name '%.100s' %s", name, what);
	return BK_E_INVALID;
}

const char *bk_cli_devices_quote(const char *name, char out[BK_CLI_DEVICES_QUOTED_MAX])
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = 0;

	if (!name[strspn(name, harmless)] && *name != '-') {
		strcpy(out, name);
		return out;
	}
	out[n++] = '\'';
	for (; *name && n + 6 < BK_CLI_DEVICES_QUOTED_MAX; name++)
		n += (size_t)sprintf(out + n, *name == '\'' ? "'\\''" : "%c", *name);
	strcpy(out + n, "'");
	return out;
}

void bk_cli_devices_usual_name(char ret_name[BK_GROUP_NAME_MAX + 1])
{
	char text[BK_CLI_TEXT_MAX], host[BK_GROUP_NAME_MAX + 1] = "";

	if (gethostname(host, sizeof(host)) < 0)
		*host = 0;
	host[sizeof(host) - 1] = 0;
	host[strcspn(host, ".")] = 0;
	if (bk_cli_devices_check_name(host, text) < 0)
		strcpy(host, "device");
	memcpy(ret_name, host, sizeof(host));
}
