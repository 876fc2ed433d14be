/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_STREAM_H
#define BK_STREAM_STREAM_H

#include <bodkin/session.h>

#include "link/link.h"

/* A stream of channels between two that outlives the links it runs over. Who has it gives it one secured link
 * after another; what is written meanwhile waits, nothing is lost, nothing arrives twice. Its owner is told
 * when there is no link left. It knows links and frames, and nobody who makes links. */
struct bk_stream;

enum { BK_STREAM_ID_LEN = 16 };

struct bk_stream_opts {
	uint8_t id[BK_STREAM_ID_LEN]; /* the same on both sides, and told to nobody else */
	/* Exactly one side leads: its channels have odd numbers, it moves to a link when it has it, and its
	 * word counts when both move at the same moment. */
	bool is_leading;
};

/* All from the loop. After each of them the owner may end the stream, but free it only later. */
struct bk_stream_events {
	void (*on_channel)(void *arg, struct bk_channel *c, const char *kind); /* opened by the peer */
	/* The peer ends the session: why, at once; or 0, after all that was kept has been read. */
	void (*on_bye)(void *arg, int error);
	/* The peer broke the rules of channels; nothing more is read. */
	void (*on_broken)(void *arg, int error);
	/* No link is left, or the last one broke the protocol; writes are kept meanwhile. Attach another, or
	 * close. */
	void (*on_lost)(void *arg, int error, const char *text);
	/* The link that replaced the relay died, here or over there (error 0): the relay carries again. May
	 * be NULL. */
	void (*on_fell_back)(void *arg, int error, const char *text);
	/* The peer goes on over this link: both directions flow. `resent`: bytes sent a second time. */
	void (*on_resumed)(void *arg, uint64_t resent);
	/* After bk_stream_close: all was given to the link and it has ended, or there is none. */
	void (*on_closed)(void *arg);
};

/* opts are copied; events are borrowed. */
int bk_stream_new(struct bk_loop *loop, const struct bk_stream_opts *opts,
	const struct bk_stream_events *events, void *arg, struct bk_stream **ret_stream);
/* With its links and its channels, which hear nothing. Not from inside its callbacks. NULL is fine. */
void bk_stream_free(struct bk_stream *s);

/* Takes over a secured, nominated link and moves to it: the leading side at once, the other side when the
 * peer goes on there. What replaces a relay keeps it as a spare. On an error (BK_E_NOMEM) nothing has changed:
 * the link stays the caller's. */
int bk_stream_attach(struct bk_stream *s, struct bk_link *link, bool is_relay);

/* The network changed. A link that cannot work any more is given up, which on_fell_back or on_lost tells; the
 * spare just goes; all are asked for a sign of life. */
void bk_stream_drop(struct bk_stream *s, int error);
void bk_stream_drop_spare(struct bk_stream *s);
void bk_stream_ask(struct bk_stream *s);

/* As bk_channel_open. */
int bk_stream_open(struct bk_stream *s, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel);

/* A good bye came and waits for kept bytes to be read: no link is needed any more. */
bool bk_stream_owes_bye(const struct bk_stream *s);
void bk_stream_say_bye(struct bk_stream *s, int error);
void bk_stream_close(struct bk_stream *s);
/* Nothing more is read and nobody told that writing is possible, whatever still comes. */
void bk_stream_stop(struct bk_stream *s);
/* Every channel is told, now, and the links are freed; only channels may still be freed after it, and the
 * stream. Call it from the loop only, and not from inside its callbacks. */
void bk_stream_end(struct bk_stream *s, int error);

#endif
