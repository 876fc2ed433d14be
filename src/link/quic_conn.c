/* SPDX-License-Identifier: Apache-2.0 */
/* The connection behind a QUIC link (RFC 9000, RFC 9001): ngtcp2 does the protocol, GnuTLS its handshake;
 * this file sets both up, notes what the peer did, and names failures. Until the handshake is done only the
 * address that was agreed on is listened to; afterwards only what decrypts counts, wherever it comes from
 * (section 9). It refuses other versions than 1, 0-RTT, more than the one stream, and any peer but the pinned
 * one. */
#include "link/quic_link.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/log.h"
#include "net/sock.h"

enum {
	CID_LEN = 8,
	FIRST_DCID_LEN = 16, /* unpredictable, at least 8 (RFC 9000 section 7.2) */
	FOLLOWS_MAX = 1000,
	CRYPTO_ERROR = 0x100, /* RFC 9001 section 4.8: 0x0100 and the alert */
};

#define RTT_UNKNOWN  (333 * BK_MS) /* RFC 9002 section 6.2.2 */
#define ACK_DELAY    (25 * BK_MS)
#define RTT_MIN      (5 * BK_MS) /* a handshake takes the peer that long to compute, at worst */
#define IDLE_TIMEOUT (8 * BK_SEC)
#define FOLLOW_EVERY (1 * BK_SEC)

static const char alpn[] = "bodkin-link/1";

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
	(void)conn, (void)arg;
	if (make_cid(cid, len) < 0 ||
		gnutls_rnd(GNUTLS_RND_RANDOM, token, NGTCP2_STATELESS_RESET_TOKENLEN) < 0)
		return NGTCP2_ERR_CALLBACK_FAILURE;
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
	q->secure = true;
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
	if (!q->opts.is_server || q->skipped_version || !*n)
		return 0;
	if (**data != BK_QUIC_VERSION_BYTE)
		return BK_E_VERSION;
	q->skipped_version = true;
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
	if (err < 0) {
		bk_quic_end(q, err);
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	if (flags & NGTCP2_STREAM_DATA_FLAG_FIN)
		q->fin_in = true;
	return 0;
}

