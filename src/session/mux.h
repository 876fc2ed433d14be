/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_MUX_H
#define BK_SESSION_MUX_H

#include <bodkin/session.h>

#include "link/link.h"

/* Channels over one link: frames out, frames in. The mux does not own the link; the session tells it when
 * there is one and when it is gone. */
struct bk_mux;

struct bk_mux_events {
	void (*on_channel)(void *arg, struct bk_channel *c, const char *kind); /* opened by the peer */
	void (*on_bye)(void *arg, int error); /* the peer ends the session: 0 or why */
};

/* is_controlling decides whose channel numbers are odd. */
int bk_mux_new(bool is_controlling, const struct bk_mux_events *events, void *arg, struct bk_mux **ret_mux);
void bk_mux_free(struct bk_mux *m); /* the channels hear BK_E_CANCELLED no more: silence */

void bk_mux_attach(struct bk_mux *m, struct bk_link *link);
/* The link is gone: every channel is told, now. Call it from the loop only. */
void bk_mux_detach(struct bk_mux *m, int error);

/* The link's on_data and on_writable. A negative result means the peer broke the protocol. */
int bk_mux_input(struct bk_mux *m, const uint8_t *data, size_t n);
void bk_mux_writable(struct bk_mux *m);

int bk_mux_open(struct bk_mux *m, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel);
int bk_mux_say_bye(struct bk_mux *m, int error);

#endif
