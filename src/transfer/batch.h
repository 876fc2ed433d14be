/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_BATCH_H
#define BK_TRANSFER_BATCH_H

#include "transfer/inodes.h"
#include "transfer/journal.h"
#include "transfer/pick.h"
#include "transfer/sink.h"

/* Files that are complete and verified, and wait together until the disk has them: then each gets its name. One
 * sync of the whole file system costs what one of a file does, so that many small files cost no more than
 * a big one; a few are synced one by one, so that nobody waits for what others write. */
enum { BK_BATCH_FILES_MAX = 1024, BK_BATCH_BYTES_MAX = 64 << 20 };

struct bk_batch_row {
	size_t entry;
	uint64_t birth;
	uint32_t noted; /* its row in the journal */
	char part[BK_PART_MAX];
};

struct bk_batch {
	struct bk_sink *sink;
	struct bk_picks *picks;
	struct bk_batch_row *rows;
	size_t len, cap;
	uint64_t bytes;
	struct bk_inodes replaced;       /* what stands in the place of what was there */
	bool has_parts_name;             /* one of them is to be called as a part may be */
	char text[BK_TRANSFER_TEXT_MAX]; /* the sentence for the last failure */
};

static inline bool bk_batch_is_full(const struct bk_batch *b)
{
	return b->len >= BK_BATCH_FILES_MAX || b->bytes >= BK_BATCH_BYTES_MAX;
}

/* The sink's file, which is closed, is this entry, and in that row of the journal. BK_E_NOMEM; the file is dropped
 * then. */
int bk_batch_add(struct bk_batch *b, size_t entry, uint32_t noted);
/* Syncs, names, and empties it; a file that is being written meanwhile goes on afterwards. Where the disk fails all
 * are removed; where a name is taken meanwhile the file stays under the one that it has, and the others get theirs. The
 * first failure: BK_E_FILE, BK_E_NO_SPACE, BK_E_EXISTS. The journal, which may be NULL, hears whose parts are none any
 * more. */
int bk_batch_land(struct bk_batch *b, struct bk_journal *journal);
void bk_batch_done(struct bk_batch *b);

#endif
