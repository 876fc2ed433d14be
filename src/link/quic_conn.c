/* SPDX-License-Identifier: Apache-2.0 */
/* The connection behind a QUIC link (RFC 9000, RFC 9001): ngtcp2 does the protocol, GnuTLS its handshake;
 * this file sets both up, notes what the peer did, and names failures. It refuses other versions than 1,
 * 0-RTT, more than the one stream, any peer but the pinned one, and to follow that one to another address
 * (RFC 9000 section 9): a peer whose NAT gave it another falls silent here, and the session meets it anew,
 * which also works where both moved, costs no trust in packets that anybody may have copied, and works for
 * TCP as well. */
#include "link/quic_link.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/log.h"
#include "net/sock.h"

enum {
	FIRST_DCID_LEN = 16,  /* unpredictable, at least 8 (RFC 9000 section 7.2) */
	CRYPTO_ERROR = 0x100, /* RFC 9001 section 4.8: 0x0100 and the alert */
};

#define RTT_MIN      (5 * BK_MS) /* a handshake takes the peer that long to compute, at worst */
#define IDLE_TIMEOUT (8 * BK_SEC)

/* --- what ngtcp2 tells --- */

static void fill_random(uint8_t *dest, size_t n, const ngtcp2_rand_ctx *ctx)
{
	(void)ctx;
	gnutls_rnd(GNUTLS_RND_NONCE, dest, n);
}

static int make_cid(ngtcp2_cid *cid, size_t len)
{
	cid->datalen = len;
	return gnutls_rnd(GNUTLS_RND_RANDOM, cid->data, len) < 0 ? BK_E_CRYPTO : 0;
}

/* Stateless resets (RFC 9000 section 10.3) are never sent; the token is what nobody can guess. */
static int on_need_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *arg)
{
	struct bk_quic *q = arg;

	(void)conn;
	if (make_cid(cid, len) < 0 ||
		gnutls_rnd(GNUTLS_RND_RANDOM, token, NGTCP2_STATELESS_RESET_TOKENLEN) < 0)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	bk_quic_cids_add(&q->cids, cid->data, cid->datalen);
	return 0;
}

static int on_cid_gone(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *arg)
{
	struct bk_quic *q = arg;

	(void)conn;
	bk_quic_cids_remove(&q->cids, cid->data, cid->datalen);
	return 0;
}

static int on_completed(ngtcp2_conn *conn, void *arg)
{
	struct bk_quic *q = arg;

	if (!q->peer.has_pin || !bk_session_has_alpn(q->session)) {
		ngtcp2_conn_set_tls_alert(conn,
			q->peer.has_pin ? GNUTLS_A_NO_APPLICATION_PROTOCOL : GNUTLS_A_CERTIFICATE_REQUIRED);
		bk_quic_end(q, q->peer.has_pin ? BK_E_VERSION : BK_E_PIN_MISMATCH);
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	if (!q->opts.is_server && ngtcp2_conn_open_bidi_stream(conn, &q->stream, NULL) != 0)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	q->is_secure = true;
	q->is_confirmed = q->opts.is_server;
	return 0;
}

/* RFC 9001 section 4.1.2: from here on the peer reads what we send. */
static int on_confirmed(ngtcp2_conn *conn, void *arg)
{
	struct bk_quic *q = arg;

	(void)conn;
	q->is_confirmed = true;
	bk_quic_flight_forget(q);
	return 0;
}

static int on_stream_open(ngtcp2_conn *conn, int64_t stream, void *arg)
{
	struct bk_quic *q = arg;

	(void)conn;
	q->stream = stream;
	return 0;
}

/* The first byte of the client's stream is its version; it is there so that the stream opens at once. */
static int skip_version(struct bk_quic *q, const uint8_t **data, size_t *n)
{
	if (!q->opts.is_server || q->has_skipped_version || !*n)
		return 0;
	if (**data != BK_QUIC_VERSION_BYTE)
		return BK_E_VERSION;
	q->has_skipped_version = true;
	++*data;
	--*n;
	return 0;
}

static int on_stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset,
	const uint8_t *data, size_t n, void *arg, void *stream_arg)
{
	struct bk_quic *q = arg;
	int err = skip_version(q, &data, &n);

	(void)conn, (void)stream, (void)offset, (void)stream_arg;
	if (!err && n)
		err = bk_buf_append(&q->in, data, n);
	q->had_data = true;
	if (err < 0) {
		bk_quic_end(q, err);
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	if (flags & NGTCP2_STREAM_DATA_FLAG_FIN)
		q->has_fin = true;
	return 0;
}

static int on_acked(
	ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t n, void *arg, void *stream_arg)
{
	struct bk_quic *q = arg;

	(void)conn, (void)stream, (void)stream_arg;
	bk_outbox_acked(&q->out, offset + n);
	q->has_progress = true;
	return 0;
}

/* Half a stream taken back is not an end that this protocol knows. */
static int on_stream_reset(
	ngtcp2_conn *conn, int64_t stream, uint64_t final_size, uint64_t code, void *arg, void *stream_arg)
{
	(void)conn, (void)stream, (void)final_size, (void)code, (void)stream_arg;
	bk_quic_end(arg, BK_E_RESET);
	return 0;
}

static int on_stop_sending(ngtcp2_conn *conn, int64_t stream, uint64_t code, void *arg, void *stream_arg)
{
	(void)conn, (void)stream, (void)code, (void)stream_arg;
	bk_quic_end(arg, BK_E_RESET);
	return 0;
}

/* ngtcp2 passes no argument on; set while it reads. */
static _Thread_local struct bk_quic *reader;

static int on_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
	const uint8_t *in, size_t in_len, const uint8_t *nonce, size_t nonce_len, const uint8_t *header,
	size_t header_len)
{
	int ret = ngtcp2_crypto_decrypt_cb(dest, aead, ctx, in, in_len, nonce, nonce_len, header, header_len);

	if (!ret && reader)
		reader->is_heard = true;
	return ret;
}

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
	struct bk_quic *q = ref->user_data;

	return q->conn;
}

