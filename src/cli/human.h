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

/* Text that takes at most so many columns: what is too long loses its middle, so that its ending stays. Counts
 * characters by the locale's width, other bytes as one. */
const char *bk_cli_human_fit(const char *text, unsigned columns, char *out, size_t max);

#endif
