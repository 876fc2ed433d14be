/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_CARRIER_H
#define BK_STREAM_CARRIER_H

#include "base/time.h"
#include "stream/stream.h"
#include "wire/frame.h"

/* Links that come and go under one stream of session frames. Each direction counts its session bytes; what
 * the peer has not acknowledged is kept (with a ceiling, then backpressure), and a new link begins with
 * RESUME {session, received, turn}, from where the sender goes on. Nothing is lost, nothing arrives twice.
 *
 * A relay that a direct link replaces stays for a minute as a spare, and takes over again when that link
 * dies: no server is asked. Either side may say so; the turns are numbered, so both always agree which link
 * is it. */
struct bk_carrier;

enum {
	BK_CARRIER_RETAIN_MAX = 16 * 1024 * 1024,
	BK_CARRIER_RESUMES_MAX = 64, /* that a peer may send on one link */
	BK_CARRIER_AHEAD_MAX = 1024, /* how many turns a peer may be ahead of us */
};

#define BK_CARRIER_WARM (60 * BK_SEC)

/* Who speaks over it: frames, whole and in order, whatever becomes of the links. From the loop. */
struct bk_carrier_user {
	void (*on_head)(void *arg, const struct bk_sframe *f); /* one begins */
	/* Its payload, in pieces that are never empty; `left` is still to come. */
	void (*on_payload)(void *arg, const uint8_t *data, size_t n, uint32_t left);
	void (*on_writable)(void *arg); /* after bk_carrier_send said BK_E_AGAIN */
	void (*on_closed)(void *arg);   /* after bk_carrier_close: all is sent, or no link was left for it */
};

/* Of events the three that concern links are used: on_lost, on_fell_back, on_resumed. */
int bk_carrier_new(struct bk_loop *loop, const struct bk_stream_opts *opts,
	const struct bk_carrier_user *user, void *user_arg, const struct bk_stream_events *events, void *arg,
	struct bk_carrier **ret_carrier);
/* Frees the links below too. NULL is fine. */
void bk_carrier_free(struct bk_carrier *c);

/* One whole frame as its pieces, or none of it: BK_E_AGAIN when enough is queued or kept, or not
 * acknowledged. `urgent` is for short control frames: they are taken above that mark too, up to the
 * ceiling. */
int bk_carrier_send(struct bk_carrier *c, const struct iovec *pieces, int pieces_len, bool urgent);
/* Sends what is queued and the orderly end of the link; on_closed follows. */
void bk_carrier_close(struct bk_carrier *c);

/* As bk_stream_attach and its neighbours. */
int bk_carrier_attach(struct bk_carrier *c, struct bk_link *link, bool is_relay);
void bk_carrier_drop(struct bk_carrier *c, int error);
void bk_carrier_drop_spare(struct bk_carrier *c);
void bk_carrier_ask(struct bk_carrier *c);

bool bk_carrier_is_attached(const struct bk_carrier *c);
bool bk_carrier_has_spare(const struct bk_carrier *c);

struct bk_carrier_stats {
	uint64_t sent, acked, received, resent; /* session bytes */
	uint64_t turn;
	unsigned links; /* attached so far */
};
void bk_carrier_get_stats(const struct bk_carrier *c, struct bk_carrier_stats *ret_stats);

#endif
