/* SPDX-License-Identifier: Apache-2.0 */
/* The QUIC link, as its owner sees it: what came in order is handed on, what the owner writes is kept until
 * the peer has it, and time is told to the connection. Datagrams in are only noted; everything that calls
 * somebody happens in one place, once for all datagrams of a wake-up. It refuses to hold more than the
 * flow-control window of what its owner does not read. */
#include "link/quic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/list.h"
#include "link/quic_compat.h"
#include "link/quic_link.h"
#include "net/sock.h"

enum {
	QUEUE_HIGH = 256 * 1024, /* unsent; above it write says "not now" */
	QUEUE_LOW = 128 * 1024,
	URGENT_ROOM = 256 * 1024, /* kept free for urgent writes */
	HELD_HIGH = BK_OUTBOX_MAX - BK_LINK_WRITE_MAX - URGENT_ROOM,
	DELIVER_MAX = 256 * 1024, /* for one on_data */
	BUFFER_KEEP = 1024 * 1024,
	BURSTS_MAX = 16, /* then the loop has others to look after */
};

#define HANDSHAKE_TIMEOUT (10 * BK_SEC)
#define CLOSE_TIMEOUT     (2 * BK_SEC) /* without any progress */
#define BLOCKED_WAIT      (1 * BK_MS)

static struct bk_quic *of(struct bk_link *l)
{
	return bk_container_of(l, struct bk_quic, link);
}

/* --- ends --- */

void bk_quic_end(struct bk_quic *q, int error)
{
	bk_assert(error < 0);
	if (q->end_error)
		return;
	q->end_error = error;
	bk_turn_ask(&q->failer);
}

static void on_failer(void *arg)
{
	struct bk_quic *q = arg;

	if (q->has_ended)
		return;
	q->has_ended = true;
	q->link.events->on_end(q->link.arg, q->end_error, q->text[0] ? q->text : bk_error_text(q->end_error));
}

static void on_deadline(void *arg)
{
	struct bk_quic *q = arg;

	if (!q->is_closing)
		bk_quic_end(q, BK_E_TIMEOUT);
	else
		bk_quic_end(q, bk_outbox_held(&q->out) ? BK_E_PEER_VANISHED : BK_E_EOF);
}

static void release(struct bk_quic *q)
{
	bk_quic_disconnect(q);
	bk_outbox_done(&q->out);
	bk_buf_done(&q->in);
	free(q->batch);
	free(q);
}

static void leave(struct bk_quic *q)
{
	if (bk_hold_leave(&q->hold))
		release(q);
}

/* --- to the owner --- */

static void tell_secure(struct bk_quic *q)
{
	if (!q->is_secure || q->has_told_secure)
		return;
	q->has_told_secure = true;
	if (!q->is_closing)
		bk_timer_stop(q->deadline);
	q->link.rtt_ns = bk_ngtcp2_rtt(q->conn);
	if (q->link.events->on_secure)
		q->link.events->on_secure(q->link.arg);
}

/* The peer may send as much more as the owner has taken. */
static void give_credit(struct bk_quic *q, size_t n)
{
	if (q->is_over || !q->conn)
		return;
	ngtcp2_conn_extend_max_stream_offset(q->conn, q->stream, n);
	ngtcp2_conn_extend_max_offset(q->conn, n);
}

static void deliver(struct bk_quic *q)
{
	while (q->in.len && !q->hold.is_dead && !q->has_ended) {
		size_t n = q->in.len < DELIVER_MAX ? q->in.len : DELIVER_MAX;

		q->link.events->on_data(q->link.arg, bk_buf_head(&q->in), n);
		bk_buf_consume(&q->in, n);
		give_credit(q, n);
	}
	if (q->hold.is_dead || q->in.len)
		return;
	if (q->in.cap > BUFFER_KEEP)
		bk_buf_release(&q->in);
	/* With both sides closing, ours has to arrive too. */
	if (q->has_fin && (!q->is_closing || !bk_outbox_held(&q->out) || q->is_over))
		bk_quic_end(q, BK_E_EOF);
}

