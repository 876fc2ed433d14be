/* SPDX-License-Identifier: Apache-2.0 */
/* The server under test runs in its own thread and is only touched there; the tests speak to it through
 * sockets, and through a pipe for what they ask of the kit. They wait for events with a ceiling, never for a
 * time. */
#include "server/test_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "net/sock.h"
#include "wire/framing.h"

enum { LINES_MAX = 4096, WAIT_SECONDS = 10 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *lines[LINES_MAX];
	size_t count;
	const char *then_text; /* NULL: nothing is to be done */
	void (*then)(void *arg);
	void *then_arg;
} book = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static size_t peak;

static void act_on(const char *line)
{
	void (*fn)(void *arg) = NULL;
	void *arg;

	pthread_mutex_lock(&book.lock);
	arg = book.then_arg;
	if (book.then_text && strstr(line, book.then_text)) {
		fn = book.then;
		book.then_text = NULL;
	}
	pthread_mutex_unlock(&book.lock);
	if (fn)
		fn(arg);
}

static void on_line(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	(void)arg;
	(void)level;
	(void)module;
	pthread_mutex_lock(&book.lock);
	if (kit_allocated() > peak)
		peak = kit_allocated();
	if (book.count < LINES_MAX)
		book.lines[book.count++] = strdup(line);
	pthread_cond_broadcast(&book.changed);
	pthread_mutex_unlock(&book.lock);
	act_on(line);
	if (getenv("BK_TEST_LOG"))
		fprintf(stderr, "%s\n", line);
}

static void clear_book(void)
{
	pthread_mutex_lock(&book.lock);
	for (size_t i = 0; i < book.count; i++)
		free(book.lines[i]);
	book.count = 0;
	book.then_text = NULL;
	peak = 0;
	pthread_mutex_unlock(&book.lock);
}

static unsigned count_locked(const char *text)
{
	unsigned n = 0;

	for (size_t i = 0; i < book.count; i++)
		n += strstr(book.lines[i], text) != NULL;
	return n;
}

unsigned kit_log_count(const char *text)
{
	unsigned n;

	pthread_mutex_lock(&book.lock);
	n = count_locked(text);
	pthread_mutex_unlock(&book.lock);
	return n;
}

void kit_log_then(const char *text, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&book.lock);
	book.then = fn;
	book.then_arg = arg;
	book.then_text = text;
	pthread_mutex_unlock(&book.lock);
}

static struct timespec deadline(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += WAIT_SECONDS;
	return ts;
}

void kit_log_wait(const char *text, unsigned count)
{
	struct timespec until = deadline();
	int err = 0;

	pthread_mutex_lock(&book.lock);
	while (count_locked(text) < count && !err)
		err = pthread_cond_timedwait(&book.changed, &book.lock, &until);
	if (err) {
		for (size_t i = 0; i < book.count; i++)
			fprintf(stderr, "log: %s\n", book.lines[i]);
	}
	pthread_mutex_unlock(&book.lock);
	if (err)
		fail_msg("the log has not %u times '%s'", count, text);
}

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);

size_t kit_allocated(void)
{
	return __sanitizer_get_current_allocated_bytes();
}
#else
size_t kit_allocated(void)
{
	return mallinfo2().uordblks;
}
#endif

size_t kit_peak(void)
{
	size_t n;

	pthread_mutex_lock(&book.lock);
	n = peak;
	pthread_mutex_unlock(&book.lock);
	return n;
}

/* --- the server's thread --- */

static void on_stopped(void *arg)
{
	struct kit *k = arg;

	bk_loop_stop(k->loop);
}

static void on_command(void *arg, int fd, int events)
{
	struct kit *k = arg;
	char what = 0;

	(void)events;
	if (read(fd, &what, 1) != 1)
		return;
	if (what == 's') {
		bk_server_stop(k->server, on_stopped, k);
		return;
	}
	pthread_mutex_lock(&book.lock);
	k->counters = k->server->counters;
	k->looks++;
	pthread_cond_broadcast(&book.changed);
	pthread_mutex_unlock(&book.lock);
}

static void *run_loop(void *arg)
{
	bk_loop_run(arg);
	return NULL;
}

struct kit *kit_start(struct bk_server_opts opts, struct lies *lies)
{
	return kit_start_as(opts, lies, NULL);
}

struct kit *kit_start_as(
	struct bk_server_opts opts, struct lies *lies, void (*adjust)(struct bk_server_config *config))
{
	struct kit *k = calloc(1, sizeof(*k));
	struct bk_server_config config;
	char text[BK_SERVER_TEXT_MAX];

