/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_RECORDS_H
#define BK_SECURE_RECORDS_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The records of data (RFC 8446 section 5) of one direction, taken over from a GnuTLS session that has shaken hands:
 * they are sealed and opened from where the bytes stand to where they are to be, which GnuTLS does by three copies.
 * Its ciphers do it, with its keys. Whatever is no plain record of data is GnuTLS's: alerts, new keys, and what is
 * wrong. It goes on where we were, and gives the direction back afterwards. Embedded; zeroed it is GnuTLS's. */
struct bk_records {
	gnutls_session_t session;
	gnutls_aead_cipher_hd_t cipher; /* NULL: GnuTLS has it */
	uint8_t iv[12];
	uint64_t seq;
	bool is_reading;
};

enum {
	BK_RECORD_PLAIN_MAX = 16384, /* RFC 8446 section 5.1 */
	BK_RECORD_HEADER = 5,
	BK_RECORD_SEALED_MAX = BK_RECORD_PLAIN_MAX + 256, /* section 5.2 */
	BK_RECORD_TAG = 16,
	BK_RECORD_OVERHEAD = BK_RECORD_HEADER + 1 + BK_RECORD_TAG, /* of one of ours */
};

/* Takes it, at a boundary of records; without the means to, or where the key is nearly used up, it stays GnuTLS's. */
void bk_records_take(struct bk_records *r);
/* GnuTLS goes on where we are. */
void bk_records_return(struct bk_records *r);

static inline bool bk_records_are_ours(const struct bk_records *r)
{
	return r->cipher;
}

/* How much of what begins a record belongs to it; more than n: not all of it is there. Of what cannot be one, or is
 * longer than one may be, the header. */
size_t bk_record_len(const uint8_t *record, size_t n);

/* n bytes, 1 to BK_RECORD_PLAIN_MAX, as a record of n + BK_RECORD_OVERHEAD bytes. False: nothing was done, and GnuTLS
 * has the direction again. */
bool bk_records_seal(struct bk_records *r, const uint8_t *data, size_t n, uint8_t *out);

/* A whole record of len bytes. Returns how many bytes of data it has; 0: it has none, is damaged or has no room in
 * cap bytes, which as much as it is long, less BK_RECORD_HEADER, always are. Then GnuTLS should look at it. What `out`
 * holds then means nothing. */
size_t bk_records_open(struct bk_records *r, const uint8_t *record, size_t len, uint8_t *out, size_t cap);

#endif
