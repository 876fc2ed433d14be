/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_PAIRS_H
#define BK_WIRE_PAIRS_H

#include <stddef.h>
#include <stdint.h>

/* The header of the key-value framing: "CL:7;type:message". Pairs are joined by ';', none stands after the
 * last. A pair splits at its first ':', so a value may hold further ones, and may be empty; a key may not.
 * UTF-8 without control characters. Keys mean what they are, letter for letter: "cl" is not "CL". */
enum {
	BK_PAIRS_MAX = 64,
	BK_PAIRS_KEY_MAX = 64,     /* bytes */
	BK_PAIRS_VALUE_MAX = 4096, /* bytes */
};

/* Checks a whole header and reads its CL: there exactly once, 1 to 19 digits, at most INT64_MAX. Other keys
 * may repeat. BK_E_MALFORMED. */
int bk_pairs_find_content_len(const char *text, size_t len, uint64_t *ret_value);

/* Copies the pairs of a NUL-terminated text to `out` (room for all of it), each behind a ';', without those
 * named CL. Returns the bytes written, or BK_E_MALFORMED where these are no pairs, or one too many beside a
 * CL. */
int bk_pairs_copy_further(const char *text, char *out);

#endif
