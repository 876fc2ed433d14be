/* SPDX-License-Identifier: Apache-2.0 */
/* The one set of choices for every TLS 1.3 handshake (RFC 8446) of this library, over a byte stream or inside
 * QUIC (RFC 9001), and the rule who the peer is: the pinned key and nothing else, no names, no authorities,
 * no dates. It refuses TLS 1.2, tickets, peers without our ALPN and other signatures than Ed25519. */
#include "secure/cred.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"

enum { HANDSHAKE_MESSAGE_MAX = 16 * 1024, ALPN_MAX = 64 };

#define CHOICES                                                                                              \
	"NONE:+VERS-TLS1.3:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:"                \
	"+GROUP-SECP256R1:+SIGN-EDDSA-ED25519:+CTYPE-X509:%SERVER_PRECEDENCE"

/* The compatibility mode of RFC 8446 appendix D.4 is for boxes in the middle that look into TCP; inside QUIC
 * there is none (RFC 9001 section 8.4). */
static gnutls_priority_t stream_choices, quic_choices;
static pthread_once_t choices_once = PTHREAD_ONCE_INIT;

static void init_choices(void)
{
	if (gnutls_priority_init(&stream_choices, CHOICES, NULL) < 0)
		stream_choices = NULL;
	if (gnutls_priority_init(&quic_choices, CHOICES ":%DISABLE_TLS13_COMPAT_MODE", NULL) < 0)
		quic_choices = NULL;
}

bool bk_session_has_alpn(gnutls_session_t session)
{
	gnutls_datum_t chosen;

	return gnutls_alpn_get_selected_protocol(session, &chosen) >= 0;
}

/* GnuTLS refuses a peer that offers other protocols, but lets pass one that offers none. */
static int check_alpn(
	gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *msg)
{
	(void)type, (void)when, (void)incoming, (void)msg;
	return bk_session_has_alpn(session) ? 0 : GNUTLS_E_NO_APPLICATION_PROTOCOL;
}

int bk_cred_session_new(bool is_server, bool in_quic, const char *alpn, gnutls_session_t *ret_session)
{
	const unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL | GNUTLS_KEY_SHARE_TOP;
	gnutls_session_t session;
	gnutls_datum_t name;

	if (!alpn || !*alpn || strlen(alpn) > ALPN_MAX)
		return BK_E_INVALID;
	pthread_once(&choices_once, init_choices);
	if (!stream_choices || !quic_choices)
		return BK_E_UNSUPPORTED;
	if (gnutls_init(&session, flags | (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT)) < 0)
		return BK_E_NOMEM;
	/* GnuTLS takes the name without const and copies it. */
	name = (gnutls_datum_t){(unsigned char *)(uintptr_t)alpn, (unsigned)strlen(alpn)};
	if (gnutls_priority_set(session, in_quic ? quic_choices : stream_choices) < 0 ||
		gnutls_alpn_set_protocols(session, &name, 1, GNUTLS_ALPN_MANDATORY) < 0) {
		gnutls_deinit(session);
		return BK_E_NOMEM;
	}
	gnutls_handshake_set_max_packet_length(session, HANDSHAKE_MESSAGE_MAX);
	if (is_server)
		gnutls_handshake_set_hook_function(
			session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_POST, check_alpn);
	*ret_session = session;
	return 0;
}

int bk_peer_check(struct bk_peer_check *c, gnutls_session_t session)
{
	unsigned count = 0;
	const gnutls_datum_t *certs = gnutls_certificate_get_peers(session, &count);

	if (!certs || count != 1 || bk_pin_from_der(&certs[0], &c->pin) < 0)
		c->verdict = c->must_pin ? BK_E_PIN_MISMATCH : BK_E_TLS;
	else if (c->must_pin && !bk_pin_equal(&c->pin, &c->want))
		c->verdict = BK_E_PIN_MISMATCH;
	else
		c->has_pin = true;
	return c->verdict ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

/* Alerts about our certificate, or about its absence, say that the peer does not know us. */
int bk_alert_to_error(uint8_t alert)
{
	switch (alert) {
	case GNUTLS_A_NO_APPLICATION_PROTOCOL:
	case GNUTLS_A_PROTOCOL_VERSION:
		return BK_E_VERSION;
	case GNUTLS_A_BAD_CERTIFICATE:
	case GNUTLS_A_UNKNOWN_CA:
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
	case GNUTLS_A_CERTIFICATE_REQUIRED:
	case GNUTLS_A_ACCESS_DENIED:
		return BK_E_UNAUTHORIZED;
	default:
		return BK_E_TLS;
	}
}
