/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers throw at an open port: each connection ends with a named reason, memory stays flat, and a
 * relayed transfer that goes on all the while loses nothing and never stalls. */
#include "server/test_kit.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/time.h"
#include "net/test_clock.h"
#include "server/limits.h"

enum {
	WORDS = 32 * 1024, /* of 8 bytes, one piece of the transfer */
	SILENT = 100,
	GARBAGE = 64 * 1024,
	KEYS = 200000,
	BRACKETS = 60000,
};

/* --- the transfer beside it --- */

struct transfer {
	struct peer x, y;
	pthread_t writer, reader;
	atomic_bool enough;
	uint64_t sent, received;
	int64_t longest_gap;
	bool intact;
};

static uint64_t word_at(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15u;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts); /* which nobody pushes */
	return ts.tv_sec * BK_SEC + ts.tv_nsec;
}

static void *write_transfer(void *arg)
{
	struct transfer *t = arg;
	uint64_t *words = malloc(WORDS * 8);

	while (!atomic_load(&t->enough)) {
		for (uint64_t i = 0; i < WORDS; i++)
			words[i] = word_at(t->sent / 8 + i);
		peer_write_raw(&t->x, words, WORDS * 8);
		t->sent += WORDS * 8;
	}
	shutdown(t->x.fd, SHUT_WR);
	free(words);
	return NULL;
}

static void *read_transfer(void *arg)
{
	struct transfer *t = arg;
	uint64_t *words = malloc(WORDS * 8);
	int64_t last = now();
	ssize_t n;

	t->intact = true;
	while ((n = recv(t->y.fd, words, WORDS * 8, MSG_WAITALL)) > 0) {
		for (uint64_t i = 0; i < (uint64_t)n / 8; i++)
			t->intact &= words[i] == word_at(t->received / 8 + i);
		t->received += (uint64_t)n;
		if (now() - last > t->longest_gap)
			t->longest_gap = now() - last;
		last = now();
	}
	t->intact &= n == 0;
	free(words);
	return NULL;
}

static void transfer_begin(struct transfer *t, const struct kit *k, const uint8_t *token)
{
	*t = (struct transfer){0};
	peer_open_leg(&t->x, k, token, 0);
	peer_open_leg(&t->y, k, token, 1);
	assert_int_equal(pthread_create(&t->writer, NULL, write_transfer, t), 0);
	assert_int_equal(pthread_create(&t->reader, NULL, read_transfer, t), 0);
}

static void transfer_end(struct transfer *t)
{
	atomic_store(&t->enough, true);
	pthread_join(t->writer, NULL);
	pthread_join(t->reader, NULL);
	assert_true(t->intact);
	assert_int_equal(t->received, t->sent);
	assert_true(t->received > 0);
	assert_true(t->longest_gap < 2 * BK_SEC);
	peer_close(&t->x);
	peer_close(&t->y);
}

/* --- what strangers do --- */

static struct bk_rdv_msg plain_hello(const char *id)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO};

	snprintf(m.client_id, sizeof(m.client_id), "%s", id);
	snprintf(m.nat_type, sizeof(m.nat_type), "unknown");
	snprintf(m.private_ip, sizeof(m.private_ip), "10.0.0.1");
	return m;
}

enum how { RAW, PLAIN, PLAIN_WELCOME, SECURE, WELCOME };

static void open_as(struct peer *p, const struct kit *k, enum how how)
{
	struct bk_rdv_msg m;

	if (how == WELCOME) {
		peer_join(p, k, "hostile");
		return;
	}
	peer_connect(p, k->port);
	if (how == SECURE)
		peer_secure(p);
	if (how == PLAIN_WELCOME) {
		peer_send(p, plain_hello("hostile"));
		peer_recv(p, BK_RDV_SERVER_HELLO, &m);
	}
}

/* Throws the bytes, sees the connection end, and finds the reason in the log. */
static void throw(const struct kit *k, enum how how, const void *data, size_t n, const char *reason)
{
	unsigned before = kit_log_count(reason);
	struct peer p;

	open_as(&p, k, how);
	peer_write(&p, data, n);
	peer_expect_end(&p);
	kit_log_wait(reason, before + 1);
	peer_close(&p);
}

