/* SPDX-License-Identifier: Apache-2.0 */
/* Credit and kept bytes of one channel. Positions count from the channel's beginning and never wrap (64
 * bits). Bytes are kept in pieces: memory comes with the bytes and goes with them, a large window moves
 * nothing, and a piece taken outlives the channel whose reader is looking at it. */
#include "stream/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

void bk_inbox_init(struct bk_inbox *b)
{
	*b = (struct bk_inbox){.limit = BK_INBOX_WINDOW, .window = BK_INBOX_WINDOW};
}

void bk_inbox_piece_free(struct bk_inbox_piece *piece)
{
	bk_loan_unref(piece->loan);
	free(piece);
}

void bk_inbox_done(struct bk_inbox *b)
{
	struct bk_inbox_piece *piece;

	while ((piece = bk_inbox_take(b)))
		bk_inbox_piece_free(piece);
}

int bk_inbox_expect(struct bk_inbox *b, uint32_t n)
{
	if (n > b->limit - b->expected)
		return BK_E_PROTOCOL;
	b->expected += n;
	return 0;
}

static size_t room(const struct bk_inbox *b)
{
	return b->last && b->last->is_copy ? BK_INBOX_CHUNK - b->last->len : 0;
}

/* Takes over the reference. */
static int add(struct bk_inbox *b, struct bk_loan *loan, const uint8_t *data, size_t n)
{
	struct bk_inbox_piece *piece = loan ? malloc(sizeof(*piece)) : NULL;

	if (!piece) {
		bk_loan_unref(loan);
		return BK_E_NOMEM;
	}
	*piece = (struct bk_inbox_piece){.loan = loan, .data = data, .len = n, .is_copy = !n};
	*(b->last ? &b->last->next : &b->first) = piece;
	b->last = piece;
	b->kept += n;
	b->pinned += loan->size;
	return 0;
}

static int add_copy(struct bk_inbox *b)
{
	struct bk_loan *loan = bk_loan_new(BK_INBOX_CHUNK);

	return add(b, loan, loan ? loan->bytes : NULL, 0);
}

/* What the bytes stand in, where that can be kept, and as much of what is kept so is bytes as is to be. */
static struct bk_loan *keep_loan(const struct bk_inbox *b, const uint8_t *data, size_t n)
{
	struct bk_loan *loan = bk_loan_keep(data, n);

	if (!loan || b->pinned + loan->size <= BK_INBOX_PINNED * (b->kept + n) + BK_INBOX_SLACK)
		return loan;
	bk_loan_unref(loan);
	return NULL;
}

int bk_inbox_keep(struct bk_inbox *b, const uint8_t *data, size_t n)
{
	struct bk_loan *loan = keep_loan(b, data, n);

	if (loan)
		return add(b, loan, data, n);
	while (n) {
		size_t take;

		if (!room(b) && add_copy(b) < 0)
			return BK_E_NOMEM;
		take = room(b) < n ? room(b) : n;
		memcpy(b->last->loan->bytes + b->last->len, data, take);
		b->last->len += take;
		b->kept += take;
		data += take;
		n -= take;
	}
	return 0;
}

struct bk_inbox_piece *bk_inbox_take(struct bk_inbox *b)
{
	struct bk_inbox_piece *piece = b->first;

	if (!piece)
		return NULL;
	b->first = piece->next;
	if (!b->first)
		b->last = NULL;
	bk_assert(b->kept >= piece->len && b->pinned >= piece->loan->size);
	b->kept -= piece->len;
	b->pinned -= piece->loan->size;
	return piece;
}

uint32_t bk_inbox_due(const struct bk_inbox *b)
{
	uint64_t open = b->limit - b->consumed;
	uint32_t due = b->window - (uint32_t)open;

	bk_assert(b->consumed <= b->expected && b->expected <= b->limit && open <= b->window);
	return due >= BK_INBOX_BATCH ? due : 0;
}

void bk_inbox_grant(struct bk_inbox *b, uint32_t credit)
{
	b->limit += credit;
}