static bool has_room(const struct bk_quic *q, size_t high)
{
	return bk_outbox_unsent(&q->out) < high && bk_outbox_held(&q->out) < HELD_HIGH &&
	       !bk_outbox_is_crowded(&q->out);
}

static void tell_writable(struct bk_quic *q)
{
	if (!q->wants_write || q->is_closing || q->end_error || !has_room(q, QUEUE_LOW))
		return;
	q->wants_write = false;
	if (q->link.events->on_writable)
		q->link.events->on_writable(q->link.arg);
}

/* --- the one place where things happen --- */

static void arm(struct bk_quic *q, bool again)
{
	ngtcp2_tstamp expiry = q->is_over || !q->conn ? UINT64_MAX : ngtcp2_conn_get_expiry(q->conn);
	bk_time now = bk_loop_now(q->loop), at = expiry > INT64_MAX ? BK_NEVER : (bk_time)expiry;

	if (again)
		at = now;
	else if (q->runs_len)
		at = bk_time_max(at, now + BLOCKED_WAIT);
	if (at >= q->wake_at)
		return; /* it looks early enough, and again then */
	q->wake_at = at;
	bk_timer_start(q->wake, at - now);
}

static void work(struct bk_quic *q)
{
	unsigned bursts = 0;
	size_t sent = 1;

	bk_hold_enter(&q->hold);
	tell_secure(q);
	if (!q->hold.is_dead)
		deliver(q);
	while (!q->hold.is_dead && sent && bursts++ < BURSTS_MAX) {
		sent = bk_quic_send(q);
		tell_writable(q);
	}
	if (!q->hold.is_dead) {
		if (q->is_closing && q->has_progress)
			bk_timer_start(q->deadline, CLOSE_TIMEOUT);
		q->has_progress = false;
		bk_quic_pulse(q);
		arm(q, sent > 0);
	}
	leave(q);
}

static void on_wake(void *arg)
{
	struct bk_quic *q = arg;

	q->wake_at = BK_NEVER;
	if (q->has_ended)
		return;
	bk_quic_expire(q);
	work(q);
}

static void on_pulse(void *arg)
{
	struct bk_quic *q = arg;

	if (bk_quic_tick(q))
		work(q);
}

/* Something is to be done, outside of who asked for it. */
static void poke(struct bk_quic *q)
{
	if (!q->hold.depth)
		arm(q, true);
}

void bk_link_quic_input(
	struct bk_link *l, const struct bk_addr *from, const uint8_t *data, size_t len, size_t segment)
{
	struct bk_quic *q = of(l);

	if (!segment)
		segment = len;
	for (size_t at = 0; at < len && !q->is_over && !q->has_ended; at += segment)
		bk_quic_read(q, from, data + at, len - at < segment ? len - at : segment);
}

void bk_link_quic_flush(struct bk_link *l)
{
	struct bk_quic *q = of(l);

	if (!q->has_ended)
		work(q);
}

/* --- the function table --- */

static int may_take(struct bk_quic *q, size_t total, bool urgent)
{
	if (q->end_error || q->is_closing || !q->has_told_secure)
		return BK_E_EOF;
	if (total > BK_LINK_WRITE_MAX)
		return BK_E_TOO_BIG;
	if (!urgent && !has_room(q, QUEUE_HIGH)) {
		q->wants_write = true;
		return BK_E_AGAIN;
	}
	return 0;
}

static int taken(struct bk_quic *q, int err)
{
	if (err < 0)
		bk_quic_end(q, err);
	else
		poke(q);
	return err;
}

static int link_write(struct bk_link *l, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct bk_quic *q = of(l);
	size_t total = 0;
	int err;

	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	err = may_take(q, total, urgent);
	return err < 0 ? err : taken(q, bk_outbox_append(&q->out, pieces, pieces_len));
}

