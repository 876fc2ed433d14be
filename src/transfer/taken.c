/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/taken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first that were taken, where they stand. */
static void name_paths(struct bk_taken *t, const struct bk_picks *picks, const char *folder)
{
	const struct bk_file_list *list = picks->list;

	for (size_t i = 0; i < list->len && t->paths_len < BK_TRANSFER_PATHS_MAX; i++) {
		if (!picks->rows[i].is_taken || strchr(list->entries[i].path, '/'))
			continue;
		if (asprintf(&t->paths[t->paths_len], "%s%s%s", folder, *folder ? "/" : "",
			    bk_picks_shown(picks, i)) < 0)
			return;
		t->paths_len++;
	}
}

static const char *first_taken(const struct bk_picks *picks)
{
	for (size_t i = 0; i < picks->list->len; i++)
		if (picks->rows[i].is_taken)
			return bk_picks_shown(picks, i);
	return NULL;
}

void bk_taken_tell(struct bk_taken *t, const struct bk_picks *picks, const char *folder,
	struct bk_transfer_result *result)
{
	result->entries = bk_picks_taken(picks);
	result->folders = bk_picks_folders(picks);
	result->links = bk_picks_links(picks);
	result->skipped = picks->list->len - picks->list->folders - picks->list->links - result->entries;
	result->left = bk_picks_left(picks, &result->left_first);
	result->unfit = picks->unfit;
	result->unfit_first =
		picks->unfit ? bk_file_entry_shown(&picks->list->entries[picks->unfit_first]) : NULL;
	result->unfit_why = picks->unfit_why;
	result->first = first_taken(picks);
	if (folder)
		name_paths(t, picks, folder);
	result->paths = (const char *const *)t->paths;
	result->paths_len = t->paths_len;
}

void bk_taken_done(struct bk_taken *t)
{
	for (size_t i = 0; i < t->paths_len; i++)
		free(t->paths[i]);
	t->paths_len = 0;
}
