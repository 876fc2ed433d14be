/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_CLIENT_H
#define BK_CLI_CLIENT_H

#include <bodkin/loop.h>
#include <bodkin/session.h>

#include "cli/options.h"
#include "cli/paths.h"

/* What every client command does with its options before it starts: a loop and the options of a session. */
struct bk_client {
	struct bk_loop *loop;
	struct bk_session_opts session; /* strings live in the options and below */
	char *token;
	char state_dir[BK_PATHS_MAX];
};

/* BK_E_INVALID (usage), BK_E_FILE, ... with a sentence; bk_client_done is due in any case. */
int bk_client_init(
	struct bk_client *c, const struct bk_options *o, const char *act, char ret_text[BK_OPTIONS_TEXT_MAX]);
void bk_client_done(struct bk_client *c);

#endif
