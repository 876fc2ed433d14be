/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_MUX_H
#define BK_STREAM_MUX_H

#include <bodkin/session.h>

#include "stream/inbox.h"
#include "stream/stream.h"
#include "wire/frame.h"

/* Channels over one way of sending frames: frames out, frames in. Each channel has its own credit, so one
 * that is paused stops no other, and what brings the frames is never paused. What paused channels keep is
 * bounded by what they granted: together at most BK_MUX_KEPT_MAX bytes, in memory of about twice as much. */
struct bk_mux;

enum {
	BK_MUX_SPARE = 32 * 1024 * 1024, /* what all channels together may add to their first windows */
	BK_MUX_KEPT_MAX = BK_CHANNELS_MAX * BK_INBOX_WINDOW + BK_MUX_SPARE,
	BK_MUX_CREDIT_MAX = 0x7fffffff, /* that a peer may have granted and not seen used */
};

/* One whole frame, or none of it; as bk_carrier_send. */
typedef int bk_mux_send_fn(void *arg, const struct iovec *pieces, int pieces_len, bool urgent);

/* is_leading decides whose channel numbers are odd. From the loop resumed channels hand on what they kept. Of
 * events on_channel and on_bye are used. */
int bk_mux_new(struct bk_loop *loop, bool is_leading, bk_mux_send_fn *send, void *send_arg,
	const struct bk_stream_events *events, void *arg, struct bk_mux **ret_mux);
void bk_mux_free(struct bk_mux *m); /* the channels hear BK_E_CANCELLED no more: silence. NULL is fine */

/* Nothing can be sent any more: every channel is told, now. Call it from the loop only. */
void bk_mux_end(struct bk_mux *m, int error);

/* A frame begins; some of its payload, of which `left` is still to come. A negative result means that the
 * peer broke the protocol. */
int bk_mux_head(struct bk_mux *m, const struct bk_sframe *f);
int bk_mux_payload(struct bk_mux *m, const uint8_t *data, size_t n, uint32_t left);
/* There is room again, after BK_E_AGAIN. */
void bk_mux_writable(struct bk_mux *m);

int bk_mux_open(struct bk_mux *m, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel);
/* A good bye came and waits for kept bytes to be read: no link is needed any more. */
bool bk_mux_owes_bye(const struct bk_mux *m);
int bk_mux_say_bye(struct bk_mux *m, int error);

#endif
