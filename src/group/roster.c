/* SPDX-License-Identifier: Apache-2.0 */
/* Members by handle. */
#include "group/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int bk_roster_init(struct bk_roster *r, uint64_t seed)
{
	r->round = 1;
	r->members = bk_map_new(BK_ROSTER_MEMBERS, seed);
	return r->members ? 0 : BK_E_NOMEM;
}

static void free_member(void *arg, void *value)
{
	(void)arg;
	free(value);
}

void bk_roster_done(struct bk_roster *r)
{
	if (!r->members)
		return;
	bk_map_each(r->members, free_member, NULL);
	bk_map_free(r->members);
	r->members = NULL;
}

void bk_roster_begin(struct bk_roster *r)
{
	r->round++;
}

static bool says_the_same(const struct bk_card *a, const struct bk_card *b)
{
	return !memcmp(a->key, b->key, sizeof(a->key)) && !strcmp(a->name, b->name) &&
	       a->about_len == b->about_len && !memcmp(a->about, b->about, a->about_len);
}

int bk_roster_put(struct bk_roster *r, uint64_t member, const struct bk_card *card,
	const struct bk_member_card **ret_member)
{
	struct bk_member_card *m = bk_map_get(r->members, &member, sizeof(member));
	int err, news = !m ? BK_ROSTER_NEW : says_the_same(&m->card, card) ? 0 : BK_ROSTER_CHANGED;

	if (!m) {
		m = calloc(1, sizeof(*m));
		err = m ? bk_map_put(r->members, &member, sizeof(member), m) : BK_E_NOMEM;
		if (err < 0) {
			free(m);
			return err;
		}
	}
	*m = (struct bk_member_card){.member = member, .round = r->round, .card = *card};
	*ret_member = m;
	return news;
}

bool bk_roster_has_another(const struct bk_roster *r, uint64_t member, const struct bk_card *card)
{
	const struct bk_member_card *m = bk_map_get(r->members, &member, sizeof(member));

	return m && memcmp(m->card.key, card->key, sizeof(card->key)) != 0;
}

bool bk_roster_take(struct bk_roster *r, uint64_t member, struct bk_card *ret_card)
{
	struct bk_member_card *m = bk_map_take(r->members, &member, sizeof(member));

	if (!m)
		return false;
	*ret_card = m->card;
	free(m);
	return true;
}

struct search {
	uint64_t round;
	const struct bk_member_card *found;
};

static void look(void *arg, void *value)
{
	const struct bk_member_card *m = value;
	struct search *s = arg;

	if (m->round != s->round)
		s->found = m;
}

bool bk_roster_take_stale(struct bk_roster *r, struct bk_member_card *ret_member)
{
	struct search s = {.round = r->round};

	bk_map_each(r->members, look, &s);
	if (!s.found)
		return false;
	*ret_member = *s.found;
	return bk_roster_take(r, ret_member->member, &ret_member->card);
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
}
