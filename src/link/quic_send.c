/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out: ngtcp2 writes them one by one, this file lays packets of one size side by side,
 * so that the socket's owner can hand them to the kernel in one piece (UDP_SEGMENT). How much may go at
 * once and when the next burst may start is the congestion controller's business (RFC 9002 section 7.7). It
 * refuses to write packets while the socket has not taken the last ones. */
#include "link/quic_link.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "net/sock.h"
#include "net/udp.h"

enum { VECS_MAX = 4, BURST_MIN = 2 * BK_QUIC_PAYLOAD_MAX };

static int give(struct bk_quic *q, const struct bk_quic_run *r)
{
	return q->opts.send(
		q->opts.arg, &q->opts.remote, q->batch + r->at, r->len, r->len > r->segment ? r->segment : 0);
}

/* Gives the socket what it has not taken yet. A packet that is too large for the path is a probe that found
 * out so; ngtcp2 counts it as lost. While the peer is silent the window may be full of what got lost, so that
 * only a probe goes now and then (RFC 9002 section 7.5), and the link hangs by it: a copy costs little. */
static int push(struct bk_quic *q)
{
	while (q->runs_sent < q->runs_len) {
		const struct bk_quic_run *r = &q->runs[q->runs_sent];
		int err = give(q, r);

		if (err < 0 && err != BK_E_TOO_BIG)
			return err;
		if (q->silent_ticks)
			give(q, r);
		q->runs_sent++;
	}
	q->runs_sent = q->runs_len = 0;
	return 0;
}

/* Where the bytes of the runs end. */
static size_t batch_len(const struct bk_quic *q)
{
	return q->runs_len ? q->runs[q->runs_len - 1].at + q->runs[q->runs_len - 1].len : 0;
}

/* A packet of n bytes was written behind the last run. */
static void add_packet(struct bk_quic *q, size_t n)
{
	struct bk_quic_run *r = q->runs_len ? &q->runs[q->runs_len - 1] : NULL;

	if (r && !r->is_full && n <= r->segment) {
		r->len += n;
		r->is_full = n < r->segment || r->len / r->segment >= BK_UDP_SEGMENTS_MAX;
		return;
	}
	bk_assert(q->runs_len < BK_QUIC_RUNS_MAX);
	q->runs[q->runs_len] = (struct bk_quic_run){.at = batch_len(q), .len = n, .segment = n};
	q->runs_len++;
}

static bool has_stream_work(const struct bk_quic *q)
{
	return q->stream >= 0 && !q->has_sent_fin && (bk_outbox_unsent(&q->out) || q->is_closing);
}

/* Writes one packet to `at`. 0: nothing to say or not now. */
static ngtcp2_ssize write_packet(struct bk_quic *q, uint8_t *at, bool *with_stream, ngtcp2_tstamp now)
{
	struct iovec pieces[VECS_MAX];
	ngtcp2_vec vecs[VECS_MAX];
	ngtcp2_ssize n, took = -1;
	uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_NONE;
	size_t given = 0;
	int len = 0;

	*with_stream = *with_stream && has_stream_work(q);
	if (*with_stream)
		len = bk_outbox_peek(&q->out, pieces, VECS_MAX);
	for (int i = 0; i < len; i++) {
		vecs[i] = (ngtcp2_vec){pieces[i].iov_base, pieces[i].iov_len};
		given += pieces[i].iov_len;
	}
	if (*with_stream && q->is_closing && given == bk_outbox_unsent(&q->out))
		flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
	n = ngtcp2_conn_writev_stream(q->conn, NULL, NULL, at, BK_QUIC_PAYLOAD_MAX, &took, flags,
		*with_stream ? q->stream : -1, len ? vecs : NULL, (size_t)len, now);
	if (took >= 0) {
		bk_outbox_sent(&q->out, (size_t)took);
		q->has_sent_fin = flags & NGTCP2_WRITE_STREAM_FLAG_FIN && (size_t)took == given;
	}
	return n;
}

/* Fills the runs. Returns bytes written, or ngtcp2's error. */
static ngtcp2_ssize fill(struct bk_quic *q, ngtcp2_tstamp now)
{
	size_t limit = ngtcp2_conn_get_send_quantum(q->conn), done = 0;
	bool with_stream = true;

	if (limit > BK_QUIC_BATCH_MAX)
		limit = BK_QUIC_BATCH_MAX;
	if (limit < BURST_MIN)
		limit = BURST_MIN;
	while (done + BK_QUIC_PAYLOAD_MAX <= limit && q->runs_len < BK_QUIC_RUNS_MAX) {
		ngtcp2_ssize n = write_packet(q, q->batch + done, &with_stream, now);

		if (n == NGTCP2_ERR_STREAM_DATA_BLOCKED && with_stream) {
			with_stream = false; /* the peer's window is full; acknowledgements go all the same */
			continue;
		}
		if (n < 0)
			return n;
		if (n == 0)
			break;
		add_packet(q, (size_t)n);
		done += (size_t)n;
	}
	/* Before there is a round trip to go by, pacing would wait by a guess of 333 ms (RFC 9002
	 * section 6.2.2); the few packets of a handshake are less than the burst that section 7.7 allows. */
	if (q->is_secure)
		ngtcp2_conn_update_pkt_tx_time(q->conn, now);
	return (ngtcp2_ssize)done;
}

size_t bk_quic_send(struct bk_quic *q)
{
	ngtcp2_ssize done = 0;
	int err;

	if (q->is_over || !q->conn)
		return 0;
	err = push(q);
	if (!err) {
		done = fill(q, bk_quic_now(q));
		if (done < 0) {
			bk_quic_fail(q, (int)done);
			return 0;
		}
		bk_quic_flight_keep(q);
		err = push(q);
	}
	if (err < 0 && err != BK_E_AGAIN) {
		q->is_over = true;
		bk_quic_end(q, err);
	}
	return err < 0 ? 0 : (size_t)done;
}

void bk_quic_say_close(struct bk_quic *q, const ngtcp2_ccerr *why)
{
	ngtcp2_ssize n;

	if (q->is_over || !q->conn || push(q) < 0)
		return;
	n = ngtcp2_conn_write_connection_close(
		q->conn, NULL, NULL, q->batch, BK_QUIC_PAYLOAD_MAX, why, bk_quic_now(q));
	if (n <= 0)
		return;
	add_packet(q, (size_t)n);
	push(q);
}
