/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_PREFACE_H
#define BK_WIRE_PREFACE_H

#include <stddef.h>
#include <stdint.h>

/* What a connection to the server starts with when it is not TLS and not the plain dialect.
 *
 *   relay leg      "RELAY" version(1) side(1: 0 or 1) token(32)   39 bytes; then the bytes of the peers' link
 *   mapping probe  "PROBE" version(1) zero(1) nonce(32)           39 bytes; the server tells the owner of the
 *                  nonce, over its control connection, from where this connection came, and closes it
 */
enum {
	BK_PREFACE_LEN = 39,
	BK_PREFACE_VERSION = 1,
	BK_PREFACE_SECRET_LEN = 32,
};

enum bk_preface_kind { BK_PREFACE_RELAY, BK_PREFACE_PROBE };

struct bk_preface {
	enum bk_preface_kind kind;
	uint8_t side;                          /* relay: 0 who allocated the nameplate, 1 who claimed it */
	uint8_t secret[BK_PREFACE_SECRET_LEN]; /* relay token or probe nonce */
};

enum bk_first_byte { BK_FIRST_TLS = 0x16, BK_FIRST_PLAIN = 0x00 };

void bk_preface_encode(const struct bk_preface *p, uint8_t out[BK_PREFACE_LEN]);
/* 0: it is one. BK_E_TRUNCATED: needs more and fits so far; BK_E_MALFORMED: can never become one; BK_E_VERSION. */
int bk_preface_check(const uint8_t *data, size_t n);
/* The same errors. */
int bk_preface_decode(const uint8_t *data, size_t n, struct bk_preface *ret_preface);

#endif
