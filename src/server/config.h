/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_CONFIG_H
#define BK_SERVER_CONFIG_H

#include "server/state.h"

/* Checks the options and fills in their defaults. On failure `text` says what is wrong. */
int bk_server_config_init(
	struct bk_server_config *c, const struct bk_server_opts *opts, char text[BK_SERVER_TEXT_MAX]);

/* The most connections of all kinds together. */
unsigned bk_server_config_connections(const struct bk_server_config *c);

/* The server's own key: read from the state directory, or (open) made there at the first start. Troubles with
 * the file are BK_E_FILE, and `text` says which. BK_E_NOT_FOUND: there is none to read. */
int bk_server_identity_read(
	const char *state_dir, struct bk_identity **ret_identity, char text[BK_SERVER_TEXT_MAX]);
int bk_server_identity_open(
	const char *state_dir, struct bk_identity **ret_identity, char text[BK_SERVER_TEXT_MAX]);

#endif
