/* SPDX-License-Identifier: Apache-2.0 */
/* The client's last packets of the handshake. What QUIC itself does about their loss takes three round trips: the first
 * sample of one is as uncertain as it is long (RFC 9002 section 5.3), and the server, which has nothing to say before
 * it is sure of the client, gives no other. But when an answer is due is known well: one round trip later. So a little
 * after that the same packets go out again, as any path may double them (RFC 9000 section 12.3). Twice; then QUIC's
 * own time has come. */
#include <stdlib.h>
#include <string.h>

#include "link/quic_link.h"

enum { AGAIN_MAX = 2 };

#define LATE_MIN (10 * BK_MS) /* a server that has much to do */

void bk_quic_flight_forget(struct bk_quic *q)
{
	free(q->flight.bytes);
	q->flight.bytes = NULL;
	bk_timer_stop(q->flight.timer);
}

static void arm(struct bk_quic *q)
{
	bk_dur rtt = bk_ngtcp2_rtt(q->conn);

	bk_timer_start(q->flight.timer, rtt + bk_time_max(rtt / 4, LATE_MIN));
}

static void on_late(void *arg)
{
	struct bk_quic *q = arg;
	const uint8_t *at = q->flight.bytes;

	if (q->is_over || q->has_ended) {
		bk_quic_flight_forget(q);
		return;
	}
	for (size_t i = 0; i < q->flight.len; at += q->flight.lens[i++])
		q->opts.send(q->opts.arg, &q->opts.remote, at, q->flight.lens[i], 0);
	if (++q->flight.again < AGAIN_MAX)
		arm(q);
	else
		bk_quic_flight_forget(q);
}

static void keep_run(struct bk_quic *q, const struct bk_quic_run *r, size_t *total)
{
	for (size_t at = 0; at < r->len && q->flight.len < BK_QUIC_FLIGHT_MAX; at += r->segment) {
		size_t n = r->len - at < r->segment ? r->len - at : r->segment;

		memcpy(q->flight.bytes + *total, q->batch + r->at + at, n);
		q->flight.lens[q->flight.len++] = n;
		*total += n;
	}
}

void bk_quic_flight_keep(struct bk_quic *q)
{
	size_t total = 0;

	if (q->opts.is_server || !q->is_secure || q->is_confirmed || q->flight.len || !q->runs_len)
		return;
	q->flight.bytes = malloc(BK_QUIC_FLIGHT_MAX * BK_QUIC_PAYLOAD_MAX);
	if (!q->flight.bytes)
		return; /* what is lost comes later */
	for (size_t i = 0; i < q->runs_len; i++)
		keep_run(q, &q->runs[i], &total);
	arm(q);
}

int bk_quic_flight_init(struct bk_quic *q)
{
	return bk_timer_new(q->loop, on_late, q, &q->flight.timer);
}

void bk_quic_flight_done(struct bk_quic *q)
{
	if (!q->flight.timer)
		return;
	bk_quic_flight_forget(q);
	bk_timer_free(q->flight.timer);
	q->flight.timer = NULL;
}
