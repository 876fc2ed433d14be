/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_SERVICE_H
#define BK_SERVICE_SERVICE_H

#include "net/post.h"
#include "service/conn.h"

/* The inside of struct bk_service. */
struct bk_acceptor;

struct bk_service {
	struct bk_msghub *hub;
	struct bk_conn_profile profile;
	struct bk_acceptor *acceptor; /* NULL: connections come by bk_conn_new, or no more */
	struct bk_post stop;
	struct bk_turn last; /* on_stopped is due */
	struct bk_list conns, audience;
	unsigned count;
	struct bk_service_walk *walks; /* under way over conns */
	struct bk_chunk *chunk;        /* broadcasts are written here */
	struct bk_service_stats stats;
	_Atomic int64_t drain;
	uint16_t port;
	bool is_stopping, is_stop_told;
	struct bk_hold hold;
};

struct bk_service_walk {
	struct bk_list *next;
	struct bk_service_walk *outer;
};

/* Without a listener. */
int bk_service_new_bare(struct bk_loop *loop, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_service **ret_service);

/* bk_service_broadcast of bytes that are framed already. */
int bk_service_broadcast_framed(struct bk_service *s, const void *data, size_t n);

/* --- for this folder (members.c) --- */

/* A connection enters, and leaves (which may be repeated). */
void bk_service_enter(struct bk_service *s, struct bk_conn *c);
void bk_service_leave(struct bk_service *s, struct bk_conn *c);

/* The end of what called back, within a hold: frees it where it was ended meanwhile. */
void bk_service_idle(struct bk_service *s);
/* Frees it, when it has ended and nobody is inside. */
void bk_service_release(struct bk_service *s);

#endif
