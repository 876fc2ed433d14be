/* SPDX-License-Identifier: Apache-2.0 */
/* Our TLS against a peer that is not ours: bare GnuTLS with other habits, honest or hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "base/error.h"
#include "secure/cred.h"
#include "secure/tls.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static const char alpn[] = "bodkin/1";
static struct bk_identity *ours, *theirs;
static gnutls_certificate_credentials_t ecdsa;

/* The foreign session reads our out buffer and writes our in buffer. */
struct foreign {
	gnutls_session_t session;
	struct bk_tls *tls;
	int err_them, err_us;
};

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t n)
{
	struct foreign *f = ptr;
	struct bk_buf *out = bk_tls_out(f->tls);

	if (!out->len) {
		gnutls_transport_set_errno(f->session, EAGAIN);
		return -1;
	}
	n = n < out->len ? n : out->len;
	memcpy(data, bk_buf_head(out), n);
	bk_buf_consume(out, n);
	return (ssize_t)n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t n)
{
	struct foreign *f = ptr;

	assert_int_equal(bk_buf_append(bk_tls_in(f->tls), data, n), 0);
	return (ssize_t)n;
}

struct habit {
	const char *priorities;
	const char *alpn;                      /* NULL: offers none */
	gnutls_certificate_credentials_t cred; /* NULL: an identity like ours */
	unsigned flags;
};

static struct foreign meet(bool they_serve, struct habit habit, struct bk_tls_opts opts)
{
	struct foreign f = {.err_them = GNUTLS_E_AGAIN, .err_us = BK_E_AGAIN};

	opts.is_server = !they_serve;
	opts.alpn = alpn;
	if (opts.is_server)
		opts.identity = ours;
	assert_int_equal(bk_tls_new(&opts, &f.tls), 0);
	gnutls_init(&f.session, (they_serve ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK | habit.flags);
	assert_int_equal(gnutls_priority_set_direct(f.session, habit.priorities, NULL), 0);
	gnutls_credentials_set(
		f.session, GNUTLS_CRD_CERTIFICATE, habit.cred ? habit.cred : bk_identity_cred(theirs));
	if (habit.alpn) {
		gnutls_datum_t name = {(unsigned char *)(uintptr_t)habit.alpn, (unsigned)strlen(habit.alpn)};

		gnutls_alpn_set_protocols(f.session, &name, 1, 0);
	}
	gnutls_transport_set_pull_function(f.session, pull);
	gnutls_transport_set_push_function(f.session, push);
	return f;
}

static void shake(struct foreign *f)
{
	gnutls_transport_set_ptr(f->session, f);
	for (int i = 0; i < 10; i++) {
		if (f->err_them == GNUTLS_E_AGAIN) {
			f->err_them = gnutls_handshake(f->session);
			if (gnutls_error_is_fatal(f->err_them))
				gnutls_alert_send_appropriate(f->session, f->err_them);
		}
		f->err_us = bk_tls_handshake(f->tls);
	}
}

static void part(struct foreign *f)
{
	gnutls_deinit(f->session);
	bk_tls_free(f->tls);
}

static struct foreign secured(bool they_serve)
{
	struct foreign f =
		meet(they_serve, (struct habit){.priorities = TLS13, .alpn = alpn}, (struct bk_tls_opts){0});

