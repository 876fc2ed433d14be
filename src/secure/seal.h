/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_SEAL_H
#define BK_SECURE_SEAL_H

#include <stddef.h>
#include <stdint.h>

/* Sealed boxes between two people who share a PAKE key: XChaCha20-Poly1305-IETF, one key for each
 * direction, derived from the shared key and the transcript with keyed BLAKE2b. A message sealed by one side
 * never opens as one from the other (reflection), nor under another transcript, nor under another
 * `purpose`. */
struct bk_seal {
	uint8_t initiator_key[32];
	uint8_t responder_key[32];
};

enum { BK_SEAL_OVERHEAD = 24 + 16 };

/* key: the 64 bytes of bk_pake_finish. transcript: what both sides must have seen alike (the two shares, the
 * nameplate). */
void bk_seal_init(struct bk_seal *s, const uint8_t key[64], const void *transcript, size_t transcript_len);
void bk_seal_done(struct bk_seal *s);

/* Writes n + BK_SEAL_OVERHEAD bytes to out (random nonce first). `purpose` (a short constant string) is
 * authenticated. */
void bk_seal_close(const struct bk_seal *s, int by_initiator, const char *purpose, const void *plain,
	size_t n, uint8_t *out);
/* Opens n bytes; out gets n - BK_SEAL_OVERHEAD. BK_E_CRYPTO when it does not open, BK_E_TRUNCATED when too
 * short. */
int bk_seal_open(const struct bk_seal *s, int by_initiator, const char *purpose, const uint8_t *sealed,
	size_t n, uint8_t *out);

#endif
