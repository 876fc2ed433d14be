/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed boxes: XChaCha20-Poly1305-IETF with random nonces of 24 bytes, which never repeat by chance, so
 * there is no counter to keep. Each direction has its own key, BLAKE2b keyed with the shared key over a label
 * and the transcript; the purpose is additional data. It hides nothing about lengths. */
#include "secure/seal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/error.h"

enum {
	NONCE_LEN = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG_LEN = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	KEY_LEN = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	LABEL_LEN = 16, /* a fixed length keeps label and transcript apart */
};

_Static_assert(BK_SEAL_OVERHEAD == NONCE_LEN + TAG_LEN, "nonce, text, tag");

static const char initiator_label[LABEL_LEN] = "bk1 initiator";
static const char responder_label[LABEL_LEN] = "bk1 responder";

static void derive(uint8_t out[KEY_LEN], const uint8_t key[64], const char label[LABEL_LEN],
	const void *transcript, size_t n)
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, key, 64, KEY_LEN);
	crypto_generichash_update(&h, (const uint8_t *)label, LABEL_LEN);
	if (n)
		crypto_generichash_update(&h, transcript, n);
	crypto_generichash_final(&h, out, KEY_LEN);
	sodium_memzero(&h, sizeof(h));
}

void bk_seal_init(struct bk_seal *s, const uint8_t key[64], const void *transcript, size_t transcript_len)
{
	int err = sodium_init();

	assert(err >= 0);
	(void)err;
	derive(s->initiator_key, key, initiator_label, transcript, transcript_len);
	derive(s->responder_key, key, responder_label, transcript, transcript_len);
}

void bk_seal_done(struct bk_seal *s)
{
	sodium_memzero(s, sizeof(*s));
}

static const uint8_t *pick_key(const struct bk_seal *s, int by_initiator)
{
	return by_initiator ? s->initiator_key : s->responder_key;
}

void bk_seal_close(const struct bk_seal *s, int by_initiator, const char *purpose, const void *plain,
	size_t n, uint8_t *out)
{
	randombytes_buf(out, NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_LEN, NULL, plain, n, (const uint8_t *)purpose,
		strlen(purpose), NULL, out, pick_key(s, by_initiator));
}

int bk_seal_open(const struct bk_seal *s, int by_initiator, const char *purpose, const uint8_t *sealed,
	size_t n, uint8_t *out)
{
	if (n < BK_SEAL_OVERHEAD)
		return BK_E_TRUNCATED;
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + NONCE_LEN, n - NONCE_LEN,
		       (const uint8_t *)purpose, strlen(purpose), sealed, pick_key(s, by_initiator))
		       ? BK_E_CRYPTO
		       : 0;
}
