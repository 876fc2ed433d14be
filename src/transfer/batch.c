/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { FEW = 8 };

/* Another file's part may want it. */
static bool is_like_a_part(const char *name)
{
	static const char suffix[] = ".part";
	size_t n = strlen(name);

	return n >= sizeof(suffix) && !strcmp(name + n + 1 - sizeof(suffix), suffix);
}

int bk_batch_add(struct bk_batch *b, size_t entry, uint32_t noted)
{
	if (b->len == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : FEW;
		struct bk_batch_row *rows = realloc(b->rows, cap * sizeof(*rows));

		if (!rows) {
			bk_sink_drop(b->sink);
			snprintf(b->text, sizeof(b->text), "cannot receive: %s", bk_error_text(BK_E_NOMEM));
			return BK_E_NOMEM;
		}
		b->rows = rows;
		b->cap = cap;
	}
	b->rows[b->len].entry = entry;
	b->rows[b->len].noted = noted;
	b->rows[b->len].birth = bk_sink_birth(b->sink);
	snprintf(b->rows[b->len++].part, BK_PART_MAX, "%s", bk_sink_part(b->sink));
	b->bytes += b->picks->list->entries[entry].size;
	b->has_parts_name |= is_like_a_part(bk_picks_name(b->picks, entry));
	bk_sink_park(b->sink);
	return 0;
}

static int take_up(struct bk_batch *b, const struct bk_batch_row *row)
{
	return bk_sink_unpark(b->sink, row->part, row->birth, bk_picks_name(b->picks, row->entry));
}

/* One failure of the whole file system may be another's: each is asked then. */
static int sync_content(struct bk_batch *b)
{
	int err = 0;

	if (b->len > FEW && bk_sink_sync_all(b->sink) >= 0)
		return 0;
	for (size_t i = 0; i < b->len && err >= 0; i++) {
		/* one whose folder is gone fails when it is to have its name */
		if (take_up(b, &b->rows[i]) >= 0)
			err = bk_sink_sync_part(b->sink);
		bk_sink_park(b->sink);
	}
	return err;
}

/* What may be replaced is what was there before, not another file of the offer whose name is the same here. */
static int replace(struct bk_batch *b, size_t entry)
{
	const struct bk_file_entry *entries = b->picks->list->entries;
	struct stat st;
	size_t other = bk_sink_look(b->sink, &st) ? bk_inodes_find(&b->replaced, &st) : SIZE_MAX;
	int err;

	if (other != SIZE_MAX && other != entry)
		return bk_sink_is_other(b->sink, &entries[entry], &entries[other]);
	err = bk_sink_commit(b->sink, true);
	if (err >= 0 && bk_sink_look(b->sink, &st))
		(void)bk_inodes_set(&b->replaced, &st, entry);
	return err;
}

/* A name that was free when it was chosen may be taken by now: the next one. */
static int name_it(struct bk_batch *b, const struct bk_batch_row *row)
{
	const struct bk_pick *pick = &b->picks->rows[row->entry];
	int err = take_up(b, row);

	if (err < 0)
		return err;
	err = pick->may_replace ? replace(b, row->entry) : bk_sink_commit(b->sink, false);
	while (err == BK_E_EXISTS && bk_picks_other(b->picks, row->entry) &&
		bk_picks_rename(b->picks, row->entry) >= 0) {
		bk_sink_rename(b->sink, bk_picks_name(b->picks, row->entry));
		err = bk_sink_commit(b->sink, false);
	}
	if (err < 0)
		bk_sink_keep(b->sink);
	return err;
}

static void drop_it(struct bk_batch *b, const struct bk_batch_row *row)
{
	if (take_up(b, row) >= 0)
		bk_sink_drop(b->sink);
}

int bk_batch_land(struct bk_batch *b, struct bk_journal *journal)
{
	struct bk_sink_aside aside;
	int synced, first;

	bk_sink_set_aside(b->sink, &aside);
	first = synced = sync_content(b);

	if (synced < 0)
		snprintf(b->text, sizeof(b->text), "%s", bk_sink_text(b->sink));
	for (size_t i = 0; i < b->len; i++) {
		int err = 0;

		if (synced < 0)
			drop_it(b, &b->rows[i]);
		else
			err = name_it(b, &b->rows[i]);
		if (err >= 0)
			bk_journal_gone(journal, b->rows[i].noted);
		if (err < 0 && first >= 0) {
			first = err;
			snprintf(b->text, sizeof(b->text), "%s", bk_sink_text(b->sink));
		}
	}
	bk_sink_take_back(b->sink, &aside);
	b->len = 0;
	b->bytes = 0;
	b->has_parts_name = false;
	return first;
}

void bk_batch_done(struct bk_batch *b)
{
	free(b->rows);
	bk_inodes_done(&b->replaced);
	*b = (struct bk_batch){0};
}
