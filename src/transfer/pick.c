/* SPDX-License-Identifier: Apache-2.0 */
/* Consent, entry by entry. It asks nobody itself. Another name is NAME-1.EXT, NAME-2.EXT ...: the first that
 * neither the folder nor the offer has. */
#include "transfer/pick.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "transfer/journals.h"

enum { RENAMES_MAX = 1000 };

struct bk_pick_worn {
	struct bk_pick_worn *next;
	char *as;
};

static bool is_hidden(const char *path)
{
	return path[0] == '.' || strstr(path, "/.");
}

static struct bk_transfer_entry describe(const struct bk_file_entry *e)
{
	return (struct bk_transfer_entry){
		.path = bk_file_entry_shown(e),
		.bytes = e->size,
		.is_stream = e->is_stream,
		.is_folder = e->is_folder,
		.is_text = e->is_text,
		.is_hidden = is_hidden(e->path),
		.is_link = e->is_link,
		.is_executable = e->is_file && e->mode & 0111,
	};
}

struct bk_transfer_entry *bk_picks_describe(const struct bk_file_list *list)
{
	struct bk_transfer_entry *names = calloc(list->len + 1, sizeof(*names));

	for (size_t i = 0; names && i < list->len; i++)
		names[i] = describe(&list->entries[i]);
	return names;
}

const char *bk_transfer_offer_target(const struct bk_transfer_offer *offer, size_t entry)
{
	const struct bk_file_list *l = offer->list;

	if (!l || entry >= l->len || !l->entries[entry].is_link)
		return NULL;
	return bk_file_entry_shown_target(&l->entries[entry]);
}

/* Others may not tell us what we have. */
static bool is_journal(const char *path)
{
	const char *slash = strrchr(path, '/');

	return bk_journals_may_be_found_as(slash ? slash + 1 : path);
}

/* By rules that nobody here knows, or as a short name (BODKIN~1.JOU). */
static bool may_be_found_as_another(const char *path)
{
	while (*path && *path != '~' && !((unsigned char)*path & 0x80))
		path++;
	return *path;
}

