/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ROOM_PLACE_H
#define BK_CLI_ROOM_PLACE_H

#include "apps/rooms.h"
#include "cli/frame.h"
#include "cli/paths.h"

/* Which room a person means: a new one, one that is remembered, or whose invite he has. */
struct bk_cli_room_place {
	struct bk_room room; /* name "": not remembered; server "": as the options say */
	bool is_new;
	char state_dir[BK_CLI_PATHS_MAX]; /* "": there is none, and nothing can be remembered */
};

/* Looks at --new-room, --room with what stands behind it, and $BODKIN_ROOM; asks a person at a terminal where there is
 * nothing. BK_E_INVALID, BK_E_CANCELLED, BK_E_NOT_FOUND and those of the file, with a sentence. */
int bk_cli_room_place_find(
	struct bk_cli_room_place *p, const struct bk_cli_options *o, char ret_text[BK_CLI_TEXT_MAX]);

/* What to type at the other machines, for a person; quiet: the invite alone. pin: as bk_cli_frame_server has it. */
void bk_cli_room_place_show(const struct bk_cli_room_place *p, const struct bk_cli_frame *f, const char *pin);

/* From now on it has that name / none any more. server: where it is, NULL: on the LAN. With a sentence where it
 * fails. */
int bk_cli_room_place_remember(
	struct bk_cli_room_place *p, const char *name, const char *server, char ret_text[BK_CLI_TEXT_MAX]);
int bk_cli_room_place_forget(struct bk_cli_room_place *p, char ret_text[BK_CLI_TEXT_MAX]);

#endif
