/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_JOURNAL_H
#define BK_TRANSFER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transfer/digest.h"
#include "wire/file.h"

/* What a receiver has begun, in a hidden file in the folder that it goes to, so that whoever dies can go on: which
 * entry is in which part, and which of them was complete. It only says where to look: what is there is read and
 * compared before it counts. Rows are appended, each with its digest, so that a torn end costs only the last; the
 * file is locked as long as somebody writes it, and goes when all is done. It is help that is not needed: what cannot
 * be noted is sent again. */
struct bk_journal;

/* One that has more is not read, and none is written further. */
enum {
	BK_JOURNAL_ROWS_MAX = BK_FILE_LIST_LEN_MAX, /* as many as an offer has entries */
	BK_JOURNAL_MIB_MAX = 512,
};

struct bk_journal_row {
	const char *path; /* as it was offered */
	const char *name; /* what it was to be called here; the part is named after it */
	uint64_t size;
	int64_t mtime;             /* seconds since 1970 */
	unsigned number;           /* of the part, */
	uint64_t birth;            /* and which file that is, or which folder this is (transfer/birth.h) */
	bool is_stream, is_folder; /* a folder has no part: it was made here */
	bool is_gone;  /* its part is none any more: it has its name, was removed, or is another journal's */
	bool is_whole; /* all of it came: it is in the part, or has its name already */
};

/* Of an offer: paths, sizes, times and kinds. */
uint64_t bk_journal_identity(const struct bk_file_list *list);

/* The journal of this offer, as it is found, or a new one; its rows can be looked at. NULL: there cannot be one. */
struct bk_journal *bk_journal_new(int dir, uint64_t identity);
struct bk_journal *bk_journal_find(int dir, uint64_t identity); /* NULL: none is there */
/* One that is there, and that nobody writes. rows_max: BK_JOURNAL_ROWS_MAX; it gets no more either. NULL: none, or one
 * that is too long to be read. */
struct bk_journal *bk_journal_open(int dir, const char *file_name, size_t rows_max, bool *ret_is_too_long);
/* Unlocks it. NULL is fine. */
void bk_journal_free(struct bk_journal *j);
void bk_journal_remove(struct bk_journal *j); /* the file; the journal stays the caller's */

/* When those were at work that wrote it before, in seconds since 1970. */
void bk_journal_times(const struct bk_journal *j, int64_t *ret_from, int64_t *ret_to);
/* The rows that it had when it was opened, in order, with their numbers: each is good as long as its call. Then the
 * digests of those that are whole, where somebody wants them (on_digest may be NULL); of one row the last counts. It is
 * read for this, and not held. BK_E_NOMEM. */
typedef void (*bk_journal_row_fn)(void *arg, uint32_t number, const struct bk_journal_row *row);
typedef void (*bk_journal_digest_fn)(void *arg, uint32_t number, const uint8_t digest[BK_DIGEST_LEN]);
int bk_journal_each(
	const struct bk_journal *j, bk_journal_row_fn fn, bk_journal_digest_fn on_digest, void *arg);
size_t bk_journal_len(const struct bk_journal *j); /* how many rows those are */
void bk_journal_let_go(struct bk_journal *j);      /* they are needed no more */

/* A part was made. Its number among the rows, for bk_journal_whole. NULL is a journal that notes nothing. */
uint32_t bk_journal_begin(struct bk_journal *j, const struct bk_journal_row *row);
/* It is complete; noted with the next bk_journal_flush, or soon. */
void bk_journal_whole(struct bk_journal *j, uint32_t row, const uint8_t digest[BK_DIGEST_LEN]);
/* Its part is none any more. Noted likewise; many in a row are one note. */
void bk_journal_gone(struct bk_journal *j, uint32_t row);
/* False: not all that was said is noted. */
bool bk_journal_flush(struct bk_journal *j);

#endif
