/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of an offer. Twins and orphans are found when an entry comes, by an index that is hashed with a key of
 * its own. Behind a path in the arena stands the target of a link, and behind that how either is shown where it is odd,
 * so that the many entries that have none of these pay nothing for it. */
#include "wire/file_list.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"

enum {
	BLOCK_SIZE = 64 << 10,
	ARENA_MAX = 256 << 20,
	SLOTS_MIN = 64,
	STEPS_EACH = 64,       /* a link's own, for looking at where it leads; */
	STEPS_LEAST = 1 << 16, /* for all that take more: so many, and STEPS_EACH for each entry */
};

#define SIZE_LIMIT ((uint64_t)INT64_MAX) /* off_t, and what JSON integers can carry */

struct bk_file_arena {
	struct bk_file_arena *next; /* the one before */
	size_t len, size, all;      /* all: bytes of this and those before */
	char bytes[];
};

/* --- paths --- */

int bk_file_path_check_bytes(const char *path)
{
	size_t len = strlen(path);

	if (!len || len > BK_FILE_PATH_MAX)
		return BK_E_UNSAFE_PATH;
	for (const char *at = path;; at++) {
		size_t n = strcspn(at, "/");

		if (!n || n > BK_FILE_NAME_MAX || (n == 1 && at[0] == '.') ||
			(n == 2 && at[0] == '.' && at[1] == '.'))
			return BK_E_UNSAFE_PATH;
		at += n;
		if (!*at)
			return 0;
	}
}

static bool is_plain(const char *path)
{
	return bk_text_is_utf8(path, strlen(path)) && bk_text_is_plain(path);
}

int bk_file_path_check(const char *path)
{
	return is_plain(path) ? bk_file_path_check_bytes(path) : BK_E_UNSAFE_PATH;
}

/* The character at s, of n bytes, alone; 0: its first byte is shown by its number. */
static size_t plain_char(const char *s)
{
	unsigned c;
	size_t n = bk_text_char(s, &c);
	char one[8];

	snprintf(one, sizeof(one), "%.*s", (int)n, s);
	return n && bk_text_is_plain(one) ? n : 0;
}

const char *bk_file_path_show(const char *path, char *out, size_t max)
{
	char *at = out;

	while (*path) {
		size_t n = plain_char(path), need = n ? n : 4;

		if (need >= max - (size_t)(at - out))
			break;
		if (n)
			memcpy(at, path, n);
		else
			snprintf(at, 5, "\\x%02x", (unsigned char)*path);
		at += need;
		path += n ? n : 1;
	}
	*at = 0;
	return out;
}

const char *bk_file_entry_shown(const struct bk_file_entry *e)
{
	const char *at = e->path;

	if (!e->is_odd)
		return at;
	at += strlen(at) + 1;
	return e->is_link ? at + strlen(at) + 1 : at;
}

const char *bk_file_entry_shown_target(const struct bk_file_entry *e)
{
	const char *target = bk_file_entry_target(e), *behind = target + strlen(target) + 1;

	if (!e->has_odd_target)
		return target;
	return e->is_odd ? behind + strlen(behind) + 1 : behind;
}

/* --- the arena --- */

static char *arena_reserve(struct bk_file_list *l, size_t n)
{
	struct bk_file_arena *a = l->arena;
	const size_t all = a ? a->all : 0, size = n > BLOCK_SIZE ? n : BLOCK_SIZE;
	char *at;

	if (!a || a->size - a->len < n) {
		a = all + size <= ARENA_MAX ? malloc(sizeof(*a) + size) : NULL;
		if (!a)
			return NULL;
		*a = (struct bk_file_arena){.next = l->arena, .size = size, .all = all + size};
		l->arena = a;
	}
	at = a->bytes + a->len;
	a->len += n;
	return at;
}

static char *put_string(char *at, const char *s)
{
	size_t n = strlen(s) + 1;

	memcpy(at, s, n);
	return at + n;
}

/* Path, target, and how they are shown; NULL: no memory, or more than a list may have. */
static const char *store(struct bk_file_list *l, const struct bk_file_entry *e, const char *target)
{
	char path[BK_FILE_SHOWN_MAX], aim[BK_FILE_SHOWN_MAX];
	const char *parts[] = {e->path, target,
		e->is_odd ? bk_file_path_show(e->path, path, sizeof(path)) : NULL,
		e->has_odd_target ? bk_file_path_show(target, aim, sizeof(aim)) : NULL};
	size_t n = 0;
	char *from, *at;

	for (size_t i = 0; i < 4; i++)
		n += parts[i] ? strlen(parts[i]) + 1 : 0;
	from = at = arena_reserve(l, n);
	for (size_t i = 0; i < 4 && from; i++)
		at = parts[i] ? put_string(at, parts[i]) : at;
	return from;
}

/* --- the index --- */

static size_t slot_of(const struct bk_file_list *l, const char *path, size_t len)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)path, len, l->key);
	return (size_t)hash & (l->slots_len - 1);
}

