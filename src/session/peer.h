/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_PEER_H
#define BK_SESSION_PEER_H

#include <bodkin/session.h>

#include "base/time.h"
#include "net/netwatch.h"
#include "punch/plan.h"
#include "stream/carrier.h"
#include "meet/meet.h"
#include "stream/mux.h"
#include "path/race.h"

/* Inside the session, shared by session.c (from the code to the end) and path.c (what carries it meanwhile).
 */

enum { BK_SESSION_TEXT_MAX = 512 };

enum bk_session_state {
	BK_SESSION_MEETING,
	BK_SESSION_PUNCHING,
	BK_SESSION_OPEN,
	BK_SESSION_CLOSING,
	BK_SESSION_CLOSED,
};

struct bk_session {
	struct bk_loop *loop;
	const struct bk_session_events *events;
	void *arg;
	enum bk_session_state state;
	bool is_joining; /* by code: TLS client and controlling side */
	enum bk_path_choice path_choice;
	enum bk_transport_choice transport;
	bk_time born;
	struct bk_identity *identity;
	struct bk_meet *meet;
	const struct bk_meeting *met; /* its result; NULL until then */
	struct bk_plan plan;
	struct bk_race *race;
	struct bk_carrier *carrier; /* everything below the mux, once there is a path */
	struct bk_mux *mux;
	/* the path */
	struct bk_race_result path, relay; /* what carries; the last relay, which may be the spare */
	bool is_lost;                      /* the path is gone and another one is awaited */
	bool peer_left;                    /* the server, before there was a path */
	bool is_asking;                    /* the next meeting is our own wish: the relay works */
	unsigned upgrades, searches;       /* tries so far: to leave the relay; to find any path at all */
	unsigned young;                    /* paths in a row that died as soon as they were there */
	unsigned breaches;                 /* paths that ended because the peer broke the protocol */
	bk_time taken;                     /* when the path that there is, or was, began */
	struct bk_timer *again;            /* the next such try */
	struct bk_netwatch *netwatch;      /* NULL: this system does not tell */
	/* the end */
	struct bk_timer *deadline; /* of closing, of a lost path, of a peer that left */
	struct bk_timer *ender;    /* reports the end from the loop */
	int end_error;
	char end_text[BK_SESSION_TEXT_MAX];
};

/* session.c */
void bk_session_set_state(struct bk_session *s, enum bk_session_state next);
/* The end, with one sentence; the first one counts. on_closed comes from the loop. */
void bk_session_finish(struct bk_session *s, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void bk_session_note(void *arg, int verbosity, const char *text);
const char *bk_session_peer_name(const struct bk_session *s);
int bk_session_start_carrying(struct bk_session *s, const struct bk_carrier_events *events);

/* path.c */
int bk_path_init(struct bk_session *s);
void bk_path_done(struct bk_session *s);
enum bk_path_policy bk_path_policy_of(const struct bk_session *s);
int bk_path_start(struct bk_session *s); /* the two have met: looks for one */
void bk_path_look_again(struct bk_session *s);
void bk_path_peer_left(struct bk_session *s);

#endif
