/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine can do at best over QUIC: ngtcp2 with GnuTLS and AES-128-GCM between two processes over
 * loopback, one thread each, memory to memory, UDP_SEGMENT on send, recvmmsg with UDP_GRO on receive, stream
 * data sent from one constant buffer and thrown away at the other end. It prints one line of JSON, and
 * refuses to be anything but a measure: peers are not authenticated. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "link/quic_compat.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* More than the sockets' buffers hold is lost, and more than the processor's cache holds is slow. */
enum {
	PIECE = 256 * 1024,
	PAYLOAD = 1452,
	BATCH = 60000,
	MESSAGES = 8,
	MESSAGE_MAX = 65536,
	WINDOW = 2 << 20
};

static const char priorities[] = "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+GROUP-X25519:+SIGN-EDDSA-ED25519:"
				 "+CTYPE-X509:%DISABLE_TLS13_COMPAT_MODE";

struct side {
	bool is_server;
	int fd;
	struct sockaddr_in at[2]; /* client, server */
	ngtcp2_crypto_conn_ref ref;
	ngtcp2_conn *conn;
	gnutls_session_t session;
	gnutls_certificate_credentials_t cred;
	int64_t stream;
	uint64_t left; /* to send, or to receive */
	bool done, answered;
	uint64_t began, ended;
	uint8_t *batch, *messages;
};

static uint8_t piece[PIECE];

static void die(const char *what, const char *why)
{
	fprintf(stderr, "quic_pair: %s: %s\n", what, why);
	exit(1);
}

static void check(long ret, const char *what)
{
	if (ret < 0)
		die(what, "failed");
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double cpu_seconds(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void make_credentials(struct side *s)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	time_t today = time(NULL);

	check(gnutls_x509_privkey_init(&key), "key");
	check(gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 0, 0), "key");
	check(gnutls_x509_crt_init(&crt), "certificate");
	check(gnutls_x509_crt_set_version(crt, 3), "certificate");
	check(gnutls_x509_crt_set_serial(crt, "\1", 1), "certificate");
	check(gnutls_x509_crt_set_activation_time(crt, today - 86400), "certificate");
	check(gnutls_x509_crt_set_expiration_time(crt, today + 86400), "certificate");
	check(gnutls_x509_crt_set_key(crt, key), "certificate");
	check(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA512, 0), "certificate");
	check(gnutls_certificate_allocate_credentials(&s->cred), "credentials");
	check(gnutls_certificate_set_x509_key(s->cred, &crt, 1, key), "credentials");
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

static void fill_random(uint8_t *dest, size_t n, const ngtcp2_rand_ctx *ctx)
{
	(void)ctx;
	gnutls_rnd(GNUTLS_RND_NONCE, dest, n);
}

static int on_need_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *arg)
{
	(void)conn, (void)arg;
	cid->datalen = len;
	gnutls_rnd(GNUTLS_RND_NONCE, cid->data, len);
	gnutls_rnd(GNUTLS_RND_NONCE, token, NGTCP2_STATELESS_RESET_TOKENLEN);
	return 0;
}

static int on_completed(ngtcp2_conn *conn, void *arg)
{
	struct side *s = arg;

	if (!s->is_server)
		check(-ngtcp2_conn_open_bidi_stream(conn, &s->stream, NULL), "stream");
	s->began = now();
	return 0;
}

static int on_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset, const uint8_t *data,
	size_t n, void *arg, void *stream_arg)
{
	struct side *s = arg;

	(void)flags, (void)offset, (void)data, (void)stream_arg;
	s->stream = stream;
	ngtcp2_conn_extend_max_stream_offset(conn, stream, n);
	ngtcp2_conn_extend_max_offset(conn, n);
	if (s->is_server) {
		s->left -= n;
	} else if (n) {
		s->ended = now();
		s->done = true;
	}
	return 0;
}

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
	struct side *s = ref->user_data;

	return s->conn;
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
	.recv_stream_data = on_data,
};

static ngtcp2_path path_of(struct side *s)
{
	return (ngtcp2_path){
		.local = {(struct sockaddr *)&s->at[s->is_server], sizeof(s->at[0])},
		.remote = {(struct sockaddr *)&s->at[!s->is_server], sizeof(s->at[0])},
	};
}

static void make_session(struct side *s)
{
	gnutls_datum_t alpn = {(unsigned char *)(uintptr_t) "bare", 4};

	check(gnutls_init(&s->session, (s->is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_TICKETS),
		"session");
	check(gnutls_priority_set_direct(s->session, priorities, NULL), "priorities");
	check(gnutls_alpn_set_protocols(s->session, &alpn, 1, GNUTLS_ALPN_MANDATORY), "alpn");
	check(gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, s->cred), "credentials");
	s->ref = (ngtcp2_crypto_conn_ref){.get_conn = conn_of, .user_data = s};
	gnutls_session_set_ptr(s->session, &s->ref);
	check(s->is_server ? ngtcp2_crypto_gnutls_configure_server_session(s->session)
			   : ngtcp2_crypto_gnutls_configure_client_session(s->session),
		"session");
}

