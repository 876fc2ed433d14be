/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_QUIC_LINK_H
#define BK_LINK_QUIC_LINK_H

#include "base/buf.h"
#include "base/hold.h"
#include "base/time.h"
#include "link/outbox.h"
#include "link/quic.h"
#include "link/quic_cid.h"
#include "link/quic_compat.h"
#include "net/turn.h"
#include "secure/cred.h"

/* What the files of the QUIC link share and nobody else sees: quic.c (the owner's side: contract, time,
 * callbacks), quic_conn.c (the connection: TLS, what the peer did), quic_pulse.c (whether the peer is there),
 * quic_send.c (packets out) and quic_flight.c (the last ones of the handshake). */
enum {
	BK_QUIC_STREAM_WINDOW = 2 * 1024 * 1024, /* grows with the path's bandwidth and delay to ... */
	BK_QUIC_STREAM_WINDOW_MAX = 8 * 1024 * 1024,
	BK_QUIC_PAYLOAD_MAX = 1452, /* 1500 less IPv6 and UDP headers */
	BK_QUIC_BATCH_MAX = 64 * 1024 - 256,
	BK_QUIC_RUNS_MAX = 4,
	BK_QUIC_FLIGHT_MAX = 3,
	BK_QUIC_TEXT_MAX = 160,
	/* The first byte of the client's stream; it also opens the stream for the server. */
	BK_QUIC_VERSION_BYTE = 1,
};

/* Packets of one size, the last one perhaps shorter. */
struct bk_quic_run {
	size_t at, len, segment;
	bool is_full;
};

/* The datagrams with which a client's handshake ends, until the server is known to have them. */
struct bk_quic_flight {
	struct bk_timer *timer;
	uint8_t *bytes; /* NULL: none, or no more */
	size_t lens[BK_QUIC_FLIGHT_MAX], len;
	unsigned again; /* so often they went out again */
};

struct bk_quic {
	struct bk_link link; /* first */
	ngtcp2_crypto_conn_ref ref;
	struct bk_loop *loop;
	struct bk_link_quic_opts opts;
	struct bk_timer *wake;     /* ngtcp2's next moment, or "look again" */
	struct bk_timer *deadline; /* of the handshake, then of closing */
	struct bk_turn failer;     /* delivers on_end outside of callers */
	struct bk_timer *pulse;    /* runs while the peer owes an answer */
	bk_time wake_at;           /* BK_NEVER: not armed */

	ngtcp2_conn *conn; /* NULL: a server that nobody has spoken to yet */
	gnutls_session_t session;
	struct bk_peer_check peer;
	ngtcp2_path_storage path; /* the one there is, of opts.local and opts.remote */
	struct bk_quic_cids cids; /* what the peer may call us */
	int64_t stream;

	struct bk_outbox out;
	struct bk_buf in; /* came in order, not yet given to the owner */
	uint8_t *batch;   /* packets written, not yet taken by the socket */
	struct bk_quic_run runs[BK_QUIC_RUNS_MAX];
	size_t runs_len, runs_sent;
	struct bk_quic_flight flight;

	int end_error;
	char text[BK_QUIC_TEXT_MAX];
	bool is_secure, is_confirmed, has_told_secure;
	bool has_fin, has_sent_fin; /* the peer's stream ends behind `in`; ours has ended */
	bool has_skipped_version, has_progress;
	bool wants_write, is_closing;
	bool is_pulsing, is_doubting; /* the timer runs; a tick passed without a word */
	bool is_heard, had_data,
		is_expecting; /* since the last tick: a packet, stream data; data before that */
	unsigned silent_ticks;
	bool is_over; /* the connection is dead: nothing more goes in or out of it */
	bool has_ended;
	struct bk_hold hold;
};

static inline ngtcp2_tstamp bk_quic_now(const struct bk_quic *q)
{
	return (ngtcp2_tstamp)bk_loop_now(q->loop);
}

/* --- quic.c --- */
void bk_quic_end(struct bk_quic *q, int error); /* on_end, later; the first reason counts */

/* --- quic_conn.c --- */
int bk_quic_connect(struct bk_quic *q); /* client */
void bk_quic_disconnect(struct bk_quic *q);
ngtcp2_duration bk_quic_keep_alive(const struct bk_quic *q);
/* One datagram. */
void bk_quic_read(struct bk_quic *q, const struct bk_addr *from, const uint8_t *data, size_t n);
/* Time passed. */
void bk_quic_expire(struct bk_quic *q);
/* ngtcp2 said that the connection has failed: names it, tells the peer, ends. */
void bk_quic_fail(struct bk_quic *q, int liberr);

/* --- quic_pulse.c --- */
/* Something was read or sent: watch, if the peer owes an answer. */
void bk_quic_pulse(struct bk_quic *q);
/* The timer. True: there is something to ask. */
bool bk_quic_tick(struct bk_quic *q);

/* --- quic_flight.c --- */
int bk_quic_flight_init(struct bk_quic *q);
void bk_quic_flight_done(struct bk_quic *q); /* fine without init, and twice */
/* The runs were filled: if they end the handshake, they are kept. */
void bk_quic_flight_keep(struct bk_quic *q);
/* They have arrived. */
void bk_quic_flight_forget(struct bk_quic *q);

/* --- quic_send.c --- */
/* One burst, as large as pacing allows. More than 0: bytes were given to the socket, there may be more;
 * 0: nothing to say, or not now. */
size_t bk_quic_send(struct bk_quic *q);
/* Says CONNECTION_CLOSE, once, if the socket takes it. */
void bk_quic_say_close(struct bk_quic *q, const ngtcp2_ccerr *why);

#endif
