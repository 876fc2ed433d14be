/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_STREAM_H
#define BK_SECURE_STREAM_H

#include "secure/tls.h"

/* What everybody does with a bk_tls whose input has grown: finish the handshake, then hand on what
 * decrypts. */
struct bk_tls_events {
	void (*on_secure)(void *arg); /* once, before the first data; may be NULL */
	/* Plain bytes, borrowed for the call. Non-zero stops and is returned by bk_tls_advance: BK_E_AGAIN
	 * for "enough for now" (the owner took these bytes), another negative for an error. */
	int (*on_data)(void *arg, const uint8_t *data, size_t n);
};

/* 0 or BK_E_AGAIN: all input used (or the owner has enough); BK_E_EOF: the peer said close_notify; else the
 * failure. The bk_tls must not be freed by the callbacks. `scratch` holds plaintext for the time of the call:
 * 16 KiB at least, larger gathers several records for one on_data. */
int bk_tls_advance(struct bk_tls *t, const struct bk_tls_events *events, void *arg, uint8_t *scratch,
	size_t scratch_len);

#endif
