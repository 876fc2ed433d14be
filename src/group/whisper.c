/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes for one. */
#include "group/whisper.h"

#include <sodium.h>
#include <string.h>

#include "base/error.h"

_Static_assert((int)BK_WHISPER_OVERHEAD == BK_SIGN_KEY_LEN + crypto_box_NONCEBYTES + crypto_box_MACBYTES,
	"as it says");

/* The key that the two have in common. */
static int agree(const struct bk_signer *us, const uint8_t with[BK_SIGN_KEY_LEN],
	uint8_t ret_key[crypto_box_BEFORENMBYTES])
{
	uint8_t pk[crypto_box_PUBLICKEYBYTES], sk[crypto_box_SECRETKEYBYTES];
	int err = BK_E_INVALID;

	if (!crypto_sign_ed25519_pk_to_curve25519(pk, with) &&
		!crypto_sign_ed25519_sk_to_curve25519(sk, us->secret) &&
		!crypto_box_beforenm(ret_key, pk, sk))
		err = 0;
	sodium_memzero(sk, sizeof(sk));
	return err;
}

int bk_whisper_close(const struct bk_signer *by, const uint8_t to[BK_SIGN_KEY_LEN], const void *plain,
	size_t n, struct bk_buf *out)
{
	uint8_t key[crypto_box_BEFORENMBYTES], *at;
	int err = agree(by, to, key);

	if (err < 0)
		return err;
	at = bk_buf_reserve(out, n + BK_WHISPER_OVERHEAD);
	if (at) {
		memcpy(at, to, BK_SIGN_KEY_LEN);
		at += BK_SIGN_KEY_LEN;
		randombytes_buf(at, crypto_box_NONCEBYTES);
		crypto_box_easy_afternm(at + crypto_box_NONCEBYTES, plain, n, at, key);
		bk_buf_commit(out, n + BK_WHISPER_OVERHEAD);
	}
	sodium_memzero(key, sizeof(key));
	return at ? 0 : bk_buf_room(out) < n + BK_WHISPER_OVERHEAD ? BK_E_FULL : BK_E_NOMEM;
}

bool bk_whisper_is_ours(
	const struct bk_signer *us, const uint8_t from[BK_SIGN_KEY_LEN], const uint8_t *box, size_t n)
{
	return n >= BK_WHISPER_OVERHEAD &&
	       (!memcmp(from, us->key, BK_SIGN_KEY_LEN) || !memcmp(box, us->key, BK_SIGN_KEY_LEN));
}

int bk_whisper_open(const struct bk_signer *us, const uint8_t from[BK_SIGN_KEY_LEN], const uint8_t *box,
	size_t n, uint8_t *plain)
{
	bool is_from_us = !memcmp(from, us->key, BK_SIGN_KEY_LEN);
	const uint8_t *nonce = box + BK_SIGN_KEY_LEN;
	uint8_t key[crypto_box_BEFORENMBYTES];
	int err = agree(us, is_from_us ? box : from, key);

	if (!err && crypto_box_open_easy_afternm(plain, nonce + crypto_box_NONCEBYTES,
			    n - BK_SIGN_KEY_LEN - crypto_box_NONCEBYTES, nonce, key))
		err = BK_E_CRYPTO;
	sodium_memzero(key, sizeof(key));
	return err < 0 ? BK_E_CRYPTO : 0;
}
