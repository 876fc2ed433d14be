/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the group keeps strangers out; the signature keeps a member from speaking as another one, and what was
 * said in one group, or as one thing, from being told in another group or as another thing. */
#include "group/signed.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

_Static_assert((int)BK_SIGNED_LEN == (int)crypto_sign_BYTES, "Ed25519");

/* Ed25519ph would hash twice as well: the signature is of a digest that names the group and the purpose. */
static void digest(const struct bk_group_keys *keys, const char *purpose, const uint8_t *plain, size_t len,
	uint8_t out[crypto_generichash_BYTES_MAX])
{
	static const char label[16] = "bodkin signed 1";
	uint8_t n = (uint8_t)strlen(purpose);
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, crypto_generichash_BYTES_MAX);
	crypto_generichash_update(&h, (const uint8_t *)label, sizeof(label));
	crypto_generichash_update(&h, keys->id, sizeof(keys->id));
	crypto_generichash_update(&h, &n, 1);
	crypto_generichash_update(&h, (const uint8_t *)purpose, n);
	crypto_generichash_update(&h, plain, len);
	crypto_generichash_final(&h, out, crypto_generichash_BYTES_MAX);
}

void bk_signed_begin(struct bk_writer *w, const struct bk_signer *by)
{
	bk_write_u8(w, BK_SIGNED_VERSION);
	bk_write_bytes(w, by->key, sizeof(by->key));
}

int bk_signed_close(const struct bk_group_keys *keys, const struct bk_signer *by, const char *purpose,
	uint8_t *plain, size_t len, size_t size, struct bk_buf *out)
{
	uint8_t hash[crypto_generichash_BYTES_MAX];
	uint8_t *at = bk_buf_reserve(out, size + BK_SEAL_OVERHEAD);

	bk_assert(len >= BK_SIGNED_HEAD && len + BK_SIGNED_LEN <= size);
	if (!at)
		return bk_buf_room(out) < size + BK_SEAL_OVERHEAD ? BK_E_FULL : BK_E_NOMEM;
	digest(keys, purpose, plain, len, hash);
	crypto_sign_detached(plain + len, NULL, hash, sizeof(hash), by->secret);
	memset(plain + len + BK_SIGNED_LEN, 0, size - len - BK_SIGNED_LEN);
	bk_seal_close(&keys->seal, 1, purpose, plain, size, at);
	bk_buf_commit(out, size + BK_SEAL_OVERHEAD);
	return 0;
}

int bk_signed_open(const struct bk_group_keys *keys, const char *purpose, const uint8_t *sealed, size_t len,
	uint8_t *plain, struct bk_reader *r, uint8_t ret_key[BK_SIGN_KEY_LEN])
{
	uint8_t version;

	if (len < BK_SEAL_OVERHEAD || bk_seal_open(&keys->seal, 1, purpose, sealed, len, plain) < 0)
		return BK_E_CRYPTO;
	bk_reader_init(r, plain, len - BK_SEAL_OVERHEAD);
	version = bk_read_u8(r);
	bk_read_bytes(r, ret_key, BK_SIGN_KEY_LEN);
	if (r->error < 0)
		return BK_E_MALFORMED;
	return version == BK_SIGNED_VERSION ? 0 : BK_E_VERSION;
}

int bk_signed_check(const struct bk_group_keys *keys, const char *purpose, const uint8_t *plain,
	struct bk_reader *r, const uint8_t key[BK_SIGN_KEY_LEN])
{
	uint8_t hash[crypto_generichash_BYTES_MAX];
	const uint8_t *end = r->at, *signature = bk_read_view(r, BK_SIGNED_LEN);

	if (r->error < 0)
		return r->error;
	if (!sodium_is_zero(r->at, bk_reader_left(r)))
		return BK_E_MALFORMED;
	digest(keys, purpose, plain, (size_t)(end - plain), hash);
	return crypto_sign_verify_detached(signature, hash, sizeof(hash), key) ? BK_E_CRYPTO : 0;
}
