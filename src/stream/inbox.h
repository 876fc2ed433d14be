/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_INBOX_H
#define BK_STREAM_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loan.h"

/* One channel's incoming side: how far the peer may send, and what came while its reader was paused.
 * Embedded; what is kept is never more than what was granted and not consumed.
 *
 * The first window is known to both sides and needs no frame. It is the longest write and the batch in which
 * credit returns: when all was consumed, one more write always has its credit. */
enum {
	BK_INBOX_BATCH = 1024 * 1024,
	BK_INBOX_WINDOW = 2 * 1024 * 1024,
	BK_INBOX_WINDOW_MAX = 16 * 1024 * 1024, /* of a reader that keeps up: no less than what may be on its
						   way in the whole session */
	BK_INBOX_CHUNK = 32 * 1024,
	BK_INBOX_PINNED = 2, /* times as much memory as bytes are kept, and a little */
	BK_INBOX_SLACK = 1024 * 1024,
};

/* Where the bytes came in memory that is lent (base/loan.h) it is kept; else they are copied. */
struct bk_inbox_piece {
	struct bk_inbox_piece *next;
	struct bk_loan *loan;
	const uint8_t *data;
	size_t len;
	bool is_copy;
};

struct bk_inbox {
	struct bk_inbox_piece *first, *last;
	size_t kept, pinned; /* bytes, and the memory in which they stand */
	uint64_t expected;   /* sent by the peer: headers of frames count for their payload */
	uint64_t consumed;   /* handed to the reader */
	uint64_t limit;      /* granted: expected never passes it */
	uint32_t window;     /* what limit - consumed is filled up to */
};

void bk_inbox_init(struct bk_inbox *b);
/* Drops what is kept. */
void bk_inbox_done(struct bk_inbox *b);

/* A frame of n bytes begins. BK_E_PROTOCOL beyond the credit. */
int bk_inbox_expect(struct bk_inbox *b, uint32_t n);

/* BK_E_NOMEM leaves the stream with a hole: end it. What is kept was expected, so it is within the window. */
int bk_inbox_keep(struct bk_inbox *b, const uint8_t *data, size_t n);
/* The oldest piece, the caller's; NULL: nothing is kept. */
struct bk_inbox_piece *bk_inbox_take(struct bk_inbox *b);
void bk_inbox_piece_free(struct bk_inbox_piece *piece);

/* Credit to return, once it is a batch; else 0. bk_inbox_grant when it has been sent. */
uint32_t bk_inbox_due(const struct bk_inbox *b);
void bk_inbox_grant(struct bk_inbox *b, uint32_t credit);

#endif
