/* SPDX-License-Identifier: Apache-2.0 */
#include "server/gathering.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/limits.h"

/* What a group costs, with all that it may keep of comings. */
enum { GROUP_BYTES = 1024 * BK_LIMIT_GROUP_COMINGS };

struct news {
	struct bk_list link;       /* in group->news */
	struct bk_list in_comings; /* in group->comings, unless it is a post */
	uint64_t rank, number;     /* number 0: somebody came or went */
	struct bk_chunk *bytes;
	void *account;
	size_t charged;
};

static const struct bk_board_events *events_of(const struct bk_groups *gs)
{
	return gs->opts->events;
}

/* --- news --- */

static struct bk_chunk *make(const struct bk_groups *gs, const struct bk_group_msg *m)
{
	return events_of(gs)->make_news(gs->opts->arg, m);
}

static void give_back(const struct bk_groups *gs, void *account, size_t charged)
{
	if (charged)
		events_of(gs)->settle(gs->opts->arg, account, BK_BOARD_NEWS, charged, BK_BOARD_OVER);
}

static void drop_news(const struct bk_groups *gs, struct bk_gathering *g, struct news *n)
{
	bk_list_remove(&n->link);
	bk_list_remove(&n->in_comings);
	*(n->number ? &g->posts_kept : &g->comings_kept) -= 1;
	bk_chunk_unref(n->bytes);
	give_back(gs, n->account, n->charged);
	free(n);
}

static struct news *first_coming(const struct bk_gathering *g)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed was taken out of the list */
	return bk_list_empty(&g->comings) ? NULL : bk_container_of(g->comings.next, struct news, in_comings);
}

static struct news *oldest_post(const struct bk_gathering *g)
{
	bk_list_each(it, tmp, &g->news)
	{
		struct news *n = bk_container_of(it, struct news, link);

		if (n->number)
			return n;
	}
	return NULL;
}

/* What a member has not had yet: posts from there on; comings only if they are not in its list. */
static uint64_t need_of(const struct bk_attendee *m, bool is_post)
{
	return is_post || m->next > m->since ? m->next : m->since;
}

/* Every member has had such news below that. */
static uint64_t passed_by_all(const struct bk_gathering *g, bool are_posts)
{
	uint64_t passed = g->last_rank + 1;

	bk_list_each(it, tmp, &g->members)
	{
		uint64_t need = need_of(bk_container_of(it, struct bk_attendee, link), are_posts);

		passed = need < passed ? need : passed;
	}
	return passed;
}

/* The first of the news that this member has not had; NULL: it has had all. Most members are near the end. */
static struct news *next_for(const struct bk_attendee *m)
{
	const struct bk_gathering *g = m->group;
	struct news *found = NULL;

	for (struct bk_list *it = g->news.prev; it != &g->news; it = it->prev) {
		struct news *n = bk_container_of(it, struct news, link);

		if (n->rank < m->next)
			break;
		if (n->number || n->rank >= m->since)
			found = n;
	}
	return found;
}

/* --- telling --- */

static bool tell(const struct bk_groups *gs, const struct bk_attendee *m, struct bk_chunk *bytes)
{
	return events_of(gs)->on_news(gs->opts->arg, m->who, bytes, false);
}

static bool tell_once(const struct bk_groups *gs, const struct bk_attendee *m, const struct bk_group_msg *msg)
{
	struct bk_chunk *bytes = make(gs, msg);
	bool is_told = bytes && tell(gs, m, bytes);

	bk_chunk_unref(bytes);
	return is_told;
}

static bool tell_joined(const struct bk_groups *gs, struct bk_attendee *m)
{
	const struct bk_gathering *g = m->group;
	const struct news *n = next_for(m);
	struct bk_group_msg msg = {.type = BK_GROUP_JOINED, .member = m->who, .number = g->last_number};

	while (n && !n->number)
		n = n->link.next == &g->news ? NULL : bk_container_of(n->link.next, struct news, link);
	msg.oldest = n ? n->number : 0;
	memcpy(msg.life, g->life, sizeof(msg.life));
	return tell_once(gs, m, &msg);
}

/* As many of the list as fit into one message; to the seat that is the last of them. */
static struct bk_chunk *make_page(const struct bk_groups *gs, struct bk_attendee *m, uint64_t *ret_last)
{
	struct bk_group_msg msg = {.type = BK_GROUP_ROSTER, .is_last = true};
	struct bk_chunk *bytes;
	struct bk_buf entries;