const struct bk_file_entry *bk_file_list_find(const struct bk_file_list *l, const char *path, size_t len)
{
	if (!l->slots_len)
		return NULL;
	for (size_t at = slot_of(l, path, len); l->slots[at]; at = (at + 1) & (l->slots_len - 1)) {
		const struct bk_file_entry *e = &l->entries[l->slots[at] - 1];

		if (!strncmp(e->path, path, len) && !e->path[len])
			return e;
	}
	return NULL;
}

static void index_entry(struct bk_file_list *l, size_t i)
{
	size_t at = slot_of(l, l->entries[i].path, strlen(l->entries[i].path));

	while (l->slots[at])
		at = (at + 1) & (l->slots_len - 1);
	l->slots[at] = (uint32_t)i + 1;
}

/* At most three quarters of the slots are taken. */
static int index_grow(struct bk_file_list *l)
{
	size_t n = l->slots_len ? 2 * l->slots_len : SLOTS_MIN;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return BK_E_NOMEM;
	if (!l->slots_len)
		randombytes_buf(l->key, sizeof(l->key));
	free(l->slots);
	l->slots = slots;
	l->slots_len = n;
	for (size_t i = 0; i < l->len; i++)
		index_entry(l, i);
	return 0;
}

/* --- the list --- */

static int grow(struct bk_file_list *l)
{
	size_t cap = l->cap ? 2 * l->cap : 16;
	struct bk_file_entry *entries;

	if (l->len == l->cap) {
		entries = realloc(l->entries, cap * sizeof(*entries));
		if (!entries)
			return BK_E_NOMEM;
		l->entries = entries;
		l->cap = cap;
	}
	return 4 * (l->len + 1) > 3 * l->slots_len ? index_grow(l) : 0;
}

/* In the order in which it is found out what is wrong. */
static int judge(const struct bk_file_list *l, const struct bk_file_entry *entry, const char *target)
{
	const char *slash = strrchr(entry->path, '/');
	const struct bk_file_entry *folder;

	if (bk_file_path_check_bytes(entry->path) < 0)
		return BK_E_UNSAFE_PATH;
	if (target && (!*target || strlen(target) > BK_FILE_PATH_MAX))
		return BK_E_UNSAFE_PATH;
	if (l->len == BK_FILE_LIST_LEN_MAX)
		return BK_E_FULL;
	if (entry->size > SIZE_LIMIT - l->bytes)
		return BK_E_TOO_BIG;
	if (bk_file_list_find(l, entry->path, strlen(entry->path)))
		return BK_E_EXISTS;
	folder = slash ? bk_file_list_find(l, entry->path, (size_t)(slash - entry->path)) : NULL;
	return slash && !(folder && folder->is_folder) ? BK_E_NOT_FOUND : 0;
}

int bk_file_list_add(struct bk_file_list *l, const struct bk_file_entry *entry, const char *target)
{
	struct bk_file_entry e = *entry;
	int err = judge(l, entry, target);

	if (err >= 0)
		err = grow(l);
	if (err < 0)
		return err;
	e.is_odd = !is_plain(entry->path);
	e.has_odd_target = target && !is_plain(target);
	e.path = store(l, &e, target);
	if (!e.path)
		return BK_E_NOMEM;
	l->entries[l->len] = e;
	index_entry(l, l->len++);
	l->bytes += e.size;
	l->links += e.is_link;
	l->folders += e.is_folder;
	return 0;
}

size_t bk_file_list_size(const struct bk_file_list *l)
{
	return l->len * sizeof(*l->entries) + l->slots_len * sizeof(*l->slots) +
	       (l->arena ? l->arena->all : 0);
}

void bk_file_list_done(struct bk_file_list *l)
{
	for (struct bk_file_arena *a = l->arena, *next; a; a = next) {
		next = a->next;
		free(a);
	}
	free(l->entries);
	free(l->slots);
	*l = (struct bk_file_list){0};
}

/* --- links --- */

/* Where we are, and what is left of the way: rest from `from` on. */
struct walk {
	char at[BK_FILE_PATH_MAX + 1], rest[2 * BK_FILE_PATH_MAX + 2];
	size_t at_len, from;
	unsigned hops;
	const struct bk_file_entry *entry; /* at */
};

/* The folder that was named stands in none. */
static enum bk_file_way go_up(struct walk *w)
{
	while (w->at_len && w->at[w->at_len - 1] != '/')
		w->at_len--;
	if (!w->at_len)
		return BK_FILE_WAY_OUTSIDE;
	w->at[--w->at_len] = 0;
	w->entry = NULL;
	return BK_FILE_WAY_INSIDE;
}

/* What a link says stands before what is left. */
static enum bk_file_way take_link(struct walk *w, const struct bk_file_entry *link)
{
	const char *target = bk_file_entry_target(link);
	size_t n = strlen(target), left = strlen(w->rest + w->from);