static int link_lend(struct bk_link *l, const struct bk_slice *slices, int slices_len)
{
	struct bk_quic *q = of(l);
	size_t total = 0;
	int err;

	for (int i = 0; i < slices_len; i++)
		total += slices[i].len;
	err = may_take(q, total, false);
	return err < 0 ? err : taken(q, bk_outbox_lend(&q->out, slices, slices_len));
}

static void link_close(struct bk_link *l)
{
	struct bk_quic *q = of(l);

	if (q->is_closing)
		return;
	q->is_closing = true;
	bk_timer_start(q->deadline, CLOSE_TIMEOUT);
	if (q->has_told_secure)
		poke(q);
	else
		bk_quic_end(q, BK_E_EOF);
}

static void link_free(struct bk_link *l)
{
	struct bk_quic *q = of(l);
	ngtcp2_ccerr why;

	ngtcp2_ccerr_default(&why);
	ngtcp2_ccerr_set_application_error(&why, 0, NULL, 0);
	bk_quic_say_close(q, &why);
	q->is_over = q->has_ended = true;
	bk_timer_free(q->wake);
	bk_timer_free(q->deadline);
	bk_turn_done(&q->failer);
	bk_timer_free(q->pulse);
	bk_quic_flight_done(q);
	if (q->opts.on_freed)
		q->opts.on_freed(q->opts.arg);
	if (bk_hold_end(&q->hold))
		release(q);
}

static const struct bk_link_ops ops = {
	.write = link_write,
	.lend = link_lend,
	.close = link_close,
	.free = link_free,
	.is_alert = true,
};

static void set_path(struct bk_quic *q)
{
	struct sockaddr_storage from, to;
	socklen_t from_len = bk_addr_to_sockaddr(&q->opts.local, &from),
		  to_len = bk_addr_to_sockaddr(&q->opts.remote, &to);

	ngtcp2_path_storage_init(
		&q->path, (struct sockaddr *)&from, from_len, (struct sockaddr *)&to, to_len, NULL);
}

static int start(struct bk_quic *q)
{
	const uint8_t version = BK_QUIC_VERSION_BYTE;
	int err;

	bk_outbox_init(&q->out);
	bk_buf_init(&q->in, BK_QUIC_STREAM_WINDOW_MAX);
	q->batch = malloc(BK_QUIC_BATCH_MAX + BK_QUIC_PAYLOAD_MAX);
	if (!q->batch)
		return BK_E_NOMEM;
	err = bk_timer_new(q->loop, on_wake, q, &q->wake);
	if (!err)
		err = bk_timer_new(q->loop, on_deadline, q, &q->deadline);
	if (!err)
		err = bk_timer_new(q->loop, on_pulse, q, &q->pulse);
	if (!err)
		err = bk_quic_flight_init(q);
	if (!err && !q->opts.is_server)
		err = bk_outbox_append(&q->out, &(struct iovec){(void *)(uintptr_t)&version, 1}, 1);
	if (!err && !q->opts.is_server)
		err = bk_quic_connect(q);
	return err;
}

int bk_link_quic_new(struct bk_loop *loop, const struct bk_link_quic_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link)
{
	struct bk_quic *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return BK_E_NOMEM;
	q->link = (struct bk_link){.ops = &ops, .events = events, .arg = arg};
	q->loop = loop;
	bk_turn_init(&q->failer, loop, on_failer, q);
	q->opts = *opts;
	q->stream = -1;
	q->wake_at = BK_NEVER;
	set_path(q);
	err = start(q);
	if (err < 0) {
		q->is_over = true;
		q->opts.on_freed = NULL; /* nobody has it yet */
		link_free(&q->link);
		return err;
	}
	bk_timer_start(
		q->deadline, opts->handshake_timeout_ns ? opts->handshake_timeout_ns : HANDSHAKE_TIMEOUT);
	poke(q);
	*ret_link = &q->link;
	return 0;
}
