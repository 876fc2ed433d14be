/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ROOM_FILTER_H
#define BK_CLI_ROOM_FILTER_H

#include <bodkin/group.h>

#include "cli/lines.h"

/* A room where nobody sits at a terminal: what becomes of the lines that it was given to say, and what is heard: NAME,
 * a tab and a line for each line that others say, or JSON for each message. */
struct bk_cli_room_filter {
	struct bk_cli_report *report;
	struct bk_cli_lines *lines;
	uint64_t told, untold; /* of those */
};

void bk_cli_room_filter_hear(struct bk_cli_room_filter *f, const struct bk_group_line *l);
void bk_cli_room_filter_sent(struct bk_cli_room_filter *f);
void bk_cli_room_filter_unsent(struct bk_cli_room_filter *f, int error);
void bk_cli_room_filter_doubt(struct bk_cli_room_filter *f, const char *text);
void bk_cli_room_filter_invited(struct bk_cli_room_filter *f, const struct bk_group_line *from);

/* So many lines are not told to all yet. */
uint64_t bk_cli_room_filter_waiting(const struct bk_cli_room_filter *f);

/* Nobody reads it, or it cannot be written: a sentence. What nobody reads is kept up to a ceiling, since a room cannot
 * be asked to wait. */
bool bk_cli_room_filter_is_stuck(char ret_text[BK_CLI_TEXT_MAX]);

#endif
