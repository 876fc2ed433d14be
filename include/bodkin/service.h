/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_SERVICE_H
#define BODKIN_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/error.h>
#include <bodkin/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Messages over TCP: a service that listens and serves many connections, and a client's single connection,
 * with the same calls and the same framings on both sides. Thread rule: a service, a connection and their
 * callbacks belong to their loop's thread; only bk_service_stop may be called from another thread or from a
 * signal handler. No callback comes from inside a call. A connection may be closed and freed from inside any
 * callback, and a service too. Ownership: options and events are copied; messages and texts are
 * borrowed for the call that hands them, both ways. Times are nanoseconds. */
struct bk_service; /* a listener and its connections */
struct bk_conn;    /* one connection, accepted by a service or made by bk_conn_connect */

/* How a stream of bytes becomes messages (docs/protocol/framing.md). */
enum bk_framing {
	BK_FRAMING_RAW,       /* not at all: whatever a read brings is a message */
	BK_FRAMING_LENGTH,    /* 4-byte big-endian length, content */
	BK_FRAMING_KEY_VALUE, /* 2-byte little-endian header length, "CL:7;type:message", content */
	BK_FRAMING_JSON,      /* 2-byte big-endian header length, JSON header with content-length, content */
};

/* A whole message. Borrowed for the call, in both directions. */
struct bk_message {
	const void *content;
	size_t content_len;
	/* Received: the header as it came (JSON text, or "CL:7;type:message"), NUL-terminated; NULL for RAW
	 * and LENGTH. To be sent: further fields, as a JSON object's text or as "key:value" pairs joined by
	 * ';'; NULL: none. content-length or CL, and byteorder, are ours: what stands there is replaced, so a
	 * message that was received can be passed on as it is. BK_E_INVALID for RAW and LENGTH, which have no
	 * header. */
	const char *header;
	/* JSON only. To be sent: NULL is "binary"; received: from the header, or "". */
	const char *content_type, *content_encoding;
};

struct bk_message_events {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	/* Service: a connection was accepted. Client: it is connected. May be NULL. */
	void (*on_joined)(struct bk_conn *c, void *arg);
	/* A whole message. Required. */
	void (*on_message)(struct bk_conn *c, void *arg, const struct bk_message *m);
	/* bk_conn_send said BK_E_AGAIN, and now there is room. May be NULL. */
	void (*on_writable)(struct bk_conn *c, void *arg);
	/* The end of a connection, once, last, and for a client also when it could not be made: 0 after our
	 * own orderly bk_conn_close; BK_E_EOF after the peer's; BK_E_TRUNCATED: it ended inside a message;
	 * BK_E_RESET, BK_E_REFUSED, BK_E_UNREACHABLE, BK_E_TIMEOUT (connecting, or a message that took too
	 * long), BK_E_IDLE, BK_E_TOO_SLOW (it did not read what was sent), BK_E_TOO_BIG, BK_E_MALFORMED,
	 * BK_E_SHUTDOWN (bk_service_stop), ... `text` is one sentence. The connection is freed after this
	 * returns unless bk_conn_free was called from inside. Required for clients. */
	void (*on_left)(struct bk_conn *c, void *arg, int error, const char *text);
	/* Service: bk_service_stop has drained and closed everything. The service may be freed from inside.
	 * May be NULL. */
	void (*on_stopped)(struct bk_service *s, void *arg);
};

/* Zero means the default named behind the field; where a call takes options, NULL is all defaults. */
struct bk_message_opts {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	enum bk_framing framing;
	size_t message_max;        /* content of a received message: 1 MiB; above it: BK_E_TOO_BIG */
	size_t queue_max;          /* bytes waiting to be sent to one connection: 1 MiB */
	int64_t idle_timeout_ns;   /* nothing came for so long: none; -1: none */
	int64_t header_timeout_ns; /* from the first byte of a message to its last: 30 s; -1: none */
	int64_t write_timeout_ns; /* bytes wait and the peer takes none of them for so long: 30 s; -1: none */
	int64_t connect_timeout_ns; /* clients, for each address: 10 s */
	unsigned connections_max;   /* services: 10000 (select: 1000); further ones are closed */
	int backlog;                /* services: 511 */
};

/* --- a service --- */

enum { BK_SERVICE_TEXT_MAX = 256 };

