/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/answer.h"

#include <stdlib.h>

#include "base/error.h"

static int put_message(struct bk_buf *out, struct bk_buf *records)
{
	const struct bk_file_msg msg = {.type = BK_FILE_HAVE};
	int err = records->len ? bk_file_msg_encode(out, &msg, records->len) : 0;

	if (err >= 0)
		err = bk_buf_append(out, bk_buf_head(records), records->len);
	bk_buf_consume(records, records->len);
	return err;
}

/* As much of the blocks as fits into a message, which goes when it is full. */
static int put_blocks(struct bk_buf *out, struct bk_buf *records, struct bk_have *have, uint32_t blocks)
{
	int err = 0;

	while (blocks && err >= 0) {
		size_t room = bk_buf_room(records) / BK_HAVE_DIGEST_LEN;

		have->count = blocks < room - 1 ? blocks : (uint32_t)(room ? room - 1 : 0);
		if (room < 2) {
			err = put_message(out, records);
			continue;
		}
		err = bk_have_append(records, have);
		have->first += have->count;
		have->digests += (size_t)have->count * BK_HAVE_DIGEST_LEN;
		blocks -= have->count;
	}
	return err;
}

static int put_have(struct bk_buf *out, const struct bk_here *here)
{
	struct bk_buf records;
	int err = 0;

	bk_buf_init(&records, BK_FILE_LIST_MAX);
	for (size_t i = 0; i < here->len && err >= 0; i++) {
		const struct bk_here_row *r = &here->rows[i];
		struct bk_have have = {
			.entry = (uint32_t)i, .digests = bk_buf_head(&here->digests) + r->digests_at};

		if (r->bytes)
			err = put_blocks(out, &records, &have,
				(uint32_t)((r->bytes + BK_HAVE_BLOCK - 1) / BK_HAVE_BLOCK));
	}
	if (err >= 0)
		err = put_message(out, &records);
	bk_buf_done(&records);
	return err;
}

static int begin(
	struct bk_answer *a, struct bk_buf *out, const struct bk_picks *picks, const struct bk_here *here)
{
	size_t n = picks->list->len;

	a->choices = calloc(n + 1, sizeof(*a->choices));
	if (!a->choices)
		return BK_E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		a->choices[i].is_taken = picks->rows[i].is_taken;
		a->choices[i].offset = picks->rows[i].is_taken ? bk_here_of(here, i) : 0;
	}
	return put_have(out, here);
}

int bk_answer_next(struct bk_answer *a, const struct bk_file_msg *header, struct bk_buf *out,
	const struct bk_picks *picks, const struct bk_here *here)
{
	int err = a->choices ? 0 : begin(a, out, picks, here);

	if (err >= 0)
		err = bk_file_accept_encode(out, header, a->choices, picks->list->len, &a->at);
	if (err >= 0 && a->at < picks->list->len)
		return BK_E_AGAIN;
	bk_answer_done(a);
	return err;
}

void bk_answer_done(struct bk_answer *a)
{
	free(a->choices);
	*a = (struct bk_answer){0};
}
