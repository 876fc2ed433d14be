/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/identity.h"

static void two_identities_have_different_pins(void **state)
{
	struct bk_identity *a, *b;
	struct bk_pin pa, pb;

	(void)state;
	assert_int_equal(bk_identity_new(&a), 0);
	assert_int_equal(bk_identity_new(&b), 0);
	pa = bk_identity_pin(a);
	pb = bk_identity_pin(b);
	assert_true(bk_pin_equal(&pa, &pa));
	assert_false(bk_pin_equal(&pa, &pb));
	bk_identity_free(a);
	bk_identity_free(b);
	bk_identity_free(NULL);
}

static void identity_survives_pem(void **state)
{
	struct bk_identity *a, *b;
	struct bk_pin pa, pb;
	char *pem, *again;

	(void)state;
	assert_int_equal(bk_identity_new(&a), 0);
	assert_int_equal(bk_identity_to_pem(a, &pem), 0);
	assert_int_equal(bk_identity_from_pem(pem, strlen(pem), &b), 0);
	pa = bk_identity_pin(a);
	pb = bk_identity_pin(b);
	assert_true(bk_pin_equal(&pa, &pb));
	assert_int_equal(bk_identity_to_pem(b, &again), 0);
	assert_string_equal(pem, again);
	free(pem);
	free(again);
	bk_identity_free(a);
	bk_identity_free(b);
}

static void pin_is_sha256_of_the_public_key_info(void **state)
{
	gnutls_datum_t text = {0}, der;
	gnutls_x509_crt_t crt;
	gnutls_pubkey_t key;
	struct bk_identity *id;
	struct bk_pin pin;
	uint8_t digest[32];
	char *pem;

	(void)state;
	assert_int_equal(bk_identity_new(&id), 0);
	pin = bk_identity_pin(id);
	assert_int_equal(bk_identity_to_pem(id, &pem), 0);
	text.data = (unsigned char *)strstr(pem, "-----BEGIN CERT");
	text.size = (unsigned)strlen((char *)text.data);
	gnutls_x509_crt_init(&crt);
	gnutls_pubkey_init(&key);
	assert_int_equal(gnutls_x509_crt_import(crt, &text, GNUTLS_X509_FMT_PEM), 0);
	assert_int_equal(gnutls_pubkey_import_x509(key, crt, 0), 0);
	assert_int_equal(gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der), 0);
	assert_int_equal(der.size, 44); /* RFC 8410 section 4: 12 bytes of algorithm, then the key */
	gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, digest);
	assert_memory_equal(digest, pin.bytes, sizeof(digest));
	assert_int_equal(gnutls_x509_crt_get_activation_time(crt), 946684800);
	gnutls_free(der.data);
	gnutls_pubkey_deinit(key);
	gnutls_x509_crt_deinit(crt);
	bk_identity_free(id);
	free(pem);
}

static void pin_survives_text_and_bad_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"AAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 44 */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",  /* padding */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",  /* spare bits */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+/A",  /* the other base64 */
		" AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	struct bk_pin pin, back;
	char text[BK_PIN_STR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(pin.bytes); i++)
		pin.bytes[i] = (uint8_t)(i * 37 + 5);
	assert_int_equal(strlen(bk_pin_to_str(&pin, text)), 43);
	assert_int_equal(bk_pin_from_str(text, &back), 0);
	assert_true(bk_pin_equal(&pin, &back));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bk_pin_from_str(bad[i], &back), BK_E_MALFORMED);
	assert_true(bk_pin_equal(&pin, &back));
}

static int load(const char *a, const char *b, const char *c)
{
	struct bk_identity *id;
	char text[40000];
	int n = snprintf(text, sizeof(text), "%s%s%s", a, b, c);
	int err = bk_identity_from_pem(text, (size_t)n, &id);

	if (!err)
		bk_identity_free(id);
	return err;
}

/* A PEM key of another kind, as another tool may have left it. */
static char *other_kind_of_key(void)
{
	gnutls_x509_privkey_t key;
	gnutls_datum_t out;
	char *text;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(
		key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &out);
	text = strndup((char *)out.data, out.size);
	gnutls_free(out.data);
	gnutls_x509_privkey_deinit(key);
	return text;
}

