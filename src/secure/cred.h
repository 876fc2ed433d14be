/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_CRED_H
#define BK_SECURE_CRED_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "secure/identity.h"

/* What the users of GnuTLS share (identity.c, tls.c and the QUIC link) and nobody else sees: the library's
 * own types, the one set of protocol choices, and who the peer must be. */

/* Key and certificate as GnuTLS wants them; owned by the identity, shared by all its connections. */
gnutls_certificate_credentials_t bk_identity_cred(const struct bk_identity *id);

/* The pin of a certificate in DER, as a peer sent it. BK_E_MALFORMED. */
int bk_pin_from_der(const gnutls_datum_t *der, struct bk_pin *ret_pin);

/* A session with our TLS version, ciphers, groups and ALPN, without tickets; the server refuses a client that
 * offers no ALPN. Credentials, transport and verification are the caller's. BK_E_INVALID for an ALPN that
 * is empty or longer than 64 bytes. */
int bk_cred_session_new(bool is_server, bool in_quic, const char *alpn, gnutls_session_t *ret_session);
bool bk_session_has_alpn(gnutls_session_t session);

/* Who the peer must be, and who it is. */
struct bk_peer_check {
	bool must_pin;
	struct bk_pin want;
	bool has_pin; /* filled by the check */
	struct bk_pin pin;
	int verdict; /* BK_E_PIN_MISMATCH, BK_E_TLS, or 0 */
};

/* For gnutls_session_set_verify_function: 0, or GNUTLS_E_CERTIFICATE_ERROR and a verdict. */
int bk_peer_check(struct bk_peer_check *c, gnutls_session_t session);

/* Our name for what the peer's alert says. */
int bk_alert_to_error(uint8_t alert);

#endif
