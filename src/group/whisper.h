/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_WHISPER_H
#define BK_GROUP_WHISPER_H

#include "group/signed.h"

/* A box within a post that only its sender and one other member open: the other's key, and what is sealed for the two
 * (X25519 of their keys, XSalsa20-Poly1305). The other members see to whom it goes, and how long it is. Nobody can
 * tell it on as his own: the box opens with its sender's key alone. */
enum { BK_WHISPER_OVERHEAD = BK_SIGN_KEY_LEN + 24 + 16 };

/* Appends n + BK_WHISPER_OVERHEAD bytes. BK_E_INVALID: `to` is no key; BK_E_FULL, BK_E_NOMEM. */
int bk_whisper_close(const struct bk_signer *by, const uint8_t to[BK_SIGN_KEY_LEN], const void *plain,
	size_t n, struct bk_buf *out);

/* Is it from us, or for us? */
bool bk_whisper_is_ours(
	const struct bk_signer *us, const uint8_t from[BK_SIGN_KEY_LEN], const uint8_t *box, size_t n);

/* Opens one that is ours; plain gets n - BK_WHISPER_OVERHEAD bytes. BK_E_CRYPTO. */
int bk_whisper_open(const struct bk_signer *us, const uint8_t from[BK_SIGN_KEY_LEN], const uint8_t *box,
	size_t n, uint8_t *plain);

#endif