static void throw_garbage(const struct kit *k)
{
	struct bk_rng rng = {.state = 1};
	uint8_t *data = malloc(GARBAGE);

	for (size_t i = 0; i < GARBAGE; i++)
		data[i] = (uint8_t)bk_rng_next(&rng);
	data[0] = 0xa7;
	throw(k, RAW, data, GARBAGE, "not a protocol spoken here (malformed)");
	throw(k, SECURE, data, GARBAGE, "larger than allowed (too-big)");
	throw(k, WELCOME, data, GARBAGE, "larger than allowed (too-big)");
	data[0] = 0x16;
	throw(k, RAW, data, GARBAGE, "no common protocol version (version)");
	memcpy(data, "\x16\x03\x01\x20\x00", 5);
	throw(k, RAW, data, GARBAGE, "(tls)");
	data[0] = 0;
	data[1] = 1;
	throw(k, PLAIN, data, GARBAGE, "larger than allowed (too-big)");
	memcpy(data, "PROBE", 5);
	data[5] = 200;
	throw(k, RAW, data, GARBAGE, "no common protocol version (version)");
	memcpy(data, "RELAX", 5);
	throw(k, RAW, data, GARBAGE, "not a protocol spoken here (malformed)");
	free(data);
}

static void throw_lengths(const struct kit *k)
{
	static const uint8_t four_gib[] = {0xff, 0xff, 0xff, 0xff, '{'},
			     sixteen_mib[] = {0, 0xff, 0xff, 0xff, '{'};

	throw(k, SECURE, four_gib, sizeof(four_gib), "larger than allowed (too-big)");
	throw(k, WELCOME, four_gib, sizeof(four_gib), "larger than allowed (too-big)");
	throw(k, PLAIN, sixteen_mib, sizeof(sixteen_mib), "larger than allowed (too-big)");
	throw(k, PLAIN_WELCOME, four_gib, sizeof(four_gib), "larger than allowed (too-big)");
}

static size_t frame(uint8_t *at, size_t len)
{
	at[0] = (uint8_t)(len >> 24);
	at[1] = (uint8_t)(len >> 16);
	at[2] = (uint8_t)(len >> 8);
	at[3] = (uint8_t)len;
	return len + 4;
}

static size_t many_keys(char *data, unsigned keys)
{
	size_t n = 4;

	n += (size_t)sprintf(data + n, "{\"type\":\"ClientPingMessage\",\"number\":1");
	for (unsigned i = 0; i < keys; i++)
		n += (size_t)sprintf(data + n, ",\"%x\":1", i);
	data[n++] = '}';
	return frame((uint8_t *)data, n - 4);
}

static void throw_json(const struct kit *k)
{
	char *data = malloc(KEYS * 16);
	size_t n = many_keys(data, KEYS);

	throw(k, WELCOME, data, n, "larger than allowed (too-big)");
	throw(k, PLAIN, data, n, "larger than allowed (too-big)");
	n = many_keys(data, 8000);
	throw(k, WELCOME, data, n, "message malformed (malformed)");
	throw(k, PLAIN_WELCOME, data, n, "message malformed (malformed)");
	memset(data + 4, '[', BRACKETS);
	n = frame((uint8_t *)data, BRACKETS);
	throw(k, SECURE, data, n, "larger than allowed (too-big)");
	throw(k, WELCOME, data, n, "message malformed (malformed)");
	throw(k, PLAIN_WELCOME, data, n, "message malformed (malformed)");
	n = frame((uint8_t *)data, 0);
	throw(k, WELCOME, data, n, "message malformed (malformed)");
	free(data);
}

static void throw_rejoins(const struct kit *k)
{
	static const char *const texts[] = {
		"{\"type\":\"ClientRejoinMessage\",\"secret\":\"00\",\"side\":0,\"number\":1}",
		"{\"type\":\"ClientRejoinMessage\",\"secret\":7,\"side\":0,\"number\":1}",
		"{\"type\":\"ClientRejoinMessage\",\"side\":0,\"number\":1}",
	};
	uint8_t data[256];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memcpy(data + 4, texts[i], strlen(texts[i]));
		throw(k, WELCOME, data, frame(data, strlen(texts[i])), "message malformed (malformed)");
	}
}

static void throw_messages_out_of_place(const struct kit *k)
{
	struct bk_buf data;

	bk_buf_init(&data, 4096);
	bk_rdv_append(&data, &(struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING});
	throw(k, SECURE, bk_buf_head(&data), data.len, "the first message is not a hello (protocol)");
	throw(k, PLAIN, bk_buf_head(&data), data.len, "the first message is not a hello (protocol)");
	bk_buf_consume(&data, data.len);
	bk_rdv_append(&data, &(struct bk_rdv_msg){.type = BK_RDV_SERVER_PONG});
	throw(k, WELCOME, bk_buf_head(&data), data.len, "message out of place (protocol)");
	bk_buf_done(&data);
}