/* Listens on "ADDR:PORT", "[ADDR6]:PORT" or ":PORT" (every address); port 0: any free one. `ret_text` (may be
 * NULL) gets one sentence on failure: BK_E_INVALID for an address that cannot be read, BK_E_FULL where the
 * loop's backend cannot hold connections_max descriptors (select: FD_SETSIZE), BK_E_ADDRESS_IN_USE, ... */
BK_API int bk_service_new(struct bk_loop *loop, const char *listen, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_service **ret_service,
	char ret_text[BK_SERVICE_TEXT_MAX]);

/* Stops accepting, gives what is queued at most `drain_ns` to go out (0: two seconds), closes every
 * connection in an orderly way, then on_stopped. A peer to whom nothing is owed is waited for 200 ms at most.
 * From any thread and from a signal handler, as long as nobody frees the service meanwhile: who stops from
 * elsewhere sees to it that this is over before bk_service_free. */
BK_API void bk_service_stop(struct bk_service *s, int64_t drain_ns);

/* At once and silently, connections included. NULL is fine. */
BK_API void bk_service_free(struct bk_service *s);

/* The port it listens on; how many connections it has at this moment. */
BK_API uint16_t bk_service_port(const struct bk_service *s);
BK_API unsigned bk_service_count(const struct bk_service *s);

/* To every connection of the audience but `except` (NULL: to all). The bytes exist once for all receivers. A
 * connection whose queue would pass its ceiling is dropped with BK_E_TOO_SLOW; the others never wait for it.
 * Returns how many it was queued for, or BK_E_TOO_BIG, BK_E_INVALID, BK_E_NOMEM. */
BK_API int bk_service_broadcast(
	struct bk_service *s, const struct bk_message *m, const struct bk_conn *except);

/* Whether broadcasts go to this connection (from the start they do): a service may want to know who somebody
 * is before he hears the others. Does nothing for a connection that is no service's. */
BK_API void bk_conn_set_audience(struct bk_conn *c, bool wanted);

/* Every connection in turn, from inside this call; fn may close or free any. */
BK_API void bk_service_each(struct bk_service *s, void (*fn)(struct bk_conn *c, void *arg), void *arg);

struct bk_service_stats {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	uint64_t accepted, refused, messages, broadcasts, deliveries, dropped_slow;
};
/* Since the start. `size` of *ret_stats is the caller's to set, as in options. */
BK_API void bk_service_get_stats(const struct bk_service *s, struct bk_service_stats *ret_stats);

/* --- a connection --- */

/* Starts connecting to "HOST:PORT" (names are resolved beside the loop). The outcome is on_joined or on_left.
 * What is sent before on_joined waits for it. BK_E_INVALID for an unreadable address or without on_message and
 * on_left, BK_E_FULL where the loop's backend holds no more descriptors, BK_E_NOMEM. */
BK_API int bk_conn_connect(struct bk_loop *loop, const char *address, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_conn **ret_conn);

/* Takes over a connected stream socket on success, for instance one that was punched; on failure it stays the
 * caller's. on_joined does not come. Errors as above. */
BK_API int bk_conn_adopt(struct bk_loop *loop, int fd, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_conn **ret_conn);

/* Queues all of it, or nothing: BK_E_AGAIN where it would pass queue_max (on_writable tells when half of the
 * queue is free), BK_E_TOO_BIG, BK_E_INVALID (a header that is none), BK_E_EOF after the end. */
BK_API int bk_conn_send(struct bk_conn *c, const struct bk_message *m);

/* Stops and resumes on_message: backpressure reaches the peer through TCP. */
BK_API void bk_conn_pause(struct bk_conn *c);
BK_API void bk_conn_resume(struct bk_conn *c);

/* Orderly end: what is queued goes out (at most two seconds, connecting included), then on_left with 0.
 * Nothing more is received. A peer that only stopped sending (BK_E_EOF) gets what is queued as well. */
BK_API void bk_conn_close(struct bk_conn *c);
/* At once and silently: no on_left. NULL is fine. */
BK_API void bk_conn_free(struct bk_conn *c);

/* The peer's and our "address:port"; good as long as the connection. */
BK_API const char *bk_conn_peer(const struct bk_conn *c);
BK_API const char *bk_conn_local(const struct bk_conn *c);
/* A place for the caller's own state, which stays the caller's; NULL at first. */
BK_API void bk_conn_set_data(struct bk_conn *c, void *data);
BK_API void *bk_conn_get_data(const struct bk_conn *c);

#ifdef __cplusplus
}
#endif
#endif
