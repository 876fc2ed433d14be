/* SPDX-License-Identifier: Apache-2.0 */
/* The XDG base directory rules: a relative path in those variables is to be ignored. */
#include "cli/paths.h"

#include <bodkin/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_MAX = 1024 };

static int below_home(
	const char *variable, const char *usual, const char *rest, char ret_path[BK_CLI_PATHS_MAX])
{
	const char *base = getenv(variable), *home = getenv("HOME");
	int n;

	if (base && base[0] == '/')
		n = snprintf(ret_path, BK_CLI_PATHS_MAX, "%s/%s", base, rest);
	else if (home && home[0] == '/')
		n = snprintf(ret_path, BK_CLI_PATHS_MAX, "%s/%s/%s", home, usual, rest);
	else
		return BK_E_NOT_FOUND;
	return n < BK_CLI_PATHS_MAX ? 0 : BK_E_TOO_BIG;
}

int bk_cli_paths_config(char ret_path[BK_CLI_PATHS_MAX])
{
	return below_home("XDG_CONFIG_HOME", ".config", "bodkin/config.ini", ret_path);
}

/* Of several folders, with ':' between, the first. */
static int service_folder(char ret_path[BK_CLI_PATHS_MAX])
{
	const char *all = getenv("STATE_DIRECTORY");
	size_t n = all ? strcspn(all, ":") : 0;

	if (!n || all[0] != '/')
		return BK_E_NOT_FOUND;
	if (n >= BK_CLI_PATHS_MAX)
		return BK_E_TOO_BIG;
	memcpy(ret_path, all, n);
	ret_path[n] = 0;
	return 0;
}

int bk_cli_paths_state(char ret_path[BK_CLI_PATHS_MAX])
{
	int err = service_folder(ret_path);

	if (err != BK_E_NOT_FOUND)
		return err;
	return below_home("XDG_STATE_HOME", ".local/state", "bodkin", ret_path);
}

int bk_cli_paths_check_folder(const char *folder, char text[BK_CLI_TEXT_MAX])
{
	struct stat st;
	int why = 0;

	if (stat(folder, &st) < 0 || (S_ISDIR(st.st_mode) && access(folder, W_OK | X_OK) < 0))
		why = errno;
	else if (!S_ISDIR(st.st_mode))
		why = ENOTDIR;
	if (why)
		snprintf(text, BK_CLI_TEXT_MAX,
			"cannot write into '%.200s': %s; %suse -o DIR for another folder", folder,
			strerror(why), why == ENOENT ? "make it first, or " : "");
	return why ? BK_E_FILE : 0;
}

const char *bk_cli_paths_home(const char *typed, char out[BK_CLI_PATHS_MAX])
{
	const char *home = getenv("HOME");

	if (strncmp(typed, "~/", 2) != 0 || !home ||
		snprintf(out, BK_CLI_PATHS_MAX, "%s%s", home, typed + 1) >= BK_CLI_PATHS_MAX)
		return typed;
	return out;
}

int bk_cli_paths_read_token(const char *path, char **ret_token)
{
	char line[TOKEN_MAX] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return BK_E_FILE;
	(void)!fgets(line, sizeof(line), f);
	fclose(f);
	line[strcspn(line, "\r\n")] = 0;
	if (!*line)
		return BK_E_INVALID;
	*ret_token = strdup(line);
	return *ret_token ? 0 : BK_E_NOMEM;
}