	bk_buf_init(&entries, BK_GROUP_ROSTER_MAX);
	bk_list_each(it, tmp, &m->group->members)
	{
		const struct bk_attendee *o = bk_container_of(it, struct bk_attendee, link);

		if (o->seat <= m->listed || o->seat > m->seat)
			continue;
		msg.is_last = bk_group_entry_append(&entries, o->who, o->card, o->card_len) == 0;
		if (!msg.is_last)
			break;
		*ret_last = o->seat;
	}
	msg.bytes = bk_buf_head(&entries);
	msg.len = entries.len;
	bytes = make(gs, &msg);
	if (bytes && !msg.is_last)
		bk_pages_put(&m->group->pages, m->listed, *ret_last, bytes);
	bk_buf_done(&entries);
	return bytes;
}

static bool tell_list(const struct bk_groups *gs, struct bk_attendee *m)
{
	uint64_t last = m->listed;
	struct bk_chunk *page = bk_pages_find(&m->group->pages, m->listed, m->seat, &last);
	bool is_told;

	page = page ? bk_chunk_ref(page) : make_page(gs, m, &last);
	is_told = page && tell(gs, m, page);
	if (is_told)
		m->listed = last;
	bk_chunk_unref(page);
	return is_told;
}

static bool tell_one_thing(const struct bk_groups *gs, struct bk_attendee *m)
{
	const struct news *n;

	if (!m->is_told)
		return (m->is_told = tell_joined(gs, m));
	if (m->listed < m->seat)
		return tell_list(gs, m);
	n = next_for(m);
	if (!n)
		m->next = m->group->last_rank + 1;
	if (!n || !tell(gs, m, n->bytes))
		return false;
	m->next = n->rank + 1;
	return true;
}

void bk_gathering_deliver(const struct bk_groups *gs, struct bk_attendee *m)
{
	while (tell_one_thing(gs, m))
		;
}

/* --- members and groups come and go --- */

void bk_gathering_free(struct bk_groups *gs, struct bk_gathering *g)
{
	bk_assert(!g->count);
	bk_list_each(it, tmp, &g->news) drop_news(gs, g, bk_container_of(it, struct news, link));
	bk_list_remove(&g->empty);
	bk_map_take(gs->by_id, g->id, sizeof(g->id));
	bk_pages_done(&g->pages);
	give_back(gs, g->account, GROUP_BYTES);
	free(g);
}

static void remove_member(struct bk_groups *gs, struct bk_attendee *m, bk_time now)
{
	struct bk_gathering *g = m->group;

	bk_pages_forget(&g->pages, m->seat);
	bk_list_remove(&m->link);
	bk_map_take(gs->members, &m->who, sizeof(m->who));
	free(m);
	if (--g->count)
		return;
	g->until = bk_time_add(now, BK_LIMIT_GROUP_EMPTY);
	bk_list_append(&gs->empty, &g->empty);
}

/* Takes the account over in any case; none is charged for comings, which the group has paid for. */
static int add_news(struct bk_groups *gs, struct bk_gathering *g, const struct bk_group_msg *msg,
	void *account, size_t charged)
{
	struct news *n = calloc(1, sizeof(*n));
	struct bk_chunk *bytes = n ? make(gs, msg) : NULL;

	if (!bytes) {
		give_back(gs, account, charged);
		free(n);
		return BK_E_NOMEM;
	}
	n->rank = ++g->last_rank;
	n->number = msg->type == BK_GROUP_SAID ? msg->number : 0;
	n->bytes = bytes;
	n->account = account;
	n->charged = charged;
	bk_list_init(&n->in_comings);
	bk_list_append(&g->news, &n->link);
	if (!n->number)
		bk_list_append(&g->comings, &n->in_comings);
	*(n->number ? &g->posts_kept : &g->comings_kept) += 1;
	return 0;
}

static void add_gone(struct bk_groups *gs, struct bk_gathering *g, uint64_t who, int why)
{
	struct bk_group_msg msg = {.type = BK_GROUP_GONE, .member = who};

	if (why < 0)
		snprintf(msg.code, sizeof(msg.code), "%s", bk_error_name(why));
	if (g->count)
		add_news(gs, g, &msg, NULL, 0);
}

