/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_HUMAN_H
#define BK_CLI_HUMAN_H

#include <stddef.h>
#include <stdint.h>

/* Numbers as people say them. Each returns out. */
enum { BK_CLI_HUMAN_MAX = 32 };

/* "1 byte", "2.5 kB", "100 MB" (powers of 1000) */
const char *bk_cli_human_bytes(uint64_t bytes, char out[BK_CLI_HUMAN_MAX]);
const char *bk_cli_human_rate(double rate, char out[BK_CLI_HUMAN_MAX]); /* "83 MB/s" */
/* "0.02 s", "1.2 s", "3 min 5 s" */
const char *bk_cli_human_seconds(double seconds, char out[BK_CLI_HUMAN_MAX]);
const char *bk_cli_human_left(double seconds, char out[BK_CLI_HUMAN_MAX]); /* "0:05", "12:30", "2:00:00" */

/* The columns of a text, by the locale's width; other bytes are one. */
unsigned bk_cli_human_width(const char *s);

/* Text that takes at most so many columns: what is too long loses its middle, so that its ending stays. Counts
 * characters by the locale's width, other bytes as one. */
const char *bk_cli_human_fit(const char *text, unsigned columns, char *out, size_t max);

/* Lines that are too long for the window break at blanks: what is torn inside a word cannot be read to somebody. A
 * blank that BK_CLI_HUMAN_GLUE stands for does not break; what is longer than a line is left to the terminal. */
#define BK_CLI_HUMAN_GLUE '\x1f'
void bk_cli_human_wrap(char *text, unsigned columns); /* 0: no window, nothing breaks */
/* Text that somebody else chose, behind `at` columns of ours, on as many rows as it takes (columns 0: as it has): all
 * but the first are set in by two blanks, so that none of them can look like another line of ours. Tabs become blanks.
 * To be freed; NULL: no memory. */
char *bk_cli_human_fold(const char *text, unsigned at, unsigned columns);
char *bk_cli_human_glue(char *text); /* what is copied or spoken as one; returns text */

#endif
