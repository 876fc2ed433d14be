/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_RACE_H
#define BK_PATH_RACE_H

#include <stdbool.h>

#include <bodkin/loop.h>

#include "link/link.h"
#include "path/manners.h"
#include "path/ways.h"
#include "punch/technique.h"
#include "wire/intro.h"
#include "wire/preface.h"

/* The race for a path: the engines of all techniques start together, the relay's among them; what they find
 * must prove itself by a mutual handshake with pinned certificates. The controlling side (who joined by code;
 * TLS client) nominates one link by the first frame on it, direct before relay; the other side follows. The
 * rest is closed. It knows no technique and no transport by name. */
struct bk_race;

enum { BK_RACE_LISTENERS = 2 };

struct bk_race_opts {
	struct bk_loop *loop;
	const struct bk_technique *const *techniques; /* NULL: bk_techniques */
	bool is_controlling;
	const struct bk_identity *identity; /* borrowed until the winning link is gone */
	const struct bk_intro *own, *peer;  /* borrowed for as long as the race lives */
	enum bk_path_choice choice;
	unsigned without; /* transports (1 << BK_TRANSPORT_...) over which no direct path is tried */
	struct bk_addr shared, shared6; /* as for struct bk_method_opts */
	bk_time start;                  /* the agreed instant on our clock */
	unsigned hops; /* routers up to our own public address, as TCP's SYNs go; 0: unknown */
	bk_dur delay;  /* the peer may begin so much later; a direct path is looked for as much longer */
	int listeners[BK_RACE_LISTENERS]; /* behind the host candidates; taken over; -1: none */
	struct bk_ways *ways; /* for UDP; NULL: none. Borrowed, and needed for as long as a UDP link lives */
	bool is_again;        /* not the first of these two */
	bool is_relay_spare;  /* controlling side: it is taken only when it turns out to be needed */
	struct bk_addr relay; /* the server; family 0: no relay */
	uint8_t relay_token[BK_PREFACE_SECRET_LEN];
	const struct bk_memo *memo;     /* as for struct bk_pair */
	struct bk_manners_purse *purse; /* of these two; NULL: they will not race again. Borrowed */
};

struct bk_race_result {
	const struct bk_technique *technique;
	enum bk_transport transport;
	struct bk_addr local, remote;
	bool is_last; /* false: the relay, for as long as a direct path may still come */
};

static inline bool bk_race_result_is_relay(const struct bk_race_result *r)
{
	return r->technique && r->technique->method->is_relay;
}

struct bk_race_events {
	/* The link is yours: set its events before returning. More bytes may follow at once. Called again
	 * with a direct link when one comes after the relay. */
	void (*on_won)(void *arg, struct bk_link *link, const struct bk_race_result *result);
	void (*on_lost)(void *arg, int error);
	void (*on_over)(void *arg); /* nothing better than the relay came */
	/* May be NULL; also from inside bk_race_new. */
	void (*on_note)(void *arg, int verbosity, const char *text);
};

/* Callbacks come from the loop only, but on_note; the race may be freed from inside the others. */
int bk_race_new(const struct bk_race_opts *opts, const struct bk_race_events *events, void *arg,
	struct bk_race **ret_race);
void bk_race_free(struct bk_race *r);

/* The relay is needed after all, and no direct path is worth waiting for. False: the race has none. */
bool bk_race_need_relay(struct bk_race *r);
/* Who on the way has said that ports must not be guessed; family 0: nobody. */
struct bk_addr bk_race_forbidden_by(const struct bk_race *r);
/* Has somebody proved to be the peer? */
bool bk_race_is_close(const struct bk_race *r);

#endif
