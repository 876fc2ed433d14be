/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_STATE_H
#define BK_SERVER_STATE_H

#include <bodkin/server.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/rate.h"
#include "net/turn.h"
#include "secure/identity.h"
#include "server/board.h"
#include "server/counter.h"

/* Kinds of lines in the log, each with a ration of its own: a flood of the one hides none of the others. */
enum bk_news_kind {
	BK_NEWS_CLOSINGS, /* for who wants to know everything */
	BK_NEWS_MEETINGS,
	BK_NEWS_GUESSES,
	BK_NEWS_KINDS,
};

struct bk_news {
	struct bk_rate rate;
	unsigned hidden; /* since that was last told */
};

/* What the rooms of the server share. Only server.c makes and unmakes it. */

enum { BK_SERVER_LISTENERS_MAX = 4 };

/* The options with their defaults filled in. */
struct bk_server_config {
	struct bk_addr listen; /* port as asked for; family 0: every address */
	struct bk_addr alt;    /* family 0: none */
	uint16_t alt_port;
	bool speaks_plain;
	bool is_local; /* somebody's own: for the networks of this machine, and relays only what is this machine's */
	bool has_token;
	uint8_t token_hash[32];
	unsigned clients_max, per_address_max, messages_per_second, relays_max;
	struct bk_board_kind board;                 /* in memory, unless somebody brings another */
	double claims_per_minute, claims_burst;     /* of one address */
	double arrivals_per_second, arrivals_burst; /* likewise */
	double posts_burst;                         /* of a member of a group */
	bk_dur hello_timeout, ping_interval, nameplate_lifetime, relay_wait, relay_idle;
	bk_dur sums_interval; /* of what the log counts instead of listing it */
};

struct bk_server {
	struct bk_loop *loop;
	struct bk_server_config config;
	struct bk_identity *identity;
	char pin[BK_PIN_STR_MAX];

	struct bk_listener *listeners[BK_SERVER_LISTENERS_MAX];
	uint16_t port, alt_port;
	struct bk_crowd *crowd;
	struct bk_clients *clients; /* the control connections */
	struct bk_board *board;
	struct bk_timer *board_timer;
	struct bk_relays *relays;
	struct bk_probes *probes;
	struct bk_reaches *reaches;
	struct bk_stun_service *stun;

	struct bk_list visitors; /* connections whose first bytes are not here yet */
	struct bk_list awaiting; /* plain clients that wait for a reported port */
	struct bk_turn greeted;  /* the handshakes of this turn are counted anew */
	unsigned greetings[2];   /* begun in this turn: of those where many come from, of the others */

	bool is_stopping;
	void (*on_stopped)(void *arg);
	void *on_stopped_arg;

	struct bk_timer *minute; /* runs while there is something to sum up */
	bool is_minute_running;
	unsigned strangers_gone;
	struct bk_addr last_stranger;
	struct bk_news news[BK_NEWS_KINDS];
	struct bk_counters counters; /* each of the room that counts */
};

/* One accepted connection on its way through the rooms: whoever takes it over ends it. */
struct bk_arrival {
	int fd; /* -1 when something else closes it */
	struct bk_addr peer, local;
	struct bk_guest *guest;
	bk_time since;
};

/* May such a line be written now? Else it is counted, and told in numbers. */
bool bk_news_may_tell(struct bk_server *s, enum bk_news_kind kind);

int bk_arrivals_open(struct bk_server *s);
void bk_arrivals_close(struct bk_server *s);
/* The one line about why a connection ends (bounded in number for each second). `detail` NULL: the error's
 * own text; error 0: it did what it came for. */
void bk_arrival_log(struct bk_server *s, const struct bk_arrival *a, int error, const char *detail);
/* The end: its place in the crowd is free, its socket closed. May be repeated. */
void bk_arrival_done(struct bk_server *s, struct bk_arrival *a);
/* Both. */
void bk_arrival_end(struct bk_server *s, struct bk_arrival *a, int error, const char *detail);

#endif
