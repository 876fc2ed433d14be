/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_ROOMS_H
#define BK_APPS_ROOMS_H

#include <bodkin/group.h>

/* The rooms that this person goes to again: a file in the state folder, for its owner alone (0600), since whoever has
 * an invite is a member. A line for each: name, server ("-": none), invite, with tabs between. */
enum { BK_ROOMS_MAX = 256, BK_ROOMS_NAME_MAX = 64, BK_ROOMS_SERVER_MAX = 512 };

struct bk_room {
	char name[BK_ROOMS_NAME_MAX + 1];
	char server[BK_ROOMS_SERVER_MAX]; /* "": it lives on the LAN */
	char invite[BK_GROUP_INVITE_MAX];
};

/* Printable UTF-8 without controls, and not what an invite could be. */
bool bk_rooms_is_name(const char *name);

/* BK_E_NOT_FOUND; BK_E_MALFORMED, BK_E_ACCESS and the like. */
int bk_rooms_find(const char *state_dir, const char *name, struct bk_room *ret_room);
/* In the place of one of that name. BK_E_INVALID (the name), BK_E_FULL, ... */
int bk_rooms_keep(const char *state_dir, const struct bk_room *room);
int bk_rooms_forget(const char *state_dir, const char *name); /* BK_E_NOT_FOUND, ... */

#endif
