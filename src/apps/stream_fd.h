/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_STREAM_FD_H
#define BK_APPS_STREAM_FD_H

#include <bodkin/loop.h>
#include <bodkin/session.h>

/* A channel spliced to a descriptor, both ways: what is read goes to the peer, what the peer sends is written.
 * Each direction ends by itself: end of file is FIN on the channel, FIN closes the writing side; what breaks
 * (a reset, a reader that is gone) breaks the other end as well, a TCP connection by RST. Who does not keep up
 * slows the other end down; what waits is bounded: 64 KiB one way, one piece of a channel's data the other.
 *
 * Never blocks the loop on pipes, sockets and terminals, and leaves the flags of what others share alone: a
 * socket is written with MSG_DONTWAIT, a pipe or terminal through an open file of our own. A regular file is
 * read and written in place; how long its disk takes is how long it takes.
 *
 * The channel is opened with bk_stream_fd_events and the splice as arg (or bk_channel_listen on one that
 * came), then started. */
struct bk_stream_fd;

/* in is read, out is written; one socket may be both. They are taken over, also when it fails. on_end comes once,
 * from the loop: 0 when both directions ended in order, BK_E_... when something broke; the splice may be
 * freed from inside. BK_E_NOMEM and what the system says. */
int bk_stream_fd_new(struct bk_loop *loop, int in, int out, void (*on_end)(void *arg, int error), void *arg,
	struct bk_stream_fd **ret_stream);
void bk_stream_fd_start(struct bk_stream_fd *s, struct bk_channel *channel);
/* Ends the channel with it (a reset where it has not ended) and closes both descriptors. NULL is fine. */
void bk_stream_fd_free(struct bk_stream_fd *s);

extern const struct bk_channel_events bk_stream_fd_events;

#endif