static void make_conn(struct side *s, const ngtcp2_pkt_hd *first)
{
	ngtcp2_settings settings;
	ngtcp2_transport_params params;
	ngtcp2_path path = path_of(s);
	ngtcp2_cid scid = {.datalen = 8}, dcid = {.datalen = 16};

	make_session(s);
	gnutls_rnd(GNUTLS_RND_NONCE, scid.data, 8);
	gnutls_rnd(GNUTLS_RND_NONCE, dcid.data, 16);
	ngtcp2_settings_default(&settings);
	settings.initial_ts = now();
	settings.max_tx_udp_payload_size = PAYLOAD;
	settings.no_tx_udp_payload_size_shaping = 1;
	ngtcp2_transport_params_default(&params);
	params.initial_max_streams_bidi = 1;
	params.initial_max_stream_data_bidi_local = params.initial_max_stream_data_bidi_remote = WINDOW;
	params.initial_max_data = WINDOW;
	if (first) {
		bk_ngtcp2_set_original_dcid(&params, &first->dcid);
		check(-ngtcp2_conn_server_new(&s->conn, &first->scid, &scid, &path, first->version,
			      &callbacks, &settings, &params, NULL, s),
			"connection");
	} else {
		check(-ngtcp2_conn_client_new(&s->conn, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks,
			      &settings, &params, NULL, s),
			"connection");
	}
	ngtcp2_conn_set_tls_native_handle(s->conn, s->session);
}

/* --- the socket --- */

static void send_batch(struct side *s, size_t len, uint16_t segment)
{
	uint8_t control[CMSG_SPACE(sizeof(segment))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {s->batch, len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (len > segment) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	}
	while (sendmsg(s->fd, &m, 0) < 0) {
		struct pollfd p = {s->fd, POLLOUT, 0};

		if (errno != EAGAIN)
			return;
		poll(&p, 1, -1);
	}
}

/* One burst. Packets of one size; a shorter one ends the batch. */
static size_t write_burst(struct side *s)
{
	size_t len = 0, segment = 0, quantum = ngtcp2_conn_get_send_quantum(s->conn);
	uint64_t at = now();

	if (quantum > BATCH)
		quantum = BATCH;
	while (len + PAYLOAD <= quantum) {
		bool sending = s->stream >= 0 && (s->is_server ? !s->left && !s->answered : s->left > 0);
		ngtcp2_vec vec = {piece, s->is_server ? 1 : s->left < PIECE ? (size_t)s->left : PIECE};
		ngtcp2_ssize took = -1;
		ngtcp2_ssize n = ngtcp2_conn_writev_stream(s->conn, NULL, NULL, s->batch + len, PAYLOAD,
			&took, NGTCP2_WRITE_STREAM_FLAG_NONE, sending ? s->stream : -1, &vec, sending, at);

		if (n == NGTCP2_ERR_STREAM_DATA_BLOCKED)
			n = ngtcp2_conn_write_pkt(s->conn, NULL, NULL, s->batch + len, PAYLOAD, at);
		check(n, "write");
		if (took > 0 && s->is_server)
			s->answered = true;
		else if (took > 0)
			s->left -= (uint64_t)took;
		if (!n)
			break;
		segment = segment ? segment : (size_t)n;
		len += (size_t)n;
		if ((size_t)n < segment)
			break;
	}
	ngtcp2_conn_update_pkt_tx_time(s->conn, at);
	if (len)
		send_batch(s, len, (uint16_t)segment);
	return len;
}

static void take(struct side *s, const uint8_t *data, size_t n)
{
	ngtcp2_path path = path_of(s);
	ngtcp2_pkt_hd first;
	int ret;

	if (!s->conn) {
		if (ngtcp2_accept(&first, data, n))
			return;
		make_conn(s, &first);
	}
	ret = ngtcp2_conn_read_pkt(s->conn, &path, NULL, data, n, now());
	if (ret == NGTCP2_ERR_DRAINING)
		s->done = true;
	else
		check(ret, "read");
}

static size_t segment_of(struct msghdr *m, size_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int size;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return (size_t)size;
	}
	return len;
}