static int check_peer(gnutls_session_t session)
{
	ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
	struct bk_quic *q = ref->user_data;

	return bk_peer_check(&q->peer, session);
}

static const ngtcp2_callbacks callbacks = {
	.client_initial = ngtcp2_crypto_client_initial_cb,
	.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
	.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
	.encrypt = ngtcp2_crypto_encrypt_cb,
	.decrypt = on_decrypt,
	.hp_mask = ngtcp2_crypto_hp_mask_cb,
	.recv_retry = ngtcp2_crypto_recv_retry_cb,
	.update_key = ngtcp2_crypto_update_key_cb,
	.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
	.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
	.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
	.version_negotiation = ngtcp2_crypto_version_negotiation_cb,
	.rand = fill_random,
	.get_new_connection_id = on_need_cid,
	.remove_connection_id = on_cid_gone,
	.handshake_completed = on_completed,
	.handshake_confirmed = on_confirmed,
	.stream_open = on_stream_open,
	.recv_stream_data = on_stream_data,
	.acked_stream_data_offset = on_acked,
	.stream_reset = on_stream_reset,
	.stream_stop_sending = on_stop_sending,
};

/* --- making one --- */

static ngtcp2_duration idle_timeout(const struct bk_quic *q)
{
	return (ngtcp2_duration)(q->opts.idle_timeout_ns ? q->opts.idle_timeout_ns : IDLE_TIMEOUT);
}

/* One side's question serves both: the other one's comes later, and only when that one was not heard. */
ngtcp2_duration bk_quic_keep_alive(const struct bk_quic *q)
{
	return q->opts.is_server ? idle_timeout(q) / 12 * 5 : idle_timeout(q) / 3;
}

static void choose_settings(struct bk_quic *q, ngtcp2_settings *s, ngtcp2_transport_params *p)
{
	ngtcp2_settings_default(s);
	s->cc_algo = q->opts.wants_bbr ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC;
	s->initial_ts = bk_quic_now(q);
	if (q->opts.rtt_ns > 0)
		s->initial_rtt = (ngtcp2_duration)bk_time_max(q->opts.rtt_ns, RTT_MIN);
	s->max_tx_udp_payload_size = BK_QUIC_PAYLOAD_MAX;
	s->max_stream_window = s->max_window = BK_QUIC_STREAM_WINDOW_MAX;
	s->handshake_timeout =
		UINT64_MAX; /* the link has a clock for that, before there is a connection too */

	ngtcp2_transport_params_default(p);
	p->initial_max_streams_bidi = q->opts.is_server ? 1 : 0;
	p->initial_max_stream_data_bidi_local = BK_QUIC_STREAM_WINDOW;
	p->initial_max_stream_data_bidi_remote = BK_QUIC_STREAM_WINDOW;
	p->initial_max_data = BK_QUIC_STREAM_WINDOW;
	p->max_idle_timeout = idle_timeout(q);
	p->active_connection_id_limit = 7;
}

