/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_KNOWN_H
#define BK_TRANSFER_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#include "wire/file.h"
#include "wire/have.h"

/* What the receiver says that it has of the files that are offered to it, block by block; the sender's reader compares
 * it with what it reads. Filled before the answer and complete then; from there on any thread may look. */
struct bk_known;

enum { BK_KNOWN_MAX = 64 << 20 }; /* bytes of digests */

struct bk_known *bk_known_new(void);    /* NULL: out of memory */
void bk_known_free(struct bk_known *k); /* NULL is fine */

/* A `have` message. Files come in their order, each block once and in order, and none that the file does not have:
 * BK_E_MALFORMED; BK_E_TOO_BIG, BK_E_NOMEM. */
int bk_known_add(struct bk_known *k, const struct bk_file_list *list, const void *content, size_t n);
/* The answer says how far each goes, and the blocks are those; k NULL: there are none. BK_E_MALFORMED. */
int bk_known_check(
	const struct bk_known *k, const struct bk_file_list *list, const struct bk_file_choice *choices);

/* The digest of a block of an entry that was checked, up to the offset of its choice. */
const uint8_t *bk_known_block(const struct bk_known *k, size_t entry, uint64_t block);

#endif
