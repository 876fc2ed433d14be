/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/room_light.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <sodium.h>

#include "base/error.h"
#include "group/card.h"
#include "wire/rdv.h"

/* --- bytes --- */

static uint8_t scratch[256 * 1024];

void light_say(struct light *l, const void *data, size_t n)
{
	if (send(l->fd, data, n, MSG_NOSIGNAL) != (ssize_t)n)
		trouble("a light member", "cannot send");
}

static void send_out(struct light *l)
{
	struct bk_buf *out = bk_tls_out(l->tls);

	if (out->len)
		light_say(l, bk_buf_head(out), out->len);
	bk_buf_consume(out, out->len);
}

static void send_rdv(struct light *l, const struct bk_rdv_msg *m)
{
	struct bk_buf framed;

	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX);
	if (bk_rdv_append(&framed, m) < 0 || bk_tls_write(l->tls, bk_buf_head(&framed), framed.len) < 0)
		trouble("a light member", "cannot speak");
	bk_buf_done(&framed);
	send_out(l);
}

/* --- bodkin's tongue --- */

static void say_hello(void *arg)
{
	struct light *l = arg;
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .version = 1};

	snprintf(m.client_id, sizeof(m.client_id), "light-%u", l->index);
	snprintf(m.private_ip, sizeof(m.private_ip), "127.0.0.1");
	send_rdv(l, &m);
}

static void make_card(unsigned index, struct bk_buf *out)
{
	struct bk_card card = {.sitting = (uint64_t)crew.began + index};
	struct bk_signer signer;

	crypto_sign_keypair(signer.key, signer.secret);
	memcpy(card.key, signer.key, sizeof(card.key));
	snprintf(card.name, sizeof(card.name), "light-%u", index);
	if (bk_card_seal(&crew.keys, &signer, &card, out) < 0)
		trouble("a light member", "has no card");
}

static void join(struct light *l)
{
	struct bk_rdv_msg envelope = {.type = BK_RDV_CLIENT_GROUP};
	struct bk_group_msg m = {.type = BK_GROUP_JOIN};
	struct bk_buf card, body;

	bk_buf_init(&card, BK_CARD_LEN);
	bk_buf_init(&body, BK_GROUP_MSG_MAX);
	make_card(l->index, &card);
	memcpy(m.id, crew.keys.id, sizeof(m.id));
	m.bytes = bk_buf_head(&card);
	m.len = card.len;
	if (bk_group_encode(&body, &m) < 0)
		trouble("a light member", "cannot join");
	envelope.body = bk_buf_head(&body);
	envelope.body_len = body.len;
	send_rdv(l, &envelope);
	bk_buf_done(&card);
	bk_buf_done(&body);
}

static void came_in(struct light *l)
{
	if (!l->is_in)
		on_in();
	l->is_in = true;
}

static const char *find(const char *in, size_t n, const char *what)
{
	const char *at = memmem(in, n, what, strlen(what));

	return at ? at + strlen(what) : NULL;
}

/* The type and the number of what it is told stand in twelve characters of base64. */
static void on_body(struct light *l, const char *body)
{
	uint8_t head[9];
	uint64_t number = 0;

	if (sodium_base642bin(head, sizeof(head), body, 12, NULL, NULL, NULL,
		    sodium_base64_VARIANT_ORIGINAL_NO_PADDING) < 0)
		return;
	for (size_t i = 1; i < sizeof(head); i++)
		number = number << 8 | head[i];
	if (head[0] == BK_GROUP_SAID)
		told_number(&l->last, number, body + 16);
	else if (head[0] == BK_GROUP_ROSTER && head[1])
		came_in(l);
	else if (head[0] == BK_GROUP_DENIED || head[0] == BK_GROUP_ENDED)
		trouble("a light member", "was put out");
}

static void on_frame(struct light *l, const char *frame, size_t n)
{
	const char *body = find(frame, n, "\"body\":\"");

	if (body && body + 32 <= frame + n) {
		on_body(l, body);
	} else if (!l->is_greeted && find(frame, n, "ServerHelloMessage")) {
		l->is_greeted = true;
		join(l);
	} else if (find(frame, n, "ServerRefuseMessage") || find(frame, n, "ServerErrorMessage")) {
		trouble("a light member was refused", "see the server's log");
	}
}

static size_t take_frame(struct light *l, const uint8_t *at, size_t n)
{
	size_t len = n < 4 ? 0 : (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];

	if (n < 4 || n - 4 < len)
		return 0;
	on_frame(l, (const char *)at + 4, len);
	return 4 + len;
}

/* --- IRC --- */

