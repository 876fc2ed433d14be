/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/records.h"

#include <string.h>

#include "base/assert.h"

enum {
	DATA = 23,            /* the type of every sealed record, and of what is in it */
	KEY_WINDOW = 1 << 24, /* GnuTLS renews a key of AES after so many records, by itself (section 5.5) */
	KEY_RESERVE = 16,     /* the last ones of those are its own */
};

static void set_u64(uint8_t out[8], uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

static uint64_t get_u64(const uint8_t in[8])
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | in[i];
	return v;
}

static bool is_key_worn(const struct bk_records *r)
{
	return !r->is_reading && r->seq % KEY_WINDOW >= KEY_WINDOW - KEY_RESERVE;
}

void bk_records_take(struct bk_records *r)
{
	gnutls_datum_t mac, iv, key;
	uint8_t seq[8];

	if (r->cipher || gnutls_record_get_state(r->session, r->is_reading, &mac, &iv, &key, seq) < 0 ||
		iv.size != sizeof(r->iv))
		return;
	memcpy(r->iv, iv.data, sizeof(r->iv));
	r->seq = get_u64(seq);
	if (is_key_worn(r) || gnutls_aead_cipher_init(&r->cipher, gnutls_cipher_get(r->session), &key) < 0)
		r->cipher = NULL;
}

void bk_records_return(struct bk_records *r)
{
	uint8_t seq[8];

	if (!r->cipher)
		return;
	set_u64(seq, r->seq);
	bk_assert(gnutls_record_set_state(r->session, r->is_reading, seq) == 0);
	gnutls_aead_cipher_deinit(r->cipher);
	gnutls_memset(r->iv, 0, sizeof(r->iv));
	r->cipher = NULL;
}

/* Section 5.3. */
static void make_nonce(const struct bk_records *r, uint8_t nonce[12])
{
	set_u64(nonce + 4, r->seq);
	memset(nonce, 0, 4);
	for (size_t i = 0; i < sizeof(r->iv); i++)
		nonce[i] ^= r->iv[i];
}

static size_t sealed_len(const uint8_t *record)
{
	return (size_t)record[3] << 8 | record[4];
}

size_t bk_record_len(const uint8_t *record, size_t n)
{
	if (n < BK_RECORD_HEADER)
		return BK_RECORD_HEADER;
	return BK_RECORD_HEADER + (sealed_len(record) <= BK_RECORD_SEALED_MAX ? sealed_len(record) : 0);
}

bool bk_records_seal(struct bk_records *r, const uint8_t *data, size_t n, uint8_t *out)
{
	const uint8_t type = DATA;
	const giovec_t inner[] = {{(void *)(uintptr_t)data, n}, {(void *)(uintptr_t)&type, 1}};
	const giovec_t header = {out, BK_RECORD_HEADER};
	size_t sealed = n + 1 + BK_RECORD_TAG;
	uint8_t nonce[12];

	bk_assert(n > 0 && n <= BK_RECORD_PLAIN_MAX);
	if (is_key_worn(r)) {
		bk_records_return(r);
		return false;
	}
	memcpy(out, (uint8_t[]){DATA, 3, 3, (uint8_t)(sealed >> 8), (uint8_t)sealed}, BK_RECORD_HEADER);
	make_nonce(r, nonce);
	if (gnutls_aead_cipher_encryptv(r->cipher, nonce, sizeof(nonce), &header, 1, BK_RECORD_TAG, inner, 2,
		    out + BK_RECORD_HEADER, &sealed) < 0) {
		bk_records_return(r);
		return false;
	}
	bk_assert(sealed == n + 1 + BK_RECORD_TAG);
	r->seq++;
	return true;
}

/* What is in it ends with its type, and zeros that hide how long it is (section 5.4). */
static size_t data_len(const uint8_t *inner, size_t n)
{
	while (n && !inner[n - 1])
		n--;
	return n && n - 1 <= BK_RECORD_PLAIN_MAX && inner[n - 1] == DATA ? n - 1 : 0;
}

size_t bk_records_open(struct bk_records *r, const uint8_t *record, size_t len, uint8_t *out, size_t cap)
{
	uint8_t nonce[12];
	size_t n = cap;

	if (len <= BK_RECORD_OVERHEAD || memcmp(record, (uint8_t[]){DATA, 3, 3}, 3) != 0 ||
		len - BK_RECORD_HEADER - BK_RECORD_TAG > cap)
		return 0;
	bk_assert(len == BK_RECORD_HEADER + sealed_len(record));
	make_nonce(r, nonce);
	if (gnutls_aead_cipher_decrypt(r->cipher, nonce, sizeof(nonce), record, BK_RECORD_HEADER,
		    BK_RECORD_TAG, record + BK_RECORD_HEADER, len - BK_RECORD_HEADER, out, &n) < 0)
		return 0;
	n = data_len(out, n);
	r->seq += n > 0;
	return n;
}
