/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_CHANNEL_H
#define BK_STREAM_CHANNEL_H

#include "base/hold.h"
#include "base/list.h"
#include "net/turn.h"
#include "stream/inbox.h"
#include "stream/mux.h"
#include "wire/frame.h"

/* What mux.c and channel.c share: the mux has the frames and the list; a channel its credit, its reader and
 * its writer. Callbacks may free any channel and the mux: after one, only what the mux points to is still
 * there (current, reader), and the mux itself while it is held. */
enum { BK_MUX_CONTROL_MAX = 256 };

struct bk_channel {
	struct bk_list link;
	struct bk_mux *mux;
	uint32_t number;
	struct bk_channel_events events; /* all NULL: nobody listens yet */
	void *arg;
	struct bk_inbox in;
	uint32_t credit; /* what may still be sent */
	uint32_t wanted; /* credit that a write was short of; 0: none was */
	bool is_paused, wants_write, is_told, has_finished, has_peer_finished, has_ended;
	bool owes_fin; /* on_finished is not told yet: there are bytes before it, or a pause */
};

struct bk_mux {
	bk_mux_send_fn *send; /* NULL: it has ended */
	void *send_arg;
	const struct bk_stream_events *events;
	void *arg;
	struct bk_list channels;
	size_t channels_len;
	uint32_t next_number; /* odd on the leading side, even on the other */
	uint32_t spare;       /* of BK_MUX_SPARE */
	struct bk_turn due;   /* something kept can be handed on */
	/* the frame being read */
	struct bk_sframe frame;
	uint8_t control[BK_MUX_CONTROL_MAX];
	size_t control_len;
	struct bk_channel *current; /* of the DATA frame being read; NULL: dropped */
	struct bk_channel *reader;  /* hands on what it kept */
	bool is_blocked;            /* no more was taken */
	bool owes_bye;
	struct bk_hold hold;
};

/* mux.c */
int bk_mux_say(struct bk_mux *m, uint8_t type, uint32_t channel, const void *payload, size_t n);
int bk_mux_say_error(struct bk_mux *m, uint8_t type, uint32_t channel, int error);
void bk_mux_forget(struct bk_channel *c);

/* channel.c: what frames do to a channel; NULL, or one that has ended, is fine unless said */
int bk_channel_on_head(struct bk_channel *c, uint32_t n); /* a DATA frame of n bytes begins */
int bk_channel_on_payload(struct bk_channel *c, const uint8_t *data, size_t n);
void bk_channel_on_fin(struct bk_channel *c);
void bk_channel_on_reset(struct bk_channel *c, int error);
int bk_channel_on_window(struct bk_channel *c, const uint8_t *payload, size_t n);
bool bk_channel_is_listened(const struct bk_channel *c); /* somebody wants what comes; not NULL */
bool bk_channel_is_waiting(const struct bk_channel *c);  /* bytes or their end are kept; not NULL */
void bk_channel_hand_on(struct bk_channel *c);           /* one turn of it; not NULL */
void bk_channel_return_credit(struct bk_channel *c, bool keeps_up);

#endif
