/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key.h"

#include <stdio.h>
#include <string.h>

const char *bk_cli_key_to_str(const uint8_t key[BK_GROUP_KEY_LEN], char out[BK_CLI_KEY_STR_MAX])
{
	for (size_t i = 0; i < BK_GROUP_KEY_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", key[i]);
	return out;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool bk_cli_key_from_str(const char *str, uint8_t ret_key[BK_GROUP_KEY_LEN])
{
	if (!str || strlen(str) != BK_CLI_KEY_STR_MAX - 1)
		return false;
	for (size_t i = 0; i < BK_GROUP_KEY_LEN; i++) {
		int high = nibble(str[2 * i]), low = nibble(str[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
