/* SPDX-License-Identifier: Apache-2.0 */
#include <bodkin/transfer.h>

#include <stdlib.h>

#include "base/error.h"
#include "transfer/here.h"
#include "transfer/journal.h"
#include "transfer/part.h"
#include "transfer/sink.h"

enum { JOURNALS_MAX = 4096 };

static void look_at(struct bk_sink *sink, const struct bk_journal_row *row, bool removes,
	struct bk_transfer_leftovers *left)
{
	const char *leaf;
	uint64_t size;
	int dir = row->is_folder || row->is_gone ? -1 : bk_sink_aim(sink, row->name, &leaf);

	if (dir < 0 || !bk_part_find(dir, leaf, row->number, row->birth, &size))
		return;
	left->parts++;
	left->bytes += size;
	if (removes)
		bk_part_remove(dir, leaf, row->number, row->birth);
}

static void look_into(
	struct bk_sink *sink, const char *name, bool removes, struct bk_transfer_leftovers *left)
{
	struct bk_journal *j = bk_journal_open(bk_sink_folder(sink), name);
	const struct bk_journal_row *rows;
	size_t n = 0;

	if (!j)
		return; /* somebody is at it, or it is none */
	rows = bk_journal_rows(j, &n);
	left->transfers++;
	for (size_t i = 0; i < n; i++)
		look_at(sink, &rows[i], removes, left);
	if (removes)
		bk_journal_remove(j);
	bk_journal_free(j);
}

int bk_transfer_find_leftovers(const char *folder, bool removes, struct bk_transfer_leftovers *ret_leftovers,
	char ret_text[BK_TRANSFER_TEXT_MAX])
{
	char text[BK_TRANSFER_TEXT_MAX], **names;
	struct bk_sink *sink;
	size_t n;
	int err = bk_sink_new(folder, &sink, ret_text ? ret_text : text);

	*ret_leftovers = (struct bk_transfer_leftovers){0};
	if (err < 0)
		return err;
	names = bk_journal_list(bk_sink_folder(sink), JOURNALS_MAX, UINT64_MAX, &n);
	for (size_t i = 0; names && i < n; i++) {
		look_into(sink, names[i], removes, ret_leftovers);
		free(names[i]);
	}
	free(names);
	bk_sink_free(sink);
	return 0;
}
