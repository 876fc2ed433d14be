/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_INVITE_PROMPT_H
#define BK_CLI_INVITE_PROMPT_H

#include <bodkin/group.h>

/* Asks the person at the terminal (standard input and error) for the invite of a group, before any loop runs, without
 * showing it: whoever reads it is a member for good. What is no invite is told, and asked for again.
 * 0; BK_E_CANCELLED (Ctrl-C, Ctrl-D, an empty line). */
int bk_cli_invite_prompt(char ret_invite[BK_GROUP_INVITE_MAX]);

#endif
