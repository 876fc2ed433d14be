/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_TLS_H
#define BK_SECURE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "secure/identity.h"

/* TLS 1.3 (RFC 8446) as memory in, memory out: no socket, no clock. Cipher bytes that arrived are put
 * into bk_tls_in, cipher bytes to send are taken from bk_tls_out. The owner moves them.
 *
 * Cipher order: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305. No session tickets, no resumption, no 0-RTT,
 * no TLS 1.2, no compression. */
struct bk_tls;

enum {
	BK_TLS_BUFFER_MIN = 32 * 1024,
	BK_TLS_RECORD_MAX = 16384, /* bytes of data in one record */
	BK_TLS_READ_ROOM = BK_TLS_RECORD_MAX +
			   256, /* for which any record is opened where it is to be, without a copy */
};

struct bk_tls_opts {
	bool is_server;
	const struct bk_identity *identity; /* required for a server; NULL for an anonymous client. Borrowed
					       for the life of the bk_tls. */
	const char *alpn;                   /* required; a peer without it is BK_E_VERSION */
	const struct bk_pin *peer_pin;      /* what the peer must present: else BK_E_PIN_MISMATCH. NULL:
					       accept any certificate (client side: trust on first use) */
	bool wants_peer_certificate;        /* server: ask for and require a client certificate */
	size_t buffer_max;                  /* ceiling of each of the two cipher buffers; 0: 1 MiB.
					       BK_E_INVALID under BK_TLS_BUFFER_MIN */
};

int bk_tls_new(const struct bk_tls_opts *opts, struct bk_tls **ret_tls);
void bk_tls_free(struct bk_tls *t);

struct bk_buf *bk_tls_in(struct bk_tls *t);  /* owner appends received cipher bytes */
struct bk_buf *bk_tls_out(struct bk_tls *t); /* owner sends from the front and consumes */

/* Goes as far as the input allows. 0: done (again 0 when called later); BK_E_AGAIN: needs input (look at
 * bk_tls_out too); else the named failure, with an alert for the peer in bk_tls_out:
 * BK_E_PIN_MISMATCH (also when the pinned peer shows no certificate), BK_E_VERSION (no common TLS version,
 * cipher or ALPN), BK_E_UNAUTHORIZED (no certificate where one is required, or the peer said that it does not
 * accept ours), BK_E_TOO_BIG (too many bytes before the end of the handshake), BK_E_TLS (the rest).
 *
 * A client is done before the server has looked at its certificate: a refusal of that comes from the
 * first bk_tls_read, as BK_E_UNAUTHORIZED. */
int bk_tls_handshake(struct bk_tls *t);
bool bk_tls_is_secure(const struct bk_tls *t);

/* Encrypts up to n bytes into bk_tls_out. Returns how many were taken (a record is never half taken);
 * BK_E_AGAIN: send from bk_tls_out first (it is at its ceiling, or so near that its bytes would have to be
 * moved). Only after the handshake, not after bk_tls_close: BK_E_INVALID. */
ssize_t bk_tls_write(struct bk_tls *t, const void *data, size_t n);

/* Decrypts into `out`. More than 0: that many bytes; BK_E_AGAIN: needs input; BK_E_EOF: the peer ended with
 * close_notify (an end without it is the owner's to see, and to distrust); BK_E_TLS or another of the
 * handshake's names: the connection has failed. One call gives at most one record (16 KiB). */
ssize_t bk_tls_read(struct bk_tls *t, void *out, size_t cap);

/* Queues close_notify once. */
void bk_tls_close(struct bk_tls *t);

/* The pin of the certificate the peer presented; BK_E_NOT_FOUND before the handshake is done or when there
 * was none. */
int bk_tls_peer_pin(const struct bk_tls *t, struct bk_pin *ret_pin);

/* One line for the log when something failed: the library's own words. Never NULL. */
const char *bk_tls_error_text(const struct bk_tls *t);

#endif
