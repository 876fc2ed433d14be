/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_CLIENT_H
#define BK_SERVER_CLIENT_H

#include "base/map.h"
#include "net/turn.h"
#include "server/state.h"
#include "service/conn.h"
#include "wire/rdv.h"

struct bk_dialect;

enum bk_client_state {
	BK_CLIENT_GREETING, /* no hello yet, nor perhaps TLS */
	BK_CLIENT_READY,
	BK_CLIENT_LEAVING, /* its last words are being sent */
	BK_CLIENT_DOOMED,  /* the reaper comes */
};

/* One control connection. Others remember its number, never the client itself: bk_client_find is the one door
 * to somebody else's client, and whoever is on its way out is not found there any more. It is freed by the
 * reaper only, so a pointer that was found stays good until the loop is back. */
struct bk_client {
	struct bk_server *server;
	struct bk_list link; /* in clients->all or clients->doomed */
	struct bk_arrival from;
	struct bk_conn *conn; /* NULL: it ended; the reaper comes */
	const struct bk_dialect *dialect;
	void *own;    /* what the dialect keeps of it */
	uint64_t who; /* given once, and never 0 */
	enum bk_client_state state;
	int error; /* doomed: why */
	bk_dur patience;
	bk_dur wait; /* how long until what it was denied last could be had */
	struct bk_rate messages;
	char id[BK_RDV_ID_MAX + 1]; /* empty: not registered */
	unsigned probes;            /* announced, not over */
	bool is_reaching;           /* a reach test is under way */
};

/* All of them. */
struct bk_clients {
	struct bk_service *service;
	struct bk_list all, doomed;
	uint64_t last_who;
	struct bk_map *by_who, *by_id; /* those that can be found */
	struct bk_turn reaper;         /* frees the doomed, so that nobody is freed under its own feet */
	void (*on_stopped)(struct bk_server *s);
	uint64_t *here, *refused, *messages, *dropped; /* counters */
};

/* on_drained: all have ended after bk_clients_stop. */
int bk_clients_open(struct bk_server *s, void (*on_drained)(struct bk_server *s));
/* Tells all that the server stops, and ends them when what is queued is sent. */
void bk_clients_stop(struct bk_server *s);
void bk_clients_free(struct bk_server *s);

/* Takes the arrival over on success, and then `own` too. ret_client may be NULL. */
int bk_client_new(struct bk_server *s, const struct bk_arrival *from, const struct bk_dialect *dialect,
	void *own, struct bk_client **ret_client);

/* NULL: it has left, or is about to. */
struct bk_client *bk_client_find(const struct bk_server *s, uint64_t who);
struct bk_client *bk_client_find_id(const struct bk_server *s, const char *id);

/* Queues a message. A client that does not take it is doomed as too slow; one on its way out gets nothing
 * more. */
void bk_client_send(struct bk_client *c, const struct bk_rdv_msg *m);
void bk_client_send_shared(struct bk_client *c, struct bk_chunk *framed); /* one that goes to many */
/* Bytes not sent yet; the dialect's on_room is called when they are few again. */
size_t bk_client_waiting(const struct bk_client *c);
/* The request before failed; the connection goes on. wait 0: who knows when it would not. */
void bk_client_send_error(struct bk_client *c, int error, bk_dur wait);

/* BK_E_ID_IN_USE, BK_E_FULL, BK_E_INVALID for an empty one. */
int bk_client_take_id(struct bk_client *c, const char *id);
/* Frees its id, for who is done with it but stays connected. */
void bk_client_forget_id(struct bk_client *c);
/* It has said who it is. */
void bk_client_settle(struct bk_client *c, bk_dur patience);

/* How long it may be silent from now on; nothing for one on its way out. */
void bk_client_set_patience(struct bk_client *c, bk_dur patience);

/* Sends what is queued, then closes. / Closes soon without that. Both log why, and from then on nobody finds
 * it: it has left every list that others search, and whatever they still say to it through the functions
 * above goes nowhere. */
void bk_client_finish(struct bk_client *c, int error, const char *detail);
void bk_client_doom(struct bk_client *c, int error, const char *detail);

#endif
