/* SPDX-License-Identifier: Apache-2.0 */
/* One socket for everything, because the NAT's mapping belongs to the socket: what STUN learnt, probes open
 * and QUIC uses. Receives in large pieces (UDP_GRO) and sends QUIC's batches in one call (UDP_SEGMENT). */
#include "path/hub.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "link/quic.h"
#include "net/hops.h"
#include "net/sock.h"
#include "net/udp.h"
#include "punch/udp.h"
#include "stun/msg.h"
#include "stun/transaction.h"

enum {
	SOCKETS = 2,
	RECEIVES_PER_EVENT = 32,
	STUN_SENDINGS = 6,
	EARLY_MAX = 4, /* datagrams of a QUIC handshake that began before its link */
	EARLY_LEN = 1500,
	TWICE = 10, /* the first datagrams of a link: its handshake and the race's nomination */
};

#define STUN_RTO      (40 * BK_MS)
#define STUN_RTO_MAX  (800 * BK_MS)
#define STUN_WAIT_MAX (400 * BK_MS) /* after the last sending */
#define KEEP_ALIVE    (15 * BK_SEC) /* RFC 8445 section 11 */

struct question {
	struct bk_addr server;
	struct bk_stun_transaction transaction;
	bool is_open;
};

struct early {
	struct bk_addr from;
	size_t len;
	uint8_t bytes[EARLY_LEN];
};

struct hub_socket {
	struct bk_hub *hub;
	struct bk_watch *watch;
	uint32_t id; /* the engine's name for it */
	int fd;
	int interest;
};

struct bk_hub {
	struct bk_loop *loop;
	void (*on_view)(void *arg);
	void *arg;
	struct hub_socket sockets[SOCKETS];
	struct bk_hub_view view;
	struct question questions[BK_HUB_SAMPLES_MAX];
	size_t questions_len;
	struct bk_timer *stun_timer, *keep_alive, *engine_timer;
	void *engine;
	const struct bk_engine_ops *ops;
	void (*report)(void *arg, const struct bk_action *a);
	void *report_arg;
	struct bk_link *quic;
	unsigned twice; /* so many more of its datagrams go in two copies */
	struct early early[EARLY_MAX];
	size_t early_len;
	struct bk_hops hops;
	bool is_uncut; /* UDP_SEGMENT was refused */
	bool busy, dead;
	uint8_t buffer[BK_UDP_PIECE_MAX];
};

static struct hub_socket *socket_of(struct bk_hub *h, uint32_t id)
{
	return id == BK_PUNCH_UDP_SOCKET6 ? &h->sockets[1] : &h->sockets[0];
}

/* ---- before the link ---- */

/* The peer's proof of the path may be a few milliseconds ahead of ours, and QUIC would wait three round trips
 * to send again. */
static void keep_early(struct bk_hub *h, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	struct early *e = &h->early[h->early_len];

	if (!h->engine || h->early_len == EARLY_MAX || n > EARLY_LEN)
		return;
	h->early_len++;
	e->from = *from;
	e->len = n;
	memcpy(e->bytes, data, n);
}

static void hand_out_early(struct bk_hub *h)
{
	for (size_t i = 0; h->quic && !h->dead && i < h->early_len; i++)
		bk_link_quic_input(h->quic, &h->early[i].from, h->early[i].bytes, h->early[i].len, 0);
	if (!h->dead && h->quic && h->early_len) {
		h->early_len = 0;
		bk_link_quic_flush(h->quic);
	}
}

/* ---- the engine ---- */

static void settle(struct bk_hub *h)
{
	struct bk_action a;
	bk_time wake;

	while (!h->dead && h->engine && h->ops->next_action(h->engine, &a)) {
		struct hub_socket *s = socket_of(h, a.id);

		if (a.type == BK_ACT_DATAGRAM && s->fd >= 0)
			bk_udp_send(s->fd, &a.remote, a.ttl, a.data,
				a.len); /* lost is lost: there is a schedule */
		else if (a.type == BK_ACT_REPORT)
			h->report(h->report_arg, &a);
	}
	if (h->dead || !h->engine)
		return;
	wake = h->ops->next_wake(h->engine);
	if (wake == BK_NEVER)
		bk_timer_stop(h->engine_timer);
	else
		bk_timer_start(h->engine_timer, wake - bk_loop_now(h->loop));
}

