/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_ENGINE_H
#define BK_BASE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

/* The doors of a pure engine. An engine owns no socket and reads no clock: it is told what happened and
 * when, and it is asked what to do next. net/drive performs the actions on real sockets,
 * tests/sim performs them on simulated hosts behind simulated NATs in virtual time.
 *
 * After every call of an event door the driver drains next_action until it returns false and arms a
 * timer for next_wake. Socket ids are chosen by the engine, are never 0 and are never used twice. */

enum bk_action_type {
	BK_ACT_TCP_LISTEN,  /* open a listener `id` on `local` */
	BK_ACT_TCP_CONNECT, /* open a connecting socket `id`, bound to `local` unless its family is 0, to
			       `remote`; ttl not 0: its first packet is to go no further than that, which
			       is no failure, and all that follow as far as they need to */
	BK_ACT_UDP_OPEN,    /* open a datagram socket `id` on `local` (port 0: any) */
	BK_ACT_UDP_CLOSE,   /* close it */
	BK_ACT_DATAGRAM,    /* send `data`, `len` bytes from datagram socket `id` to `remote`; ttl 0: the
			       system's */
	BK_ACT_TCP_CLOSE,   /* close socket `id`; nothing more is reported for it */
	BK_ACT_REPORT, /* tell the owner: `id` is a socket, and `remote` who is there, worth proving (report
			  >= 0 is the index of the attempt that made it, else see below), or the engine is
			  finished (BK_REPORT_DONE) */
};

enum {
	BK_REPORT_ACCEPTED = -1, /* came in on a listener */
	BK_REPORT_DONE = -2,     /* the engine will do nothing more */
	BK_REPORT_CHOSEN = -3,   /* a way that the engine itself has proven and chosen; it takes the place of
				    what the engine chose before */
	BK_REPORT_LIKELY =
		-4, /* a way that may be chosen: its proof may begin beside the engine's own. Told again with
				    each packet that goes there meanwhile, and so may the proof's first */
};

/* What an engine sends in one piece: STUN messages and probes. */
enum { BK_DATAGRAM_MAX = 600 };

struct bk_action {
	enum bk_action_type type;
	uint32_t id;
	struct bk_addr local;
	struct bk_addr remote;
	int report;
	uint8_t ttl;
	uint16_t len;
	uint8_t data[BK_DATAGRAM_MAX]; /* last, so that the other actions need not touch it */
};

/* An ICMP message about a datagram of ours, as its sender wrote it (RFC 792, RFC 4443). */
struct bk_icmp {
	struct bk_addr from; /* port 0 */
	uint8_t type, code;
};

struct bk_engine_ops {
	/* The connecting socket `id` is connected, or has failed with `error` (a BK_E_ code) and is closed
	 * already by the driver. */
	void (*on_connected)(void *engine, uint32_t id, bk_time now);
	void (*on_failed)(void *engine, uint32_t id, int error, bk_time now);
	/* Listener `id` has a new connection from `from`. Returns the id the engine gives it, or 0 to have it
	 * closed. NULL for engines that do not listen. */
	uint32_t (*on_accepted)(void *engine, uint32_t id, const struct bk_addr *from, bk_time now);
	/* Datagram socket `id` is open and bound to `local`. May be NULL. */
	void (*on_opened)(void *engine, uint32_t id, const struct bk_addr *local, bk_time now);
	/* A datagram came in on socket `id`. Returns whether it was this engine's; what is not may be another
	 * one's on the same socket. NULL for engines without datagrams. */
	bool (*on_datagram)(void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data,
		size_t len, bk_time now);
	/* What socket `id` sent to `remote` was answered by a router or host on the way with ICMP. May be
	 * NULL. */
	void (*on_icmp)(void *engine, uint32_t id, const struct bk_addr *remote, const struct bk_icmp *icmp,
		bk_time now);
	void (*on_time)(void *engine, bk_time now);
	bk_time (*next_wake)(const void *engine); /* BK_NEVER, or NULL with on_time: only events */
	bool (*next_action)(void *engine, struct bk_action *ret_action);
};

#endif
