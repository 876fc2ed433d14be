/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/text.h"
#include "net/file.h"

enum { FILE_MAX = BK_ROOMS_MAX * (int)sizeof(struct bk_room), PATH_LEN_MAX = 4096 };

struct rooms {
	struct bk_room all[BK_ROOMS_MAX];
	size_t len;
};

bool bk_rooms_is_name(const char *name)
{
	char invite[BK_GROUP_INVITE_MAX], why[BK_GROUP_SENTENCE_MAX];
	size_t n = strlen(name);

	return n && n <= BK_ROOMS_NAME_MAX && bk_text_is_utf8(name, n) && bk_text_is_plain(name) &&
	       bk_group_invite_check(name, invite, why) < 0;
}

/* --- the file --- */

static int name_file(const char *state_dir, char path[PATH_LEN_MAX])
{
	int n = snprintf(path, PATH_LEN_MAX, "%s/rooms", state_dir);

	return n < PATH_LEN_MAX ? 0 : BK_E_TOO_BIG;
}

static int read_part(char **at, char *out, size_t max, const char *end)
{
	size_t n = strcspn(*at, end);

	if (n >= max)
		return BK_E_MALFORMED;
	memcpy(out, *at, n);
	out[n] = 0;
	*at += n;
	*at += **at != 0;
	return 0;
}

/* Whether its words are words is found out by who joins with it. */
static bool looks_like_invite(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz-")] == 0;
}

static int read_room(char **at, struct bk_room *r)
{
	int err = read_part(at, r->name, sizeof(r->name), "\t\n");

	if (!err)
		err = read_part(at, r->server, sizeof(r->server), "\t\n");
	if (!err)
		err = read_part(at, r->invite, sizeof(r->invite), "\n");
	if (!err && (!*r->name || !bk_text_is_plain(r->name) || !looks_like_invite(r->invite)))
		err = BK_E_MALFORMED;
	if (!err && !strcmp(r->server, "-"))
		*r->server = 0;
	return err;
}

static void free_rooms(struct rooms *rooms)
{
	if (rooms)
		sodium_memzero(rooms, sizeof(*rooms));
	free(rooms);
}

static int load(const char *path, struct rooms **ret_rooms)
{
	struct rooms *rooms = calloc(1, sizeof(*rooms));
	char *data = NULL, *at;
	size_t n = 0;
	int err = rooms ? bk_file_read(path, FILE_MAX, &data, &n) : BK_E_NOMEM;

	if (rooms && err == BK_E_NOT_FOUND)
		err = 0;
	for (at = data; !err && at && *at; rooms->len++) {
		err = rooms->len < BK_ROOMS_MAX ? read_room(&at, &rooms->all[rooms->len]) : BK_E_FULL;
		if (err < 0)
			break;
	}
	if (data)
		sodium_memzero(data, n);
	free(data);
	if (err < 0)
		free_rooms(rooms);
	else
		*ret_rooms = rooms;
	return err;
}

static int store(const char *path, const struct rooms *rooms)
{
	char *data = malloc(FILE_MAX);
	size_t n = 0;
	int err;

	if (!data)
		return BK_E_NOMEM;
	for (size_t i = 0; i < rooms->len; i++)
		n += (size_t)snprintf(data + n, FILE_MAX - n, "%s\t%s\t%s\n", rooms->all[i].name,
			*rooms->all[i].server ? rooms->all[i].server : "-", rooms->all[i].invite);
	err = bk_file_write(path, data, n);
	sodium_memzero(data, n);
	free(data);
	return err;
}

static size_t place_of(const struct rooms *rooms, const char *name)
{
	size_t i = 0;

	while (i < rooms->len && strcmp(rooms->all[i].name, name) != 0)
		i++;
	return i;
}

/* --- what is asked for --- */

int bk_rooms_find(const char *state_dir, const char *name, struct bk_room *ret_room)
{
	struct rooms *rooms = NULL;
	char path[PATH_LEN_MAX];
	int err = name_file(state_dir, path);
	size_t i;

	if (!err)
		err = load(path, &rooms);
	if (err < 0)
		return err;
	i = place_of(rooms, name);
	if (i < rooms->len)
		*ret_room = rooms->all[i];
	else
		err = BK_E_NOT_FOUND;
	free_rooms(rooms);
	return err;
}

static int put(struct rooms *rooms, const struct bk_room *room)
{
	size_t i = place_of(rooms, room->name);

	if (i == BK_ROOMS_MAX)
		return BK_E_FULL;
	rooms->all[i] = *room;
	rooms->len += i == rooms->len;
	return 0;
}

static int take_out(struct rooms *rooms, const char *name)
{
	size_t i = place_of(rooms, name);

	if (i == rooms->len)
		return BK_E_NOT_FOUND;
	memmove(&rooms->all[i], &rooms->all[i + 1], (rooms->len - i - 1) * sizeof(rooms->all[0]));
	rooms->len--;
	return 0;
}

/* room NULL: the one of that name goes. */
static int change(const char *state_dir, const struct bk_room *room, const char *name)
{
	struct rooms *rooms = NULL;
	char path[PATH_LEN_MAX];
	int lock = -1, err = name_file(state_dir, path);

	if (!err)
		err = bk_file_make_dir(state_dir);
	if (!err)
		err = bk_file_lock(state_dir, &lock);
	if (err < 0)
		return err;
	err = load(path, &rooms);
	if (!err)
		err = room ? put(rooms, room) : take_out(rooms, name);
	if (!err)
		err = store(path, rooms);
	bk_file_unlock(lock);
	free_rooms(rooms);
	return err;
}

int bk_rooms_keep(const char *state_dir, const struct bk_room *room)
{
	return bk_rooms_is_name(room->name) ? change(state_dir, room, NULL) : BK_E_INVALID;
}

int bk_rooms_forget(const char *state_dir, const char *name)
{
	return change(state_dir, NULL, name);
}
