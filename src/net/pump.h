/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_PUMP_H
#define BK_NET_PUMP_H

#include <bodkin/loop.h>

#include "base/buf.h"

/* Moves bytes between a connected stream socket and two buffers that somebody else owns (a TLS engine's, or
 * plain ones): what arrives is appended to `in`, what stands in `out` is sent. Knows nothing of what the
 * bytes mean. */
struct bk_pump;

struct bk_pump_events {
	/* New bytes are in `in`. If the owner leaves so many there that it is at its ceiling, nothing more is
	 * read. */
	void (*on_input)(void *arg);
	/* `out` has been emptied to below half its ceiling after bk_pump_kick found it over that, or is
	 * empty. May be NULL. */
	void (*on_output)(void *arg);
	/* The socket ended: BK_E_EOF, BK_E_RESET, ... Once, last. The owner frees the pump (from inside is
	 * fine). */
	void (*on_end)(void *arg, int error);
};

/* Takes over fd on success (a connected, non-blocking socket). Reading starts at once. */
int bk_pump_new(struct bk_loop *loop, int fd, struct bk_buf *in, struct bk_buf *out,
	const struct bk_pump_events *events, void *arg, struct bk_pump **ret_pump);

/* Closes the socket. Silence afterwards. May be called from inside its callbacks. */
void bk_pump_free(struct bk_pump *p);

/* `out` has new bytes: sends what the socket takes now, the rest when it is writable. An error is reported
 * later by on_end. */
void bk_pump_kick(struct bk_pump *p);

/* Nothing more is read, whatever comes. */
void bk_pump_deafen(struct bk_pump *p);

int bk_pump_fd(const struct bk_pump *p);

#endif
