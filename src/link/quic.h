/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_QUIC_H
#define BK_LINK_QUIC_H

#include <stdbool.h>

#include "base/addr.h"
#include "link/link.h"

/* QUIC (RFC 9000) over a datagram path that somebody else owns: one bidirectional stream is the link. Both
 * certificates pinned, ALPN "bodkin-link/1". The UDP socket carries STUN and probes too (RFC 9443); its owner
 * hands over what is QUIC.
 *
 * Everything happens on the loop's thread. The owner of the socket calls input for each datagram and flush
 * once after the last one of a wake-up; input never calls back, flush does all of it (and may thereby free
 * the link: do not touch it after flush). bk_link_free says goodbye to the peer through opts.send, so the
 * socket must outlive the link.
 *
 * A peer that owes an answer and is silent for 0.7 s and a round trip (7 PTO where that is longer) ends the
 * link with BK_E_TIMEOUT. A peer that comes from another address is not followed: that is the session's
 * business. */
struct bk_link_quic_opts {
	bool is_server;                     /* the side that allocated the code */
	const struct bk_identity *identity; /* borrowed for the life of the link */
	struct bk_pin peer_pin;
	struct bk_addr local;  /* a constant name of the socket; an any-address will do */
	struct bk_addr remote; /* until the handshake is done, nobody else is listened to */
	/* Sends len bytes to `remote`: one datagram when segment is 0, else datagrams of `segment` bytes, the
	 * last one perhaps shorter (UDP_SEGMENT; at most BK_UDP_SEGMENTS_MAX). 0; BK_E_AGAIN (the socket is full
	 * and took nothing: bk_link_quic_flush comes when it takes some); BK_E_TOO_BIG for a datagram larger than
	 * the path takes (don't-fragment must be set, packets of that size are probes); any other error ends the
	 * link. Must not call the link. */
	int (*send)(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment);
	void (*on_freed)(void *arg); /* the link is being freed and sends no more; may be NULL */
	void *arg;                   /* of both */
	bool wants_bbr;              /* else cubic */
	int64_t rtt_ns; /* round trip as the probes saw it: how soon a lost first packet is repeated; 0:
			   unknown */
	int64_t handshake_timeout_ns; /* 0: 10 s */
	int64_t idle_timeout_ns;      /* 0: 8 s; the smaller of both sides counts, the client keeps
				    alive at a third of it, the server at five twelfths */
};

int bk_link_quic_new(struct bk_loop *loop, const struct bk_link_quic_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link);

/* Where several links share a way: is this datagram (one) for that link? By the destination connection id; or
 * because it begins a connection, and the link is a server that nobody has spoken to. */
bool bk_link_quic_wants(const struct bk_link *l, const uint8_t *data, size_t len);
/* May it begin a connection of ours? (An Initial packet, RFC 9000 section 17.2.2.) */
bool bk_link_quic_is_first(const uint8_t *data, size_t len);

/* Datagrams came: `len` bytes in pieces of `segment` (UDP_GRO; 0: one datagram). */
void bk_link_quic_input(
	struct bk_link *l, const struct bk_addr *from, const uint8_t *data, size_t len, size_t segment);
/* All datagrams of one wake-up were handed over, or the socket takes datagrams again: hand on, answer,
 * send. */
void bk_link_quic_flush(struct bk_link *l);

#endif
