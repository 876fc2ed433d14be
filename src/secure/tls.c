/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 (RFC 8446) between a buffer of cipher bytes that came and one of those to go. GnuTLS does the
 * protocol, but for plain records of data (secure/records.h); this file gives it memory instead of a socket,
 * and decides who the peer must be: the pinned key and nothing else, no names, no authorities, no dates. It
 * refuses TLS 1.2, tickets, peers without our ALPN, other signatures than Ed25519, and any peer that makes us
 * buffer or work without giving data.
 *
 * GnuTLS keeps what it could not push, and wants the same call again. That must not happen here: a
 * record is only made when it has room in the out buffer whole, and a margin stays free for what the
 * protocol says by itself (alerts, key updates). A peer that exhausts even that has failed. */
#include "secure/tls.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/cred.h"
#include "secure/records.h"

enum {
	EXPANSION = BK_RECORD_HEADER + BK_RECORD_SEALED_MAX - BK_RECORD_PLAIN_MAX,
	MARGIN = 1024, /* in the out buffer, for alerts and key updates */
	BUFFER_MAX_DEFAULT = 1 << 20,
	HANDSHAKE_BYTES_MAX = 64 * 1024, /* all that a peer may say before it is who it must be */
	NO_DATA_MAX = 32,                /* records without data in a row */
	MOVE_CHEAP = 64 * 1024,
	BULK = 4096, /* a record of so much: more of them come */
	TEXT_MAX = 160,
};

_Static_assert((int)BK_TLS_RECORD_MAX == (int)BK_RECORD_PLAIN_MAX, "what others know of records is true");
_Static_assert((int)BK_TLS_READ_ROOM == (int)BK_RECORD_SEALED_MAX, "a record needs no more");

struct bk_tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t own_cred; /* only of an anonymous client */
	struct bk_buf in, out;
	struct bk_records reading, writing; /* once it is secure */
	size_t whole; /* so much of the in buffer is whole records, or what cannot become one */
	bool is_server, is_secure, has_ended, is_closed;
	int failed;     /* the first failure; every later call says it again */
	int push_error; /* why the out buffer did not take cipher bytes */
	unsigned no_data;
	size_t handshake_bytes;
	struct bk_peer_check peer;
	char text[TEXT_MAX];
};

/* --- memory instead of a socket --- */

/* What GnuTLS may have: once records are read here too, never a part of one, which it would keep. */
static size_t pullable(const struct bk_tls *t)
{
	return t->is_secure ? t->whole : t->in.len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t n)
{
	struct bk_tls *t = ptr;

	if (!pullable(t)) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return -1;
	}
	if (!t->is_secure && t->handshake_bytes > HANDSHAKE_BYTES_MAX) {
		gnutls_transport_set_errno(t->session, EIO);
		return -1;
	}
	if (n > pullable(t))
		n = pullable(t);
	memcpy(data, bk_buf_head(&t->in), n);
	bk_buf_consume(&t->in, n);
	if (t->is_secure)
		t->whole -= n;
	else
		t->handshake_bytes += n;
	return (ssize_t)n;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	struct bk_tls *t = ptr;

	(void)ms;
	return pullable(t) > 0;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int count)
{
	struct bk_tls *t = ptr;
	size_t n = 0;

	for (int i = 0; i < count; i++) {
		int err = bk_buf_append(&t->out, iov[i].iov_base, iov[i].iov_len);

		if (err < 0) {
			t->push_error = err;
			gnutls_transport_set_errno(t->session, EIO);
			return -1;
		}
		n += iov[i].iov_len;
	}
	return (ssize_t)n;
}

/* --- failing --- */

static int error_from_gnutls(struct bk_tls *t, int ret)
{
	if (t->push_error)
		return t->push_error;
	if (t->peer.verdict)
		return t->peer.verdict;
	if (ret == GNUTLS_E_PULL_ERROR)
		return BK_E_TOO_BIG;
	switch (ret) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return bk_alert_to_error((uint8_t)gnutls_alert_get(t->session));
	case GNUTLS_E_NO_APPLICATION_PROTOCOL:
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
	case GNUTLS_E_NO_CIPHER_SUITES: /* also what a client without TLS 1.3 comes to */
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
		return BK_E_VERSION;
	case GNUTLS_E_CERTIFICATE_REQUIRED:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return t->peer.must_pin ? BK_E_PIN_MISMATCH : BK_E_UNAUTHORIZED;
	case GNUTLS_E_MEMORY_ERROR:
		return BK_E_NOMEM;
	default:
		return BK_E_TLS;
	}
}

/* Remembers why, tells the peer (unless it told us), and stays failed. */
static int fail_as(struct bk_tls *t, int err, int ret)
{
	size_t n;

	t->failed = err;
	bk_records_return(&t->writing);
	if (ret == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		const char *name = gnutls_alert_get_name(gnutls_alert_get(t->session));

		snprintf(t->text, sizeof(t->text), "the peer sent the alert: %s", name ? name : "unknown");
		return err;
	}
	snprintf(t->text, sizeof(t->text), "%s", err == BK_E_TLS ? gnutls_strerror(ret) : bk_error_text(err));
	n = strlen(t->text);
	if (n && t->text[n - 1] == '.') /* a sentence goes on behind it */
		t->text[n - 1] = 0;
	gnutls_alert_send_appropriate(t->session, ret);
	return err;
}

