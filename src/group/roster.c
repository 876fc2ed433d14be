/* SPDX-License-Identifier: Apache-2.0 */
#include "group/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int bk_roster_init(struct bk_roster *r, uint64_t seed)
{
	*r = (struct bk_roster){.members = bk_map_new(BK_ROSTER_MEMBERS, seed)};
	bk_list_init(&r->behind);
	return r->members ? 0 : BK_E_NOMEM;
}

static void leave_behind(void *arg, void *value)
{
	struct bk_member_card *m = value;
	struct bk_roster *r = arg;

	bk_list_append(&r->behind, &m->link);
	r->behind_count++;
}

static void take_up(struct bk_roster *r, struct bk_member_card *m)
{
	bk_list_remove(&m->link);
	r->behind_count--;
}

static struct bk_member_card *first_behind(const struct bk_roster *r)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed was taken out of the list */
	return bk_list_empty(&r->behind) ? NULL
					 : bk_container_of(r->behind.next, struct bk_member_card, link);
}

void bk_roster_done(struct bk_roster *r)
{
	struct bk_member_card m;

	if (!r->members)
		return;
	bk_roster_begin(r);
	while (bk_roster_take_behind(r, &m))
		;
	bk_map_free(r->members);
	r->members = NULL;
}

static void forget_handle(void *arg, void *value)
{
	const struct bk_roster *r = arg;
	const struct bk_member_card *m = value;

	bk_map_take(r->members, &m->member, sizeof(m->member));
}

void bk_roster_begin(struct bk_roster *r)
{
	bk_map_each(r->members, leave_behind, r);
	bk_list_each(it, tmp, &r->behind) forget_handle(r, bk_container_of(it, struct bk_member_card, link));
}

static bool is_the_same(const struct bk_card *a, const struct bk_card *b)
{
	return a->sitting == b->sitting && !memcmp(a->key, b->key, sizeof(a->key));
}

static bool says_the_same(const struct bk_card *a, const struct bk_card *b)
{
	return !memcmp(a->key, b->key, sizeof(a->key)) && !strcmp(a->name, b->name) &&
	       a->about_len == b->about_len && !memcmp(a->about, b->about, a->about_len);
}

static struct bk_member_card *find_behind(const struct bk_roster *r, const struct bk_card *card)
{
	bk_list_each(it, tmp, &r->behind)
	{
		struct bk_member_card *m = bk_container_of(it, struct bk_member_card, link);

		if (is_the_same(&m->card, card))
			return m;
	}
	return NULL;
}

/* Who was behind, or somebody new, comes to be called by that handle. */
static int call(
	struct bk_roster *r, uint64_t member, const struct bk_card *card, struct bk_member_card **ret_m)
{
	struct bk_member_card *was = find_behind(r, card), *m = was ? was : calloc(1, sizeof(*m));
	int err = m ? bk_map_put(r->members, &member, sizeof(member), m) : BK_E_NOMEM;

	if (err < 0) {
		if (!was)
			free(m);
		return err;
	}
	m->member = member;
	*ret_m = m;
	if (was) {
		take_up(r, was);
		return says_the_same(&m->card, card) ? 0 : BK_ROSTER_CHANGED;
	}
	bk_list_init(&m->link);
	m->id = ++r->last_id;
	return BK_ROSTER_NEW;
}

int bk_roster_put(struct bk_roster *r, uint64_t member, const struct bk_card *card,
	const struct bk_member_card **ret_member)
{
	struct bk_member_card *m = bk_map_get(r->members, &member, sizeof(member));
	int news = m ? says_the_same(&m->card, card) ? 0 : BK_ROSTER_CHANGED : call(r, member, card, &m);

	if (news < 0)
		return news;
	m->card = *card;
	*ret_member = m;
	return news;
}

bool bk_roster_has_another(const struct bk_roster *r, uint64_t member, const struct bk_card *card)
{
	const struct bk_member_card *m = bk_map_get(r->members, &member, sizeof(member));

	return m && memcmp(m->card.key, card->key, sizeof(card->key)) != 0;
}

bool bk_roster_take(struct bk_roster *r, uint64_t member, struct bk_member_card *ret_member)
{
	struct bk_member_card *m = bk_map_take(r->members, &member, sizeof(member));

	if (!m)
		return false;
	*ret_member = *m;
	free(m);
	return true;
}

bool bk_roster_take_behind(struct bk_roster *r, struct bk_member_card *ret_member)
{
	struct bk_member_card *m = first_behind(r);

	if (!m)
		return false;
	take_up(r, m);
	*ret_member = *m;
	free(m);
	return true;
}

struct walk {
	void (*fn)(void *arg, const struct bk_member_card *m);
	void *arg;
};

static void step(void *arg, void *value)
{
	const struct walk *w = arg;

	w->fn(w->arg, value);
}

void bk_roster_each(
	const struct bk_roster *r, void (*fn)(void *arg, const struct bk_member_card *m), void *arg)
{
	struct walk w = {fn, arg};

	bk_map_each(r->members, step, &w);
	bk_list_each(it, tmp, &r->behind) fn(arg, bk_container_of(it, struct bk_member_card, link));
}