static void read_socket(struct side *s)
{
	uint8_t controls[MESSAGES][CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iovs[MESSAGES];
	struct mmsghdr headers[MESSAGES];
	int got;

	for (int i = 0; i < MESSAGES; i++) {
		iovs[i] = (struct iovec){s->messages + (size_t)i * MESSAGE_MAX, MESSAGE_MAX};
		headers[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i],
			.msg_iovlen = 1,
			.msg_control = controls[i],
			.msg_controllen = sizeof(controls[i])};
	}
	got = recvmmsg(s->fd, headers, MESSAGES, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		size_t len = headers[i].msg_len, segment = segment_of(&headers[i].msg_hdr, len);

		for (size_t at = 0; at < len && !s->done; at += segment)
			take(s, (uint8_t *)iovs[i].iov_base + at, len - at < segment ? len - at : segment);
	}
}

static void run(struct side *s)
{
	while (!s->done) {
		struct pollfd p = {s->fd, POLLIN, 0};
		uint64_t expiry, at;
		struct timespec wait;

		if (s->conn)
			for (int i = 0; i < 16 && write_burst(s); i++)
				;
		expiry = s->conn ? ngtcp2_conn_get_expiry(s->conn) : UINT64_MAX;
		at = now();
		if (expiry > at + 1000000000u)
			expiry = at + 1000000000u;
		expiry = expiry > at ? expiry - at : 0;
		wait = (struct timespec){(time_t)(expiry / 1000000000u), (long)(expiry % 1000000000u)};
		if (ppoll(&p, 1, &wait, NULL) > 0)
			read_socket(s);
		if (s->conn && !s->done && ngtcp2_conn_get_expiry(s->conn) <= now())
			check(ngtcp2_conn_handle_expiry(s->conn, now()), "time");
	}
}

static void say_close(struct side *s)
{
	ngtcp2_ccerr why;
	ngtcp2_ssize n;

	ngtcp2_ccerr_default(&why);
	n = ngtcp2_conn_write_connection_close(s->conn, NULL, NULL, s->batch, PAYLOAD, &why, now());
	if (n > 0)
		send_batch(s, (size_t)n, (uint16_t)n);
}

/* From here on, sockets are opened there. */
static void enter(const char *ns)
{
	int fd = open(ns, O_RDONLY | O_CLOEXEC);

	check(fd, ns);
	check(setns(fd, CLONE_NEWNET), ns);
	close(fd);
}

/* `where`: for each side the path of its network namespace and its address; NULL: loopback, here. */
static void open_sockets(char **where, struct sockaddr_in at[2], int fds[2])
{
	const int yes = 1, probe = IP_PMTUDISC_PROBE, room = 4 << 20;

	for (int i = 0; i < 2; i++) {
		socklen_t len = sizeof(at[i]);

		at[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
		if (where) {
			enter(where[2 * i]);
			check(inet_pton(AF_INET, where[2 * i + 1], &at[i].sin_addr) - 1, where[2 * i + 1]);
		}
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		check(fds[i], "socket");
		check(bind(fds[i], (struct sockaddr *)&at[i], len), "bind");
		check(getsockname(fds[i], (struct sockaddr *)&at[i], &len), "socket");
		setsockopt(fds[i], IPPROTO_UDP, UDP_GRO, &yes, sizeof(yes));
		setsockopt(fds[i], IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	for (int i = 0; i < 2; i++)
		check(connect(fds[i], (struct sockaddr *)&at[1 - i], sizeof(at[0])), "connect");
}

int main(int argc, char **argv)
{
	struct side s = {.stream = -1};
	uint64_t bytes = argc == 2 || argc == 6 ? strtoull(argv[1], NULL, 10) : 0;
	double seconds, sent;
	int fds[2];
	pid_t child;

	if (!bytes) {
		fprintf(stderr, "usage: quic_pair BYTES [NETNS1 IP1 NETNS2 IP2]\n");
		return 2;
	}
	open_sockets(argc == 6 ? argv + 2 : NULL, s.at, fds);
	child = fork();
	check(child, "fork");
	s.is_server = !child;
	s.fd = fds[s.is_server];
	s.left = bytes;
	s.batch = malloc(BATCH + PAYLOAD);
	s.messages = malloc((size_t)MESSAGES * MESSAGE_MAX);
	if (!s.batch || !s.messages)
		die("memory", "none");
	make_credentials(&s);
	if (!s.is_server)
		make_conn(&s, NULL);
	run(&s);
	if (s.is_server)
		return 0;
	say_close(&s);
	sent = cpu_seconds(RUSAGE_SELF);
	waitpid(child, NULL, 0);
	seconds = (double)(s.ended - s.began) / 1e9;
	printf("{\"bytes\": %llu, \"seconds\": %.6f, \"rate\": %.0f, \"sender_cpu\": %.3f, \"receiver_cpu\": "
	       "%.3f}\n",
		(unsigned long long)bytes, seconds, (double)bytes / seconds, sent,
		cpu_seconds(RUSAGE_CHILDREN));
	return 0;
}
