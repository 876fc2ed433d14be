/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/made.h"

#include <stdlib.h>

#include "base/error.h"

static int grow(struct bk_made *m)
{
	size_t cap = m->cap ? 2 * m->cap : 16, *rows;

	if (m->len < m->cap)
		return 0;
	rows = realloc(m->rows, cap * sizeof(*rows));
	if (!rows)
		return BK_E_NOMEM;
	m->rows = rows;
	m->cap = cap;
	return 0;
}

int bk_made_add(struct bk_made *m, struct bk_sink *sink, const struct bk_file_list *list, size_t entry,
	bool is_ours, bool *ret_is_new)
{
	size_t other;
	struct stat st;
	int err = grow(m);

	if (err >= 0)
		err = bk_sink_make_folder(sink, &list->entries[entry], ret_is_new, &st);
	other = err >= 0 && !*ret_is_new ? bk_inodes_find(&m->all, &st) : SIZE_MAX;
	if (other != SIZE_MAX)
		err = bk_sink_is_other(sink, &list->entries[entry], &list->entries[other]);
	if (err >= 0)
		err = bk_inodes_set(&m->all, &st, entry);
	if (err >= 0 && (*ret_is_new || is_ours))
		m->rows[m->len++] = entry;
	return err;
}

void bk_made_leave(struct bk_made *m, struct bk_sink *sink, const struct bk_file_list *list, bool is_all)
{
	while (m->len) {
		const struct bk_file_entry *e = &list->entries[m->rows[--m->len]];

		if (!is_all)
			bk_sink_remove_folder(sink, e);
		bk_sink_dress_folder(sink, e);
	}
}

void bk_made_done(struct bk_made *m)
{
	free(m->rows);
	bk_inodes_done(&m->all);
	*m = (struct bk_made){0};
}
