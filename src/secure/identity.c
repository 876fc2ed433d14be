/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are: an Ed25519 key, and because TLS wants a certificate, a self-signed X.509 one around it.
 * The pin is SHA-256 over the SubjectPublicKeyInfo (RFC 7469 section 2.4), so a certificate that is made anew
 * around the same key is still the same identity. No names, no authority, no clock: the certificate is
 * valid from 2000 and has no well-defined expiration (RFC 5280 section 4.1.2.5). Refuses to read any
 * other kind of key, any chain, and a certificate that belongs to another key. */
#include "secure/identity.h"

#include <ctype.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/cred.h"

enum {
	PEM_MAX = 16 * 1024,
	SERIAL_LEN = 16,
	ACTIVATION = 946684800, /* 2000-01-01 */
};

static const char key_label[] = "PRIVATE KEY";
static const char crt_label[] = "CERTIFICATE";

struct bk_identity {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_certificate_credentials_t cred;
	struct bk_pin pin;
};

gnutls_certificate_credentials_t bk_identity_cred(const struct bk_identity *id)
{
	return id->cred;
}

struct bk_pin bk_identity_pin(const struct bk_identity *id)
{
	return id->pin;
}

const char *bk_pin_to_str(const struct bk_pin *pin, char out[BK_PIN_STR_MAX])
{
	return sodium_bin2base64(out, BK_PIN_STR_MAX, pin->bytes, sizeof(pin->bytes),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int bk_pin_from_str(const char *s, struct bk_pin *ret_pin)
{
	struct bk_pin pin;
	char again[BK_PIN_STR_MAX];
	size_t n;

	if (strlen(s) != BK_PIN_STR_MAX - 1 ||
		sodium_base642bin(pin.bytes, sizeof(pin.bytes), s, BK_PIN_STR_MAX - 1, NULL, &n, NULL,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return BK_E_MALFORMED;
	/* One text for one pin: the two spare bits of the last character must be zero. */
	if (n != sizeof(pin.bytes) || strcmp(bk_pin_to_str(&pin, again), s))
		return BK_E_MALFORMED;
	*ret_pin = pin;
	return 0;
}

bool bk_pin_equal(const struct bk_pin *a, const struct bk_pin *b)
{
	return !sodium_memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* GnuTLS calls the digest of the SubjectPublicKeyInfo the key id. */
static int pin_of_crt(gnutls_x509_crt_t crt, struct bk_pin *ret_pin)
{
	struct bk_pin pin;
	size_t n = sizeof(pin.bytes);

	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, pin.bytes, &n) < 0 ||
		n != sizeof(pin.bytes))
		return BK_E_MALFORMED;
	*ret_pin = pin;
	return 0;
}

int bk_pin_from_der(const gnutls_datum_t *der, struct bk_pin *ret_pin)
{
	gnutls_x509_crt_t crt;
	int err;

	if (gnutls_x509_crt_init(&crt) < 0)
		return BK_E_NOMEM;
	err = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) < 0 ? BK_E_MALFORMED
									: pin_of_crt(crt, ret_pin);
	gnutls_x509_crt_deinit(crt);
	return err;
}

/* RFC 8410 section 4: a public key of Ed25519 is 32 bytes behind these. */
struct bk_pin bk_pin_of_key(const uint8_t key[BK_SIGN_KEY_LEN])
{
	static const uint8_t head[] = {
		0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
	crypto_hash_sha256_state h;
	struct bk_pin pin;

	crypto_hash_sha256_init(&h);
	crypto_hash_sha256_update(&h, head, sizeof(head));
	crypto_hash_sha256_update(&h, key, BK_SIGN_KEY_LEN);
	crypto_hash_sha256_final(&h, pin.bytes);
	return pin;
}

int bk_identity_sign_key(const struct bk_identity *id, uint8_t ret_key[BK_SIGN_KEY_LEN],
	uint8_t ret_secret[BK_SIGN_SECRET_LEN])
{
	gnutls_datum_t x = {0}, k = {0};
	gnutls_ecc_curve_t curve;
	int err = BK_E_CRYPTO;

	if (gnutls_x509_privkey_export_ecc_raw(id->key, &curve, &x, NULL, &k) >= 0 &&
		curve == GNUTLS_ECC_CURVE_ED25519 && k.size == crypto_sign_SEEDBYTES) {
		crypto_sign_seed_keypair(ret_key, ret_secret, k.data);
		err = 0;
	}
	if (k.data)
		sodium_memzero(k.data, k.size);
	gnutls_free(k.data);
	gnutls_free(x.data);
	return err;
}

/* An identity with room for a key and a certificate, nothing in them yet. */
static struct bk_identity *new_empty(void)
{
	struct bk_identity *id = calloc(1, sizeof(*id));

	if (!id)
		return NULL;
	if (gnutls_x509_privkey_init(&id->key) < 0 || gnutls_x509_crt_init(&id->crt) < 0 ||
		gnutls_certificate_allocate_credentials(&id->cred) < 0) {
		bk_identity_free(id);
		return NULL;
	}
	return id;
}

void bk_identity_free(struct bk_identity *id)
{
	if (!id)
		return;
	if (id->cred)
		gnutls_certificate_free_credentials(id->cred);
	if (id->crt)
		gnutls_x509_crt_deinit(id->crt);
	if (id->key)
		gnutls_x509_privkey_deinit(id->key);
	free(id);
}

static int sign_certificate(struct bk_identity *id)
{
	uint8_t serial[SERIAL_LEN];

	if (gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)) < 0)
		return BK_E_CRYPTO;
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, never shorter (RFC 5280 section 4.1.2.2) */
	if (gnutls_x509_crt_set_version(id->crt, 3) < 0 ||
		gnutls_x509_crt_set_serial(id->crt, serial, sizeof(serial)) < 0 ||
		gnutls_x509_crt_set_dn(id->crt, "CN=bodkin", NULL) < 0 ||
		gnutls_x509_crt_set_activation_time(id->crt, ACTIVATION) < 0 ||
		gnutls_x509_crt_set_expiration_time(id->crt, GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION) < 0 ||
		gnutls_x509_crt_set_key(id->crt, id->key) < 0 ||
		gnutls_x509_crt_sign2(id->crt, id->crt, id->key, GNUTLS_DIG_SHA512, 0) < 0)
		return BK_E_CRYPTO;
	return 0;
}

/* The last step of both ways to an identity: pin and credentials from key and certificate. */
static int finish(struct bk_identity *id)
{
	int err = pin_of_crt(id->crt, &id->pin);

	if (err < 0)
		return err;
	return gnutls_certificate_set_x509_key(id->cred, &id->crt, 1, id->key) < 0 ? BK_E_MALFORMED : 0;
}

int bk_identity_new(struct bk_identity **ret_identity)
{
	struct bk_identity *id = new_empty();
	int err;

	if (!id)
		return BK_E_NOMEM;
	err = gnutls_x509_privkey_generate(id->key, GNUTLS_PK_EDDSA_ED25519, 0, 0) < 0 ? BK_E_CRYPTO : 0;
	if (!err)
		err = sign_certificate(id);
	if (!err)
		err = finish(id);
	if (err < 0) {
		bk_identity_free(id);
		return err;
	}
	*ret_identity = id;
	return 0;
}

int bk_identity_to_pem(const struct bk_identity *id, char **ret_pem)
{
	gnutls_datum_t key = {0}, crt = {0};
	char *pem = NULL;

	if (gnutls_x509_privkey_export2_pkcs8(id->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key) >=
			0 &&
		gnutls_x509_crt_export2(id->crt, GNUTLS_X509_FMT_PEM, &crt) >= 0)
		pem = malloc((size_t)key.size + crt.size + 1);
	if (pem) {
		memcpy(pem, key.data, key.size);
		memcpy(pem + key.size, crt.data, crt.size);
		pem[key.size + crt.size] = '\0';
		*ret_pem = pem;
	}
	if (key.data)
		sodium_memzero(key.data, key.size);
	gnutls_free(key.data);
	gnutls_free(crt.data);
	return pem ? 0 : BK_E_NOMEM;
}

/* Takes one PEM block with this label from the front of the text; white space before it is skipped. */
static int take_block(const char **p, const char *end, const char *label, gnutls_datum_t *ret_block)
{
	size_t n = strlen(label);
	const char *begin, *tail;

	while (*p < end && isspace((unsigned char)**p))
		(*p)++;
	begin = *p;
	if ((size_t)(end - begin) < n + 16 || memcmp(begin, "-----BEGIN ", 11) ||
		memcmp(begin + 11, label, n) || memcmp(begin + 11 + n, "-----", 5))
		return BK_E_MALFORMED;
	tail = memmem(begin + 16 + n, (size_t)(end - begin) - 16 - n, "-----END ", 9);
	if (!tail || (size_t)(end - tail) < n + 14 || memcmp(tail + 9, label, n) ||
		memcmp(tail + 9 + n, "-----", 5))
		return BK_E_MALFORMED;
	*p = tail + 14 + n;
	*ret_block = (gnutls_datum_t){(unsigned char *)(uintptr_t)begin, (unsigned)(*p - begin)};
	return 0;
}

static int split_pem(const char *pem, size_t len, gnutls_datum_t *ret_key, gnutls_datum_t *ret_crt)
{
	const char *p = pem, *end = pem + len;

	if (len > PEM_MAX)
		return BK_E_TOO_BIG;
	if (take_block(&p, end, key_label, ret_key) < 0 || take_block(&p, end, crt_label, ret_crt) < 0)
		return BK_E_MALFORMED;
	for (; p < end; p++)
		if (!isspace((unsigned char)*p))
			return BK_E_MALFORMED;
	return 0;
}

static bool key_fits_certificate(const struct bk_identity *id)
{
	struct bk_pin of_key, of_crt;
	size_t n = sizeof(of_key.bytes);

	return gnutls_x509_privkey_get_key_id(id->key, GNUTLS_KEYID_USE_SHA256, of_key.bytes, &n) >= 0 &&
	       n == sizeof(of_key.bytes) && !pin_of_crt(id->crt, &of_crt) && bk_pin_equal(&of_key, &of_crt);
}

int bk_identity_from_pem(const char *pem, size_t len, struct bk_identity **ret_identity)
{
	gnutls_datum_t key, crt;
	struct bk_identity *id;
	int err = split_pem(pem, len, &key, &crt);

	if (err < 0)
		return err;
	id = new_empty();
	if (!id)
		return BK_E_NOMEM;
	if (gnutls_x509_privkey_import(id->key, &key, GNUTLS_X509_FMT_PEM) < 0 ||
		gnutls_x509_privkey_get_pk_algorithm(id->key) != GNUTLS_PK_EDDSA_ED25519 ||
		gnutls_x509_crt_import(id->crt, &crt, GNUTLS_X509_FMT_PEM) < 0 || !key_fits_certificate(id))
		err = BK_E_MALFORMED;
	else
		err = finish(id);
	if (err < 0) {
		bk_identity_free(id);
		return err;
	}
	*ret_identity = id;
	return 0;
}
