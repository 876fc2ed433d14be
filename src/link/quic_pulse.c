/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the peer is still there. While an answer is due, a tick passes every eighth of the patience; a tick
 * without a packet from the peer makes doubt, doubt asks (PING), and eight such ticks in a row end the link.
 * Ticks are counted, not time: while this process stands still nothing is counted, and a peer that stood
 * still for half a second answers in time. A client begins when the server has confirmed the handshake:
 * before that the server may lack the key to read the question. It refuses to end an idle link: silence then
 * means nothing before a keep-alive has asked. */
#include "base/error.h"
#include "base/log.h"
#include "link/quic_link.h"

enum { TICKS = 8 };

#define PATIENCE (700 * BK_MS) /* more than a busy machine takes a process off its processor */

/* How long a peer with something to answer may be silent: one round trip more than PATIENCE, or until three
 * probes had their time, one, two and four PTO (RFC 9002 section 6.2.1), whichever is longer. */
static bk_dur patience(struct bk_quic *q)
{
	bk_dur probes = 7 * (bk_dur)ngtcp2_conn_get_pto(q->conn);

	return bk_time_max(PATIENCE + bk_ngtcp2_rtt(q->conn), probes);
}

static void set_doubt(struct bk_quic *q, bk_dur tick)
{
	bool doubts = q->silent_ticks > 0;

	if (doubts == q->is_doubting)
		return;
	q->is_doubting = doubts;
	/* Shorter than a tick, so that each tick asks. */
	ngtcp2_conn_set_keep_alive_timeout(
		q->conn, doubts ? (ngtcp2_duration)tick / 2 : bk_quic_keep_alive(q));
}

static bool is_watched(const struct bk_quic *q)
{
	return q->conn && q->is_confirmed && !q->is_over && !q->has_ended && !q->end_error;
}

void bk_quic_pulse(struct bk_quic *q)
{
	if (!is_watched(q) || q->is_pulsing || (!q->had_data && !bk_ngtcp2_in_flight(q->conn)))
		return;
	q->is_pulsing = true;
	q->silent_ticks = 0;
	q->is_heard = false;
	bk_timer_start(q->pulse, patience(q) / TICKS);
}

/* True: go on asking. */
static bool count_tick(struct bk_quic *q)
{
	if (q->is_heard) {
		q->silent_ticks = 0;
		q->is_expecting = q->had_data; /* a peer that was speaking is not forgotten at once */
		q->had_data = false;
	} else {
		q->silent_ticks++;
	}
	q->is_heard = false;
	return q->is_expecting || bk_ngtcp2_in_flight(q->conn);
}

bool bk_quic_tick(struct bk_quic *q)
{
	bk_dur tick;

	q->is_pulsing = false;
	if (!is_watched(q))
		return false;
	tick = patience(q) / TICKS;
	if (!count_tick(q))
		q->silent_ticks = 0;
	else
		q->is_pulsing = true;
	set_doubt(q, tick);
	if (q->silent_ticks >= TICKS && !q->is_closing) {
		bk_log_debug("quic", "nothing came for %d ms", (int)(TICKS * tick / BK_MS));
		q->is_over = true;
		bk_quic_end(q, BK_E_TIMEOUT);
		return false;
	}
	if (q->is_pulsing)
		bk_timer_start(q->pulse, tick);
	return q->is_doubting;
}
