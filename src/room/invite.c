/* SPDX-License-Identifier: Apache-2.0 */
#include <bodkin/group.h>

#include <stdio.h>

#include "group/invite.h"

_Static_assert((int)BK_GROUP_INVITE_MAX == (int)BK_INVITE_STR_MAX, "as the public header says");

int bk_group_invite_make(char ret_invite[BK_GROUP_INVITE_MAX])
{
	return bk_invite_make(ret_invite);
}

int bk_group_invite_check(
	const char *typed, char ret_invite[BK_GROUP_INVITE_MAX], char ret_text[BK_GROUP_SENTENCE_MAX])
{
	char text[BK_INVITE_TEXT_MAX];
	int err = bk_invite_from_str(typed, ret_invite, text);

	if (err < 0)
		snprintf(ret_text, BK_GROUP_SENTENCE_MAX, "%s", text);
	return err;
}