static int on_acked(
	ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t n, void *arg, void *stream_arg)
{
	struct bk_quic *q = arg;

	(void)conn, (void)stream, (void)stream_arg;
	bk_outbox_acked(&q->out, offset + n);
	q->progress = true;
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

static bk_dur validation_time(struct bk_quic *q);

/* Whether a new address of the client's holds; if not, ngtcp2 has gone back to the old one. */
static int on_path_validation(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path,
	BK_NGTCP2_OLD_PATH ngtcp2_path_validation_result result, void *arg)
{
	struct bk_quic *q = arg;

	(void)conn, (void)flags, (void)path;
	q->hold_until = result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS
				? bk_loop_now(q->loop) + validation_time(q)
				: 0;
	return 0;
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
	.decrypt = ngtcp2_crypto_decrypt_cb,
	.hp_mask = ngtcp2_crypto_hp_mask_cb,
	.recv_retry = ngtcp2_crypto_recv_retry_cb,
	.update_key = ngtcp2_crypto_update_key_cb,
	.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
	.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
	.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
	.version_negotiation = ngtcp2_crypto_version_negotiation_cb,
	.rand = fill_random,
	.get_new_connection_id = on_need_cid,
	.handshake_completed = on_completed,
	.stream_open = on_stream_open,
	.recv_stream_data = on_stream_data,
	.acked_stream_data_offset = on_acked,
	.stream_reset = on_stream_reset,
	.path_validation = on_path_validation,
	.stream_stop_sending = on_stop_sending,
};

/* --- making one --- */

void bk_quic_set_path(struct bk_quic_path *p, const struct bk_addr *local, const struct bk_addr *remote)
{
	struct sockaddr_storage from, to;
	socklen_t from_len = bk_addr_to_sockaddr(local, &from), to_len = bk_addr_to_sockaddr(remote, &to);

	p->remote = *remote;
	ngtcp2_path_storage_init(
		&p->at, (struct sockaddr *)&from, from_len, (struct sockaddr *)&to, to_len, NULL);
}

static ngtcp2_duration idle_timeout(const struct bk_quic *q)
{
	return (ngtcp2_duration)(q->opts.idle_timeout_ns ? q->opts.idle_timeout_ns : IDLE_TIMEOUT);
}

static void choose_settings(struct bk_quic *q, ngtcp2_settings *s, ngtcp2_transport_params *p)
{
	ngtcp2_settings_default(s);
	s->cc_algo = q->opts.use_bbr ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC;
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
	int err = bk_cred_session_new(q->opts.is_server, true, alpn, &q->session);

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
	if (make_cid(&scid, CID_LEN) < 0 || make_cid(&dcid, FIRST_DCID_LEN) < 0)
		return BK_E_CRYPTO;
	if (first) {
		bk_ngtcp2_set_original_dcid(&params, &first->dcid);
		ret = ngtcp2_conn_server_new(&q->conn, &first->scid, &scid, &q->path.at.path, first->version,
			&callbacks, &settings, &params, NULL, q);
	} else {
		ret = ngtcp2_conn_client_new(&q->conn, &dcid, &scid, &q->path.at.path, NGTCP2_PROTO_VER_V1,
			&callbacks, &settings, &params, NULL, q);
	}
	if (ret)
		return BK_E_NOMEM;
	bk_ngtcp2_keep_fixed_bit(q->conn);
	ngtcp2_conn_set_tls_native_handle(q->conn, q->session);
	ngtcp2_conn_set_keep_alive_timeout(q->conn, idle_timeout(q) / 3);
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
}

/* --- failing --- */

/* What the peer's CONNECTION_CLOSE means here. A peer that leaves without having ended its stream vanished.
 */
static int error_from_close(struct bk_quic *q)
{
	ngtcp2_ccerr e = bk_ngtcp2_peer_close(q->conn);
	bool is_app = e.type == NGTCP2_CCERR_TYPE_APPLICATION;

	if (!is_app && e.error_code >= CRYPTO_ERROR && e.error_code < CRYPTO_ERROR + 0x100) {
		const char *name = gnutls_alert_get_name((gnutls_alert_description_t)(e.error_code & 0xff));

		snprintf(q->text, sizeof(q->text), "the peer sent the alert: %s", name ? name : "unknown");
		return bk_alert_to_error((uint8_t)e.error_code);
	}
	if (!q->secure)
		return BK_E_RESET;
	if (is_app || e.error_code == NGTCP2_NO_ERROR)
		return q->fin_sent || q->fin_in ? BK_E_EOF : BK_E_PEER_VANISHED;
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
		return q->secure ? BK_E_PEER_VANISHED : BK_E_TIMEOUT;
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
	q->over = true;
	/* After the end of the peer's stream its leaving is no news; what came is still to be handed on. */
	if (error != BK_E_EOF || !q->fin_in)
		bk_quic_end(q, error);
}

/* --- datagrams in --- */

/* The first packet of a handshake from where the peer should be makes the server's connection. */
static bool accept_first(struct bk_quic *q, const uint8_t *data, size_t n)
{
	ngtcp2_pkt_hd first;
	int err;

	if (ngtcp2_accept(&first, data, n) != 0 || first.version != NGTCP2_PROTO_VER_V1)
		return false;
	bk_quic_set_path(&q->path, &q->opts.local, &q->opts.remote);
	err = connect_as(q, &first);
	if (err < 0)
		bk_quic_end(q, err);
	return !err;
}

/* QUIC lets only the client change its address (RFC 9000 section 9); here either side's NAT may. So a client
 * that sees the server speak from elsewhere probes that path as if it had itself moved: ngtcp2 wants another
 * local address for that, and gets one that differs in the port, which nothing else looks at. Nothing
 * changes unless the new address answers the challenge. */
static bool follow(struct bk_quic *q, const struct bk_addr *from)
{
	bk_time now = bk_loop_now(q->loop);
	struct bk_addr local = q->opts.local;
	struct bk_quic_path next;

	if (bk_addr_equal(from, &q->onto.remote))
		return true;
	if (now < q->follow_at || q->follows >= FOLLOWS_MAX)
		return false;
	q->follow_at = now + FOLLOW_EVERY;
	local.port = (uint16_t)(q->opts.local.port + ++q->follows);
	bk_quic_set_path(&next, &local, from);
	if (ngtcp2_conn_initiate_migration(q->conn, &next.at.path, (ngtcp2_tstamp)now) != 0)
		return false;
	bk_quic_set_path(&q->onto, &local, from);
	return true;
}

/* Is this short-header packet for one of the connection IDs that we gave out? */
static bool is_ours(struct bk_quic *q, const uint8_t *data, size_t n)
{
	ngtcp2_cid ids[16];
	size_t len = bk_ngtcp2_count_scid(q->conn);

	if (n < 1 + CID_LEN || (data[0] & 0x80) || len > sizeof(ids) / sizeof(ids[0]))
		return false;
	len = ngtcp2_conn_get_scid(q->conn, ids);
	for (size_t i = 0; i < len; i++)
		if (ids[i].datalen == CID_LEN && !memcmp(ids[i].data, data + 1, CID_LEN))
			return true;
	return false;
}

/* At least as long as ngtcp2 tries to validate a path: three of the larger PTO (RFC 9000 section 8.2.4), of
 * the measured and of the first round trip. */
static bk_dur validation_time(struct bk_quic *q)
{
	bk_dur first =
		3 * (q->opts.rtt_ns > 0 ? bk_time_max(q->opts.rtt_ns, RTT_MIN) : RTT_UNKNOWN) + ACK_DELAY;

	return 4 * bk_time_max(first, (bk_dur)ngtcp2_conn_get_pto(q->conn));
}

/* A server whose client seems to have moved. ngtcp2 0.12 fails an assertion when the client comes back to its
 * old address while the new one is being validated: so one address at a time, until that is over. */
static const ngtcp2_path *path_of_moved(struct bk_quic *q, const struct bk_addr *from)
{
	if (bk_loop_now(q->loop) < q->hold_until)
		return NULL;
	bk_quic_set_path(&q->onto, &q->opts.local, from);
	return &q->onto.at.path;
}

/* ngtcp2 decides whether the client has moved (RFC 9000 section 9.3), and back. */
static void note_move(struct bk_quic *q)
{
	const ngtcp2_path *now_at = ngtcp2_conn_get_path(q->conn);
	struct bk_addr remote;

	if (bk_addr_from_sockaddr((const struct sockaddr *)now_at->remote.addr, &remote) < 0 ||
		bk_addr_equal(&remote, &q->path.remote))
		return;
	bk_quic_set_path(&q->path, &q->opts.local, &remote);
	if (q->onto.remote.family && bk_addr_equal(&remote, &q->onto.remote))
		q->hold_until = bk_loop_now(q->loop) + validation_time(q);
	q->onto.remote.family = 0;
}

/* The path to give to ngtcp2 for a datagram from there; NULL: not from our peer. */
static const ngtcp2_path *path_from(
	struct bk_quic *q, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	if (q->secure && q->opts.is_server)
		note_move(q);
	if (bk_addr_equal(from, &q->path.remote))
		return &q->path.at.path;
	if (!q->secure || !is_ours(q, data, n))
		return NULL;
	if (q->opts.is_server)
		return path_of_moved(q, from);
	return follow(q, from) ? &q->onto.at.path : NULL;
}

void bk_quic_read(struct bk_quic *q, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	const ngtcp2_path *path;
	int ret;

	if (!q->conn && (!bk_addr_equal(from, &q->opts.remote) || !accept_first(q, data, n)))
		return;
	path = path_from(q, from, data, n);
	if (!path)
		return;
	ret = ngtcp2_conn_read_pkt(q->conn, path, NULL, data, n, bk_quic_now(q));
	if (!ret)
		return;
	if (q->opts.is_server && !q->secure && (ret == NGTCP2_ERR_DROP_CONN || ret == NGTCP2_ERR_RETRY))
		bk_quic_disconnect(q); /* not a handshake; wait for the next */
	else
		bk_quic_fail(q, ret);
}

void bk_quic_expire(struct bk_quic *q)
{
	ngtcp2_tstamp now = bk_quic_now(q);
	int ret;

	if (q->over || !q->conn || ngtcp2_conn_get_expiry(q->conn) > now)
		return;
	ret = ngtcp2_conn_handle_expiry(q->conn, now);
	if (ret)
		bk_quic_fail(q, ret);
}