	if (*target == '/')
		return BK_FILE_WAY_OUTSIDE;
	if (w->hops++ >= BK_FILE_LINK_HOPS_MAX || n + left >= sizeof(w->rest))
		return BK_FILE_WAY_CIRCULAR;
	memmove(w->rest + n, w->rest + w->from, left + 1);
	memcpy(w->rest, target, n);
	w->from = 0;
	return BK_FILE_WAY_INSIDE;
}

static enum bk_file_way go_down(const struct bk_file_list *l, struct walk *w, const char *name, size_t n)
{
	size_t was = w->at_len, len = was + 1 + n;
	const struct bk_file_entry *e;

	if (len > BK_FILE_PATH_MAX)
		return BK_FILE_WAY_NOWHERE;
	w->at[was] = '/';
	memcpy(w->at + was + 1, name, n);
	w->at[len] = 0;
	e = bk_file_list_find(l, w->at, len);
	if (!e)
		return BK_FILE_WAY_NOWHERE;
	w->at_len = e->is_link ? was : len;
	w->at[w->at_len] = 0;
	w->entry = e;
	return e->is_link ? take_link(w, e) : BK_FILE_WAY_INSIDE;
}

/* The next name, with the slashes before it. */
static enum bk_file_way step(const struct bk_file_list *l, struct walk *w)
{
	size_t slashes = strspn(w->rest + w->from, "/");
	const char *name = w->rest + w->from + slashes;
	size_t n = strcspn(name, "/");

	if (slashes && w->entry && !w->entry->is_folder && !w->entry->is_link)
		return BK_FILE_WAY_NOWHERE;
	w->from += slashes + n;
	if (!n || (n == 1 && *name == '.'))
		return BK_FILE_WAY_INSIDE;
	return n == 2 && !memcmp(name, "..", 2) ? go_up(w) : go_down(l, w, name, n);
}

void bk_file_list_follow_anew(struct bk_file_list *l)
{
	l->steps = STEPS_LEAST + STEPS_EACH * l->len;
}

/* One that takes long leaves the others their own. */
static bool may_step(struct bk_file_list *l, size_t *own)
{
	size_t *from = *own ? own : &l->steps;

	if (!*from)
		return false;
	--*from;
	return true;
}

enum bk_file_way bk_file_list_follow(struct bk_file_list *l, const struct bk_file_entry *link,
	bool (*is_there)(void *arg, const struct bk_file_entry *e), void *arg)
{
	const char *slash = strrchr(link->path, '/');
	struct walk w = {.at_len = slash ? (size_t)(slash - link->path) : 0};
	enum bk_file_way way = slash ? take_link(&w, link) : BK_FILE_WAY_OUTSIDE;
	size_t own = STEPS_EACH;

	memcpy(w.at, link->path, w.at_len);
	w.at[w.at_len] = 0;
	while (way == BK_FILE_WAY_INSIDE && w.rest[w.from]) {
		const struct bk_file_entry *was = w.entry;

		if (!may_step(l, &own))
			return BK_FILE_WAY_CIRCULAR;
		way = step(l, &w);
		if (is_there && w.entry && w.entry != was && !is_there(arg, w.entry))
			return BK_FILE_WAY_NOWHERE;
	}
	return way;
}

const struct bk_file_entry *bk_file_list_find_stray(struct bk_file_list *l)
{
	bk_file_list_follow_anew(l);
	for (size_t i = 0; i < l->len && l->links; i++)
		if (l->entries[i].is_link &&
			bk_file_list_follow(l, &l->entries[i], NULL, NULL) != BK_FILE_WAY_INSIDE)
			return &l->entries[i];
	return NULL;
}

/* All are judged before the first goes. */
static void mark_strays(struct bk_file_list *l,
	void (*fn)(void *arg, const struct bk_file_entry *e, enum bk_file_way way), void *arg)
{
	bk_file_list_follow_anew(l);
	for (size_t i = 0; i < l->len; i++) {
		struct bk_file_entry *e = &l->entries[i];
		enum bk_file_way way =
			e->is_link ? bk_file_list_follow(l, e, NULL, NULL) : BK_FILE_WAY_INSIDE;

		e->is_stray = way != BK_FILE_WAY_INSIDE;
		if (e->is_stray)
			fn(arg, e, way);
	}
}

void bk_file_list_remove_strays(struct bk_file_list *l,
	void (*fn)(void *arg, const struct bk_file_entry *e, enum bk_file_way way), void *arg)
{
	size_t len = 0;

	if (!l->links)
		return;
	mark_strays(l, fn, arg);
	for (size_t i = 0; i < l->len; i++) {
		l->links -= l->entries[i].is_stray;
		if (!l->entries[i].is_stray)
			l->entries[len++] = l->entries[i];
	}
	l->len = len;
	memset(l->slots, 0, l->slots_len * sizeof(*l->slots));
	for (size_t i = 0; i < len; i++)
		index_entry(l, i);
}
