/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_CARRIER_H
#define BK_STREAM_CARRIER_H

#include <stdbool.h>

#include "base/time.h"
#include "link/link.h"

/* A link that outlives its links. Above, it is one everlasting bk_link that takes whole session frames;
 * below, it uses one real link after another. Each direction counts its session bytes; what the peer has not
 * acknowledged is kept (with a ceiling, then backpressure), and a new link begins with RESUME {session,
 * received, turn}, from where the sender goes on. Nothing is lost, nothing arrives twice.
 *
 * A relay that a direct link replaces stays for a minute as a spare, and takes over again when that link
 * dies: no server is asked. Either side may say so; the turns are numbered, so both always agree which link
 * is it. */
struct bk_carrier;

enum {
	BK_CARRIER_ID_LEN = 16,
	BK_CARRIER_RETAIN_MAX = 16 * 1024 * 1024,
	BK_CARRIER_RESUMES_MAX = 64, /* that a peer may send on one link */
	BK_CARRIER_AHEAD_MAX = 1024, /* how many turns a peer may be ahead of us */
};

#define BK_CARRIER_WARM (60 * BK_SEC)

struct bk_carrier_events {
	/* No link is left, or the last one broke the protocol; writes are kept meanwhile. Attach another, or
	 * close. From the loop. */
	void (*on_lost)(void *arg, int error, const char *text);
	/* The link that replaced the relay died, here or over there (error 0): the relay carries again. From
	 * the loop. May be NULL. */
	void (*on_fell_back)(void *arg, int error, const char *text);
	/* The peer's RESUME came: both directions flow. `resent`: bytes sent a second time. */
	void (*on_resumed)(void *arg, uint64_t resent);
	/* A link of ours is about to be freed. May be NULL. */
	void (*on_dropped)(void *arg, const struct bk_link *link);
};

/* The side that it is made on decides which link carries when both sides move at the same moment... */
int bk_carrier_new(struct bk_loop *loop, const uint8_t id[BK_CARRIER_ID_LEN],
	const struct bk_carrier_events *events, void *arg, struct bk_carrier **ret_carrier);
/* ... unless it says that the other side does: exactly one side must. */
void bk_carrier_follow(struct bk_carrier *c);
/* Frees the links below too. */
void bk_carrier_free(struct bk_carrier *c);

/* The upper side, for the mux: write, pause, resume, close, queued work as on any link; its events are set
 * with bk_link_set_events. bk_link_free on it does nothing: the carrier is freed as what it is. */
struct bk_link *bk_carrier_link(struct bk_carrier *c);

/* Takes over a secured, nominated link and moves to it: the leading side at once, the following side when the
 * peer's RESUME comes on it. */
void bk_carrier_attach(struct bk_carrier *c, struct bk_link *link);
/* The same with a link over the relay: what replaces it keeps it as a spare. */
void bk_carrier_attach_relay(struct bk_carrier *c, struct bk_link *link);
/* Bytes of the link attached last, for whoever had the link before and has the rest of a read. */
void bk_carrier_input(struct bk_carrier *c, const uint8_t *data, size_t n);

bool bk_carrier_is_attached(const struct bk_carrier *c);
bool bk_carrier_has_spare(const struct bk_carrier *c);

/* The network changed. Links that cannot work any more are given up, which on_fell_back or on_lost tells from
 * the loop; the others are asked for a sign of life. */
void bk_carrier_drop(struct bk_carrier *c, int error);
void bk_carrier_drop_spare(struct bk_carrier *c);
void bk_carrier_ask(struct bk_carrier *c);

struct bk_carrier_stats {
	uint64_t sent, acked, received, resent; /* session bytes */
	uint64_t turn;
	unsigned links; /* attached so far */
};
void bk_carrier_get_stats(const struct bk_carrier *c, struct bk_carrier_stats *ret_stats);

#endif
