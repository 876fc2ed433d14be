/* SPDX-License-Identifier: Apache-2.0 */
#include "service/test_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/error.h"
#include "net/sock.h"
#include "net/test_clock.h"

enum { WATCHDOG_SECONDS = 30 };

static void note(struct book *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct book *b, const char *format, ...)
{
	va_list args;
	int n;

	if (b->quiet)
		return;
	va_start(args, format);
	n = vsnprintf(b->text + b->len, sizeof(b->text) - b->len, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof(b->text) - b->len);
	b->len += (size_t)n;
}

static void on_joined(struct bk_conn *c, void *arg)
{
	struct book *b = arg;

	b->joined++;
	b->conn = c;
	note(b, "joined ");
	if (b->then_joined)
		b->then_joined(b, c);
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	struct book *b = arg;

	b->messages++;
	b->bytes += m->content_len;
	if (m->header)
		note(b, "%s|", m->header);
	if (m->content_type)
		note(b, "%s|%s|", m->content_type, m->content_encoding);
	note(b, "[%.*s]", m->content_len < 100 ? (int)m->content_len : 100, (const char *)m->content);
	if (b->then_message)
		b->then_message(b, c, m);
}

static void on_writable(struct bk_conn *c, void *arg)
{
	struct book *b = arg;

	b->rooms++;
	note(b, "room ");
	if (b->then_room)
		b->then_room(b, c);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct book *b = arg;

	b->left++;
	b->error = error;
	assert_true(*text);
	snprintf(b->why, sizeof(b->why), "%s", text);
	note(b, "left:%s ", error ? bk_error_name(error) : "done");
	if (b->conn == c)
		b->conn = NULL;
	if (b->then_left)
		b->then_left(b, c);
}

static void on_stopped(struct bk_service *service, void *arg)
{
	struct book *b = arg;

	(void)service;
	b->stopped++;
	note(b, "stopped ");
	if (b->then_stopped)
		b->then_stopped(b);
}

const struct bk_message_events kit_events = {.on_joined = on_joined,
	.on_message = on_message,
	.on_writable = on_writable,
	.on_left = on_left,
	.on_stopped = on_stopped};

struct book *kit_new(enum bk_loop_backend backend)
{
	struct book *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(bk_loop_new(backend, &b->loop), 0);
	return b;
}

struct book *kit_beside(const struct book *b)
{
	struct book *other = calloc(1, sizeof(*other));

	assert_non_null(other);
	other->loop = b->loop;
	return other;
}

void kit_done(struct book *b)
{
	if (b->service)
		bk_service_free(b->service);
	else
		bk_conn_free(b->conn);
	free(b);
}

void kit_finish(struct book *b)
{
	struct bk_loop *loop = b->loop;

	kit_done(b);
	bk_loop_free(loop);
}

struct bk_message kit_text(const char *s)
{
	return (struct bk_message){.content = s, .content_len = strlen(s)};
}

void kit_listen(struct book *b, struct bk_message_opts opts)
{
	char text[BK_SERVICE_TEXT_MAX];

	assert_int_equal(bk_service_new(b->loop, "127.0.0.1:0", &opts, &kit_events, b, &b->service, text), 0);
}

struct book *kit_begin(struct bk_message_opts opts)
{
	struct book *b = kit_new(BK_LOOP_AUTO);

	kit_listen(b, opts);
	return b;
}

static int dial(const struct book *b, int receive_buffer)
{
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, bk_service_port(b->service));
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(&to, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (receive_buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, n), 0); /* the kernel's queue takes it */
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

int kit_dial(const struct book *b)
{
	return dial(b, 0);
}

int kit_dial_small(const struct book *b, int receive_buffer)
{
	return dial(b, receive_buffer);
}

void kit_connect(struct book *client, const struct book *server, struct bk_message_opts opts)
{
	char address[64];

	snprintf(address, sizeof(address), "127.0.0.1:%u", bk_service_port(server->service));
	assert_int_equal(
		bk_conn_connect(client->loop, address, &opts, &kit_events, client, &client->conn), 0);
}

static const struct book *watched;

/* The last words of a test that waits in vain. */
static void on_watchdog(int signo)
{
	(void)signo;
	if (write(STDERR_FILENO, watched->text, watched->len) >= 0)
		abort();
}

struct turning {
	struct bk_loop *loop;
	struct bk_timer *timer;
	bool (*is_so)(void *arg);
	void *arg;
};

static void on_turn(void *arg)
{
	struct turning *t = arg;

	if (t->is_so(t->arg))
		bk_loop_stop(t->loop);
	else
		bk_timer_start(t->timer, 0);
}

void kit_until(struct book *b, bool (*is_so)(void *arg), void *arg)
{
	struct turning t = {.loop = b->loop, .is_so = is_so, .arg = arg};

	assert_int_equal(bk_timer_new(b->loop, on_turn, &t, &t.timer), 0);
	bk_timer_start(t.timer, 0);
	watched = b;
	signal(SIGALRM, on_watchdog);
	alarm(WATCHDOG_SECONDS);
	assert_int_equal(bk_loop_run(b->loop), 0);
	alarm(0);
	bk_timer_free(t.timer);
}

struct expected {
	const struct book *book;
	const char *text;
	const unsigned *count;
	unsigned n;
};

static bool has_text(void *arg)
{
	const struct expected *e = arg;

	return strstr(e->book->text, e->text) != NULL;
}

void kit_until_text(struct book *b, const char *text)
{
	struct expected e = {.book = b, .text = text};

	kit_until(b, has_text, &e);
}

static bool has_count(void *arg)
{
	const struct expected *e = arg;

	return *e->count >= e->n;
}

void kit_until_count(struct book *b, const unsigned *count, unsigned n)
{
	struct expected e = {.count = count, .n = n};

	kit_until(b, has_count, &e);
}

static bool count_down(void *arg)
{
	return (*(int *)arg)-- <= 0;
}

void kit_turns(struct book *b, int n)
{
	kit_until(b, count_down, &n);
}

static bool has_flown(void *arg)
{
	return ((const struct test_clock *)arg)->left <= 0;
}

void kit_fly(struct book *b, bk_dur d)
{
	struct test_clock clock;

	assert_int_equal(test_clock_init(&clock, b->loop), 0);
	test_clock_fly(&clock, d);
	kit_until(b, has_flown, &clock);
	test_clock_done(&clock);
	kit_turns(b, 3);
}

void kit_write(int fd, const void *data, size_t n)
{
	assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), n);
}

struct reading {
	int fd;
	uint8_t *out;
	size_t have, need;
};

static bool has_read(void *arg)
{
	struct reading *r = arg;
	uint8_t rest[4096];
	bool whole = r->need && r->have == r->need;
	ssize_t n = whole ? 0
			  : recv(r->fd, r->need ? r->out + r->have : rest,
				    r->need ? r->need - r->have : sizeof(rest), MSG_DONTWAIT);

	if (n > 0)
		r->have += (size_t)n;
	if (n < 0)
		assert_true(errno == EAGAIN || errno == ECONNRESET);
	return whole || n == 0 || (n < 0 && errno == ECONNRESET) || (r->need && r->have == r->need);
}

size_t kit_read(struct book *b, int fd, void *out, size_t n)
{
	struct reading r = {.fd = fd, .out = out, .need = n};

	kit_until(b, has_read, &r);
	return r.have;
}