/* The first flight of a real handshake. */
static size_t client_hello(uint8_t *out, size_t cap)
{
	struct bk_tls_opts opts = {.alpn = BK_RDV_ALPN};
	struct bk_tls *t;
	size_t n;

	assert_int_equal(bk_tls_new(&opts, &t), 0);
	assert_int_equal(bk_tls_handshake(t), BK_E_AGAIN);
	n = bk_tls_out(t)->len;
	assert_true(n && n < cap);
	memcpy(out, bk_buf_head(bk_tls_out(t)), n);
	bk_tls_free(t);
	return n;
}

static bool has_ended(const struct peer *p)
{
	struct pollfd fd = {.fd = p->fd, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* So much of the server's time goes by, however fast this machine is; who keeps to it is not hurried. */
static void let_pass(const struct kit *k, bk_dur d)
{
	test_clock_push(d);
	kit_look((struct kit *)(uintptr_t)k);
}

static void wait_until_timed_out(const struct kit *k, unsigned count)
{
	for (int i = 0; i < 100 && kit_log_count("timed out (timeout)") < count; i++)
		let_pass(k, BK_LIMIT_HELLO_TIMEOUT);
	kit_log_wait("timed out (timeout)", count);
}

/* Bytes that are right so far, one at a time, for ever: only the deadline ends that. */
static void trickle(const struct kit *k, enum how how, const uint8_t *data, size_t n)
{
	unsigned before = kit_log_count("timed out (timeout)");
	struct peer p;
	size_t i = 0;

	open_as(&p, k, how);
	for (; i < n && !has_ended(&p); i++) {
		peer_write(&p, data + i, 1);
		let_pass(k, BK_LIMIT_HELLO_TIMEOUT / 16);
	}
	assert_true(i < n);
	kit_log_wait("timed out (timeout)", before + 1);
	peer_close(&p);
}

static void trickle_everything(const struct kit *k)
{
	uint8_t data[2048], text[2048] = {0, 0, 0x0f, 0xff, '{'};
	size_t n = client_hello(data, sizeof(data));
	struct bk_preface preface = {.kind = BK_PREFACE_RELAY};

	memset(text + 5, ' ', sizeof(text) - 5);
	trickle(k, RAW, data, n);
	trickle(k, SECURE, text, sizeof(text));
	trickle(k, PLAIN, text, sizeof(text));
	bk_preface_encode(&preface, data);
	trickle(k, RAW, data, BK_PREFACE_LEN - 1);
}

static void say_half_a_hello_or_nothing(const struct kit *k)
{
	unsigned before = kit_log_count("timed out (timeout)");
	struct peer silent[SILENT], half;
	uint8_t data[2048];
	size_t n = client_hello(data, sizeof(data));

	for (int i = 0; i < SILENT; i++)
		peer_connect(&silent[i], i % 2 ? k->port : k->alt_port);
	peer_connect(&half, k->port);
	peer_write(&half, data, n / 2);
	wait_until_timed_out(k, before + SILENT + 1);
	for (int i = 0; i < SILENT; i++)
		peer_close(&silent[i]);
	peer_close(&half);
}

static void one_round(const struct kit *k)
{
	throw_garbage(k);
	throw_lengths(k);
	throw_json(k);
	throw_rejoins(k);
	throw_messages_out_of_place(k);
	trickle_everything(k);
	say_half_a_hello_or_nothing(k);
}

static void everything_hostile_ends_with_a_name_and_disturbs_nobody(void **state)
{
	struct kit *k = kit_start(
		(struct bk_server_opts){.speaks_plain = true, .ping_interval_ns = 24 * 3600 * BK_SEC}, NULL);
	uint8_t token[BK_RDV_SECRET_LEN];
	static struct transfer t; /* its threads outlive a failed test */
	struct peer a, b;
	size_t before, after;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	peers_pair(&a, &b, token);
	transfer_begin(&t, k, token);
	one_round(k); /* the libraries keep what they made once */
	kit_look(k);  /* and the server is through with it */
	before = kit_allocated();
	one_round(k);
	kit_look(k);
	after = kit_allocated();
	transfer_end(&t);
	if (after > before + 256 * 1024)
		fail_msg("%zu bytes more in use after the second round", after - before);
	assert_true(kit_peak() < before + 16 * 1024 * 1024);
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

static void a_flood_of_messages_is_cut_off(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct peer p;

	(void)state;
	peer_join(&p, k, "flood");
	for (int i = 0; i < 200; i++)
		peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING});
	kit_log_wait("too many requests (rate-limited)", 1);
	peer_close(&p);
	kit_stop(k);
}

static void who_asks_and_does_not_listen_is_too_slow(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.messages_per_second = 100000000}, NULL);
	const int small = 4096;
	const struct timeval patience = {.tv_sec = 60}; /* the server stops reading before it gives up */
	struct peer p;

	(void)state;
	peer_join(&p, k, "deaf");
	setsockopt(p.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small,
		sizeof(small)); /* what the kernels keep counts for nobody */
	for (int i = 0; i < 1000000 && (i % 256 || !kit_log_count("too slow (too-slow)")); i++)
		peer_send(&p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM});
	kit_log_wait("too slow (too-slow)", 1);
	peer_close(&p);
	kit_stop(k);
}

