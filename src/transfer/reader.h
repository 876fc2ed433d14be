/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_READER_H
#define BK_TRANSFER_READER_H

#include <bodkin/loop.h>

#include "transfer/digest.h"
#include "transfer/known.h"
#include "transfer/source.h"

/* Reads ahead on a thread of its own what was taken of a source, in order, and makes the messages of it: content and
 * digests, many small files in one piece. A message is made when its bytes are there: a file that ends early
 * never leaves one half sent. */
struct bk_reader;
struct bk_loan;

struct bk_reader_piece {
	struct bk_loan *loan; /* what the bytes stand in, to be lent to who sends them; the reader's */
	const uint8_t *bytes; /* whole messages */
	size_t len;
	size_t content; /* bytes of files in it */
	size_t fresh;   /* so many of those the other side did not have, not even as they were */
	size_t sent;    /* for which so many travel */
	size_t entry;   /* what it has something of last, */
	size_t number;  /* and which of those that are taken that is, from 1 */
};

struct bk_reader_wish {
	/* The reader's when it succeeds: */
	struct bk_file_choice *choices; /* one for each entry */
	struct bk_known *known;         /* what the other side has, checked; NULL: nothing */
	unsigned version;               /* of what the other side understands */
	uint64_t piece_max;             /* bytes of content in a piece, at most; a few thousand at least */
	bool may_pack;                  /* where it pays */
};

/* Keeps the source as long as it needs it. fn comes from the loop when there is a piece again, and when it is over.
 * BK_E_NOMEM. */
int bk_reader_new(struct bk_loop *loop, struct bk_source *source, const struct bk_reader_wish *wish,
	void (*fn)(void *arg), void *arg, struct bk_reader **ret_reader);
/* Does not wait. NULL is fine. */
void bk_reader_free(struct bk_reader *r);

/* The next piece, until bk_reader_next. BK_E_AGAIN: fn will come; BK_E_EOF: that was all; BK_E_FILE, BK_E_NOMEM: with
 * a sentence in *ret_text. */
int bk_reader_piece(struct bk_reader *r, struct bk_reader_piece *ret_piece, const char **ret_text);
void bk_reader_next(struct bk_reader *r);

/* When that was all: of one file its digest, else the digest of all. */
const uint8_t *bk_reader_digest(struct bk_reader *r);

#endif