static void leave(struct bk_hub *h)
{
	h->busy = false;
	if (h->dead)
		free(h);
}

static void on_engine_timer(void *arg)
{
	struct bk_hub *h = arg;

	if (!h->engine)
		return;
	h->busy = true;
	h->ops->on_time(h->engine, bk_loop_now(h->loop));
	settle(h);
	hand_out_early(h);
	leave(h);
}

void bk_hub_drive(struct bk_hub *h, void *engine, const struct bk_engine_ops *ops,
	void (*fn)(void *arg, const struct bk_action *report), void *arg)
{
	h->engine = engine;
	h->ops = ops;
	h->report = fn;
	h->report_arg = arg;
	h->early_len = 0;
	if (engine)
		bk_timer_start(h->engine_timer, 0);
	else
		bk_timer_stop(h->engine_timer);
}

/* ---- STUN: what our address looks like from outside ---- */

static void ask(struct bk_hub *h, const struct question *q)
{
	const struct bk_stun_msg m = {.class = BK_STUN_REQUEST, .id = q->transaction.id};
	uint8_t bytes[BK_STUN_HEADER_LEN];
	int n = bk_stun_encode(&m, NULL, false, bytes, sizeof(bytes));

	if (n > 0 && h->sockets[0].fd >= 0)
		bk_udp_send(h->sockets[0].fd, &q->server, 0, bytes, (size_t)n);
}

static void run_questions(struct bk_hub *h)
{
	bk_time now = bk_loop_now(h->loop), wake = BK_NEVER;
	bool changed = false;

	for (size_t i = 0; i < h->questions_len; i++) {
		struct question *q = &h->questions[i];

		if (!q->is_open)
			continue;
		if (bk_stun_transaction_is_over(&q->transaction, now)) {
			q->is_open = false;
			h->view.awaited--;
			changed = true;
			continue;
		}
		if (bk_stun_transaction_is_due(&q->transaction, now))
			ask(h, q);
		wake = bk_time_min(wake, bk_stun_transaction_next_wake(&q->transaction));
	}
	if (wake != BK_NEVER)
		bk_timer_start(h->stun_timer, wake - now);
	if (changed)
		h->on_view(h->arg);
}

static void on_stun_timer(void *arg)
{
	struct bk_hub *h = arg;

	h->busy = true;
	run_questions(h);
	leave(h);
}

static void open_question(struct bk_hub *h, struct question *q)
{
	struct bk_stun_id id;

	randombytes_buf(&id, sizeof(id));
	id.bytes[0] = (uint8_t)(BK_STUN_COOKIE >> 24);
	id.bytes[1] = (uint8_t)(BK_STUN_COOKIE >> 16);
	id.bytes[2] = (uint8_t)(BK_STUN_COOKIE >> 8);
	id.bytes[3] = (uint8_t)BK_STUN_COOKIE;
	bk_stun_transaction_init(&q->transaction, &id, STUN_RTO, STUN_RTO_MAX, STUN_SENDINGS, STUN_WAIT_MAX,
		bk_loop_now(h->loop));
	q->is_open = true;
	h->view.awaited++;
}

static void on_keep_alive(void *arg)
{
	struct bk_hub *h = arg;

	if (!h->questions[0].is_open)
		open_question(h, &h->questions[0]);
	bk_timer_start(h->keep_alive, KEEP_ALIVE);
	on_stun_timer(h);
}

