/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secure/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const gnutls_datum_t key = {(unsigned char *)(uintptr_t) "0123456789abcdef", 16};

/* What a peer that has the key may seal: any bytes. */
static size_t seal_inner(const struct bk_records *r, const uint8_t *inner, size_t n, uint8_t *out)
{
	size_t sealed = n + BK_RECORD_TAG;
	uint8_t nonce[12];

	memcpy(nonce, r->iv, sizeof(nonce));
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(r->seq >> (8 * i));
	memcpy(out, (uint8_t[]){23, 3, 3, (uint8_t)(sealed >> 8), (uint8_t)sealed}, BK_RECORD_HEADER);
	if (gnutls_aead_cipher_encrypt(r->cipher, nonce, sizeof(nonce), out, BK_RECORD_HEADER, BK_RECORD_TAG,
		    inner, n, out + BK_RECORD_HEADER, &sealed) < 0)
		abort();
	return sealed + BK_RECORD_HEADER;
}

/* What it holds, looked at from the other end. */
static size_t expect(const uint8_t *inner, size_t n)
{
	size_t last = 0;

	for (size_t i = 0; i < n; i++)
		last = inner[i] ? i + 1 : last;
	return last && inner[last - 1] == 23 && last - 1 <= BK_RECORD_PLAIN_MAX ? last - 1 : 0;
}

static void open_whole(
	struct bk_records *r, const uint8_t *record, size_t n, size_t want, const uint8_t *inner)
{
	static uint8_t out[BK_RECORD_SEALED_MAX];
	uint64_t before = r->seq;
	size_t got;

	if (bk_record_len(record, n) > n)
		return;
	got = bk_records_open(r, record, bk_record_len(record, n), out, sizeof(out));
	if (got != want || (got && memcmp(out, inner, got) != 0) || r->seq != before + (got > 0))
		abort();
}

/* Pieces of a stream, each with two bytes before it: its length, and whether it is sealed. Nothing that is not sealed
 * is data, and of what is sealed exactly what the standard says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t record[BK_RECORD_HEADER + 0x7fff + BK_RECORD_TAG];
	struct bk_records r = {.is_reading = true, .iv = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

	if (gnutls_aead_cipher_init(&r.cipher, GNUTLS_CIPHER_AES_128_GCM, &key) < 0)
		abort();
	while (size >= 2) {
		size_t n = (size_t)(data[0] & 0x7f) << 8 | data[1];
		bool is_sealed = data[0] & 0x80;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		if (is_sealed && n <= BK_RECORD_SEALED_MAX - BK_RECORD_TAG)
			open_whole(&r, record, seal_inner(&r, data, n, record), expect(data, n), data);
		else
			open_whole(&r, data, n, 0, NULL);
		data += n;
		size -= n;
	}
	gnutls_aead_cipher_deinit(r.cipher);
	return 0;
}
