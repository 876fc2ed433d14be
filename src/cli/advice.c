/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/advice.h"

#include <bodkin/error.h>
#include <string.h>

enum {
	ANY = BK_CLI_CMD_SEND | BK_CLI_CMD_RECV | BK_CLI_CMD_PING | BK_CLI_CMD_CHAT | BK_CLI_CMD_DEVICES,
	HERE = 1 << BK_CALL_WHO_HERE,
	SERVER = 1 << BK_CALL_WHO_SERVER,
	PEER = 1 << BK_CALL_WHO_PEER,
	MADE = 1 << 8, /* whosever it is: a code was made here */
};

#define IS_ONE "; is it a bodkin server, on this port?"

static const struct {
	int error;
	unsigned commands, who;
	const char *text;
} rows[] = {
	{BK_E_EXISTS, BK_CLI_CMD_RECV, HERE,
		"; --conflict overwrite, rename or skip decides for all, -o DIR writes elsewhere"},
	{BK_E_NO_SPACE, BK_CLI_CMD_RECV, HERE, "; free some, or use -o DIR"},
	{BK_E_FILE, BK_CLI_CMD_RECV, HERE, "; use -o DIR for another folder"},
	{BK_E_WRONG_CODE, ANY & ~BK_CLI_CMD_DEVICES, MADE, "; --words 4 makes one that is harder to guess"},
	{BK_E_REFUSED, ANY, SERVER, "; does 'bodkin serve' run there, on this port?"},
	{BK_E_RESOLVE, ANY | BK_CLI_CMD_NAT, SERVER,
		"; is the name behind -s right, and is there a network?"},
	{BK_E_UNREACHABLE, ANY | BK_CLI_CMD_NAT, SERVER,
		"; is there a network here, and the address behind -s right?"},
	{BK_E_TIMEOUT, ANY, SERVER, "; is the address behind -s right, and does 'bodkin serve' run there?"},
	{BK_E_TLS, ANY | BK_CLI_CMD_NAT, SERVER, IS_ONE},
	{BK_E_VERSION, ANY | BK_CLI_CMD_NAT, SERVER, IS_ONE},
	{BK_E_PROTOCOL, ANY | BK_CLI_CMD_NAT, SERVER, IS_ONE},
	{BK_E_MALFORMED, ANY | BK_CLI_CMD_NAT, SERVER, IS_ONE},
	{BK_E_UNAUTHORIZED, ANY | BK_CLI_CMD_NAT, SERVER | HERE,
		"; give the file with its secret: --token FILE"},
};

const char *bk_cli_advice(
	enum bk_cli_command_bit command, bool has_folder, const struct bk_call_failure *failure)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == failure->error && rows[i].commands & command &&
			rows[i].who & (1u << failure->who | (failure->has_code ? MADE : 0)) &&
			(has_folder || !strstr(rows[i].text, "-o DIR")))
			return rows[i].text;
	return "";
}
