/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_WRITING_H
#define BK_TRANSFER_WRITING_H

#include "transfer/batch.h"
#include "transfer/digest.h"
#include "transfer/made.h"
#include "transfer/store.h"

/* Files as they are written, one after the other: a part, its content, its digest, its name, and what stays of it all
 * when it breaks off. It waits for the disk: one thread has it until it is over. */
struct bk_writing {
	struct bk_store *store;
	unsigned modes;
	struct bk_batch batch;
	struct bk_digest *digest;
	size_t current;
	uint32_t noted;                     /* its row in the journal */
	size_t whole;                       /* so many came */
	char left[BK_PART_MAX];             /* the part that stays */
	const struct bk_here_row *standing; /* the current one has its name already */
	int from; /* what has it is copied from there, since it is to be changed; -1 */
	uint64_t passed;
	struct bk_made made;
	bool has_noted, has_folders, has_read, is_finished;
	int error;
	char text[BK_TRANSFER_TEXT_MAX];
};

/* The store is borrowed. modes: the bits that files may have. BK_E_NOMEM. */
int bk_writing_init(struct bk_writing *w, struct bk_store *store, unsigned modes);
void bk_writing_done(struct bk_writing *w); /* fine after a failed init */

/* What each does stands at the writer's call of that name (transfer/writer.h); what went wrong first stays in error,
 * with its sentence in text, and is what they say. */
int bk_writing_read(struct bk_writing *w);
int bk_writing_make_folder(struct bk_writing *w, size_t entry);
int bk_writing_begin(struct bk_writing *w, size_t entry);
int bk_writing_pass(struct bk_writing *w, uint64_t n);
int bk_writing_write(struct bk_writing *w, const void *data, size_t n);
int bk_writing_hole(struct bk_writing *w, size_t n);
int bk_writing_end(struct bk_writing *w, const uint8_t *digest);
int bk_writing_finish(struct bk_writing *w);

int bk_writing_land(struct bk_writing *w); /* what is complete gets its name */
/* The last of all: what is complete gets its name, of what is not a part stays that is worth to go on with. */
void bk_writing_leave(struct bk_writing *w);
/* Says err; it stays where nothing failed before. */
int bk_writing_fail(struct bk_writing *w, int err, const char *text);

#endif