/* What it has not had yet is not kept any more: it may come back, and go on from what it knows. */
static void send_away(struct bk_groups *gs, struct bk_attendee *m, bk_time now)
{
	struct bk_group_msg msg = {.type = BK_GROUP_ENDED};
	struct bk_gathering *g = m->group;
	uint64_t who = m->who;
	struct bk_chunk *bytes;

	snprintf(msg.code, sizeof(msg.code), "%s", bk_error_name(BK_E_TOO_SLOW));
	bytes = make(gs, &msg);
	if (bytes)
		events_of(gs)->on_news(gs->opts->arg, who, bytes, true);
	bk_chunk_unref(bytes);
	remove_member(gs, m, now);
	add_gone(gs, g, who, BK_E_TOO_SLOW);
}

static struct bk_attendee *find_behind(const struct bk_gathering *g, uint64_t rank, bool is_post)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who was freed was taken out of the list */
	bk_list_each(it, tmp, &g->members)
	{
		struct bk_attendee *m = bk_container_of(it, struct bk_attendee, link);

		if (need_of(m, is_post) <= rank)
			return m;
	}
	return NULL;
}

/* It is not kept any more, and who has not had it goes with it. True: somebody did. */
static bool forget_news(struct bk_groups *gs, struct bk_gathering *g, struct news *n, bk_time now)
{
	uint64_t rank = n->rank;
	bool is_post = n->number, did = false;
	struct bk_attendee *m;

	drop_news(gs, g, n);
	for (; (m = find_behind(g, rank, is_post)); did = true)
		send_away(gs, m, now);
	return did;
}

/* Comings that everybody has had are of no use any more, and posts only for who comes late. Looking is not for each
 * one. */
static void tidy(struct bk_groups *gs, struct bk_gathering *g)
{
	bool has_comings = g->comings_kept >= BK_LIMIT_GROUP_COMINGS / 8,
	     has_posts = g->posts_kept > BK_LIMIT_GROUP_HISTORY;
	uint64_t passed = has_comings ? passed_by_all(g, false) : 0;
	struct news *n;

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed was taken out of the list */
	bk_list_each(it, tmp, &g->comings)
	{
		n = bk_container_of(it, struct news, in_comings);
		if (n->rank >= passed)
			break;
		drop_news(gs, g, n);
	}
	passed = has_posts ? passed_by_all(g, true) : 0;
	while (g->posts_kept > BK_LIMIT_GROUP_HISTORY && (n = oldest_post(g)) && n->rank < passed)
		drop_news(gs, g, n);
}

static bool trim(struct bk_groups *gs, struct bk_gathering *g, bk_time now)
{
	bool did = false;

	tidy(gs, g);
	while (g->posts_kept > BK_LIMIT_GROUP_BACKLOG)
		did |= forget_news(gs, g, oldest_post(g), now);
	while (g->comings_kept > BK_LIMIT_GROUP_COMINGS)
		did |= forget_news(gs, g, first_coming(g), now);
	return did;
}

/* There is something new. Each turn but the last has one member less. */
static void publish(struct bk_groups *gs, struct bk_gathering *g, bk_time now)
{
	do
		bk_list_each(it, tmp, &g->members)
			bk_gathering_deliver(gs, bk_container_of(it, struct bk_attendee, link));
	while (trim(gs, g, now));
}

/* --- a group, and who is in it --- */

int bk_gathering_new(struct bk_groups *gs, uint64_t who, const struct bk_board_request *r, bk_time now,
	struct bk_gathering **ret_gathering)
{
	struct bk_gathering *g = calloc(1, sizeof(*g));
	int err = g ? events_of(gs)->charge(gs->opts->arg, who, BK_BOARD_NEWS, GROUP_BYTES, &g->account)
		    : BK_E_NOMEM;

	if (err < 0) {
		free(g);
		return err;
	}
	memcpy(g->id, r->secret, sizeof(g->id));
	randombytes_buf(g->life, sizeof(g->life));
	g->last_number = r->last < INT64_MAX / 2 ? r->last : 0; /* whoever comes back goes on where he was */
	bk_pages_init(&g->pages);
	bk_list_init(&g->empty);
	bk_list_init(&g->members);
	bk_list_init(&g->news);
	bk_list_init(&g->comings);
	bk_rate_init(&g->posts, BK_LIMIT_GROUP_POSTS_PER_SECOND, BK_LIMIT_GROUP_POSTS_BURST, now);
	err = bk_map_put(gs->by_id, g->id, sizeof(g->id), g);
	if (err < 0) {
		give_back(gs, g->account, GROUP_BYTES);
		free(g);
		return err;
	}
	*ret_gathering = g;
	return 0;
}

/* Where it goes on: behind what it knows, if it knows this life of the group, and not further back than is kept for who
 * comes late. */
