/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/room_members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED_MAX = 5 };

static bool is_same(const struct bk_cli_member *a, const struct bk_cli_member *b)
{
	return !memcmp(a->key, b->key, sizeof(a->key));
}

/* --- coming and going --- */

static struct bk_cli_member *find_handle(struct bk_cli_members *m, uint64_t handle)
{
	for (size_t i = 0; i < m->len; i++)
		if (m->all[i].handle == handle && m->all[i].is_here)
			return &m->all[i];
	return NULL;
}

static void drop(struct bk_cli_members *m, size_t i)
{
	m->all[i] = m->all[--m->len];
}

/* Somebody who comes and goes all day long while nobody reads takes no room. */
static bool make_room(struct bk_cli_members *m)
{
	size_t cap = m->cap ? 2 * m->cap : 16;
	struct bk_cli_member *all;

	for (size_t i = 0; m->len >= 2 * BK_CLI_MEMBERS_MAX && i < m->len; i++)
		if (!m->all[i].is_here) {
			drop(m, i);
			return true;
		}
	if (m->len < m->cap)
		return true;
	all = m->here < BK_CLI_MEMBERS_MAX ? realloc(m->all, cap * sizeof(*all)) : NULL;
	if (!all)
		return false;
	m->all = all;
	m->cap = cap;
	return true;
}

bool bk_cli_members_take(
	struct bk_cli_members *m, const struct bk_group_member *member, bool is_here, int64_t now)
{
	struct bk_cli_member *who = find_handle(m, member->handle);

	if (is_here == (who != NULL) || (is_here && !make_room(m)))
		return false;
	if (!is_here) {
		who->is_here = false;
		m->here--;
		if (!who->is_told)
			drop(m, (size_t)(who - m->all));
		return true;
	}
	who = &m->all[m->len++];
	m->here++;
	*who = (struct bk_cli_member){.handle = member->handle,
		.since = now,
		.is_here = true,
		.is_us = member->is_us,
		.has_others_name = member->has_others_name};
	snprintf(who->name, sizeof(who->name), "%s", member->name);
	memcpy(who->key, member->key, sizeof(who->key));
	return true;
}

void bk_cli_members_done(struct bk_cli_members *m)
{
	free(m->all);
	*m = (struct bk_cli_members){0};
}

/* --- what is told of it --- */

/* Another connection of the same one was told of: there is no news. */
static bool is_known(const struct bk_cli_members *m, const struct bk_cli_member *who)
{
	for (size_t i = 0; i < m->len; i++)
		if (&m->all[i] != who && m->all[i].is_told && is_same(&m->all[i], who))
			return true;
	return false;
}

static bool is_here_otherwise(const struct bk_cli_members *m, const struct bk_cli_member *who)
{
	for (size_t i = 0; i < m->len; i++)
		if (m->all[i].is_here && is_same(&m->all[i], who))
			return true;
	return false;
}

struct list {
	char labels[NAMED_MAX][BK_CLI_LABEL_MAX];
	size_t len;
};

static void append(struct list *l, const struct bk_cli_members *m, const struct bk_cli_member *who)
{
	if (l->len < NAMED_MAX)
		bk_cli_members_label(m, who, l->labels[l->len]);
	l->len++;
}

/* "anna, bert and 3 others"; returns where it ends. */
static size_t put(const struct list *l, const char *act, char *out, size_t max)
{
	size_t shown = l->len < NAMED_MAX ? l->len : NAMED_MAX, used = 0;

	if (l->len > NAMED_MAX)
		shown--;
	for (size_t i = 0; i < shown; i++)
		used += (size_t)snprintf(out + used, max - used, "%s%s",
			!i                               ? ""
			: i + 1 == l->len /* the last */ ? " and "
							 : ", ",
			l->labels[i]);
	if (l->len > shown)
		used += (size_t)snprintf(out + used, max - used, " and %zu others", l->len - shown);
	used += (size_t)snprintf(out + used, max - used, " %s", act);
	return used;
}

void bk_cli_members_news(struct bk_cli_members *m, char out[BK_CLI_NEWS_MAX])
{
	struct list came = {.len = 0}, left = {.len = 0};
	size_t used = 0;

	for (size_t i = 0; i < m->len; i++) {
		const struct bk_cli_member *who = &m->all[i];

		if (who->is_here && !who->is_told && !who->is_us && !is_known(m, who))
			append(&came, m, who);
		else if (!who->is_here && !is_here_otherwise(m, who))
			append(&left, m, who);
	}
	for (size_t i = m->len; i-- > 0;)
		if (m->all[i].is_here)
			m->all[i].is_told = true;
		else
			drop(m, i);
	*out = 0;
	if (came.len)
		used = put(&came, "came", out, BK_CLI_NEWS_MAX);
	if (came.len && left.len)
		used += (size_t)snprintf(out + used, BK_CLI_NEWS_MAX - used, "; ");
	if (left.len)
		put(&left, "left", out + used, BK_CLI_NEWS_MAX - used);
}

/* --- what they are called --- */

const char *bk_cli_members_label(
	const struct bk_cli_members *m, const struct bk_cli_member *who, char out[BK_CLI_LABEL_MAX])
{
	bool is_plain = !who->has_others_name;

	for (size_t i = 0; i < m->len && is_plain; i++)
		is_plain = !m->all[i].is_here || strcmp(m->all[i].name, who->name) != 0 ||
			   is_same(&m->all[i], who);
	if (is_plain)
		snprintf(out, BK_CLI_LABEL_MAX, "%s", who->name);
	else
		snprintf(out, BK_CLI_LABEL_MAX, "%s#%02x%02x%02x%02x", who->name, who->key[0], who->key[1],
			who->key[2], who->key[3]);
	return out;
}

const struct bk_cli_member *bk_cli_members_of_key(
	const struct bk_cli_members *m, const uint8_t key[BK_GROUP_KEY_LEN])
{
	for (size_t i = 0; i < m->len; i++)
		if (m->all[i].is_here && !memcmp(m->all[i].key, key, BK_GROUP_KEY_LEN))
			return &m->all[i];
	return NULL;
}

/* 0: it is not named there. */
static size_t named(const char *text, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(text, name, n) && (!text[n] || text[n] == ' ') ? n : 0;
}

size_t bk_cli_members_find(const struct bk_cli_members *m, const char *text,
	const struct bk_cli_member **ret_who, size_t *ret_len)
{
	char label[BK_CLI_LABEL_MAX];
	size_t found = 0;

	*ret_len = 0;
	for (size_t i = 0; i < m->len; i++) {
		const struct bk_cli_member *who = &m->all[i];
		size_t n = who->is_here ? named(text, bk_cli_members_label(m, who, label)) : 0;

		if (who->is_here && !n)
			n = named(text, who->name);
		if (!n || n < *ret_len || (found && n == *ret_len && is_same(who, *ret_who)))
			continue;
		found = n > *ret_len ? 1 : found + 1;
		*ret_len = n;
		*ret_who = who;
	}
	return found;
}