static void only_one_key_with_its_certificate_is_read(void **state)
{
	struct bk_identity *id;
	char *key, *crt, *other, *ecdsa = other_kind_of_key(), huge[20000];

	(void)state;
	assert_int_equal(bk_identity_new(&id), 0);
	assert_int_equal(bk_identity_to_pem(id, &other), 0);
	bk_identity_free(id);
	assert_int_equal(bk_identity_new(&id), 0);
	assert_int_equal(bk_identity_to_pem(id, &key), 0);
	crt = strdup(strstr(key, "-----BEGIN CERT"));
	*strstr(key, "-----BEGIN CERT") = '\0';
	memset(huge, ' ', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';

	assert_int_equal(load(key, crt, ""), 0);
	assert_int_equal(load("\n", key, crt), 0);
	assert_int_equal(load(key, "\n\n", crt), 0);
	assert_int_equal(load(crt, key, ""), BK_E_MALFORMED);
	assert_int_equal(load(key, "", ""), BK_E_MALFORMED);
	assert_int_equal(load("", "", crt), BK_E_MALFORMED);
	assert_int_equal(load("", "", ""), BK_E_MALFORMED);
	assert_int_equal(load(key, key, crt), BK_E_MALFORMED);
	assert_int_equal(load(key, crt, crt), BK_E_MALFORMED);
	assert_int_equal(load("x", key, crt), BK_E_MALFORMED);
	assert_int_equal(load(key, crt, "x"), BK_E_MALFORMED);
	assert_int_equal(load(ecdsa, crt, ""), BK_E_MALFORMED);
	assert_int_equal(load(key, strstr(other, "-----BEGIN CERT"), ""), BK_E_MALFORMED);
	assert_int_equal(load(key, crt, huge), BK_E_TOO_BIG);
	bk_identity_free(id);
	free(key);
	free(crt);
	free(other);
	free(ecdsa);
}

static void cut_or_damaged_pem_is_refused_without_harm(void **state)
{
	struct bk_identity *id, *back;
	size_t len;
	char *pem;

	(void)state;
	assert_int_equal(bk_identity_new(&id), 0);
	assert_int_equal(bk_identity_to_pem(id, &pem), 0);
	len = strlen(pem);
	for (size_t n = 0; n < len - 1; n++) {
		char *cut = memcpy(malloc(n + 1), pem, n);

		assert_int_equal(bk_identity_from_pem(cut, n, &back), BK_E_MALFORMED);
		free(cut);
	}
	for (size_t i = 0; i < len; i++) {
		char was = pem[i];

		pem[i] = (char)(was ^ 0x15);
		if (!bk_identity_from_pem(pem, len, &back))
			bk_identity_free(back);
		pem[i] = was;
	}
	bk_identity_free(id);
	free(pem);
}

static void the_bare_key_signs_and_leads_to_the_pin(void **state)
{
	uint8_t key[BK_SIGN_KEY_LEN], secret[BK_SIGN_SECRET_LEN], signature[crypto_sign_BYTES];
	struct bk_identity *id;
	struct bk_pin pin, of_key;

	(void)state;
	assert_int_equal(bk_identity_new(&id), 0);
	assert_int_equal(bk_identity_sign_key(id, key, secret), 0);
	pin = bk_identity_pin(id);
	of_key = bk_pin_of_key(key);
	assert_true(bk_pin_equal(&pin, &of_key));
	crypto_sign_detached(signature, NULL, (const uint8_t *)"said", 4, secret);
	assert_int_equal(crypto_sign_verify_detached(signature, (const uint8_t *)"said", 4, key), 0);
	bk_identity_free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_identities_have_different_pins),
		cmocka_unit_test(identity_survives_pem),
		cmocka_unit_test(the_bare_key_signs_and_leads_to_the_pin),
		cmocka_unit_test(pin_is_sha256_of_the_public_key_info),
		cmocka_unit_test(pin_survives_text_and_bad_text_is_refused),
		cmocka_unit_test(only_one_key_with_its_certificate_is_read),
		cmocka_unit_test(cut_or_damaged_pem_is_refused_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