void bk_hub_gather(struct bk_hub *h, const struct bk_addr *servers, size_t len)
{
	struct bk_addr local;

	if (h->sockets[0].fd < 0 || !len || bk_udp_route(&servers[0], &local) < 0)
		return;
	h->view.local = bk_addr_with_port(local, h->view.local.port);
	h->view.samples_len = h->view.awaited = h->questions_len = 0;
	for (size_t i = 0; i < len && h->questions_len < BK_HUB_SAMPLES_MAX; i++) {
		struct question *q = &h->questions[h->questions_len++];

		q->server = servers[i];
		open_question(h, q);
	}
	bk_timer_start(h->stun_timer, 0);
	bk_timer_start(h->keep_alive, KEEP_ALIVE);
}

static void learn(struct bk_hub *h, const struct bk_addr *server, const struct bk_addr *mapped)
{
	for (size_t i = 0; i < h->view.samples_len; i++) {
		if (bk_addr_equal(&h->view.samples[i].server, server)) {
			h->view.samples[i].mapped = *mapped;
			return;
		}
	}
	if (h->view.samples_len < BK_HUB_SAMPLES_MAX)
		h->view.samples[h->view.samples_len++] = (struct bk_hub_sample){*server, *mapped};
}

/* True: it was an answer to one of our questions. */
static bool take_answer(struct bk_hub *h, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	struct bk_stun_msg m;

	if (bk_stun_decode(data, n, &m) < 0 || m.class != BK_STUN_SUCCESS)
		return false;
	for (size_t i = 0; i < h->questions_len; i++) {
		struct question *q = &h->questions[i];

		if (!q->is_open || memcmp(&q->transaction.id, &m.id, sizeof(m.id)) != 0 ||
			!bk_addr_equal(&q->server, from))
			continue;
		q->is_open = false;
		h->view.awaited--;
		if (m.xor_mapped.family) {
			learn(h, from, &m.xor_mapped);
			if (!bk_addr_equal_ip(&m.xor_mapped, &h->view.local))
				bk_hops_ask(&h->hops, &m.xor_mapped);
		}
		h->on_view(h->arg);
		return true;
	}
	return false;
}

/* ---- the sockets ---- */

static void set_interest(struct hub_socket *s, int interest)
{
	if (s->interest == interest)
		return;
	s->interest = interest;
	bk_watch_set(s->watch, interest);
}

static void hand_out(
	struct hub_socket *s, const struct bk_addr *from, const uint8_t *data, size_t n, size_t segment)
{
	struct bk_hub *h = s->hub;

	if (!bk_stun_looks_like(data, segment)) {
		if (h->quic)
			bk_link_quic_input(h->quic, from, data, n, segment);
		else
			keep_early(h, from, data, segment);
		return;
	}
	while (n && !h->dead) {
		size_t take = segment < n ? segment : n;

		if (!take_answer(h, from, data, take) && h->engine && !h->dead)
			h->ops->on_datagram(h->engine, s->id, from, data, take, bk_loop_now(h->loop));
		data += take;
		n -= take;
	}
}

static void receive_all(struct hub_socket *s)
{
	struct bk_hub *h = s->hub;

	for (int i = 0; i < RECEIVES_PER_EVENT && !h->dead; i++) {
		struct bk_addr from;
		size_t segment;
		int n = bk_udp_receive_piece(s->fd, &from, h->buffer, sizeof(h->buffer), &segment);

		if (n == BK_E_AGAIN)
			break;
		if (n > 0)
			hand_out(s, &from, h->buffer, (size_t)n, segment);
	}
	if (!h->dead)
		settle(h);
	hand_out_early(h);
	if (!h->dead && h->quic)
		bk_link_quic_flush(h->quic);
}

static void on_socket(void *arg, int fd, int events)
{
	struct hub_socket *s = arg;
	struct bk_hub *h = s->hub;

	(void)fd;
	h->busy = true;
	if (events & BK_WRITABLE) {
		set_interest(s, BK_READABLE);
		if (h->quic)
			bk_link_quic_writable(h->quic);
	}
	if (!h->dead && (events & BK_READABLE))
		receive_all(s);
	leave(h);
}

