/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_LEG_H
#define BK_STREAM_LEG_H

#include <stdbool.h>

#include "base/time.h"
#include "link/link.h"
#include "wire/frame.h"

/* One of the links that a carrier has: cuts what arrives into frames, answers PING, and asks for a sign of
 * life itself when nothing comes. What the frames mean is the carrier's business. */
struct bk_leg;

enum {
	BK_LEG_CONTROL_MAX = 64, /* payload of a control frame */
	BK_LEG_PONGS_MAX = 64,   /* answered in one second; more is not an honest peer */
};

/* So much silence is asked about, by one side; routers forget a mapping after 30 s. The other side would ask
 * later, and hears the first one's question before. */
#define BK_LEG_IDLE      (25 * BK_SEC)
#define BK_LEG_IDLE_LATE (28 * BK_SEC)
#define BK_LEG_STALLED                                                                                       \
	(2 * BK_SEC) /* without a byte where there was payload: asked sooner, then ever later */
/* For any byte after PING: two round trips, not less and not more than these, and a quarter more for a busy
 * machine. Round trips are those of its own questions; before the first answer it is what the link's handshake
 * took. A link that has a dead path of its own under it says so much sooner. */
#define BK_LEG_PATIENCE     (2 * BK_SEC)
#define BK_LEG_PATIENCE_MAX (20 * BK_SEC)

struct bk_leg_events {
	/* A session frame, or REST, begins. A negative result ends the leg, here and below. */
	int (*on_head)(void *arg, struct bk_leg *leg, const struct bk_sframe *f);
	/* Its payload, in pieces that are never empty. */
	void (*on_payload)(void *arg, struct bk_leg *leg, const uint8_t *data, size_t n);
	/* RESUME, ACK: whole. */
	int (*on_control)(void *arg, struct bk_leg *leg, uint8_t type, const uint8_t *payload, size_t n);
	void (*on_settled)(void *arg, struct bk_leg *leg); /* a read is done, or there is room to write */
	/* Last, once. Free it. */
	void (*on_end)(void *arg, struct bk_leg *leg, int error, const char *text);
};

/* Takes the link over on success. idle: BK_LEG_IDLE or BK_LEG_IDLE_LATE; a link that is alert by itself is not
 * asked unless somebody wants to know. */
int bk_leg_new(struct bk_loop *loop, struct bk_link *link, bool is_relay, bk_dur idle,
	const struct bk_leg_events *events, void *arg, struct bk_leg **ret_leg);
void bk_leg_free(struct bk_leg *leg); /* and the link; from inside its callbacks too. NULL is fine */

struct bk_link *bk_leg_link(struct bk_leg *leg);
bool bk_leg_is_relay(const struct bk_leg *leg);
/* A control frame. On an error on_end follows: nobody need look. */
int bk_leg_send(struct bk_leg *leg, uint8_t type, const uint8_t *payload, size_t n);

/* Wants a sign of life now: on_end with BK_E_TIMEOUT if none comes. */
void bk_leg_ask(struct bk_leg *leg);
/* It is of no use any more: on_end comes from the loop. */
void bk_leg_fail(struct bk_leg *leg, int error);

/* What the carrier remembers of it. */
struct bk_leg_memory {
	uint64_t turn;    /* of the last RESUME that came on it; 0: none yet */
	unsigned resumes; /* that came on it */
};
struct bk_leg_memory *bk_leg_memory(struct bk_leg *leg);

#endif