static void silent_ones_of_an_address_keep_nobody_there_out(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.per_address_max = 3}, NULL);
	struct peer p[3], q;
	static const uint8_t tls = BK_FIRST_TLS;

	(void)state;
	for (int i = 0; i < 3; i++) {
		peer_connect(&p[i], k->port);
		peer_write(&p[i], &tls, 1); /* it is a client that greets, and says no more */
	}
	peer_join(&q, k, "late");
	kit_log_wait("too many connections have not said who they are (full)", 1);
	peer_expect_end(&p[0]);
	peer_close(&q);
	for (int i = 0; i < 3; i++)
		peer_close(&p[i]);
	kit_stop(k);
}

static void who_finds_no_place_is_told_when_to_come_again(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.per_address_max = 3}, NULL);
	struct peer p[3], q;
	struct bk_rdv_msg m;

	(void)state;
	for (int i = 0; i < 3; i++)
		peer_join(&p[i], k, i == 0 ? "a" : i == 1 ? "b" : "c");
	peer_connect(&q, k->port);
	peer_secure(&q);
	peer_send(&q, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_HELLO, .client_id = "d", .version = 1});
	peer_recv(&q, BK_RDV_SERVER_REFUSE, &m);
	assert_string_equal(m.code, "full");
	assert_int_equal(m.wait_ms, BK_LIMIT_FULL_WAIT / BK_MS);
	bk_rdv_done(&m);
	peer_expect_end(&q);
	peer_close(&q);
	peer_close(&p[0]);
	kit_log_wait("(eof)", 1);
	peer_join(&q, k, "now there is room");
	peer_close(&q);
	for (int i = 1; i < 3; i++)
		peer_close(&p[i]);
	kit_stop(k);
}

static void newcomers_find_a_place_among_the_silent(void **state)
{
	enum { CROWD = BK_LIMIT_STRANGERS + 1 };
	struct peer *silent, q;
	struct rlimit limit = {0};
	struct kit *k;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 3 * CROWD)
		skip();
	silent = calloc(CROWD, sizeof(*silent));
	k = kit_start((struct bk_server_opts){.hello_timeout_ns = 60 * BK_SEC}, NULL);
	for (int i = 0; i < CROWD; i++)
		peer_connect(&silent[i], k->port);
	kit_log_wait("too many connections have not said who they are (full)", 1);
	peer_join(&q, k, "late");
	kit_log_wait("too many connections have not said who they are (full)", 2);
	for (int i = 0; i < CROWD; i++)
		peer_close(&silent[i]);
	peer_close(&q);
	free(silent);
	kit_stop(k);
}

static void the_plain_dialect_is_not_spoken_unasked(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct peer p;

	(void)state;
	peer_connect(&p, k->port);
	peer_send(&p, plain_hello("x"));
	peer_expect_end(&p);
	kit_log_wait("the plain dialect is not spoken here (unsupported)", 1);
	peer_close(&p);
	kit_stop(k);
}

/* Both ends of every connection are in this process. */
static int allow_many_descriptors(void **state)
{
	struct rlimit limit = {0};

	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_hostile_ends_with_a_name_and_disturbs_nobody),
		cmocka_unit_test(a_flood_of_messages_is_cut_off),
		cmocka_unit_test(who_asks_and_does_not_listen_is_too_slow),
		cmocka_unit_test(silent_ones_of_an_address_keep_nobody_there_out),
		cmocka_unit_test(who_finds_no_place_is_told_when_to_come_again),
		cmocka_unit_test(newcomers_find_a_place_among_the_silent),
		cmocka_unit_test(the_plain_dialect_is_not_spoken_unasked),
	};

	return cmocka_run_group_tests_name("hostile", tests, allow_many_descriptors, NULL);
}