static int make_session(struct bk_quic *q)
{
	int err = bk_cred_session_new(q->opts.is_server, true, BK_LINK_ALPN, &q->session);

	if (err < 0)
		return err;
	q->ref = (ngtcp2_crypto_conn_ref){.get_conn = conn_of, .user_data = q};
	gnutls_session_set_ptr(q->session, &q->ref);
	gnutls_session_set_verify_function(q->session, check_peer);
	if (gnutls_credentials_set(q->session, GNUTLS_CRD_CERTIFICATE, bk_identity_cred(q->opts.identity)) <
		0)
		return BK_E_NOMEM;
	if (q->opts.is_server)
		gnutls_certificate_server_set_request(q->session, GNUTLS_CERT_REQUIRE);
	return (q->opts.is_server ? ngtcp2_crypto_gnutls_configure_server_session(q->session)
				  : ngtcp2_crypto_gnutls_configure_client_session(q->session))
		       ? BK_E_NOMEM
		       : 0;
}

/* `first` is the client's first packet, for a server. */
static int make_conn(struct bk_quic *q, const ngtcp2_pkt_hd *first)
{
	ngtcp2_settings settings;
	ngtcp2_transport_params params;
	ngtcp2_cid scid, dcid;
	int ret;

	choose_settings(q, &settings, &params);
	if (make_cid(&scid, BK_QUIC_CID_LEN) < 0 || make_cid(&dcid, FIRST_DCID_LEN) < 0)
		return BK_E_CRYPTO;
	if (first) {
		bk_ngtcp2_set_original_dcid(&params, &first->dcid);
		ret = ngtcp2_conn_server_new(&q->conn, &first->scid, &scid, &q->path.path, first->version,
			&callbacks, &settings, &params, NULL, q);
	} else {
		ret = ngtcp2_conn_client_new(&q->conn, &dcid, &scid, &q->path.path, NGTCP2_PROTO_VER_V1,
			&callbacks, &settings, &params, NULL, q);
	}
	if (ret)
		return BK_E_NOMEM;
	bk_quic_cids_add(&q->cids, scid.data, scid.datalen);
	if (first) /* until the client knows ours */
		bk_quic_cids_add(&q->cids, first->dcid.data, first->dcid.datalen);
	bk_ngtcp2_keep_fixed_bit(q->conn);
	ngtcp2_conn_set_tls_native_handle(q->conn, q->session);
	ngtcp2_conn_set_keep_alive_timeout(q->conn, bk_quic_keep_alive(q));
	return 0;
}

static int connect_as(struct bk_quic *q, const ngtcp2_pkt_hd *first)
{
	int err;

	q->peer = (struct bk_peer_check){.must_pin = true, .want = q->opts.peer_pin};
	err = make_session(q);
	if (!err)
		err = make_conn(q, first);
	if (err < 0)
		bk_quic_disconnect(q);
	return err;
}

int bk_quic_connect(struct bk_quic *q)
{
	return connect_as(q, NULL);
}

void bk_quic_disconnect(struct bk_quic *q)
{
	if (q->conn)
		ngtcp2_conn_del(q->conn);
	if (q->session)
		gnutls_deinit(q->session);
	q->conn = NULL;
	q->session = NULL;
	q->cids = (struct bk_quic_cids){0};
}

/* --- failing --- */

/* What the peer's CONNECTION_CLOSE means here. A peer that leaves without having ended its stream
 * vanished. */
static int error_from_close(struct bk_quic *q)
{
	ngtcp2_ccerr e = bk_ngtcp2_peer_close(q->conn);
	bool is_app = e.type == NGTCP2_CCERR_TYPE_APPLICATION;

	if (!is_app && e.error_code >= CRYPTO_ERROR && e.error_code < CRYPTO_ERROR + 0x100) {
		const char *name = gnutls_alert_get_name((gnutls_alert_description_t)(e.error_code & 0xff));

		snprintf(q->text, sizeof(q->text), "the peer sent the alert: %s", name ? name : "unknown");
		return bk_alert_to_error((uint8_t)e.error_code);
	}
	if (!q->is_secure)
		return BK_E_RESET;
	if (is_app || e.error_code == NGTCP2_NO_ERROR)
		return q->has_sent_fin || q->has_fin ? BK_E_EOF : BK_E_PEER_VANISHED;
	snprintf(q->text, sizeof(q->text), "the peer's QUIC error is 0x%llx",
		(unsigned long long)e.error_code);
	return BK_E_PROTOCOL;
}

static int error_from_own_alert(const struct bk_quic *q)
{
	if (q->peer.verdict)
		return q->peer.verdict;
	switch (ngtcp2_conn_get_tls_alert(q->conn)) {
	case GNUTLS_A_CERTIFICATE_REQUIRED:
		return BK_E_PIN_MISMATCH;
	case GNUTLS_A_NO_APPLICATION_PROTOCOL:
	case GNUTLS_A_PROTOCOL_VERSION:
	case GNUTLS_A_HANDSHAKE_FAILURE: /* no cipher or group in common */
		return BK_E_VERSION;
	default:
		return BK_E_TLS;
	}
}

