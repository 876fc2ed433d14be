/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_CONTENDER_H
#define BK_PATH_CONTENDER_H

#include "base/list.h"
#include "link/link.h"
#include "path/race.h"
#include "wire/frame.h"

/* Inside the race: the paths that prove themselves, each a link with its handshake under way or done. */

struct bk_lane;

struct bk_contender {
	struct bk_list link_in_set;
	struct bk_contenders *set;
	struct bk_lane *lane; /* where it came from */
	struct bk_link *link;
	uint32_t id; /* the engine's; 0: not the engine's, it came to a door by itself */
	struct bk_race_result result;
	bool is_chosen; /* by the engine, which proved the path */
	bool is_likely; /* the engine hopes to prove it, and may still choose it */
	bool is_secure;
	uint8_t head[BK_SFRAME_HEADER_LEN]; /* controlled side: the first frame, the nomination */
	size_t head_len;
};

struct bk_contender_events {
	void (*on_secure)(void *arg, struct bk_contender *c);
	/* The peer's nomination came over it: takes its link out and frees it. What follows the nomination
	 * goes to whoever the link belongs to then. */
	void (*on_nominated)(void *arg, struct bk_contender *c);
	/* Its link is dead; bk_contender_free is the receiver's to call. */
	void (*on_end)(void *arg, struct bk_contender *c, int error, const char *text);
};

struct bk_contenders {
	const struct bk_contender_events *events;
	void *arg;
	bool is_controlling;
	bool is_decided; /* the race is over; who comes now comes too late */
	struct bk_list list;
	size_t len;
};

void bk_contenders_init(
	struct bk_contenders *set, bool is_controlling, const struct bk_contender_events *events, void *arg);
void bk_contenders_done(struct bk_contenders *set); /* frees all that is in it */

/* BK_E_FULL, BK_E_NOMEM. It is in the set, and its link is still to come. What an engine has chosen finds its
 * place, however many are there. */
int bk_contender_new(
	struct bk_contenders *set, struct bk_lane *lane, bool is_chosen, struct bk_contender **ret_contender);
/* Its link, unless it was taken out, goes with it. */
void bk_contender_free(struct bk_contender *c);

/* The link reports here: what the owner of a link passes to bk_link_tls_new and its like. */
extern const struct bk_link_events bk_contender_link_events;

bool bk_contender_is_relay(const struct bk_contender *c);

/* NULL: there is none. */
struct bk_contender *bk_contenders_find_relay(const struct bk_contenders *set);
/* By the engine's name for the socket and the address. */
struct bk_contender *bk_contenders_find_at(const struct bk_contenders *set, const struct bk_lane *lane,
	uint32_t id, const struct bk_addr *remote);
/* What the lane's engine has chosen. */
struct bk_contender *bk_contenders_find_chosen(const struct bk_contenders *set, const struct bk_lane *lane);
/* One on a way that nothing has come through yet is none. */
bool bk_contenders_has_direct(const struct bk_contenders *set);
/* Frees what the lane's engine hoped for and will not choose any more, unless it is secure. */
void bk_contenders_drop_likely(struct bk_contenders *set, const struct bk_lane *lane);
bool bk_contenders_has_secure(const struct bk_contenders *set);
/* Who came to a door and has proved nothing yet. */
size_t bk_contenders_count_strangers(const struct bk_contenders *set);

#endif
