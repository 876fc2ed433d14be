/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_HERE_H
#define BK_TRANSFER_HERE_H

#include "transfer/journal.h"
#include "transfer/journals.h"
#include "transfer/pick.h"
#include "transfer/sink.h"
#include "wire/have.h"

/* What is here already of an offer, from a transfer that did not come to its end. The journals in the folder say where
 * to look; what counts is what is found there, block by block. Of an entry that is offered with another size nothing
 * counts. Embedded, zeroed. */
enum {
	BK_HERE_NOWHERE,
	BK_HERE_PART,
	BK_HERE_NAMED, /* complete, under its name, as it was put there */
	BK_HERE_OLD,   /* a part of something that has changed since */
	BK_HERE_MADE,  /* a folder that was made for it */
};

/* One for each entry of an offer that may have a million: what only few of them have stands elsewhere. */
struct bk_here_row {
	uint64_t bytes; /* that are there */
	union {
		/* With is_whole: of all of it. Once it was read, where it has no more than one block: of that, which is
		 * the same. */
		uint8_t digest[BK_DIGEST_LEN];
		size_t digests_at; /* once it was read, where it has more: of its blocks, and behind them of all */
	};
	uint32_t noted : 22; /* its row in the journal: */
	uint32_t other : 6;  /* this one of the others, where is_noted does not say that it is ours */
	uint32_t place : 3;
	uint32_t more : 24; /* which of those; 0: it has none */
	bool is_noted : 1;
	bool is_whole : 1;
};

struct bk_here_more {
	char *name;      /* what it was to be called; NULL: as it is offered */
	uint64_t birth;  /* which file its part is, or which folder it is */
	uint64_t size;   /* that it was offered with then, */
	int64_t mtime;   /* and its time */
	unsigned number; /* of the part */
};

/* Of other offers' journals those written last are looked at, and so many bytes of them. */
enum {
	BK_HERE_JOURNALS_MAX = 64,
	BK_HERE_JOURNALS_BYTES = 512 << 20,
	BK_HERE_DIGESTS_MAX = 64 << 20,
	BK_HERE_MORE_MAX = (1 << 24) - 1,
};

struct bk_here {
	struct bk_journal *journal; /* ours; NULL: nothing was begun */
	bool was_begun;             /* this very offer was, once */
	struct bk_here_row *rows;   /* one for each entry; NULL: nothing is here */
	size_t len;
	struct bk_here_more *more; /* the first is that of who has none */
	size_t more_len, more_cap;
	struct bk_journal *others[BK_HERE_JOURNALS_MAX]; /* that rows come from, locked until they are ours */
	bool is_used_up[BK_HERE_JOURNALS_MAX];           /* nothing else is in it */
	size_t others_len;
	char too_long[BK_JOURNALS_NAME_MAX]; /* the first that was too long to be read; "": none */
	struct bk_buf digests;
	size_t abandoned; /* parts of other offers, that nobody writes */
	uint64_t abandoned_bytes;
};

/* Looks into the folder, on whatever thread; says of picks what is here under its name. Nothing is changed.
 * BK_E_NOMEM. */
int bk_here_find(
	struct bk_here *h, struct bk_sink *sink, const struct bk_file_list *list, struct bk_picks *picks);
void bk_here_done(struct bk_here *h);

/* How much of what is taken: bytes. Before bk_here_read what the file system says, then what was read. */
uint64_t bk_here_bytes(const struct bk_here *h, const struct bk_picks *picks);

/* The same, and what is of no use, as it is told. */
void bk_here_tell(
	const struct bk_here *h, const struct bk_picks *picks, struct bk_transfer_resume *ret_resume);

/* Reads what is taken, on whatever thread: what cannot be read is not here. A file that is no longer what was put
 * there is left alone, and the entry gets another name. */
void bk_here_read(struct bk_here *h, struct bk_sink *sink, struct bk_picks *picks);

static inline const struct bk_here_row *bk_here_row(const struct bk_here *h, size_t entry)
{
	return h->rows && h->rows[entry].place != BK_HERE_NOWHERE ? &h->rows[entry] : NULL;
}
static inline const struct bk_here_more *bk_here_more(const struct bk_here *h, const struct bk_here_row *r)
{
	return &h->more[r->more];
}
/* Of what was read: so many blocks, the last of which may be shorter, */
static inline uint64_t bk_here_blocks(const struct bk_here_row *r)
{
	return r->bytes / BK_HAVE_BLOCK + (r->bytes % BK_HAVE_BLOCK ? 1 : 0);
}
/* their digests, */
static inline const uint8_t *bk_here_digests(const struct bk_here *h, const struct bk_here_row *r)
{
	return bk_here_blocks(r) > 1 ? bk_buf_head(&h->digests) + r->digests_at : r->digest;
}
/* and, of one that is under its name, that of all. */
static inline const uint8_t *bk_here_digest(const struct bk_here *h, const struct bk_here_row *r)
{
	const uint64_t blocks = bk_here_blocks(r);

	return bk_here_digests(h, r) + (blocks > 1 ? blocks * BK_HAVE_DIGEST_LEN : 0);
}
/* So many bytes of it need not come again. */
static inline uint64_t bk_here_of(const struct bk_here *h, size_t entry)
{
	return h->rows ? h->rows[entry].bytes : 0;
}

#endif
