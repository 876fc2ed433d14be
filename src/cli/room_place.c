/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/room_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/error.h>

#include "cli/code_prompt.h"
#include "cli/human.h"
#include "cli/output.h"

enum { TYPED_MAX = 512, OTHER_MAX = 1024 };

static int refuse(char text[BK_CLI_TEXT_MAX], int error, const char *why)
{
	snprintf(text, BK_CLI_TEXT_MAX, "cannot chat: %.490s", why);
	return error;
}

/* A file that cannot be read or written; what follows names it. */
static int refuse_file(
	const struct bk_cli_room_place *p, const char *act, int err, char text[BK_CLI_TEXT_MAX])
{
	snprintf(text, BK_CLI_TEXT_MAX, "cannot %s '%.300s/rooms': %s", act, p->state_dir,
		err == BK_E_MALFORMED ? "it was not written by bodkin" : bk_error_text(err));
	return BK_E_FILE;
}

/* --- what was typed --- */

/* "--room=X", "--room X", "--room seven words"; else of the environment. */
static void gather(const struct bk_cli_options *o, char typed[TYPED_MAX])
{
	const char *kept = getenv("BODKIN_ROOM");
	size_t n = (size_t)snprintf(typed, TYPED_MAX, "%s", o->room);

	for (int i = 0; i < o->args_len && n < TYPED_MAX; i++)
		n += (size_t)snprintf(typed + n, TYPED_MAX - n, "%s%s", n ? " " : "", o->args[i]);
	if (!*typed && kept)
		snprintf(typed, TYPED_MAX, "%s", kept);
}

static int ask(struct bk_cli_room_place *p, char text[BK_CLI_TEXT_MAX])
{
	int err;

	if (!bk_cli_frame_has_person())
		return refuse(text, BK_E_INVALID,
			"which room? --room NAME is one that is remembered; $BODKIN_ROOM may hold an invite; "
			"at a terminal it is asked for");
	err = bk_cli_invite_prompt(p->room.invite);
	if (err >= 0)
		return 0;
	snprintf(text, BK_CLI_TEXT_MAX, "cancelled");
	return BK_E_CANCELLED;
}

static int look_up(struct bk_cli_room_place *p, const char *name, char text[BK_CLI_TEXT_MAX])
{
	char why[BK_CLI_TEXT_MAX];
	int err = *p->state_dir ? bk_rooms_find(p->state_dir, name, &p->room) : BK_E_NOT_FOUND;

	if (err >= 0)
		return 0;
	if (err != BK_E_NOT_FOUND)
		return refuse_file(p, "read", err, text);
	snprintf(why, sizeof(why),
		"no room is remembered as '%.100s'; --room alone asks for the invite, --remember NAME keeps it",
		name);
	return refuse(text, BK_E_INVALID, why);
}

/* One word is a name; several are an invite, unless they are a name. */
static int read_typed(struct bk_cli_room_place *p, const char *typed, char text[BK_CLI_TEXT_MAX])
{
	char why[BK_GROUP_SENTENCE_MAX];

	if (bk_group_invite_check(typed, p->room.invite, why) >= 0)
		return 0;
	if (look_up(p, typed, text) >= 0)
		return 0;
	if (strcspn(typed, " -") == strlen(typed))
		return BK_E_INVALID;
	if (strspn(typed, "0123456789"))
		snprintf(text, BK_CLI_TEXT_MAX,
			"cannot chat: '%.100s' is like a code of two, not like the invite of a room: bodkin chat %.100s",
			typed, typed);
	else
		snprintf(
			text, BK_CLI_TEXT_MAX, "cannot chat: %.300s; and no room is remembered as that", why);
	return BK_E_INVALID;
}

static int find_room(struct bk_cli_room_place *p, const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char typed[TYPED_MAX];
	int err;

	gather(o, typed);
	err = *typed ? read_typed(p, typed, text) : ask(p, text);
	explicit_bzero(typed, sizeof(typed));
	return err;
}

static int make_room(struct bk_cli_room_place *p, char text[BK_CLI_TEXT_MAX])
{
	int err;

	p->is_new = true;
	err = bk_group_invite_make(p->room.invite);
	return err < 0 ? refuse(text, err, bk_error_text(err)) : 0;
}

int bk_cli_room_place_find(
	struct bk_cli_room_place *p, const struct bk_cli_options *o, char ret_text[BK_CLI_TEXT_MAX])
{
	*p = (struct bk_cli_room_place){.is_new = false};
	if (bk_cli_paths_state(p->state_dir) < 0)
		*p->state_dir = 0;
	if (o->remember && !bk_rooms_is_name(o->remember))
		return refuse(ret_text, BK_E_INVALID,
			"--remember takes a name of at most 64 bytes that is no invite");
	return o->new_room ? make_room(p, ret_text) : find_room(p, o, ret_text);
}

void bk_cli_room_place_show(const struct bk_cli_room_place *p, const struct bk_cli_frame *f, const char *pin)
{
	struct bk_cli_report *r = f->report;
	char server[512], other[OTHER_MAX], invite[BK_GROUP_INVITE_MAX];

	bk_cli_frame_server(f, pin, server, sizeof(server));
	snprintf(other, sizeof(other), "bodkin chat %s--room", server);
	snprintf(invite, sizeof(invite), "%s", p->room.invite);
	bk_cli_report_say(r, BK_CLI_VERDICT, "On the other machines: %s%s%s", bk_cli_report_bold(r),
		bk_cli_human_glue(other), bk_cli_report_plain(r));
	bk_cli_report_say(r, BK_CLI_VERDICT, "and there, when it asks: %s%s%s", bk_cli_report_bold(r),
		bk_cli_human_glue(invite), bk_cli_report_plain(r));
	if (r->is_quiet && !r->is_json)
		bk_cli_output_put(
			r->is_aside ? BK_CLI_STDERR : BK_CLI_STDOUT, BK_CLI_VERDICT, "%s\n", invite);
}

/* --- what is remembered --- */

int bk_cli_room_place_remember(
	struct bk_cli_room_place *p, const char *name, const char *server, char ret_text[BK_CLI_TEXT_MAX])
{
	struct bk_room room = p->room;
	int err;

	if (!*p->state_dir || !bk_rooms_is_name(name)) {
		snprintf(ret_text, BK_CLI_TEXT_MAX, "%s",
			*p->state_dir ? "a name has at most 64 bytes, and is no invite"
				      : "nothing can be remembered without a home");
		return BK_E_INVALID;
	}
	snprintf(room.name, sizeof(room.name), "%s", name);
	snprintf(room.server, sizeof(room.server), "%s", server ? server : "");
	err = bk_rooms_keep(p->state_dir, &room);
	if (err < 0)
		return refuse_file(p, "write", err, ret_text);
	p->room = room;
	return 0;
}

int bk_cli_room_place_forget(struct bk_cli_room_place *p, char ret_text[BK_CLI_TEXT_MAX])
{
	int err = *p->room.name ? bk_rooms_forget(p->state_dir, p->room.name) : BK_E_NOT_FOUND;

	if (err == BK_E_NOT_FOUND) {
		snprintf(ret_text, BK_CLI_TEXT_MAX, "this room is not remembered");
		return err;
	}
	if (err < 0)
		return refuse_file(p, "write", err, ret_text);
	*p->room.name = 0;
	return 0;
}
