/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_DRAWING_H
#define BK_CLI_DRAWING_H

#include "cli/sheet.h"

/* A sheet as it stands on standard output now, below whatever was said. Embedded, zeroed. */
struct bk_cli_drawing {
	struct bk_cli_sheet sheet;
	bool is_there;
};

/* The terminal has enough to show: what is drawn now nobody would see before it is out of date. */
bool bk_cli_drawing_is_crowded(void);
/* Takes it away, and begins the next one, in the columns that there are. */
struct bk_cli_sheet *bk_cli_drawing_begin(struct bk_cli_drawing *d);
void bk_cli_drawing_put(struct bk_cli_drawing *d); /* as it was filled since */
void bk_cli_drawing_erase(struct bk_cli_drawing *d);
/* What is drawn stays. */
void bk_cli_drawing_done(struct bk_cli_drawing *d);

#endif
