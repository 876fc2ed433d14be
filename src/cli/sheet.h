/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_SHEET_H
#define BK_CLI_SHEET_H

#include <stddef.h>

#include "cli/editor.h"

/* The rows below everything that was said: what is under way, then the text that is being typed, with the cursor. Pure:
 * it only makes text. No row ever reaches the last column, so that no terminal wraps one by itself and it is always
 * known how many there are; widths are the locale's. */
enum { BK_CLI_SHEET_ROWS_MAX = 24 };

struct bk_cli_row {
	char *text;
	unsigned width;
};

struct bk_cli_sheet {
	struct bk_cli_row rows[BK_CLI_SHEET_ROWS_MAX];
	size_t len;
	size_t cursor_row;
	unsigned cursor_column;
	unsigned columns; /* of the window it was made for */
};

/* An empty one for a window of so many columns. */
void bk_cli_sheet_begin(struct bk_cli_sheet *s, unsigned columns);
void bk_cli_sheet_done(struct bk_cli_sheet *s);

/* Appends a row; what is too long for it loses its middle. Beyond the most that there can be it is left out. */
void bk_cli_sheet_add(struct bk_cli_sheet *s, const char *text);
/* Appends the text behind its prompt, on as many rows as it takes, but at most rows_max: those around the
 * cursor. Last. */
void bk_cli_sheet_add_text(
	struct bk_cli_sheet *s, const char *prompt, const struct bk_cli_editor *e, size_t rows_max);

/* What draws it where the cursor stands at the beginning of an empty row, to be freed; and what takes it away
 * again, in a window that has so many columns by now. NULL: no memory, or it has no rows. */
char *bk_cli_sheet_draw(const struct bk_cli_sheet *s);
char *bk_cli_sheet_erase(const struct bk_cli_sheet *s, unsigned columns);

#endif
