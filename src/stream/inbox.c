/* SPDX-License-Identifier: Apache-2.0 */
/* Credit and kept bytes of one channel. Positions count from the channel's beginning and never wrap (64
 * bits). Bytes are kept in chunks: memory comes with the bytes and goes with them, a large window moves
 * nothing, and a chunk taken outlives the channel whose reader is looking at it. */
#include "stream/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

void bk_inbox_init(struct bk_inbox *b)
{
	*b = (struct bk_inbox){.limit = BK_INBOX_WINDOW, .window = BK_INBOX_WINDOW};
}

void bk_inbox_done(struct bk_inbox *b)
{
	struct bk_inbox_chunk *chunk;

	while ((chunk = bk_inbox_take(b)))
		free(chunk);
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
	return b->last ? BK_INBOX_CHUNK - b->last->len : 0;
}

static struct bk_inbox_chunk *add(struct bk_inbox *b)
{
	struct bk_inbox_chunk *chunk = malloc(sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->len = 0;
	*(b->last ? &b->last->next : &b->first) = chunk;
	b->last = chunk;
	return chunk;
}

int bk_inbox_keep(struct bk_inbox *b, const uint8_t *data, size_t n)
{
	while (n) {
		size_t take;

		if (!room(b) && !add(b))
			return BK_E_NOMEM;
		take = room(b) < n ? room(b) : n;
		memcpy(b->last->data + b->last->len, data, take);
		b->last->len += take;
		b->kept += take;
		data += take;
		n -= take;
	}
	return 0;
}

struct bk_inbox_chunk *bk_inbox_take(struct bk_inbox *b)
{
	struct bk_inbox_chunk *chunk = b->first;

	if (!chunk)
		return NULL;
	b->first = chunk->next;
	if (!b->first)
		b->last = NULL;
	bk_assert(b->kept >= chunk->len);
	b->kept -= chunk->len;
	return chunk;
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
