/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_CLIENT_H
#define BK_SERVER_CLIENT_H

#include "server/nameplate.h"
#include "server/state.h"
#include "service/conn.h"
#include "wire/rdv.h"

enum bk_client_state {
	BK_CLIENT_GREETING, /* no hello yet, nor perhaps TLS */
	BK_CLIENT_READY,
	BK_CLIENT_LEAVING, /* its last words are being sent */
	BK_CLIENT_DOOMED,  /* the reaper comes */
};

/* One control connection. It is freed by the reaper only, so a pointer stays good while the loop is in a
 * callback. */
struct bk_client {
	struct bk_server *server;
	struct bk_list link; /* in server->clients or server->doomed */
	struct bk_arrival from;
	struct bk_conn *conn; /* NULL: it ended; the reaper comes */
	enum bk_client_state state;
	int error; /* doomed: why */
	bk_dur patience;
	struct bk_rate messages;
	char id[BK_RDV_ID_MAX + 1]; /* empty: not registered */
	struct bk_nameplate_holder holder;
	unsigned probes; /* announced, not over */
	bool reaching;
	struct bk_plain *plain; /* what the plain dialect knows of it; NULL inside TLS */
};

/* What the server's service tells goes to its clients. */
int bk_clients_open(struct bk_server *s);

/* Takes the arrival over on success. */
int bk_client_new(struct bk_server *s, const struct bk_arrival *from, bool plain);

/* Queues a message. A client that does not take it is doomed as too slow; one on its way out gets nothing
 * more. */
void bk_client_send(struct bk_client *c, const struct bk_rdv_msg *m);
size_t bk_client_waiting(const struct bk_client *c); /* bytes not sent yet; bk_request_deliver is called when
							  they are few again */
/* The request before failed; the connection goes on. */
void bk_client_send_error(struct bk_client *c, int error);

/* Welcomes or turns away. */
void bk_client_welcome(struct bk_client *c, const char *id);
void bk_client_refuse(struct bk_client *c, const char *id, int error);

/* Frees its id, for who is done with it but stays connected. */
void bk_client_forget_id(struct bk_client *c);

/* How long it may be silent from now on; nothing for one on its way out. */
void bk_client_set_patience(struct bk_client *c, bk_dur patience);

/* Sends what is queued, then closes. / Closes soon without that. Both log why, and from then on nobody finds it:
 * it has left every list that others search, and whatever they still say to it through the functions above goes
 * nowhere. */
void bk_client_finish(struct bk_client *c, int error, const char *detail);
void bk_client_doom(struct bk_client *c, int error, const char *detail);

/* Frees every doomed one and tells who has to know. */
void bk_clients_reap(struct bk_server *s);
/* Ends all at once. */
void bk_clients_free(struct bk_server *s);

#endif
