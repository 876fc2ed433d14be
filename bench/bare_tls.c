/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine can do at best: GnuTLS with TLS 1.3 and AES-128-GCM between two processes over loopback,
 * blocking sockets, GnuTLS's own reads and writes, the sender handing over 256 KiB at a time. By default
 * memory to memory; with --files a file is read and another written, still without a digest. It prints one
 * line of JSON, and refuses to be anything but a measure: peers are not authenticated, files are
 * not synced. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

enum { PIECE = 256 * 1024 };

static const char priorities[] = "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+GROUP-X25519:"
				 "+SIGN-EDDSA-ED25519:+CTYPE-X509";

struct job {
	uint64_t bytes;
	const char *from, *to; /* NULL: memory */
	gnutls_certificate_credentials_t cred;
	gnutls_session_t session;
	uint8_t *piece;
	int socket, file;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare_tls: %s: %s\n", what, why);
	exit(1);
}

static void check(int ret, const char *what)
{
	if (ret < 0)
		die(what, gnutls_strerror(ret));
}

static void check_errno(long ret, const char *what)
{
	if (ret < 0)
		die(what, strerror(errno));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu_seconds(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

/* An Ed25519 key and a certificate signed by itself. */
static void make_credentials(struct job *job)
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
	check(gnutls_certificate_allocate_credentials(&job->cred), "credentials");
	check(gnutls_certificate_set_x509_key(job->cred, &crt, 1, key), "credentials");
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

static void shake_hands(struct job *job, unsigned role)
{
	int ret, on = 1;

	check_errno(setsockopt(job->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "socket");
	check(gnutls_init(&job->session, role | GNUTLS_NO_TICKETS), "session");
	check(gnutls_priority_set_direct(job->session, priorities, NULL), "priorities");
	check(gnutls_credentials_set(job->session, GNUTLS_CRD_CERTIFICATE, job->cred), "credentials");
	if (role == GNUTLS_SERVER)
		gnutls_certificate_server_set_request(job->session, GNUTLS_CERT_REQUIRE);
	gnutls_transport_set_int(job->session, job->socket);
	do
		ret = gnutls_handshake(job->session);
	while (ret < 0 && !gnutls_error_is_fatal(ret));
	check(ret, "handshake");
}

static size_t next_piece(uint64_t left)
{
	return left < PIECE ? (size_t)left : PIECE;
}

static void send_piece(struct job *job, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = gnutls_record_send(job->session, job->piece + done, n - done);

		check((int)put, "send");
		done += (size_t)put;
	}
}

static void read_piece(struct job *job, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = read(job->file, job->piece + done, n - done);

		check_errno(got, job->from);
		if (!got)
			die(job->from, "shorter than BYTES");
		done += (size_t)got;
	}
}

static void write_piece(struct job *job, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = write(job->file, job->piece + done, n - done);

		check_errno(put, job->to);
		done += (size_t)put;
	}
}

/* Returns the seconds from the end of the handshake to the receiver's word that it has everything. */
static double run_sender(struct job *job)
{
	char word;
	double start;

	if (job->from) {
		job->file = open(job->from, O_RDONLY | O_CLOEXEC);
		check_errno(job->file, job->from);
	}
	shake_hands(job, GNUTLS_CLIENT);
	start = now();
	for (uint64_t left = job->bytes; left;) {
		size_t n = next_piece(left);

		if (job->from)
			read_piece(job, n);
		send_piece(job, n);
		left -= n;
	}
	check(gnutls_record_recv(job->session, &word, 1) == 1 ? 0 : GNUTLS_E_PREMATURE_TERMINATION, "word");
	return now() - start;
}

static void run_receiver(struct job *job)
{
	if (job->to) {
		job->file = open(job->to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		check_errno(job->file, job->to);
	}
	shake_hands(job, GNUTLS_SERVER);
	for (uint64_t left = job->bytes; left;) {
		ssize_t n = gnutls_record_recv(job->session, job->piece, PIECE);

		check(n > 0 ? 0 : n < 0 ? (int)n : GNUTLS_E_PREMATURE_TERMINATION, "receive");
		if ((uint64_t)n > left)
			die("receive", "more than was agreed");
		if (job->to)
			write_piece(job, (size_t)n);
		left -= (uint64_t)n;
	}
	check((int)gnutls_record_send(job->session, "!", 1), "word");
}

static int listen_on_loopback(struct sockaddr_in *ret_address)
{
	socklen_t len = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	check_errno(fd, "socket");
	check_errno(bind(fd, (struct sockaddr *)ret_address, len), "bind");
	check_errno(listen(fd, 1), "listen");
	check_errno(getsockname(fd, (struct sockaddr *)ret_address, &len), "socket");
	return fd;
}

static void connect_and_send(struct job *job, const struct sockaddr_in *to, pid_t receiver)
{
	struct rusage own, other;
	double seconds;
	int status;

	job->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check_errno(job->socket, "socket");
	check_errno(connect(job->socket, (const struct sockaddr *)to, sizeof(*to)), "connect");
	seconds = run_sender(job);
	check_errno(getrusage(RUSAGE_SELF, &own), "usage");
	check_errno(wait4(receiver, &status, 0, &other), "wait");
	if (status)
		die("receiver", "failed");
	printf("{\"bytes\": %llu, \"seconds\": %.6f, \"rate\": %.0f, \"sender_cpu\": %.3f, "
	       "\"receiver_cpu\": %.3f}\n",
		(unsigned long long)job->bytes, seconds, (double)job->bytes / seconds, cpu_seconds(&own),
		cpu_seconds(&other));
}

static bool parse(int argc, char **argv, struct job *job)
{
	char *end;

	if (argc == 5 && !strcmp(argv[1], "--files")) {
		job->from = argv[2];
		job->to = argv[3];
	} else if (argc != 2) {
		return false;
	}
	job->bytes = strtoull(argv[argc - 1], &end, 10);
	return !*end && job->bytes;
}

int main(int argc, char **argv)
{
	struct job job = {.file = -1};
	struct sockaddr_in address;
	pid_t receiver;
	int listener;

	if (!parse(argc, argv, &job)) {
		fprintf(stderr, "usage: bare_tls [--files SRC DST] BYTES\n");
		return 2;
	}
	make_credentials(&job);
	job.piece = malloc(PIECE);
	if (!job.piece)
		die("memory", strerror(ENOMEM));
	check(gnutls_rnd(GNUTLS_RND_NONCE, job.piece, PIECE), "random");
	listener = listen_on_loopback(&address);
	receiver = fork();
	check_errno(receiver, "fork");
	if (!receiver) {
		job.socket = accept(listener, NULL, NULL);
		check_errno(job.socket, "accept");
		run_receiver(&job);
		return 0;
	}
	close(listener);
	connect_and_send(&job, &address, receiver);
	return 0;
}
