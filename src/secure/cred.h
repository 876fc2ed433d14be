/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_CRED_H
#define BK_SECURE_CRED_H

#include <gnutls/gnutls.h>

#include "secure/identity.h"

/* What identity.c and tls.c share and nobody else sees: the library's own types. */

/* Key and certificate as GnuTLS wants them; owned by the identity, shared by all its connections. */
gnutls_certificate_credentials_t bk_identity_cred(const struct bk_identity *id);

/* The pin of a certificate in DER, as a peer sent it. BK_E_MALFORMED. */
int bk_pin_from_der(const gnutls_datum_t *der, struct bk_pin *ret_pin);

#endif