static void on_irc_line(struct light *l, const char *line, size_t n)
{
	const char *text = find(line, n, " PRIVMSG #room :");

	if (text)
		told_unnumbered(l, strtoull(text, NULL, 10));
	else if (find(line, n, " 366 "))
		came_in(l);
	else if (!strncmp(line, "PING", 4))
		light_say(l, "PONG :here\r\n", 12);
	else if (!l->is_greeted && find(line, n, " 001 ") && (l->is_greeted = true))
		light_say(l, "JOIN #room\r\n", 12);
	else if (!strncmp(line, "ERROR", 5))
		trouble("a member of the channel was put out", "see the server's log");
}

static size_t take_line(struct light *l, const uint8_t *at, size_t n)
{
	const uint8_t *end = memchr(at, '\n', n);

	if (!end)
		return 0;
	on_irc_line(l, (const char *)at, (size_t)(end - at));
	return (size_t)(end - at) + 1;
}

/* --- coming --- */

static int on_bytes(void *arg, const uint8_t *data, size_t n)
{
	struct light *l = arg;
	size_t taken;

	if (l->in.len) {
		if (bk_buf_append(&l->in, data, n) < 0)
			return BK_E_NOMEM;
		data = bk_buf_head(&l->in);
		n = l->in.len;
	}
	for (size_t left = n; (taken = crew.is_irc ? take_line(l, data, left) : take_frame(l, data, left));
		left -= taken)
		data += taken, n -= taken;
	if (l->in.len)
		bk_buf_consume(&l->in, l->in.len - n);
	else if (n && bk_buf_append(&l->in, data, n) < 0)
		return BK_E_NOMEM;
	return 0;
}

static bk_time read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * BK_SEC + ts.tv_nsec;
}

/* When the last of it came, on the loop's clock. */
static bk_time read_stamp(struct msghdr *m)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct timespec ts;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
		return bk_loop_now(crew.loop);
	memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	return bk_loop_now(crew.loop) + ts.tv_sec * BK_SEC + ts.tv_nsec - read_clock(CLOCK_REALTIME);
}

static ssize_t read_socket(int fd)
{
	char control[128];
	struct iovec to = {.iov_base = scratch, .iov_len = sizeof(scratch)};
	struct msghdr m = {
		.msg_iov = &to, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

	crew.came_at = n > 0 ? read_stamp(&m) : 0;
	return n;
}

static void take(struct light *l, ssize_t n)
{
	static const struct bk_tls_events tls = {.on_secure = say_hello, .on_data = on_bytes};
	static uint8_t plain[256 * 1024];
	int err = 0;

	if (!l->tls) {
		on_bytes(l, scratch, (size_t)n);
		return;
	}
	if (bk_buf_append(bk_tls_in(l->tls), scratch, (size_t)n) < 0)
		err = BK_E_NOMEM;
	if (!err)
		err = bk_tls_advance(l->tls, &tls, l, plain, sizeof(plain));
	send_out(l);
	if (err < 0 && err != BK_E_AGAIN)
		trouble("a light member's TLS", bk_error_name(err));
}

static void on_readable(void *arg, int fd, int events)
{
	struct light *l = arg;
	ssize_t n = read_socket(fd);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		trouble("a light member's connection", n ? strerror(errno) : "ended");
	else
		take(l, n);
	crew.came_at = 0;
}

static int connect_from_its_address(unsigned index)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(crew.server.port)},
			   from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	from.sin_addr.s_addr = htonl(127U << 24 | (1 + index % 50) << 16 | (index / 50) << 8 | 1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
		connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		trouble("a light member", "cannot connect");
	return fd;
}

void light_open(void)
{
	static const struct bk_tls_opts tls = {.alpn = BK_RDV_ALPN};
	struct light *l = &crew.light[crew.opened - (crew.is_irc ? 0 : crew.full_count)];
	char hello[128];

	l->index = crew.opened++;
	l->fd = connect_from_its_address(l->index);
	bk_buf_init(&l->in, 1 << 20);
	if (bk_watch_new(crew.loop, l->fd, on_readable, l, &l->watch) < 0 ||
		bk_watch_set(l->watch, BK_READABLE) < 0 || (!crew.is_irc && bk_tls_new(&tls, &l->tls) < 0)) {
		trouble("a light member", "cannot be made");
	} else if (crew.is_irc) {
		snprintf(hello, sizeof(hello), "NICK m%u\r\nUSER m%u 0 * :a member\r\n", l->index, l->index);
		light_say(l, hello, strlen(hello));
	} else {
		bk_tls_handshake(l->tls);
		send_out(l);
	}
}

void light_ping(void)
{
	struct bk_rdv_msg ping = {.type = BK_RDV_CLIENT_PING, .number = 1};
	unsigned lights = crew.is_irc ? 0 : crew.opened > crew.full_count ? crew.opened - crew.full_count : 0;

	crew.ping_round = (crew.ping_round + 1) % PING_ROUNDS;
	for (unsigned i = crew.ping_round; i < lights; i += PING_ROUNDS)
		if (crew.light[i].is_in)
			send_rdv(&crew.light[i], &ping);
}
