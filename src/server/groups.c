/* SPDX-License-Identifier: Apache-2.0 */
#include "server/groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "server/gathering.h"
#include "server/limits.h"

_Static_assert((int)BK_GROUP_ID_LEN == (int)BK_BOARD_TOKEN_LEN, "an id stands where a secret does");

int bk_groups_init(struct bk_groups *gs, const struct bk_board_opts *opts)
{
	gs->opts = opts;
	bk_list_init(&gs->empty);
	gs->by_id = bk_map_new(opts->max, opts->seed);
	gs->members = bk_map_new(opts->max, opts->seed);
	return gs->by_id && gs->members ? 0 : BK_E_NOMEM;
}

/* --- what members ask for --- */

struct wish {
	struct bk_groups *gs;
	uint64_t who;
	const struct bk_board_request *request;
	bk_time now;
	bk_dur wait;
	struct bk_attendee *member; /* NULL: it is in none */
};

static int check_join(const struct wish *w, const struct bk_gathering *g)
{
	static const uint8_t none[BK_GROUP_ID_LEN];

	if (w->member || !w->request->secret || !memcmp(w->request->secret, none, sizeof(none)))
		return BK_E_INVALID;
	if (w->request->len > BK_GROUP_CARD_MAX)
		return BK_E_TOO_BIG;
	return g && g->count >= BK_LIMIT_GROUP_MEMBERS ? BK_E_FULL : 0;
}

static int on_join(struct wish *w)
{
	const struct bk_board_request *r = w->request;
	struct bk_gathering *g = r->secret ? bk_map_get(w->gs->by_id, r->secret, BK_GROUP_ID_LEN) : NULL;
	int err = check_join(w, g);

	if (!err && !g)
		err = bk_gathering_new(w->gs, w->who, r, w->now, &g);
	return err < 0 ? err : bk_gathering_join(w->gs, g, w->who, r, w->now);
}

/* A large one counts for more. */
static int take_rate(struct wish *w)
{
	size_t units = 1 + w->request->len / BK_LIMIT_GROUP_POST_UNIT;
	double n = (double)units;
	struct bk_attendee *m = w->member;

	w->wait = bk_time_max(bk_rate_wait(&m->posts, n, w->now), bk_rate_wait(&m->group->posts, n, w->now));
	if (w->wait > 0)
		return BK_E_RATE_LIMITED;
	bk_rate_move(&m->posts, -n, w->now);
	bk_rate_move(&m->group->posts, -n, w->now);
	return 0;
}

static int on_card(struct wish *w)
{
	int err = !w->member                            ? BK_E_NOT_FOUND
		  : w->request->len > BK_GROUP_CARD_MAX ? BK_E_TOO_BIG
							: take_rate(w);

	return err < 0 ? err : bk_gathering_set_card(w->gs, w->member, w->request, w->now);
}

static int on_post(struct wish *w)
{
	int err = !w->member                            ? BK_E_NOT_FOUND
		  : w->request->len > BK_GROUP_POST_MAX ? BK_E_TOO_BIG
							: take_rate(w);

	return err < 0 ? err : bk_gathering_post(w->gs, w->member, w->request, w->now);
}

static int on_part(struct wish *w)
{
	if (!w->member)
		return BK_E_NOT_FOUND;
	bk_gathering_part(w->gs, w->member, 0, w->now);
	return 0;
}

int bk_groups_ask(
	struct bk_groups *gs, uint64_t who, const struct bk_board_request *r, bk_time now, bk_dur *ret_wait)
{
	struct wish w = {.gs = gs,
		.who = who,
		.request = r,
		.now = now,
		.member = bk_map_get(gs->members, &who, sizeof(who))};
	int err = r->wish == BK_BOARD_JOIN   ? on_join(&w)
		  : r->wish == BK_BOARD_CARD ? on_card(&w)
		  : r->wish == BK_BOARD_POST ? on_post(&w)
					     : on_part(&w);

	*ret_wait = w.wait;
	return err;
}

/* --- the other doors --- */

void bk_groups_deliver(struct bk_groups *gs, uint64_t who)
{
	struct bk_attendee *m = bk_map_get(gs->members, &who, sizeof(who));

	if (m)
		bk_gathering_deliver(gs, m);
}

void bk_groups_leave(struct bk_groups *gs, uint64_t who, bk_time now)
{
	struct bk_attendee *m = bk_map_get(gs->members, &who, sizeof(who));

	if (m)
		bk_gathering_part(gs, m, BK_E_PEER_VANISHED, now);
}

static struct bk_gathering *first_empty(const struct bk_groups *gs)
{
	return bk_list_empty(&gs->empty) ? NULL : bk_container_of(gs->empty.next, struct bk_gathering, empty);
}

void bk_groups_wake(struct bk_groups *gs, bk_time now)
{
	bk_list_each(it, tmp, &gs->empty)
	{
		struct bk_gathering *g = bk_container_of(it, struct bk_gathering, empty);

		if (g->until > now)
			break;
		bk_gathering_free(gs, g);
	}
}

bk_time bk_groups_next_wake(const struct bk_groups *gs)
{
	const struct bk_gathering *g = first_empty(gs);

	return g ? g->until : BK_NEVER;
}

static void free_member(void *arg, void *value)
{
	struct bk_attendee *m = value;

	(void)arg;
	bk_list_remove(&m->link);
	m->group->count--;
	free(m);
}

static void collect(void *arg, void *value)
{
	struct bk_groups *gs = arg;
	struct bk_gathering *g = value;

	bk_list_remove(&g->empty);
	bk_list_append(&gs->empty, &g->empty);
}

void bk_groups_done(struct bk_groups *gs)
{
	if (gs->members)
		bk_map_each(gs->members, free_member, NULL);
	bk_map_free(gs->members);
	if (gs->by_id) {
		bk_map_each(gs->by_id, collect, gs);
		bk_list_each(it, tmp, &gs->empty)
			bk_gathering_free(gs, bk_container_of(it, struct bk_gathering, empty));
	}
	bk_map_free(gs->by_id);
	gs->members = gs->by_id = NULL;
}