	assert_non_null(k);
	clear_book();
	bk_log_set(on_line, NULL, BK_LOG_DEBUG);
	snprintf(k->dir, sizeof(k->dir), "/tmp/bodkin-test-server-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &k->loop), 0);
	opts.listen_ip = opts.listen_ip ? opts.listen_ip : "127.0.0.1";
	opts.port = opts.alt_port = -1;
	opts.state_dir = k->dir;
	opts.per_address_max = opts.per_address_max ? opts.per_address_max : 4096;
	if (bk_server_config_init(&config, &opts, text) < 0)
		fail_msg("%s", text);
	config.arrivals_per_second = config.arrivals_burst = 100000; /* all of them come from one address */
	config.sums_interval = 200 * BK_MS;
	if (adjust)
		adjust(&config);
	if (lies)
		config.board = (struct bk_board_kind){lying_board_new, lies};
	if (bk_server_open(k->loop, &config, k->dir, &k->server, text) < 0)
		fail_msg("%s", text);
	k->port = bk_server_port(k->server);
	k->alt_port = bk_server_alt_port(k->server);
	assert_int_equal(pipe2(k->pipe, O_CLOEXEC), 0);
	assert_int_equal(bk_watch_new(k->loop, k->pipe[0], on_command, k, &k->command), 0);
	assert_int_equal(bk_watch_set(k->command, BK_READABLE), 0);
	assert_int_equal(pthread_create(&k->thread, NULL, run_loop, k->loop), 0);
	return k;
}

void kit_stop_begin(struct kit *k)
{
	if (k->stopping)
		return;
	k->stopping = true;
	assert_int_equal(write(k->pipe[1], "s", 1), 1);
}

void kit_stop(struct kit *k)
{
	char path[128];

	kit_stop_begin(k);
	pthread_join(k->thread, NULL);
	bk_watch_free(k->command);
	bk_server_free(k->server);
	bk_loop_free(k->loop);
	close(k->pipe[0]);
	close(k->pipe[1]);
	snprintf(path, sizeof(path), "%s/server.pem", k->dir);
	unlink(path);
	assert_int_equal(rmdir(k->dir), 0);
	free(k);
	bk_log_set(NULL, NULL, BK_LOG_ERROR);
	clear_book();
}

void kit_look(struct kit *k)
{
	struct timespec until = deadline();
	unsigned before;
	int err = 0;

	pthread_mutex_lock(&book.lock);
	before = k->looks;
	assert_int_equal(write(k->pipe[1], "l", 1), 1);
	while (k->looks == before && !err)
		err = pthread_cond_timedwait(&book.changed, &book.lock, &until);
	pthread_mutex_unlock(&book.lock);
	assert_int_equal(err, 0);
}

uint64_t kit_counter(const struct kit *k, const char *name)
{
	return bk_counters_get(&k->counters, name);
}

/* --- peers --- */

void peer_connect(struct peer *p, uint16_t port)
{
	const struct bk_addr local = bk_addr_v4(127, 0, 0, 1, 0);

	peer_connect_from(p, &local, port);
}

void peer_connect_from(struct peer *p, const struct bk_addr *local, uint16_t port)
{
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, port);
	struct timeval patience = {.tv_sec = WAIT_SECONDS};
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(local, &ss);

	*p = (struct peer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	bk_buf_init(&p->in, 1024 * 1024);
	assert_true(p->fd >= 0);
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	bk_sock_tune_stream(p->fd, 60000);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&ss, n), 0);
	n = bk_addr_to_sockaddr(&to, &ss);
	assert_int_equal(connect(p->fd, (struct sockaddr *)&ss, n), 0);
}

void peer_write_raw(struct peer *p, const void *data, size_t n)
{
	const uint8_t *at = data;

	while (n) {
		ssize_t sent = send(p->fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		assert_true(sent > 0);
		at += sent;
		n -= (size_t)sent;
	}
}

static void flush(struct peer *p)
{
	struct bk_buf *out = bk_tls_out(p->tls);

	peer_write_raw(p, bk_buf_head(out), out->len);
	bk_buf_consume(out, out->len);
}

static int fill(struct peer *p, struct bk_buf *into)
{
	uint8_t data[16384];
	ssize_t n = recv(p->fd, data, sizeof(data), 0);

	if (n < 0 && errno == EAGAIN)
		fail_msg("the server said nothing in time");
	if (n <= 0)
		return n ? BK_E_RESET : BK_E_EOF;
	return bk_buf_append(into, data, (size_t)n);
}

void peer_secure(struct peer *p)
{
	struct bk_tls_opts opts = {.alpn = BK_RDV_ALPN};
	int err;

	assert_int_equal(bk_tls_new(&opts, &p->tls), 0);
	while ((err = bk_tls_handshake(p->tls)) == BK_E_AGAIN) {
		flush(p);
		assert_int_equal(fill(p, bk_tls_in(p->tls)), 0);
	}
	assert_int_equal(err, 0);
	flush(p);
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	bk_tls_free(p->tls);
	p->tls = NULL;
	bk_buf_done(&p->in);
}

void peer_write(struct peer *p, const void *data, size_t n)
{
	const uint8_t *at = data;

	if (!p->tls) {
		peer_write_raw(p, data, n);
		return;
	}
	while (n) {
		ssize_t taken = bk_tls_write(p->tls, at, n);

		assert_true(taken > 0);
		flush(p);
		at += taken;
		n -= (size_t)taken;
	}
}

void peer_send(struct peer *p, struct bk_rdv_msg m)
{
	struct bk_buf framed;

	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX + 4);
	assert_int_equal(bk_rdv_append(&framed, &m), 0);
	peer_write(p, bk_buf_head(&framed), framed.len);
	bk_buf_done(&framed);
}

