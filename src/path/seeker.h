/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_SEEKER_H
#define BK_PATH_SEEKER_H

#include <bodkin/session.h>

#include "path/race.h"

/* Who sees to it that there is a path for as long as two want one. Each time both have introduced themselves
 * it races; the links that win are its owner's, who tells it when they die. It asks for another round when
 * nothing is left, or when the relay carries a pair that might do without it, and says when it gives up. It
 * knows neither server nor stream. */
struct bk_seeker;

struct bk_seeker_opts {
	struct bk_loop *loop;
	bool is_controlling;                /* joined by code: TLS client, and the first to ask again */
	const struct bk_identity *identity; /* borrowed */
	enum bk_transport_choice transport;
	bk_time born;          /* when the two began, for the account of a path */
	bk_dur patience;       /* with a lost path; 0: a minute */
	const char *state_dir; /* where it is remembered what worked; copied. NULL: nowhere */
};

/* Two introductions, and what to look for a path with. */
struct bk_round {
	const struct bk_intro *own, *peer; /* borrowed until the next round or the seeker's end */
	enum bk_path_choice choice;
	bk_time introduced;           /* when both were known here */
	bk_time start;                /* the agreed instant on our clock */
	unsigned hops;                /* as for struct bk_race_opts */
	bk_dur delay;                 /* as for struct bk_race_opts */
	struct bk_addr shared, relay; /* the same; without a relay its family is 0 */
	uint8_t relay_token[BK_PREFACE_SECRET_LEN];
	int *listeners; /* BK_RACE_LISTENERS; they are set to -1 when the race has taken them over */
	uint16_t port6; /* of the IPv6 listener; 0: none */
	struct bk_ways *ways;
};

/* None comes from inside a call but that which the call's comment names. Required but on_note. */
struct bk_seeker_events {
	/* A secured, nominated link: yours; set its events before returning. Negative: it cannot be taken,
	 * and is still the seeker's. */
	int (*on_link)(void *arg, struct bk_link *link, const struct bk_race_result *result);
	/* The account of the link just taken, or of the one that carries again. */
	void (*on_path)(void *arg, const struct bk_path *path);
	/* Both should introduce themselves anew, which bk_seeker_round tells. Negative: nobody can be asked.
	 * Also from inside bk_seeker_lost. */
	int (*on_wanted)(void *arg);
	/* This host's addresses changed. Do those of the link that carries, and of the last relay, still
	 * exist? */
	void (*on_moved)(void *arg, bool has_path, bool has_relay);
	/* Last, once: no path came, or none will. Also from inside bk_seeker_lost, _peer_left and _round. */
	void (*on_gave_up)(void *arg, int error, const char *text);
	void (*on_note)(void *arg, int verbosity, const char *text);
	/* From inside bk_seeker_lost, once until the next on_path; text is noted, too. May be NULL. */
	void (*on_lost)(void *arg, const char *text);
};

int bk_seeker_new(const struct bk_seeker_opts *opts, const struct bk_seeker_events *events, void *arg,
	struct bk_seeker **ret_seeker);
void bk_seeker_free(struct bk_seeker *sk); /* not from inside its callbacks. NULL is fine */

/* The two have introduced themselves, again or for the first time; then an error means that no race began. More
 * than a few times a minute nothing follows but the end of the race before. */
int bk_seeker_round(struct bk_seeker *sk, const struct bk_round *round);

/* No link is left; text says why. Then others are looked for, and the time for that is limited. */
void bk_seeker_lost(struct bk_seeker *sk, int error, const char *text);
/* The relay, which was kept, carries again: the direct link died here (why), or over there (error 0). */
void bk_seeker_fell_back(struct bk_seeker *sk, int error, const char *text);
/* The peer should hear of something that our introduction could not tell yet: a port that our router opened since. Then
 * another round is asked for: at once where only a direct path will do, else if the relay carries, or once it does. */
void bk_seeker_news(struct bk_seeker *sk);
/* The peer has left the server. */
void bk_seeker_peer_left(struct bk_seeker *sk);
/* The end is near: nothing is looked for any more and nothing told, but a link that comes is handed on. */
void bk_seeker_hush(struct bk_seeker *sk);

/* There is no path, and none can come without another round. */
bool bk_seeker_needs_round(const struct bk_seeker *sk);

#endif
