/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_IDENTITY_H
#define BK_SECURE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An Ed25519 key with a self-signed certificate for it. The certificate's names and dates mean
 * nothing: who the other side is follows from the fingerprint alone. */
struct bk_identity;

/* SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469 section 2.4 pins the same bytes). */
struct bk_pin {
	uint8_t bytes[32];
};

enum { BK_PIN_STR_MAX = 44 }; /* 43 characters base64url without padding, and NUL */

const char *bk_pin_to_str(const struct bk_pin *pin, char out[BK_PIN_STR_MAX]);
int bk_pin_from_str(const char *s, struct bk_pin *ret_pin); /* BK_E_MALFORMED */
bool bk_pin_equal(const struct bk_pin *a, const struct bk_pin *b);

/* A fresh key and certificate. */
int bk_identity_new(struct bk_identity **ret_identity);

/* PEM text of key and certificate, and back. to_pem gives a malloc'ed NUL-terminated string that the
 * caller wipes and frees. from_pem refuses anything but one Ed25519 key with its certificate. */
int bk_identity_to_pem(const struct bk_identity *id, char **ret_pem);
int bk_identity_from_pem(const char *pem, size_t len, struct bk_identity **ret_identity);

void bk_identity_free(struct bk_identity *id);
struct bk_pin bk_identity_pin(const struct bk_identity *id);

/* The bare key, for what is signed outside TLS: 32 bytes of the public one, which the pin follows from, and libsodium's
 * 64 of the secret one, which the caller wipes. BK_E_CRYPTO. */
enum { BK_SIGN_KEY_LEN = 32, BK_SIGN_SECRET_LEN = 64 };
int bk_identity_sign_key(const struct bk_identity *id, uint8_t ret_key[BK_SIGN_KEY_LEN],
	uint8_t ret_secret[BK_SIGN_SECRET_LEN]);
struct bk_pin bk_pin_of_key(const uint8_t key[BK_SIGN_KEY_LEN]);

#endif