static uint64_t first_rank(const struct bk_gathering *g, const struct bk_board_request *r)
{
	bool knows = r->life && !memcmp(r->life, g->life, sizeof(g->life));
	uint64_t behind = knows ? r->last : 0;

	if (g->last_number > BK_LIMIT_GROUP_HISTORY && behind < g->last_number - BK_LIMIT_GROUP_HISTORY)
		behind = g->last_number - BK_LIMIT_GROUP_HISTORY;
	bk_list_each(it, tmp, &g->news)
	{
		const struct news *n = bk_container_of(it, struct news, link);

		if (n->number > behind)
			return n->rank;
	}
	return g->last_rank + 1;
}

static int seat(struct bk_groups *gs, struct bk_gathering *g, uint64_t who, const struct bk_board_request *r,
	struct bk_attendee **ret_member)
{
	struct bk_attendee *m = calloc(1, sizeof(*m));
	int err = m ? bk_map_put(gs->members, &who, sizeof(who), m) : BK_E_NOMEM;

	if (err < 0) {
		free(m);
		return err;
	}
	bk_list_init(&m->link);
	m->group = g;
	m->who = who;
	m->seat = ++g->last_seat;
	m->next = first_rank(g, r);
	m->card_len = r->len;
	if (r->len)
		memcpy(m->card, r->body, r->len);
	bk_list_remove(&g->empty);
	g->count++;
	*ret_member = m;
	return 0;
}

/* --- what members do --- */

static struct bk_group_msg came(const struct bk_attendee *m)
{
	return (struct bk_group_msg){
		.type = BK_GROUP_CAME, .member = m->who, .bytes = m->card, .len = m->card_len};
}

/* Its own coming is not told to it: it has the list. */
int bk_gathering_join(struct bk_groups *gs, struct bk_gathering *g, uint64_t who,
	const struct bk_board_request *r, bk_time now)
{
	struct bk_attendee *m;
	struct bk_group_msg msg;
	int err = seat(gs, g, who, r, &m);

	if (err < 0) {
		if (!g->count && bk_list_empty(&g->empty)) /* it was made for this */
			bk_gathering_free(gs, g);
		return err;
	}
	bk_rate_init(&m->posts, BK_LIMIT_MEMBER_POSTS_PER_SECOND, gs->opts->posts_burst, now);
	msg = came(m);
	if (g->count > 1)
		err = add_news(gs, g, &msg, NULL, 0);
	m->since = g->last_rank + 1;
	bk_list_append(&g->members, &m->link);
	publish(gs, g, now);
	return err;
}

int bk_gathering_set_card(
	struct bk_groups *gs, struct bk_attendee *m, const struct bk_board_request *r, bk_time now)
{
	struct bk_gathering *g = m->group;
	struct bk_group_msg msg;
	int err;

	bk_pages_forget(&g->pages, m->seat);
	m->card_len = r->len;
	if (r->len)
		memcpy(m->card, r->body, r->len);
	msg = came(m);
	err = add_news(gs, g, &msg, NULL, 0);
	publish(gs, g, now);
	return err;
}

static int charge_post(
	struct bk_groups *gs, const struct bk_attendee *m, size_t n, bk_time now, void **ret_account)
{
	struct bk_gathering *g = m->group;
	uint64_t who = m->who; /* it may be sent away meanwhile */
	struct news *oldest;
	int err;

	while ((err = events_of(gs)->charge(gs->opts->arg, who, BK_BOARD_NEWS, n, ret_account)) ==
			BK_E_FULL &&
		(oldest = oldest_post(g)))
		forget_news(gs, g, oldest, now);
	return err;
}

int bk_gathering_post(
	struct bk_groups *gs, struct bk_attendee *m, const struct bk_board_request *r, bk_time now)
{
	size_t n = sizeof(struct news) + r->len + r->len / 2 + 128;
	struct bk_gathering *g = m->group;
	struct bk_group_msg msg = {.type = BK_GROUP_SAID, .bytes = r->body, .len = r->len};
	void *account;
	int err = charge_post(gs, m, n, now, &account);

	if (err < 0)
		return err;
	msg.number = g->last_number + 1;
	err = add_news(gs, g, &msg, account, n);
	if (err < 0)
		return err;
	g->last_number++;
	publish(gs, g, now);
	return 0;
}

void bk_gathering_part(struct bk_groups *gs, struct bk_attendee *m, int why, bk_time now)
{
	struct bk_gathering *g = m->group;
	uint64_t who = m->who;

	remove_member(gs, m, now);
	add_gone(gs, g, who, why);
	publish(gs, g, now);
}