int bk_hub_send(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment)
{
	struct bk_hub *h = arg;
	struct hub_socket *s = &h->sockets[remote->family == 6 ? 1 : 0];
	int err;

	if (s->fd < 0)
		return BK_E_UNREACHABLE;
	err = bk_udp_send_piece(s->fd, remote, data, len, segment, &h->is_uncut);
	/* A lost packet of a handshake costs up to three round trips, a copy a few microseconds. */
	if (!err && h->twice > 0) {
		h->twice--;
		bk_udp_send_piece(s->fd, remote, data, len, segment, &h->is_uncut);
	}
	if (err == BK_E_AGAIN)
		set_interest(s, BK_READABLE | BK_WRITABLE);
	if (!err || err == BK_E_AGAIN || err == BK_E_TOO_BIG)
		return err;
	/* A route that is gone for a moment is a lost packet; the link's own timers judge. */
	bk_log_debug("hub", "send: %s", bk_error_text(err));
	return 0;
}

void bk_hub_set_quic(struct bk_hub *h, struct bk_link *quic)
{
	h->quic = quic;
	h->twice = quic ? TWICE : 0;
}

struct bk_link *bk_hub_quic(const struct bk_hub *h)
{
	return h->quic;
}

static int open_socket(struct bk_hub *h, int i)
{
	struct hub_socket *s = &h->sockets[i];
	const struct bk_addr any = {.family = i ? 6 : 4};
	struct bk_addr bound;
	int err = bk_udp_open(&any, false, &s->fd);

	if (err < 0) {
		s->fd = -1;
		return i ? 0 : err; /* a machine without IPv6 is no trouble */
	}
	bk_udp_tune_stream(s->fd, any.family);
	err = bk_sock_local(s->fd, &bound);
	if (!err)
		err = bk_watch_new(h->loop, s->fd, on_socket, s, &s->watch);
	if (!err)
		set_interest(s, BK_READABLE);
	if (i)
		h->view.port6 = bound.port;
	else
		h->view.local = bound;
	return err;
}

int bk_hub_new(struct bk_loop *loop, void (*on_view)(void *arg), void *arg, struct bk_hub **ret_hub)
{
	struct bk_hub *h = calloc(1, sizeof(*h));
	int err = 0;

	if (!h)
		return BK_E_NOMEM;
	h->loop = loop;
	h->on_view = on_view;
	h->arg = arg;
	bk_hops_init(&h->hops);
	for (int i = 0; i < SOCKETS; i++)
		h->sockets[i] = (struct hub_socket){
			.hub = h, .fd = -1, .id = i ? BK_PUNCH_UDP_SOCKET6 : BK_PUNCH_UDP_SOCKET4};
	err = bk_timer_new(loop, on_stun_timer, h, &h->stun_timer);
	if (!err)
		err = bk_timer_new(loop, on_keep_alive, h, &h->keep_alive);
	if (!err)
		err = bk_timer_new(loop, on_engine_timer, h, &h->engine_timer);
	for (int i = 0; i < SOCKETS && !err; i++)
		err = open_socket(h, i);
	if (err < 0) {
		bk_hub_free(h);
		return err;
	}
	*ret_hub = h;
	return 0;
}

void bk_hub_free(struct bk_hub *h)
{
	if (!h)
		return;
	for (int i = 0; i < SOCKETS; i++) {
		bk_watch_free(h->sockets[i].watch);
		if (h->sockets[i].fd >= 0)
			close(h->sockets[i].fd);
	}
	bk_hops_done(&h->hops);
	bk_timer_free(h->stun_timer);
	bk_timer_free(h->keep_alive);
	bk_timer_free(h->engine_timer);
	h->engine = NULL;
	h->quic = NULL;
	h->dead = true;
	if (!h->busy)
		free(h);
}

unsigned bk_hub_hops(struct bk_hub *h)
{
	return bk_hops_count(&h->hops);
}

const struct bk_hub_view *bk_hub_view(const struct bk_hub *h)
{
	return &h->view;
}
