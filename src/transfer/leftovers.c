/* SPDX-License-Identifier: Apache-2.0 */
#include <bodkin/transfer.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "transfer/here.h"
#include "transfer/journal.h"
#include "transfer/journals.h"
#include "transfer/part.h"
#include "transfer/sink.h"

enum { JOURNALS_MAX = 4096 };

struct look {
	struct bk_sink *sink;
	bool is_removing;
	struct bk_transfer_leftovers *left;
	char too_long[BK_JOURNALS_NAME_MAX]; /* one that could not be read; "": none */
};

static void look_at(void *arg, uint32_t number, const struct bk_journal_row *row)
{
	const struct look *l = arg;
	struct bk_transfer_leftovers *left = l->left;
	const char *leaf;
	uint64_t size;
	int dir = row->is_folder || row->is_gone ? -1 : bk_sink_aim(l->sink, row->name, &leaf);

	(void)number;

	if (dir < 0 || !bk_part_find(dir, leaf, row->number, row->birth, &size))
		return;
	left->parts++;
	left->bytes += size;
	if (l->is_removing)
		bk_part_remove(dir, leaf, row->number, row->birth);
}

static int look_into(struct look *l, const char *name)
{
	bool is_too_long;
	struct bk_journal *j =
		bk_journal_open(bk_sink_folder(l->sink), name, BK_JOURNAL_ROWS_MAX, &is_too_long);
	int err;

	if (is_too_long)
		snprintf(l->too_long, sizeof(l->too_long), "%s", name);
	if (!j)
		return 0; /* somebody is at it, or it is none */
	l->left->transfers++;
	err = bk_journal_each(j, look_at, NULL, l);
	if (l->is_removing && err >= 0)
		bk_journal_remove(j);
	bk_journal_free(j);
	return err;
}

static int tell_too_long(const struct look *l, const char *folder, char *text)
{
	char name[BK_TRANSFER_TEXT_MAX / 4];

	snprintf(text, BK_TRANSFER_TEXT_MAX,
		"cannot look into '%s': '%s' there has more than the %d rows, or %d MiB, that are read of "
		"it; remove it, and the .part files beside it that are not wanted",
		folder, bk_file_path_show(l->too_long, name, sizeof(name)), BK_JOURNAL_ROWS_MAX,
		BK_JOURNAL_MIB_MAX);
	return BK_E_TOO_BIG;
}

int bk_transfer_find_leftovers(const char *folder, bool removes, struct bk_transfer_leftovers *ret_leftovers,
	char ret_text[BK_TRANSFER_TEXT_MAX])
{
	char text[BK_TRANSFER_TEXT_MAX], **names;
	struct look l = {.is_removing = removes, .left = ret_leftovers};
	size_t n;
	int err = bk_sink_new(folder, &l.sink, ret_text ? ret_text : text);

	*ret_leftovers = (struct bk_transfer_leftovers){0};
	if (err < 0)
		return err;
	names = bk_journals_list(bk_sink_folder(l.sink), JOURNALS_MAX, UINT64_MAX, &n);
	err = names ? 0 : BK_E_NOMEM;
	for (size_t i = 0; names && i < n; i++) {
		if (err >= 0)
			err = look_into(&l, names[i]);
		free(names[i]);
	}
	free(names);
	bk_sink_free(l.sink);
	if (err >= 0 && *l.too_long)
		return tell_too_long(&l, folder, ret_text ? ret_text : text);
	if (err < 0 && ret_text)
		snprintf(ret_text, BK_TRANSFER_TEXT_MAX, "cannot look into '%s': %s", folder,
			bk_error_text(err));
	return err;
}