static int fill_plain(struct peer *p)
{
	uint8_t data[16384];
	ssize_t n;

	if (!p->tls)
		return fill(p, &p->in);
	while ((n = bk_tls_read(p->tls, data, sizeof(data))) == BK_E_AGAIN) {
		int err = fill(p, bk_tls_in(p->tls));

		if (err < 0)
			return err;
	}
	return n < 0 ? (int)n : bk_buf_append(&p->in, data, (size_t)n);
}

int peer_try_recv(struct peer *p, struct bk_rdv_msg *ret_msg)
{
	for (;;) {
		const uint8_t *at = bk_buf_head(&p->in);
		size_t need = p->in.len < 4 ? 4 : 4 + ((size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
		int err;

		if (p->in.len >= 4 && p->in.len >= need) {
			assert_int_equal(bk_rdv_decode(at + 4, need - 4, ret_msg), 0);
			bk_buf_consume(&p->in, need);
			return 0;
		}
		err = fill_plain(p);
		if (err < 0)
			return err;
	}
}

void peer_recv(struct peer *p, enum bk_rdv_type expected, struct bk_rdv_msg *ret_msg)
{
	assert_int_equal(peer_try_recv(p, ret_msg), 0);
	assert_string_equal(bk_rdv_type_name(ret_msg->type), bk_rdv_type_name(expected));
	memcpy(p->leg_token, ret_msg->leg_token, sizeof(p->leg_token));
}

void peer_expect_error(struct peer *p, const char *code)
{
	struct bk_rdv_msg m;

	peer_recv(p, BK_RDV_SERVER_ERROR, &m);
	assert_string_equal(m.code, code);
}

void peer_expect_end(struct peer *p)
{
	struct bk_rdv_msg m;

	assert_true(peer_try_recv(p, &m) < 0);
}

int peer_port(const struct peer *p)
{
	struct bk_addr a;

	assert_int_equal(bk_sock_local(p->fd, &a), 0);
	return a.port;
}

void peer_join(struct peer *p, const struct kit *k, const char *id)
{
	struct bk_rdv_msg hello = {.type = BK_RDV_CLIENT_HELLO, .version = 1}, m;

	peer_connect(p, k->port);
	peer_secure(p);
	snprintf(hello.client_id, sizeof(hello.client_id), "%s", id);
	snprintf(hello.nat_type, sizeof(hello.nat_type), "unknown");
	snprintf(hello.private_ip, sizeof(hello.private_ip), "127.0.0.1");
	peer_send(p, hello);
	peer_recv(p, BK_RDV_SERVER_HELLO, &m);
	assert_string_equal(m.client_id, id);
	assert_int_equal(m.public_port, peer_port(p));
	bk_rdv_done(&m);
}

void peers_pair(struct peer *a, struct peer *b, uint8_t ret_token[BK_RDV_SECRET_LEN])
{
	uint8_t left[] = "left for you";
	struct bk_rdv_msg m,
		allocate = {.type = BK_RDV_CLIENT_ALLOCATE, .body = left, .body_len = sizeof(left)};

	peer_send(a, allocate);
	peer_recv(a, BK_RDV_SERVER_NAMEPLATE, &m);
	peer_send(b, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_CLAIM, .nameplate = m.nameplate});
	peer_recv(b, BK_RDV_SERVER_CLAIMED, &m);
	assert_memory_equal(m.body, left, sizeof(left));
	memcpy(ret_token, m.relay_token, BK_RDV_SECRET_LEN);
	bk_rdv_done(&m);
	peer_recv(a, BK_RDV_SERVER_CLAIMED, &m);
	assert_memory_equal(m.relay_token, ret_token, BK_RDV_SECRET_LEN);
	assert_null(m.body);
}

void peer_open_leg(struct peer *p, const struct kit *k, const uint8_t *token, uint8_t side)
{
	struct bk_preface preface = {.kind = BK_PREFACE_RELAY, .side = side};
	uint8_t bytes[BK_PREFACE_LEN];

	memcpy(preface.secret, token, sizeof(preface.secret));
	bk_preface_encode(&preface, bytes);
	peer_connect(p, side ? k->alt_port : k->port);
	peer_write_raw(p, bytes, sizeof(bytes));
}
