/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_KEY_H
#define BK_CLI_KEY_H

#include <stdbool.h>

#include <bodkin/group.h>

/* A member's key as people, files and JSON have it: 64 hexadecimal digits. */
enum { BK_CLI_KEY_STR_MAX = 2 * BK_GROUP_KEY_LEN + 1 };

const char *bk_cli_key_to_str(
	const uint8_t key[BK_GROUP_KEY_LEN], char out[BK_CLI_KEY_STR_MAX]); /* returns out */
/* False: it is none (NULL is none), and ret_key may have been written to. */
bool bk_cli_key_from_str(const char *str, uint8_t ret_key[BK_GROUP_KEY_LEN]);

#endif