static int error_from_liberr(struct bk_quic *q, int liberr)
{
	switch (liberr) {
	case NGTCP2_ERR_DRAINING:
		return error_from_close(q);
	case NGTCP2_ERR_IDLE_CLOSE:
		return q->is_secure ? BK_E_PEER_VANISHED : BK_E_TIMEOUT;
	case NGTCP2_ERR_CRYPTO:
		return error_from_own_alert(q);
	case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
		return BK_E_VERSION;
	case NGTCP2_ERR_NOMEM:
		return BK_E_NOMEM;
	case NGTCP2_ERR_NO_VIABLE_PATH:
		return BK_E_PEER_VANISHED;
	case NGTCP2_ERR_CALLBACK_FAILURE: /* one of ours has mostly named it already */
		return BK_E_INTERNAL;
	default:
		return BK_E_PROTOCOL;
	}
}

void bk_quic_fail(struct bk_quic *q, int liberr)
{
	ngtcp2_ccerr why;
	int error = error_from_liberr(q, liberr);

	if (!q->text[0] && error == BK_E_PROTOCOL)
		snprintf(q->text, sizeof(q->text), "QUIC: %s", ngtcp2_strerror(liberr));
	bk_log_debug("quic", "connection failed: %s (%s)", bk_error_name(error), ngtcp2_strerror(liberr));
	if (liberr != NGTCP2_ERR_DRAINING && liberr != NGTCP2_ERR_IDLE_CLOSE &&
		liberr != NGTCP2_ERR_CLOSING) {
		ngtcp2_ccerr_default(&why);
		if (ngtcp2_conn_get_tls_alert(q->conn))
			ngtcp2_ccerr_set_tls_alert(&why, ngtcp2_conn_get_tls_alert(q->conn), NULL, 0);
		else
			ngtcp2_ccerr_set_liberr(&why, liberr, NULL, 0);
		bk_quic_say_close(q, &why);
	}
	q->is_over = true;
	/* After the end of the peer's stream its leaving is no news; what came is still to be handed on. */
	if (error != BK_E_EOF || !q->has_fin)
		bk_quic_end(q, error);
}

/* --- datagrams in --- */

bool bk_link_quic_is_first(const uint8_t *data, size_t n)
{
	static const uint8_t version_1[] = {0, 0, 0, 1};

	return n > sizeof(version_1) && (data[0] & 0xf0) == 0xc0 &&
	       !memcmp(data + 1, version_1, sizeof(version_1));
}

bool bk_link_quic_wants(const struct bk_link *l, const uint8_t *data, size_t n)
{
	const struct bk_quic *q = (const struct bk_quic *)l;
	struct bk_quic_cid cid;

	if (!bk_quic_cid_read(data, n, &cid))
		return false;
	return q->conn ? bk_quic_cids_has(&q->cids, &cid)
		       : q->opts.is_server && bk_link_quic_is_first(data, n);
}

/* The first packet of a handshake from where the peer should be makes the server's connection. */
static bool accept_first(struct bk_quic *q, const uint8_t *data, size_t n)
{
	ngtcp2_pkt_hd first;
	int err;

	if (ngtcp2_accept(&first, data, n) != 0 || first.version != NGTCP2_PROTO_VER_V1)
		return false;
	err = connect_as(q, &first);
	if (err < 0)
		bk_quic_end(q, err);
	return !err;
}

void bk_quic_read(struct bk_quic *q, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	int ret;

	if (!bk_addr_equal(from, &q->opts.remote) || (!q->conn && !accept_first(q, data, n)))
		return;
	reader = q;
	ret = ngtcp2_conn_read_pkt(q->conn, &q->path.path, NULL, data, n, bk_quic_now(q));
	reader = NULL;
	if (q->opts.is_server && !q->is_secure && (ret == NGTCP2_ERR_DROP_CONN || ret == NGTCP2_ERR_RETRY))
		bk_quic_disconnect(q); /* not a handshake; wait for the next */
	else if (ret)
		bk_quic_fail(q, ret);
}

void bk_quic_expire(struct bk_quic *q)
{
	ngtcp2_tstamp now = bk_quic_now(q);
	int ret;

	if (q->is_over || !q->conn || ngtcp2_conn_get_expiry(q->conn) > now)
		return;
	ret = ngtcp2_conn_handle_expiry(q->conn, now);
	if (ret)
		bk_quic_fail(q, ret);
}