static int fail(struct bk_tls *t, int ret)
{
	return fail_as(t, error_from_gnutls(t, ret), ret);
}

static bool is_transient(int ret)
{
	return ret == GNUTLS_E_AGAIN || ret == GNUTLS_E_INTERRUPTED || ret == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

/* --- who the peer is --- */

static int check_peer(gnutls_session_t session)
{
	struct bk_tls *t = gnutls_session_get_ptr(session);

	return bk_peer_check(&t->peer, session);
}

/* --- life --- */

static int set_up_credentials(struct bk_tls *t, const struct bk_tls_opts *opts)
{
	if (!opts->identity && gnutls_certificate_allocate_credentials(&t->own_cred) < 0)
		return BK_E_NOMEM;
	if (gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE,
		    opts->identity ? bk_identity_cred(opts->identity) : t->own_cred) < 0)
		return BK_E_NOMEM;
	if (opts->is_server)
		gnutls_certificate_server_set_request(
			t->session, opts->wants_peer_certificate || opts->peer_pin ? GNUTLS_CERT_REQUIRE
										   : GNUTLS_CERT_IGNORE);
	gnutls_session_set_verify_function(t->session, check_peer);
	return 0;
}

static int set_up_session(struct bk_tls *t, const struct bk_tls_opts *opts)
{
	int err = bk_cred_session_new(opts->is_server, false, opts->alpn, &t->session);

	if (err < 0)
		return err;
	gnutls_session_set_ptr(t->session, t);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
	gnutls_transport_set_vec_push_function(t->session, push);
	return set_up_credentials(t, opts);
}

int bk_tls_new(const struct bk_tls_opts *opts, struct bk_tls **ret_tls)
{
	size_t max = opts->buffer_max ? opts->buffer_max : BUFFER_MAX_DEFAULT;
	struct bk_tls *t;
	int err;

	if ((opts->is_server && !opts->identity) || max < BK_TLS_BUFFER_MIN)
		return BK_E_INVALID;
	t = calloc(1, sizeof(*t));
	if (!t)
		return BK_E_NOMEM;
	bk_buf_init(&t->in, max);
	bk_buf_init(&t->out, max);
	t->is_server = opts->is_server;
	if (opts->peer_pin) {
		t->peer.must_pin = true;
		t->peer.want = *opts->peer_pin;
	}
	err = set_up_session(t, opts);
	if (err < 0) {
		bk_tls_free(t);
		return err;
	}
	*ret_tls = t;
	return 0;
}

void bk_tls_free(struct bk_tls *t)
{
	if (!t)
		return;
	bk_records_return(&t->reading);
	bk_records_return(&t->writing);
	if (t->session)
		gnutls_deinit(t->session);
	if (t->own_cred)
		gnutls_certificate_free_credentials(t->own_cred);
	bk_buf_done(&t->in);
	bk_buf_done(&t->out);
	free(t);
}

struct bk_buf *bk_tls_in(struct bk_tls *t)
{
	return &t->in;
}

struct bk_buf *bk_tls_out(struct bk_tls *t)
{
	return &t->out;
}

bool bk_tls_is_secure(const struct bk_tls *t)
{
	return t->is_secure && !t->failed;
}

const char *bk_tls_error_text(const struct bk_tls *t)
{
	return t->text;
}

/* --- handshake --- */

static int finish_handshake(struct bk_tls *t)
{
	if (!bk_session_has_alpn(t->session))
		return fail(t, GNUTLS_E_NO_APPLICATION_PROTOCOL);
	if (t->peer.must_pin && !t->peer.has_pin)
		return fail_as(t, BK_E_PIN_MISMATCH, GNUTLS_E_CERTIFICATE_ERROR);
	t->is_secure = true;
	t->reading = (struct bk_records){.session = t->session, .is_reading = true};
	t->writing = (struct bk_records){.session = t->session};
	return 0;
}

int bk_tls_handshake(struct bk_tls *t)
{
	int ret;

	if (t->failed || t->is_secure)
		return t->failed;
	for (unsigned i = 0; i < NO_DATA_MAX; i++) {
		ret = gnutls_handshake(t->session);
		if (ret == 0)
			return finish_handshake(t);
		if (!is_transient(ret))
			return fail(t, ret);
		if (!t->in.len)
			return BK_E_AGAIN;
	}
	return fail(t, GNUTLS_E_TOO_MANY_EMPTY_PACKETS);
}

/* --- records --- */

/* Room behind the bytes of the out buffer, for `need` more, such that a steady stream moves little: what has
 * to be moved down is small, or no more than was sent before it; or the buffer is still growing. */
