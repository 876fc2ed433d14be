/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_DIGEST_H
#define BK_TRANSFER_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* XXH3-128, streaming, in its canonical (big-endian) form. It finds accidents, not attackers: those are TLS's
 * business. */
enum { BK_DIGEST_LEN = 16, BK_DIGEST_STR_MAX = 2 * BK_DIGEST_LEN + 1 };

struct bk_digest;

struct bk_digest *bk_digest_new(void); /* NULL: out of memory */
void bk_digest_free(struct bk_digest *d);
void bk_digest_reset(struct bk_digest *d);
void bk_digest_update(struct bk_digest *d, const void *data, size_t n);
void bk_digest_get(const struct bk_digest *d, uint8_t ret_digest[BK_DIGEST_LEN]);
const char *bk_digest_to_str(const uint8_t digest[BK_DIGEST_LEN], char out[BK_DIGEST_STR_MAX]);

#endif