/* Nor replace it: some file systems find it by a name that nobody gave it. Positive: so it is. BK_E_NOMEM. */
static int find_journal_here(struct bk_picks *p, const char *path)
{
	int dir = bk_sink_folder(p->sink), err = 0;
	struct stat st;
	size_t i = 0;

	if (strchr(path, '/') || !may_be_found_as_another(path))
		return 0;
	if (!p->has_journals)
		err = bk_journals_inodes(dir, &p->journals, &p->journals_len);
	if (err < 0)
		return err;
	p->has_journals = true;
	if (!p->journals_len || fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	while (i < p->journals_len && p->journals[i] != st.st_ino)
		i++;
	return i < p->journals_len;
}

void bk_picks_init(struct bk_picks *p, struct bk_file_list *list, struct bk_sink *sink)
{
	*p = (struct bk_picks){.list = list, .sink = sink};
}

/* New and not grown: what nobody writes to takes no memory. */
static int grow_others(struct bk_picks *p, size_t cap)
{
	char **as = calloc(cap, sizeof(*as));

	if (!as)
		return BK_E_NOMEM;
	if (p->has_other)
		memcpy(as, p->as, p->len * sizeof(*as));
	free(p->as);
	p->as = as;
	return 0;
}

static int grow(struct bk_picks *p)
{
	size_t cap = p->list->cap;
	struct bk_pick *rows;
	struct bk_transfer_entry *names;

	if (cap == p->cap)
		return 0;
	rows = realloc(p->rows, cap * sizeof(*rows));
	if (rows)
		p->rows = rows;
	names = realloc(p->names, cap * sizeof(*names));
	if (names)
		p->names = names;
	if (!rows || !names || grow_others(p, cap) < 0)
		return BK_E_NOMEM;
	p->cap = cap;
	return 0;
}

/* Of the folder that it is in; NULL: the one that all goes to. */
static const struct bk_pick *folder_of(const struct bk_picks *p, const struct bk_file_entry *e)
{
	const char *slash = strrchr(e->path, '/');
	const struct bk_file_entry *folder =
		slash ? bk_file_list_find(p->list, e->path, (size_t)(slash - e->path)) : NULL;

	return folder ? &p->rows[folder - p->list->entries] : NULL;
}

static bool is_in_absent(const struct bk_picks *p, const struct bk_file_entry *e)
{
	const struct bk_pick *folder = folder_of(p, e);

	return folder && folder->is_absent;
}

/* Its name is one that the file system here does not take, or that of a folder that it is in. */
static bool is_unfit(struct bk_picks *p, const struct bk_file_entry *e)
{
	const char *slash = strrchr(e->path, '/'), *why;
	const struct bk_pick *folder = p->unfit ? folder_of(p, e) : NULL;

	if (!p->sink || p->error < 0)
		return false;
	if (folder && folder->is_unfit) {
		p->unfit++;
		return true;
	}
	why = bk_naming_fault(&p->naming, bk_sink_folder(p->sink), slash ? slash + 1 : e->path);
	if (why && !p->unfit++) {
		p->unfit_first = p->len;
		p->unfit_why = why;
	}
	return why;
}

/* The disk is not asked for what it cannot have. BK_E_EXISTS, or as bk_sink_check. */
static int check(const struct bk_picks *p, const struct bk_file_entry *e, bool *ret_is_absent)
{
	bool is_known = e->is_file || e->is_folder || e->is_link;
	int err;

	*ret_is_absent = e->is_folder;
	if (!p->sink || p->error < 0 || (is_known && is_in_absent(p, e)))
		return 0;
	err = bk_sink_check(p->sink, e);
	*ret_is_absent = e->is_folder && err >= 0 && !bk_sink_has(p->sink, e->path);
	return err;
}

struct bk_transfer_entry bk_picks_entry(const struct bk_picks *p, size_t entry)
{
	struct bk_transfer_entry e = describe(&p->list->entries[entry]);

	e.is_existing = p->rows[entry].is_existing;
	e.is_unfit = p->rows[entry].is_unfit;
	return e;
}

void bk_picks_let_go(struct bk_picks *p)
{
	free(p->names);
	p->names = NULL;
}

int bk_picks_look(struct bk_picks *p)
{
	if (grow(p) < 0)
		return BK_E_NOMEM;
	for (; p->len < p->list->len; p->len++) {
		const struct bk_file_entry *e = &p->list->entries[p->len];
		bool is_absent = false, is_ours = p->sink && is_journal(e->path), is_odd = is_unfit(p, e);
		int err = is_odd ? 0 : check(p, e, &is_absent), found = 0;

		if (err < 0 && err != BK_E_EXISTS)
			p->error = err;
		if (err == BK_E_EXISTS && !is_ours)
			found = find_journal_here(p, e->path);
		if (found < 0)
			return found;
		is_ours |= found;
		p->rows[p->len] = (struct bk_pick){.is_taken = !is_ours && !is_odd,
			.is_unfit = is_odd,
			.is_existing = err < 0,
			.is_open = err < 0 && !is_ours,
			.is_absent = is_absent};
		p->names[p->len] = bk_picks_entry(p, p->len);
		p->existing += err < 0;
	}
	return 0;
}

void bk_picks_done(struct bk_picks *p)
{
	for (size_t i = 0; i < p->len && p->has_other; i++)
		free(p->as[i]);
	free(p->as);
	for (struct bk_pick_worn *w = p->worn, *next; w; w = next) {
		next = w->next;
		free(w->as);
		free(w);
	}
	free(p->rows);
	free(p->names);
	free(p->journals);
	*p = (struct bk_picks){0};
}

void bk_picks_skip_hidden(struct bk_picks *p)
{
	for (size_t i = 0; i < p->list->len; i++)
		if (p->names[i].is_hidden)
			p->rows[i].is_taken = p->rows[i].is_open = false;
}

const struct bk_transfer_entry *bk_picks_conflict(struct bk_picks *p)
{
	while (p->next < p->list->len && !p->rows[p->next].is_open)
		p->next++;
	return p->next < p->list->len ? &p->names[p->next] : NULL;
}

/* The beginning that is kept leaves room for the number; it is not cut inside a character. */
static char *other_name(const char *path, int number)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *dot = strrchr(name, '.');
	size_t ext = dot && dot != name ? strlen(dot) : 0, stem = strlen(name) - ext;
	char *out = NULL, digits[16];
	size_t more = (size_t)snprintf(digits, sizeof(digits), "-%d", number);

	if (ext + more >= BK_FILE_NAME_MAX)
		return NULL;
	while (stem + more + ext > BK_FILE_NAME_MAX || (stem && ((unsigned char)name[stem] & 0xc0) == 0x80))
		stem--;
	if (asprintf(&out, "%.*s%s%s", (int)(name - path + (ptrdiff_t)stem), path, digits,
		    dot && ext ? dot : "") < 0)
		return NULL;
	return out;
}

static bool is_offered(const struct bk_picks *p, const char *name)
{
	return bk_file_list_find(p->list, name, strlen(name));
}

static char *with_shown(const char *name)
{
	char shown[BK_FILE_SHOWN_MAX];
	size_t n = strlen(name) + 1, more;
	char *both;

	bk_file_path_show(name, shown, sizeof(shown));
	more = strlen(shown) + 1;
	both = malloc(n + more);
	if (!both)
		return NULL;
	memcpy(both, name, n);
	memcpy(both + n, shown, more);
	return both;
}