static bool has_cheap_room(const struct bk_buf *b, size_t need)
{
	if (bk_buf_room(b) < need)
		return false;
	return b->start + b->len + need <= b->cap || b->cap < b->max || b->len <= b->start ||
	       b->len <= MOVE_CHEAP;
}

/* Makes the room for a large write in one step, not record by record. */
static void make_room(struct bk_tls *t, size_t n)
{
	size_t records = n / BK_RECORD_PLAIN_MAX + 1;
	size_t need = n < t->out.max ? n + records * EXPANSION + MARGIN : t->out.max;

	if (need > bk_buf_room(&t->out))
		need = bk_buf_room(&t->out);
	if (need && has_cheap_room(&t->out, need))
		bk_buf_reserve(&t->out, need);
}

/* One record; there is room. What GnuTLS has to say goes before one that it makes. */
static ssize_t write_record(struct bk_tls *t, const uint8_t *data, size_t n)
{
	uint8_t *at = NULL;
	ssize_t ret;

	if (bk_records_are_ours(&t->writing))
		at = bk_buf_reserve(&t->out, n + BK_RECORD_OVERHEAD);
	if (at && bk_records_seal(&t->writing, data, n, at)) {
		bk_buf_commit(&t->out, n + BK_RECORD_OVERHEAD);
		return (ssize_t)n;
	}
	bk_records_return(&t->writing); /* there is no memory: it says so as it does elsewhere */
	ret = gnutls_record_send(t->session, data, n);
	if (ret >= BULK)
		bk_records_take(&t->writing);
	return ret;
}

ssize_t bk_tls_write(struct bk_tls *t, const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t done = 0;

	if (t->failed)
		return t->failed;
	if (!t->is_secure || t->is_closed)
		return BK_E_INVALID;
	make_room(t, n);
	while (done < n) {
		size_t chunk = n - done < BK_RECORD_PLAIN_MAX ? n - done : BK_RECORD_PLAIN_MAX;
		ssize_t ret;

		if (!has_cheap_room(&t->out, chunk + EXPANSION + MARGIN))
			return done ? (ssize_t)done : BK_E_AGAIN;
		ret = write_record(t, p + done, chunk);
		if (ret <= 0)
			return fail(t, ret ? (int)ret : GNUTLS_E_INTERNAL_ERROR);
		done += (size_t)ret;
	}
	return (ssize_t)done;
}

/* By GnuTLS, which has the next record to be sent too: it may have to answer. */
static ssize_t read_by_gnutls(struct bk_tls *t, void *out, size_t cap)
{
	ssize_t ret;

	bk_records_return(&t->reading);
	bk_records_return(&t->writing);
	ret = gnutls_record_recv(t->session, out, cap);
	if (ret >= BULK && !gnutls_record_check_pending(t->session))
		bk_records_take(&t->reading);
	return ret;
}

static ssize_t read_record(struct bk_tls *t, void *out, size_t cap)
{
	size_t n = 0, len = bk_record_len(bk_buf_head(&t->in), t->in.len);

	if (gnutls_record_check_pending(t->session))
		return read_by_gnutls(t, out, cap);
	if (len > t->in.len)
		return GNUTLS_E_AGAIN;
	if (bk_records_are_ours(&t->reading))
		n = bk_records_open(&t->reading, bk_buf_head(&t->in), len, out, cap);
	t->whole = n ? 0 : len;
	if (!n)
		return read_by_gnutls(t, out, cap);
	bk_buf_consume(&t->in, len);
	return (ssize_t)n;
}

/* A record that carried nothing for the reader: allowed now and then, not as a way to keep us busy. */
static int note_no_data(struct bk_tls *t)
{
	if (bk_record_len(bk_buf_head(&t->in), t->in.len) > t->in.len)
		return BK_E_AGAIN;
	return ++t->no_data > NO_DATA_MAX ? fail(t, GNUTLS_E_TOO_MANY_EMPTY_PACKETS) : 0;
}

ssize_t bk_tls_read(struct bk_tls *t, void *out, size_t cap)
{
	int err = 0;

	if (t->failed)
		return t->failed;
	if (!t->is_secure || !cap)
		return BK_E_INVALID;
	while (!t->has_ended && !err) {
		ssize_t ret = read_record(t, out, cap);

		if (ret > 0) {
			t->no_data = 0;
			return ret;
		}
		if (ret == 0)
			t->has_ended = true;
		else
			err = is_transient((int)ret) ? note_no_data(t) : fail(t, (int)ret);
	}
	return err < 0 ? err : BK_E_EOF;
}

void bk_tls_close(struct bk_tls *t)
{
	if (!t->is_secure || t->failed || t->is_closed)
		return;
	t->is_closed = true;
	bk_records_return(&t->writing);
	gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

int bk_tls_peer_pin(const struct bk_tls *t, struct bk_pin *ret_pin)
{
	if (!t->is_secure || !t->peer.has_pin)
		return BK_E_NOT_FOUND;
	*ret_pin = t->peer.pin;
	return 0;
}
