/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ROOM_FILTER_H
#define BK_CLI_ROOM_FILTER_H

#include <bodkin/group.h>

#include "cli/report.h"

/* What is heard in a room where nobody sits at a terminal: NAME, a tab and a line for each line that others say, or
 * JSON for each message. */
void bk_cli_room_filter_hear(struct bk_cli_report *r, const struct bk_group_line *l);

/* Nobody reads it, or it cannot be written: a sentence. What nobody reads is kept up to a ceiling, since a room cannot
 * be asked to wait. */
bool bk_cli_room_filter_is_stuck(char ret_text[BK_CLI_TEXT_MAX]);

#endif
