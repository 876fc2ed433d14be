/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_MUX_H
#define BK_STREAM_MUX_H

#include <bodkin/session.h>

#include "link/link.h"
#include "stream/inbox.h"

/* Channels over one link: frames out, frames in. The mux does not own the link; the session tells it when
 * there is one and when it is gone. Each channel has its own credit, so one that is paused stops no other,
 * and the link itself is never paused. What paused channels keep is bounded by what they granted: together at
 * most BK_MUX_KEPT_MAX. */
struct bk_mux;

enum {
	BK_MUX_SPARE = 32 * 1024 * 1024, /* what all channels together may add to their first windows */
	BK_MUX_KEPT_MAX = BK_CHANNELS_MAX * BK_INBOX_WINDOW + BK_MUX_SPARE,
	BK_MUX_CREDIT_MAX = 0x7fffffff, /* that a peer may have granted and not seen used */
};

struct bk_mux_events {
	void (*on_channel)(void *arg, struct bk_channel *c, const char *kind); /* opened by the peer */
	/* The peer ends the session: why, at once; or 0, after all that was kept has been read. */
	void (*on_bye)(void *arg, int error);
};

/* is_controlling decides whose channel numbers are odd. From the loop resumed channels hand on what they
 * kept. */
int bk_mux_new(struct bk_loop *loop, bool is_controlling, const struct bk_mux_events *events, void *arg,
	struct bk_mux **ret_mux);
void bk_mux_free(struct bk_mux *m); /* the channels hear BK_E_CANCELLED no more: silence */

void bk_mux_attach(struct bk_mux *m, struct bk_link *link);
/* The link is gone: every channel is told, now. Call it from the loop only. */
void bk_mux_detach(struct bk_mux *m, int error);

/* The link's on_data and on_writable. A negative result means the peer broke the protocol. */
int bk_mux_input(struct bk_mux *m, const uint8_t *data, size_t n);
void bk_mux_writable(struct bk_mux *m);

int bk_mux_open(struct bk_mux *m, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel);
/* A good bye came and waits for kept bytes to be read: no link is needed any more. */
bool bk_mux_owes_bye(const struct bk_mux *m);
int bk_mux_say_bye(struct bk_mux *m, int error);

#endif
