/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_SERVER_H
#define BK_SERVER_SERVER_H

#include "server/config.h"

/* bk_server_new for who has the whole configuration in hand: it names more than the public options do, the
 * kind of board among it. Copied. state_dir NULL: a key for this time, which nobody keeps. On failure `text` says what
 * failed. */
int bk_server_open(struct bk_loop *loop, const struct bk_server_config *config, const char *state_dir,
	struct bk_server **ret_server, char text[BK_SERVER_TEXT_MAX]);

#endif
