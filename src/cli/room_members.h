/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ROOM_MEMBERS_H
#define BK_CLI_ROOM_MEMBERS_H

#include <bodkin/group.h>

/* Who is in a room, and what a person calls them: by name, or, where several have it or somebody else had it first, by
 * name and the beginning of the key, NAME#1a2b3c4d. Comings and goings are gathered until they are told. */
enum {
	BK_CLI_MEMBERS_MAX = 1024,
	BK_CLI_LABEL_MAX = BK_GROUP_NAME_MAX + 10,
	BK_CLI_NEWS_MAX = 512,
};

struct bk_cli_member {
	uint64_t handle;
	char name[BK_GROUP_NAME_MAX + 1];
	uint8_t key[BK_GROUP_KEY_LEN];
	int64_t since;
	bool is_here, is_told; /* is_told: whoever reads knows that it is here */
	bool is_us, has_others_name;
};

struct bk_cli_members {
	struct bk_cli_member *all; /* with those who are gone and not told to be */
	size_t len, cap, here;
};

/* What bk_group_events.on_member tells. True: somebody came or went. */
bool bk_cli_members_take(
	struct bk_cli_members *m, const struct bk_group_member *member, bool is_here, int64_t now);
void bk_cli_members_done(struct bk_cli_members *m); /* fine on a zeroed one */

/* "anna and bert came; carl left", of what was not told; "": nothing worth it (who came back meanwhile). All of it is
 * told then. */
void bk_cli_members_news(struct bk_cli_members *m, char out[BK_CLI_NEWS_MAX]);

/* What it is called. */
const char *bk_cli_members_label(
	const struct bk_cli_members *m, const struct bk_cli_member *who, char out[BK_CLI_LABEL_MAX]);
/* The one whose key that is; NULL: nobody here. */
const struct bk_cli_member *bk_cli_members_of_key(
	const struct bk_cli_members *m, const uint8_t key[BK_GROUP_KEY_LEN]);

/* Who is named at the beginning of the text, which ends or goes on with a blank behind it (a name may have blanks: the
 * longest one counts). Returns how many different people it could be, of whom ret_who is one; ret_len: bytes of the
 * name. */
size_t bk_cli_members_find(const struct bk_cli_members *m, const char *text,
	const struct bk_cli_member **ret_who, size_t *ret_len);

#endif
