/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_CARRIER_H
#define BK_SESSION_CARRIER_H

#include <stdbool.h>

#include "base/time.h"
#include "link/link.h"

/* A link that outlives its links. Above, it is one everlasting bk_link that takes whole session frames;
 * below, it uses one real link after another. Each direction counts its session bytes; what the peer has not
 * acknowledged is kept (with a ceiling, then backpressure), and a new link begins with RESUME {session,
 * received}, from where the sender goes on. Nothing is lost, nothing arrives twice. */
struct bk_carrier;

enum {
	BK_CARRIER_ID_LEN = 16,
	BK_CARRIER_RETAIN_MAX = 16 * 1024 * 1024,
};

struct bk_carrier_events {
	/* The link below ended or broke the protocol; writes are kept meanwhile. Attach another, or close.
	 * From the loop. */
	void (*on_lost)(void *arg, int error, const char *text);
	/* The peer's RESUME came on the link attached last: both directions flow on it. `resent`: bytes sent
	 * a second time. */
	void (*on_resumed)(void *arg, uint64_t resent);
};

int bk_carrier_new(struct bk_loop *loop, const uint8_t id[BK_CARRIER_ID_LEN],
	const struct bk_carrier_events *events, void *arg, struct bk_carrier **ret_carrier);
/* Frees the link below too. */
void bk_carrier_free(struct bk_carrier *c);

/* The upper side, for the mux: write, pause, resume, close, queued work as on any link; its events are set
 * with bk_link_set_events. bk_link_free on it does nothing: the carrier is freed as what it is. */
struct bk_link *bk_carrier_link(struct bk_carrier *c);

/* Takes over a secured, nominated link and moves to it at once; the one before is freed. */
void bk_carrier_attach(struct bk_carrier *c, struct bk_link *link);
/* Bytes of the link below for the carrier: for whoever had the link before and has the rest of a read. */
void bk_carrier_input(struct bk_carrier *c, const uint8_t *data, size_t n);

bool bk_carrier_is_attached(const struct bk_carrier *c);

struct bk_carrier_stats {
	uint64_t sent, acked, received, resent; /* session bytes */
	unsigned links;                         /* attached so far */
};
void bk_carrier_get_stats(const struct bk_carrier *c, struct bk_carrier_stats *ret_stats);

#endif
