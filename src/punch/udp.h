/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_UDP_H
#define BK_PUNCH_UDP_H

#include "base/engine.h"
#include "punch/technique.h"
#include "wire/intro.h"

/* UDP punching as a pure engine: authenticated probes (STUN binding requests, RFC 8445 in spirit, with
 * message integrity keyed from the sealed introductions), sent to every candidate at once on a fast schedule;
 * whatever answers with proof is a path; the controlling side nominates the best. It sends from datagram
 * sockets that the owner has (one for each family), by their ids; those that it opens itself, for others to guess, have
 * ids of their own (BK_UDP_FAN_FIRST and up) and are closed again but for the ones that were spoken to. */
struct bk_punch_udp;

enum {
	BK_PUNCH_UDP_SOCKET4 = 1,
	BK_PUNCH_UDP_SOCKET6 = 2,
	BK_PUNCH_UDP_KEY_LEN = BK_INTRO_PROBE_KEY_LEN,
	BK_PUNCH_UDP_OPENER_TTL = 2, /* passes one NAT and dies behind it */
};

struct bk_punch_udp_opts {
	const struct bk_intro *own, *peer; /* copied */
	const struct bk_plan *plan;        /* where to send to; copied */
	bool is_controlling;
	bool has_socket6;
	uint8_t own_key[BK_PUNCH_UDP_KEY_LEN];  /* requests to us must be keyed with it */
	uint8_t peer_key[BK_PUNCH_UDP_KEY_LEN]; /* requests to the peer are keyed with it */
	uint8_t opener_ttl; /* 0: BK_PUNCH_UDP_OPENER_TTL. One more for each NAT known to be stacked here */
	bk_time start; /* the agreed instant on our clock: the first full-TTL packet to mapped addresses */
	/* The peer has the introductions later than we: where the path is too short for the instant to say
	 * much, it is heard before the first full-TTL packet goes, or that goes 15 ms late. */
	bool is_first_to_know;
	/* From then on (0: at once) the peer has had the introductions for longer than a packet takes, and its openers
	 * pass its routers: its flow is there before anything of ours can be, so that full packets may go. */
	bool is_peer_open;
	bk_time peer_open_from;
	bk_dur budget; /* from then; 0: BK_PLAN_BUDGET */
	uint64_t seed;
};

/* What on REPORT tells: a->id the socket, a->remote the peer's address as reached, a->report
 * BK_REPORT_LIKELY before anything is proven, of two addresses of the plan at most, as controlling, with the
 * first probes that go there, and of three at most where the peer was heard;
 * BK_REPORT_CHOSEN when it was nominated, or BK_REPORT_DONE when the budget ended without a path. The
 * controlling side reports one nomination. The controlled side may report another one later, when no answer
 * to the first came back and the controlling side chose anew: the last report counts. After a nomination the
 * engine answers whatever the peer still sends, for as long as it lives; after DONE it is silent. */

/* BK_E_INVALID: a key is all zero or both are the same, the budget is negative. */
int bk_punch_udp_new(const struct bk_punch_udp_opts *opts, bk_time now, struct bk_punch_udp **ret_engine);
void bk_punch_udp_free(struct bk_punch_udp *e);

/* on_datagram takes what the owner's sockets hear; what is no probe is ignored. on_failed with a socket's id
 * says that this socket will send no more (not: that one datagram failed). on_connected and on_accepted are
 * NULL. */
extern const struct bk_engine_ops bk_punch_udp_ops;
extern const struct bk_method bk_method_udp;

/* What it did so far. */
struct bk_punch_udp_stats {
	unsigned targets, probes_sent, probes_received, answers_received;
	unsigned forged;     /* integrity or user name did not hold */
	unsigned stray;      /* proven, but an answer to nothing that was asked there: late or double */
	unsigned replayed;   /* a request that had come from another address before */
	bk_dur rtt;          /* of the nominated path */
	struct bk_addr seen; /* our own address, as the peer saw it last */
	struct bk_addr forbidden_by; /* who said that ports must not be guessed; family 0: nobody */
};
void bk_punch_udp_stats(const struct bk_punch_udp *e, struct bk_punch_udp_stats *ret_stats);

/* Target i as a line for -v: "punch 192.0.2.7:40001: 5 sent, 2 heard, answered in 41.2 ms"; "none" behind the
 * last one. */
const char *bk_punch_udp_target_to_str(const struct bk_punch_udp *e, size_t i, char out[BK_PLAN_TEXT_MAX]);

#endif
