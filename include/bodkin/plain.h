/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_PLAIN_H
#define BODKIN_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/error.h>
#include <bodkin/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The plain dialect's client (docs/protocol/rendezvous.md): registers at a rendezvous server that speaks it,
 * ours or any other, is told what to do about a peer, does it over TCP, and hands over the connected socket.
 * Nothing of it is encrypted or authenticated. Thread rule: everything belongs to the loop's thread; no
 * callback comes from inside a call. Ownership: options, events and their strings are copied; what a callback
 * is handed is borrowed for its time, but the socket, which is given away. Times are nanoseconds. */
struct bk_plain_client;

struct bk_plain_client_opts {
	size_t size;          /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const char *server;   /* HOST[:PORT]; port 15005 */
	const char *id;       /* ours, 1 to 64 bytes; NULL: 8 hex digits by chance */
	const char *peer_id;  /* whom to connect to; NULL: wait until somebody names us */
	const char *nat_type; /* as the dialect spells it ("Full Cone", "Restric Port NAT", ...); NULL: learnt
				 by STUN from the server's UDP port, "unknown" where nobody answers */
	int64_t wait_ns;      /* for a peer to come; 0: no limit */
	int64_t punch_ns;     /* for the connection, once a peer is there: 0: 20 s */
};

/* Strings are borrowed for the call. */
struct bk_plain_peer {
	const char *id, *nat_type;
	const char *address; /* public, "address:port" */
	/* What we shall do: "Listen", "Connect", "TryAndListen", "DelayConnect", "TryAndReport", "Standby";
	 * NULL: the server has no strategy, and we listen and connect at once. */
	const char *action;
};

struct bk_plain_link {
	int fd;            /* connected, non-blocking; yours: bk_conn_adopt takes it */
	bool is_connector; /* we connected (and say PeerHello number 1); else we accepted */
	const char *local, *remote;
	double elapsed_ms; /* since the peer was known */
};

/* All but on_end may be NULL. */
struct bk_plain_client_events {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	void (*on_registered)(struct bk_plain_client *c, void *arg, const char *id,
		const char *public_address, const char *nat_type);
	void (*on_peer)(struct bk_plain_client *c, void *arg, const struct bk_plain_peer *peer);
	void (*on_note)(struct bk_plain_client *c, void *arg, int verbosity,
		const char *text); /* for -v (1) and -vv (2) */
	/* The end, once: `link` with error 0; else NULL and why: BK_E_ID_IN_USE or BK_E_REFUSED (the server's
	 * words are in `text`), BK_E_NO_SUCH_PEER, BK_E_SERVER_GONE, BK_E_TIMEOUT, BK_E_NO_PATH, ... The
	 * client may be freed from inside. */
	void (*on_end)(struct bk_plain_client *c, void *arg, const struct bk_plain_link *link, int error,
		const char *text);
};

/* Starts at once. BK_E_INVALID for an unreadable server, id or peer or without on_end, BK_E_NOMEM. */
BK_API int bk_plain_client_new(struct bk_loop *loop, const struct bk_plain_client_opts *opts,
	const struct bk_plain_client_events *events, void *arg, struct bk_plain_client **ret_client);
BK_API void bk_plain_client_free(struct bk_plain_client *c); /* at once and silently; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
