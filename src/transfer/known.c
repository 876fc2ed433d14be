/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/known.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"

struct row {
	uint32_t entry, blocks;
	uint32_t at; /* its first digest's number */
};

struct bk_known {
	struct row *rows; /* by entry */
	size_t len, cap;
	struct bk_buf digests;
};

struct bk_known *bk_known_new(void)
{
	struct bk_known *k = calloc(1, sizeof(*k));

	if (k)
		bk_buf_init(&k->digests, BK_KNOWN_MAX);
	return k;
}

void bk_known_free(struct bk_known *k)
{
	if (!k)
		return;
	free(k->rows);
	bk_buf_done(&k->digests);
	free(k);
}

static uint64_t blocks_of(uint64_t bytes)
{
	return bytes / BK_HAVE_BLOCK + (bytes % BK_HAVE_BLOCK ? 1 : 0);
}

/* The row that this goes on with, or a new one. NULL: out of memory. */
static struct row *row_for(struct bk_known *k, uint32_t entry)
{
	struct row *rows = k->rows;

	if (k->len && rows[k->len - 1].entry == entry)
		return &rows[k->len - 1];
	if (k->len == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 16;
		rows = realloc(rows, k->cap * sizeof(*rows));
		if (!rows)
			return NULL;
		k->rows = rows;
	}
	rows[k->len] = (struct row){.entry = entry, .at = (uint32_t)(k->digests.len / BK_HAVE_DIGEST_LEN)};
	return &rows[k->len++];
}

static int add(struct bk_known *k, const struct bk_file_list *list, const struct bk_have *have)
{
	struct row *row;
	int err;

	if (have->entry >= list->len || (k->len && have->entry < k->rows[k->len - 1].entry))
		return BK_E_MALFORMED;
	row = row_for(k, have->entry);
	if (!row)
		return BK_E_NOMEM;
	if (have->first != row->blocks ||
		(uint64_t)have->first + have->count > blocks_of(list->entries[have->entry].size))
		return BK_E_MALFORMED;
	err = bk_buf_append(&k->digests, have->digests, (size_t)have->count * BK_HAVE_DIGEST_LEN);
	row->blocks += have->count;
	return err == BK_E_FULL ? BK_E_TOO_BIG : err;
}

int bk_known_add(struct bk_known *k, const struct bk_file_list *list, const void *content, size_t n)
{
	const uint8_t *at = content;
	struct bk_have have;
	int err;

	while ((err = bk_have_next(&at, &n, &have)) > 0) {
		err = add(k, list, &have);
		if (err < 0)
			break;
	}
	return err;
}

int bk_known_check(
	const struct bk_known *k, const struct bk_file_list *list, const struct bk_file_choice *choices)
{
	const size_t len = k ? k->len : 0;
	size_t next = 0;

	for (size_t i = 0; i < list->len; i++) {
		const struct bk_file_choice *c = &choices[i];
		bool is_known = next < len && k->rows[next].entry == i;

		if (c->offset > list->entries[i].size ||
			blocks_of(c->offset) != (is_known ? k->rows[next].blocks : 0))
			return BK_E_MALFORMED;
		next += is_known;
	}
	return 0;
}

static int compare(const void *key, const void *row)
{
	size_t entry = *(const size_t *)key, other = ((const struct row *)row)->entry;

	return entry < other ? -1 : entry > other;
}

const uint8_t *bk_known_block(const struct bk_known *k, size_t entry, uint64_t block)
{
	const struct row *row = bsearch(&entry, k->rows, k->len, sizeof(*k->rows), compare);

	bk_assert(row && block < row->blocks);
	return bk_buf_head(&k->digests) + (row->at + block) * BK_HAVE_DIGEST_LEN;
}