/* The loop shows the name while the thread that writes finds another: the old one stays until all is over. */
static int wear(struct bk_picks *p, size_t entry, char *as)
{
	struct bk_pick_worn *w = p->as[entry] ? malloc(sizeof(*w)) : NULL;

	if (p->as[entry] && !w) {
		free(as);
		return BK_E_NOMEM;
	}
	if (w) {
		*w = (struct bk_pick_worn){.next = p->worn, .as = p->as[entry]};
		p->worn = w;
	}
	p->as[entry] = as;
	p->has_other = true;
	return 0;
}

int bk_picks_rename(struct bk_picks *p, size_t entry)
{
	for (int i = 1; i <= RENAMES_MAX; i++) {
		char *name = other_name(p->list->entries[entry].path, i), *as;
		const struct bk_file_entry e = {.path = name, .is_file = true};

		if (!name)
			return BK_E_NOMEM;
		if (is_offered(p, name) || bk_sink_check(p->sink, &e) < 0) {
			free(name);
			continue;
		}
		as = with_shown(name);
		free(name);
		if (!as)
			return BK_E_NOMEM;
		return wear(p, entry, as);
	}
	return BK_E_EXISTS;
}

int bk_picks_settle(struct bk_picks *p, enum bk_transfer_conflict how)
{
	struct bk_pick *row = &p->rows[p->next];

	row->is_open = false;
	if (how == BK_TRANSFER_CONFLICT_RENAME)
		return bk_picks_rename(p, p->next);
	row->may_replace = how == BK_TRANSFER_CONFLICT_OVERWRITE;
	row->is_taken = row->may_replace;
	row->is_left = !row->may_replace && how != BK_TRANSFER_CONFLICT_SKIP;
	return 0;
}

int bk_picks_stand(struct bk_picks *p, size_t entry, const char *name)
{
	struct bk_pick *row = &p->rows[entry];

	if (name && !(p->as[entry] = with_shown(name)))
		return BK_E_NOMEM;
	p->has_other |= name != NULL;
	p->existing -= row->is_existing;
	p->names[entry].is_existing = row->is_existing = row->is_open = false;
	return 0;
}

void bk_picks_fall(struct bk_picks *p, size_t entry)
{
	p->rows[entry].is_existing = true;
	(void)bk_picks_rename(p, entry);
}

void bk_picks_differ(struct bk_picks *p, size_t entry)
{
	struct bk_pick *row = &p->rows[entry];

	row->may_replace = p->may_replace_all;
	row->is_beside = !row->may_replace;
	if (row->is_beside)
		bk_picks_fall(p, entry);
}

const char *bk_picks_other(const struct bk_picks *p, size_t entry)
{
	return p->as[entry];
}

const char *bk_picks_name(const struct bk_picks *p, size_t entry)
{
	return p->as[entry] ? p->as[entry] : p->list->entries[entry].path;
}

const char *bk_picks_shown(const struct bk_picks *p, size_t entry)
{
	const char *as = p->as[entry];

	return as ? as + strlen(as) + 1 : bk_file_entry_shown(&p->list->entries[entry]);
}

size_t bk_picks_taken(const struct bk_picks *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->list->len; i++)
		n += p->rows[i].is_taken && p->list->entries[i].is_file;
	return n;
}

size_t bk_picks_folders(const struct bk_picks *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->list->len; i++)
		n += p->rows[i].is_taken && p->list->entries[i].is_folder;
	return n;
}

size_t bk_picks_links(const struct bk_picks *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->list->len && p->list->links; i++)
		n += p->rows[i].is_taken && p->list->entries[i].is_link;
	return n;
}

static bool is_as_offered(void *arg, const struct bk_file_entry *e)
{
	const struct bk_picks *p = arg;
	size_t entry = (size_t)(e - p->list->entries);

	return p->rows[entry].is_taken && !p->as[entry];
}

/* One that goes may take others with it. */
void bk_picks_skip_strays(struct bk_picks *p)
{
	bool has_changed = p->list->links;

	while (has_changed) {
		has_changed = false;
		bk_file_list_follow_anew(p->list);
		for (size_t i = 0; i < p->list->len; i++) {
			const struct bk_file_entry *e = &p->list->entries[i];

			if (!e->is_link || !p->rows[i].is_taken ||
				bk_file_list_follow(p->list, e, is_as_offered, p) == BK_FILE_WAY_INSIDE)
				continue;
			p->rows[i].is_taken = false;
			has_changed = true;
		}
	}
}

size_t bk_picks_left(const struct bk_picks *p, const char **ret_first)
{
	size_t n = 0;

	for (size_t i = 0; i < p->list->len; i++)
		if (p->rows[i].is_left && !n++)
			*ret_first = bk_file_entry_shown(&p->list->entries[i]);
	return n;
}

uint64_t bk_picks_bytes(const struct bk_picks *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->list->len; i++)
		sum += p->rows[i].is_taken ? p->list->entries[i].size : 0;
	return sum;
}
