/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_SIGNED_H
#define BK_GROUP_SIGNED_H

#include "base/buf.h"
#include "group/invite.h"
#include "secure/identity.h"
#include "wire/cursor.h"

/* What cards and posts have in common: bytes that begin with a version and the sender's key, signed by it for this
 * group and this purpose, padded to a class of sizes, sealed for the members. */
enum { BK_SIGNED_HEAD = 1 + BK_SIGN_KEY_LEN, BK_SIGNED_LEN = 64, BK_SIGNED_VERSION = 1 };

struct bk_signer {
	uint8_t key[BK_SIGN_KEY_LEN], secret[BK_SIGN_SECRET_LEN];
};

/* plain: `len` bytes, written with bk_signed_begin and what follows, in a buffer of `size`, where the signature and the
 * padding are added. Appends the sealed bytes to out: exactly size of them, and BK_SEAL_OVERHEAD. BK_E_FULL,
 * BK_E_NOMEM. */
int bk_signed_close(const struct bk_group_keys *keys, const struct bk_signer *by, const char *purpose,
	uint8_t *plain, size_t len, size_t size, struct bk_buf *out);
void bk_signed_begin(struct bk_writer *w, const struct bk_signer *by);

/* Opens sealed bytes into `plain`, which has room for len of them; r stands behind the key then, and reads no further
 * than what was padded. BK_E_CRYPTO: it is not of this group; BK_E_MALFORMED, BK_E_VERSION. */
int bk_signed_open(const struct bk_group_keys *keys, const char *purpose, const uint8_t *sealed, size_t len,
	uint8_t *plain, struct bk_reader *r, uint8_t ret_key[BK_SIGN_KEY_LEN]);
/* Everything was read from `plain` on: what follows is the signature, and nothing but padding behind it. BK_E_CRYPTO,
 * BK_E_TRUNCATED, BK_E_MALFORMED. */
int bk_signed_check(const struct bk_group_keys *keys, const char *purpose, const uint8_t *plain,
	struct bk_reader *r, const uint8_t key[BK_SIGN_KEY_LEN]);

#endif
