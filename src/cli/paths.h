/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_PATHS_H
#define BK_CLI_PATHS_H

#include "cli/options.h"

/* Where this user's files are: $XDG_CONFIG_HOME, $XDG_STATE_HOME, else under $HOME. The state of a service is
 * in the folder that its manager has made for it, $STATE_DIRECTORY. */
enum { BK_CLI_PATHS_MAX = 4096 };

/* BK_E_NOT_FOUND without a home; BK_E_TOO_BIG. */
int bk_cli_paths_config(char ret_path[BK_CLI_PATHS_MAX]);
int bk_cli_paths_state(char ret_path[BK_CLI_PATHS_MAX]);

/* Can files be written into it? BK_E_FILE with a sentence. */
int bk_cli_paths_check_folder(const char *folder, char text[BK_CLI_TEXT_MAX]);

/* What a person typed, where ~/ is the home: typed itself, or in out. */
const char *bk_cli_paths_home(const char *typed, char out[BK_CLI_PATHS_MAX]);

/* The first line of a file with a secret, malloc'ed. BK_E_FILE (errno says why), BK_E_INVALID when it is
 * empty. */
int bk_cli_paths_read_token(const char *path, char **ret_token);

#endif