	shake(&f);
	assert_int_equal(f.err_us, 0);
	assert_int_equal(f.err_them, 0);
	gnutls_transport_set_ptr(f.session, NULL);
	return f;
}

static void foreign_habits_are_refused_by_name(void **state)
{
	const struct {
		const char *what;
		bool they_serve;
		struct habit habit;
		int want;
	} rows[] = {
		{"TLS 1.2 client", false, {"NORMAL:-VERS-ALL:+VERS-TLS1.2", alpn, NULL, 0}, BK_E_VERSION},
		{"TLS 1.2 server", true, {"NORMAL:-VERS-ALL:+VERS-TLS1.2", alpn, NULL, 0}, BK_E_TLS},
		{"no ALPN, client", false, {TLS13, NULL, NULL, 0}, BK_E_VERSION},
		{"no ALPN, server", true, {TLS13, NULL, NULL, 0}, BK_E_VERSION},
		{"other ALPN, client", false, {TLS13, "h2", NULL, 0}, BK_E_VERSION},
		{"no common cipher", false, {TLS13 ":-CIPHER-ALL:+AES-128-CCM", alpn, NULL, 0}, BK_E_VERSION},
		{"no common group", false, {TLS13 ":-GROUP-ALL:+GROUP-FFDHE2048", alpn, NULL, 0},
			BK_E_VERSION},
		{"ECDSA server", true, {TLS13, alpn, ecdsa, 0}, BK_E_TLS},
		{"fine client", false, {TLS13, alpn, NULL, 0}, 0},
		{"fine server", true, {TLS13, alpn, NULL, 0}, 0},
		{"client with P-256 only", false, {TLS13 ":-GROUP-ALL:+GROUP-SECP256R1", alpn, NULL, 0}, 0},
		{"server with P-256 only", true, {TLS13 ":-GROUP-ALL:+GROUP-SECP256R1", alpn, NULL, 0}, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct foreign f = meet(rows[i].they_serve, rows[i].habit, (struct bk_tls_opts){0});

		shake(&f);
		if (f.err_us != rows[i].want)
			fail_msg("%s: %s, %s", rows[i].what, bk_error_name(f.err_us),
				bk_tls_error_text(f.tls));
		assert_int_equal(bk_tls_is_secure(f.tls), rows[i].want == 0);
		part(&f);
	}
}

static void ecdsa_client_certificate_is_refused(void **state)
{
	struct foreign f = meet(false, (struct habit){TLS13, alpn, ecdsa, GNUTLS_FORCE_CLIENT_CERT},
		(struct bk_tls_opts){.wants_peer_certificate = true});

	(void)state;
	shake(&f);
	assert_true(f.err_us == BK_E_TLS || f.err_us == BK_E_UNAUTHORIZED);
	part(&f);
}

static void aes_128_gcm_wins_over_the_peer_s_order(void **state)
{
	struct foreign f = meet(false,
		(struct habit){
			TLS13 ":-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM", alpn, NULL, 0},
		(struct bk_tls_opts){0});

	(void)state;
	shake(&f);
	assert_int_equal(f.err_us, 0);
	assert_int_equal(gnutls_cipher_get(f.session), GNUTLS_CIPHER_AES_128_GCM);
	part(&f);
}

static void key_update_is_followed_and_answered(void **state)
{
	struct foreign f = secured(false);
	char got[16];

	(void)state;
	gnutls_transport_set_ptr(f.session, &f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(gnutls_session_key_update(f.session, GNUTLS_KU_PEER), 0);
		assert_int_equal(gnutls_record_send(f.session, "after", 5), 5);
		assert_int_equal(bk_tls_read(f.tls, got, sizeof(got)), 5);
		assert_memory_equal(got, "after", 5);
		assert_int_equal(bk_tls_write(f.tls, "too", 3), 3);
		while (gnutls_record_recv(f.session, got, sizeof(got)) != 3)
			;
		assert_memory_equal(got, "too", 3);
	}
	part(&f);
}

/* In the middle of bulk, where records are no longer GnuTLS's, from either side. */
static void key_update_is_followed_and_answered_in_bulk(void **state)
{
	struct foreign f = secured(false);
	static uint8_t data[10000], got[16384];

	(void)state;
	memset(data, 7, sizeof(data));
	gnutls_transport_set_ptr(f.session, &f);
	for (int i = 0; i < 30; i++) {
		ssize_t n = GNUTLS_E_AGAIN;

		if (i % 10 == 5)
			assert_int_equal(gnutls_session_key_update(f.session, GNUTLS_KU_PEER), 0);
		assert_int_equal(gnutls_record_send(f.session, data, sizeof(data)), sizeof(data));
		assert_int_equal(bk_tls_read(f.tls, got, sizeof(got)), sizeof(data));
		assert_memory_equal(got, data, sizeof(data));
		memset(got, 0, sizeof(got));
		assert_int_equal(bk_tls_write(f.tls, data, sizeof(data)), sizeof(data));
		while (n == GNUTLS_E_AGAIN)
			n = gnutls_record_recv(f.session, got, sizeof(got));
		assert_int_equal(n, sizeof(data));
		assert_memory_equal(got, data, sizeof(data));
	}
	bk_tls_close(f.tls);
	assert_int_equal(gnutls_record_recv(f.session, got, sizeof(got)), 0);
	assert_int_equal(gnutls_bye(f.session, GNUTLS_SHUT_WR), 0);
	assert_int_equal(bk_tls_read(f.tls, got, sizeof(got)), BK_E_EOF);
	part(&f);
}

static void tickets_of_a_server_are_swallowed(void **state)
{
	struct foreign f = meet(true, (struct habit){TLS13, alpn, NULL, 0}, (struct bk_tls_opts){0});
	gnutls_datum_t key;
	char got[16];

	(void)state;
	assert_int_equal(gnutls_session_ticket_key_generate(&key), 0);
	gnutls_session_ticket_enable_server(f.session, &key);
	shake(&f);
	assert_int_equal(f.err_us, 0);
	gnutls_session_ticket_send(f.session, 2, 0);
	assert_int_equal(gnutls_record_send(f.session, "data", 4), 4);
	assert_int_equal(bk_tls_read(f.tls, got, sizeof(got)), 4);
	gnutls_free(key.data);
	part(&f);
}

/* A record that no library would make: application data of no bytes, sealed as RFC 8446 section 5.2 says. */
static void send_empty_record(struct foreign *f, uint64_t seq)
{
	uint8_t record[5 + 1 + 16] = {0x17, 3, 3, 0, 17}, nonce[12];
	static const uint8_t inner[] = {0x17};
	gnutls_datum_t mac, iv, key;
	gnutls_aead_cipher_hd_t aead;
	unsigned char counter[8];
	size_t n = 17;

	assert_int_equal(gnutls_record_get_state(f->session, 0, &mac, &iv, &key, counter), 0);
	memcpy(nonce, iv.data, sizeof(nonce));
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(seq >> (8 * i));
	assert_int_equal(gnutls_aead_cipher_init(&aead, gnutls_cipher_get(f->session), &key), 0);
	assert_int_equal(gnutls_aead_cipher_encrypt(
				 aead, nonce, sizeof(nonce), record, 5, 16, inner, 1, record + 5, &n),
		0);
	gnutls_aead_cipher_deinit(aead);
	push(f, record, sizeof(record));
}

/* Sends `count` times something without data for the reader and says how the reader ends. */
static int flood(int count, bool key_updates)
{
	struct foreign f = secured(false);
	char got[16];
	ssize_t ret = BK_E_AGAIN;

	gnutls_transport_set_ptr(f.session, &f);
	for (int i = 0; i < count; i++) {
		if (key_updates)
			gnutls_session_key_update(f.session, GNUTLS_KU_PEER);
		else
			send_empty_record(&f, (uint64_t)i);
	}
	while (bk_tls_in(f.tls)->len && ret == BK_E_AGAIN)
		ret = bk_tls_read(f.tls, got, sizeof(got));
	assert_true(bk_tls_out(f.tls)->len < 2000);
	part(&f);
	return (int)ret;
}

static void floods_without_data_end_the_connection(void **state)
{
	(void)state;
	assert_int_equal(flood(3, true), BK_E_AGAIN);
	assert_int_equal(flood(1000, true), BK_E_TLS);
	assert_int_equal(flood(3, false), BK_E_AGAIN);
	assert_int_equal(flood(1000, false), BK_E_TLS);
}

/* Our answers to key updates fill an out buffer that nobody empties: named, not endless. */
static void answers_never_grow_past_the_ceiling(void **state)
{
	struct foreign f = meet(false, (struct habit){.priorities = TLS13, .alpn = alpn},
		(struct bk_tls_opts){.buffer_max = BK_TLS_BUFFER_MIN});
	uint8_t data[16384] = {0};
	char got[16];

	(void)state;
	shake(&f);
	while (bk_tls_write(f.tls, data, sizeof(data)) > 0)
		;
	while (bk_tls_write(f.tls, data, 100) > 0)
		;
	gnutls_transport_set_ptr(f.session, &f);
	assert_int_equal(gnutls_session_key_update(f.session, GNUTLS_KU_PEER), 0);
	assert_int_equal(gnutls_record_send(f.session, "x", 1), 1);
	assert_int_equal(bk_tls_read(f.tls, got, sizeof(got)), 1);
	bk_tls_close(f.tls);
	assert_true(bk_tls_is_secure(f.tls));
	assert_true(bk_tls_out(f.tls)->len <= BK_TLS_BUFFER_MIN);
	part(&f);
}

static gnutls_certificate_credentials_t make_ecdsa_credentials(void)
{
	gnutls_certificate_credentials_t cred;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_crt_init(&crt);
	gnutls_certificate_allocate_credentials(&cred);
	gnutls_x509_privkey_generate(
		key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_activation_time(crt, 0);
	gnutls_x509_crt_set_expiration_time(crt, GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION);
	gnutls_x509_crt_set_key(crt, key);
	assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_certificate_set_x509_key(cred, &crt, 1, key), 0);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return cred;
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(bk_identity_new(&ours), 0);
	assert_int_equal(bk_identity_new(&theirs), 0);
	ecdsa = make_ecdsa_credentials();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bk_identity_free(ours);
	bk_identity_free(theirs);
	gnutls_certificate_free_credentials(ecdsa);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_habits_are_refused_by_name),
		cmocka_unit_test(ecdsa_client_certificate_is_refused),
		cmocka_unit_test(aes_128_gcm_wins_over_the_peer_s_order),
		cmocka_unit_test(key_update_is_followed_and_answered),
		cmocka_unit_test(key_update_is_followed_and_answered_in_bulk),
		cmocka_unit_test(tickets_of_a_server_are_swallowed),
		cmocka_unit_test(floods_without_data_end_the_connection),
		cmocka_unit_test(answers_never_grow_past_the_ceiling),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
