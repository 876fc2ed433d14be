/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_CONN_H
#define BK_SERVICE_CONN_H

#include <bodkin/service.h>

#include "base/hold.h"
#include "base/list.h"
#include "net/turn.h"
#include "secure/tls.h"
#include "service/msghub.h"
#include "service/queue.h"
#include "wire/framing.h"

/* The inside of struct bk_conn, for this folder; and what the server and the
 * plain client may ask of it beyond the public calls. */
struct bk_msgdial;

enum bk_conn_state {
	BK_CONN_DIALING,
	BK_CONN_OPEN,
	BK_CONN_DRAINING,  /* our last words go out */
	BK_CONN_LINGERING, /* they did; the peer may not have read them yet */
	BK_CONN_ENDED,     /* on_left comes, or came */
};

/* What connections of one kind have in common. */
struct bk_conn_profile {
	struct bk_message_opts opts; /* defaults filled in; a time that is "none" is BK_NEVER */
	struct bk_message_events events;
	void *arg;
	size_t room;       /* on_writable comes when so little waits */
	uint64_t messages; /* that came */
};

struct bk_conn {
	struct bk_msghub *hub;
	struct bk_service *service; /* NULL: it stands alone, and `profile` is its own */
	struct bk_conn_profile *profile;
	struct bk_turn turn;        /* for todo */
	struct bk_list in_service;  /* or in nothing */
	struct bk_list in_audience; /* of the service's broadcasts */
	struct bk_watch *watch;
	struct bk_msgdial *dial;
	struct bk_tls *tls;
	void *data;
	struct bk_wake wake;
	bk_time heard;         /* something came */
	bk_time message_since; /* the first byte of the message that is coming in; BK_NEVER: none is */
	bk_time stuck_since;   /* bytes wait, and the last time the peer took some; BK_NEVER: none wait */
	bk_time close_at; /* draining and lingering end; while dialing: closed already, with last words */
	bk_time owner_at; /* the owner's own deadline */
	struct bk_frame_decoder decoder;
	struct bk_buf content; /* of the message that is coming in, where one read did not bring it whole */
	struct bk_buf held;    /* read, and not handed on because the owner paused */
	struct bk_queue queue; /* plain; inside TLS a record of it at a time goes through bk_tls_out */
	char *names;           /* the peer's address as text, NUL, ours, NUL */
	const char *text;      /* of the end; NULL: the error's own */
	int fd;
	int error;  /* how it ended, or will when all is sent */
	int broken; /* sending failed with this; what came before may still be read */
	int owner_error;
	struct bk_hold hold;
	uint8_t state;
	uint8_t todo; /* at the end of this turn */
	uint8_t interest;
	bool owns_text : 1;
	bool is_paused : 1;
	bool has_peer_ended : 1; /* nothing more will come */
	bool owes_room : 1;      /* a send was refused; on_writable is due when there is room */
};

enum { BK_CONN_FLUSH = 1, BK_CONN_RESUME = 2, BK_CONN_END = 4 }; /* todo */

#define BK_CONN_DRAIN    (2 * BK_SEC)
#define BK_CONN_COURTESY (200 * BK_MS) /* for a peer that has all of it and does not close */

/* --- for the server and the plain client --- */

struct bk_conn_opts {
	struct bk_service *service; /* it belongs to; its events and options hold. NULL: the following */
	const struct bk_identity *identity; /* of our side of TLS; NULL: plain bytes. Borrowed for life. */
	const char *alpn;
	const struct bk_message_opts *opts;
	const struct bk_message_events *events;
	void *arg;
};

/* Takes over a connected socket on success. */
int bk_conn_new(struct bk_loop *loop, int fd, const struct bk_conn_opts *opts, struct bk_conn **ret_conn);

/* The largest content that may come from now on. */
void bk_conn_set_message_max(struct bk_conn *c, size_t max);
/* While it is open, it ends at this time with this error; BK_NEVER: it does not. */
void bk_conn_set_deadline(struct bk_conn *c, bk_time at, int error);
/* Queues bytes that are framed already, as bk_conn_send does a message. */
int bk_conn_send_framed(struct bk_conn *c, const void *data, size_t n);
/* The same, all of a chunk that goes to many: they keep it, nobody copies it. */
int bk_conn_send_shared(struct bk_conn *c, struct bk_chunk *chunk);
size_t bk_conn_waiting(const struct bk_conn *c); /* bytes to be sent */
/* on_writable, please, when little enough waits; soon if that is so now. */
void bk_conn_want_room(struct bk_conn *c);
/* Sends now what the socket takes, for who will free it soon. */
void bk_conn_flush(struct bk_conn *c);
/* Nothing more comes in; what is queued goes out until close_at, then the end with this error. */
void bk_conn_close_at(struct bk_conn *c, int error, bk_time close_at);

/* --- for this folder --- */

/* Copies both. BK_E_INVALID, BK_E_UNSUPPORTED. */
int bk_conn_profile_init(struct bk_conn_profile *p, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg);

/* The hub calls. */
void bk_conn_wake(struct bk_conn *c, bk_time now);

/* The end of what called back, within a hold: frees it where it was ended meanwhile. */
void bk_conn_idle(struct bk_conn *c);

/* A connection only ever gets older. */
void bk_conn_set_state(struct bk_conn *c, enum bk_conn_state state);

/* The end, told at the end of this turn. `text` lives for ever; NULL: the error's own. */
void bk_conn_end(struct bk_conn *c, int error, const char *text);
void bk_conn_end_saying(struct bk_conn *c, int error, char *text); /* takes over a text of malloc */

/* Queues n bytes of it, which are framed already. BK_E_AGAIN where it would pass the ceiling. */
int bk_conn_queue_shared(struct bk_conn *c, struct bk_chunk *chunk, size_t start, size_t n);

void bk_conn_pend(struct bk_conn *c, unsigned todo); /* at the end of this turn: BK_CONN_FLUSH, ... */

/* Reading (intake.c). */
void bk_conn_read(struct bk_conn *c, bk_time now);
void bk_conn_read_held(struct bk_conn *c, bk_time now);

void bk_conn_set_interest(struct bk_conn *c);
/* Looks at its deadlines and sees that the hub wakes it for the next. */
void bk_conn_arm(struct bk_conn *c);

#endif
