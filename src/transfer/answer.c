/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/answer.h"

#include "base/error.h"

/* What an offer is answered from. */
struct known {
	const struct bk_picks *picks;
	const struct bk_here *here;
};

/* As much of the next entry's blocks as fits. False: there is no room for any. */
static bool put_blocks(struct bk_answer *a, struct bk_buf *records, const struct bk_here *here, int *err)
{
	const struct bk_here_row *r = &here->rows[a->had];
	const uint32_t all = (uint32_t)bk_here_blocks(r), left = all - a->blocks;
	const size_t room = bk_buf_room(records);
	const size_t fits = room < BK_HAVE_HEAD_LEN ? 0 : (room - BK_HAVE_HEAD_LEN) / BK_HAVE_DIGEST_LEN;
	struct bk_have have = {
		.entry = (uint32_t)a->had, .first = a->blocks, .count = left < fits ? left : (uint32_t)fits};

	if (have.count) {
		have.digests = bk_here_digests(here, r) + (size_t)a->blocks * BK_HAVE_DIGEST_LEN;
		*err = bk_have_append(records, &have);
		a->blocks += have.count;
	}
	if (a->blocks < all)
		return have.count;
	a->had++;
	a->blocks = 0;
	return true;
}

/* One message of what is here, where any of it is left to be said. */
static int put_have(struct bk_answer *a, struct bk_buf *out, const struct bk_here *here)
{
	const struct bk_file_msg msg = {.type = BK_FILE_HAVE};
	struct bk_buf records;
	int err = 0;

	bk_buf_init(&records, BK_FILE_PIECE_MAX - BK_FILE_HEADER_MAX);
	while (err >= 0 && a->had < here->len && put_blocks(a, &records, here, &err))
		;
	if (err >= 0 && records.len)
		err = bk_file_msg_encode(out, &msg, records.len);
	if (err >= 0 && records.len)
		err = bk_buf_append(out, bk_buf_head(&records), records.len);
	bk_buf_done(&records);
	return err < 0 ? err : BK_E_AGAIN;
}

static struct bk_file_choice choose(const void *arg, size_t entry)
{
	const struct known *k = arg;
	const bool is_taken = k->picks->rows[entry].is_taken;

	return (struct bk_file_choice){
		.is_taken = is_taken, .offset = is_taken ? bk_here_of(k->here, entry) : 0};
}

int bk_answer_next(struct bk_answer *a, const struct bk_file_msg *header, struct bk_buf *out,
	const struct bk_picks *picks, const struct bk_here *here)
{
	const struct known known = {.picks = picks, .here = here};
	const struct bk_file_choices choices = {.get = choose, .arg = &known, .len = picks->list->len};
	int err;

	if (a->had < here->len)
		return put_have(a, out, here);
	err = bk_file_accept_encode(out, header, &choices, &a->chosen);
	return err >= 0 && a->chosen < choices.len ? BK_E_AGAIN : err;
}
