/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_BAR_H
#define BK_CLI_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line that shows how far a transfer is, for a window of any width. Pure: it only writes text. */
enum { BK_CLI_BAR_MAX = 2048, BK_CLI_BAR_COLUMNS_MAX = 160 };

struct bk_cli_bar {
	uint64_t bytes, total;
	bool is_endless;  /* there is no total */
	bool is_limited;  /* it could be faster, and is not to be */
	const char *file; /* which of several is under way, where files > 1 */
	size_t number, files;
	double rate;
	bool is_lost;     /* there is no path: then there is no rate either, and no time left */
	unsigned columns; /* of the window */
	bool is_utf8;     /* the terminal shows block characters */
};

/* How much of a window's columns a line may take: the last three stay free, so that no terminal wraps, with its ^C
 * neither. */
unsigned bk_cli_bar_width(unsigned columns);

/* Returns the columns that the text takes. What does not fit is left out: first the total, then the time,
 * then the rate, then the bar itself. */
size_t bk_cli_bar_format(const struct bk_cli_bar *bar, char out[BK_CLI_BAR_MAX]);

#endif
