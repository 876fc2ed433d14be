/* SPDX-License-Identifier: Apache-2.0 */
/* CPace over ristretto255 with SHA-512 (draft-irtf-cfrg-cpace, the edition with generator_string(DSI, PRS,
 * CI, sid), draft 13 and later). A password becomes a generator nobody knows a logarithm of; both sides run
 * Diffie-Hellman on it. The strings are length-prefixed, and hashed as they are built rather than put
 * together first. Refuses shares that do not decode, the neutral element (libsodium returns -1 for both) and
 * our own share sent back, and gives one answer for each start: one guess. */
#include "secure/pake.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

enum { SHA512_BLOCK = 128 };

static const char dsi[] = "CPaceRistretto255";
static const char dsi_isk[] = "CPaceRistretto255_ISK";

_Static_assert(BK_PAKE_KEY_LEN == crypto_hash_sha512_BYTES, "the key is one whole hash");
_Static_assert(BK_PAKE_SHARE_LEN == crypto_core_ristretto255_BYTES, "a share is one element");

/* LEB128 of a length; returns how many bytes that takes. */
static size_t encode_length(size_t n, uint8_t out[10])
{
	size_t i = 0;

	do {
		out[i++] = (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
		n >>= 7;
	} while (n);
	return i;
}

/* One argument of the draft's lv_cat. */
static void add_field(crypto_hash_sha512_state *h, const void *data, size_t n)
{
	uint8_t length[10];

	crypto_hash_sha512_update(h, length, encode_length(n, length));
	if (n)
		crypto_hash_sha512_update(h, data, n);
}

/* Zeroes that fill the first hash block after DSI and PRS, so that its cost does not tell their length. */
static void add_zero_pad(crypto_hash_sha512_state *h, size_t prs_len)
{
	static const uint8_t zeroes[SHA512_BLOCK];
	uint8_t length[10];
	size_t used = 1 + encode_length(prs_len, length) + prs_len + 1 + strlen(dsi);

	add_field(h, zeroes, used < SHA512_BLOCK ? SHA512_BLOCK - used : 0);
}

static void calculate_generator(const void *prs, size_t prs_len, const void *ci, size_t ci_len,
	const void *sid, size_t sid_len, uint8_t ret_g[crypto_core_ristretto255_BYTES])
{
	crypto_hash_sha512_state h;
	uint8_t digest[crypto_hash_sha512_BYTES];

	crypto_hash_sha512_init(&h);
	add_field(&h, dsi, strlen(dsi));
	add_field(&h, prs, prs_len);
	add_zero_pad(&h, prs_len);
	add_field(&h, ci, ci_len);
	add_field(&h, sid, sid_len);
	crypto_hash_sha512_final(&h, digest);
	crypto_core_ristretto255_from_hash(ret_g, digest);
	sodium_memzero(&h, sizeof(h));
	sodium_memzero(digest, sizeof(digest));
}

int bk_pake_start_with_scalar(struct bk_pake *p, const void *prs, size_t prs_len, const void *ci,
	size_t ci_len, const void *sid, size_t sid_len, const uint8_t scalar[32])
{
	uint8_t g[crypto_core_ristretto255_BYTES];
	int err;

	memset(p, 0, sizeof(*p));
	if (prs_len > BK_PAKE_FIELD_MAX || ci_len > BK_PAKE_FIELD_MAX || sid_len > BK_PAKE_FIELD_MAX)
		return BK_E_INVALID;
	if (sodium_init() < 0)
		return BK_E_CRYPTO;
	calculate_generator(prs, prs_len, ci, ci_len, sid, sid_len, g);
	err = crypto_scalarmult_ristretto255(p->share, scalar, g) ? BK_E_CRYPTO : 0;
	sodium_memzero(g, sizeof(g));
	if (err < 0) {
		bk_pake_done(p);
		return err;
	}
	memcpy(p->scalar, scalar, sizeof(p->scalar));
	if (sid_len)
		memcpy(p->sid, sid, sid_len);
	p->sid_len = sid_len;
	return 0;
}

int bk_pake_start(struct bk_pake *p, const void *prs, size_t prs_len, const void *ci, size_t ci_len,
	const void *sid, size_t sid_len)
{
	uint8_t scalar[crypto_core_ristretto255_SCALARBYTES];
	int err;

	if (sodium_init() < 0)
		return BK_E_CRYPTO;
	crypto_core_ristretto255_scalar_random(scalar);
	err = bk_pake_start_with_scalar(p, prs, prs_len, ci, ci_len, sid, sid_len, scalar);
	sodium_memzero(scalar, sizeof(scalar));
	return err;
}

int bk_pake_finish(struct bk_pake *p, int is_initiator, const uint8_t peer_share[BK_PAKE_SHARE_LEN],
	const void *ada, size_t ada_len, const void *adb, size_t adb_len, uint8_t ret_key[BK_PAKE_KEY_LEN])
{
	crypto_hash_sha512_state h;
	uint8_t k[crypto_core_ristretto255_BYTES];
	bool ok;

	if (sodium_is_zero(p->scalar, sizeof(p->scalar)))
		return BK_E_INVALID;
	ok = memcmp(peer_share, p->share, BK_PAKE_SHARE_LEN) != 0 &&
	     !crypto_scalarmult_ristretto255(k, p->scalar, peer_share);
	sodium_memzero(p->scalar, sizeof(p->scalar));
	if (!ok)
		return BK_E_CRYPTO;
	crypto_hash_sha512_init(&h);
	add_field(&h, dsi_isk, strlen(dsi_isk));
	add_field(&h, p->sid, p->sid_len);
	add_field(&h, k, sizeof(k));
	add_field(&h, is_initiator ? p->share : peer_share, BK_PAKE_SHARE_LEN);
	add_field(&h, ada, ada_len);
	add_field(&h, is_initiator ? peer_share : p->share, BK_PAKE_SHARE_LEN);
	add_field(&h, adb, adb_len);
	crypto_hash_sha512_final(&h, ret_key);
	sodium_memzero(&h, sizeof(h));
	sodium_memzero(k, sizeof(k));
	return 0;
}

void bk_pake_done(struct bk_pake *p)
{
	sodium_memzero(p, sizeof(*p));
}
