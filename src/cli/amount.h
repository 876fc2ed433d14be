/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_AMOUNT_H
#define BK_CLI_AMOUNT_H

#include <stdint.h>

/* Bytes as people type them, at least one: "500", "10M", "1.5G" (powers of 1024, as curl and rsync have it, also
 * "10MiB"), "10MB" (of 1000). BK_E_INVALID. */
int bk_cli_amount_from_str(const char *s, uint64_t *ret_bytes);

/* The same in a second: "2M", "2M/s". */
int bk_cli_amount_rate_from_str(const char *s, uint64_t *ret_bytes);

/* A rate in bits, as networks are sold ("8Mbit", "8 Mbit/s", "100mbps"), as one in bytes that is read here: "1MB".
 * BK_E_INVALID: it is none. */
enum { BK_CLI_AMOUNT_STR_MAX = 32 };
int bk_cli_amount_of_bits(const char *s, char ret_bytes[BK_CLI_AMOUNT_STR_MAX]);

#endif
