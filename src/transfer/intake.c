/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/intake.h"

#include "base/error.h"

enum { PATH_LEAST = 2 };

static int charge(struct bk_intake *i, uint64_t bytes)
{
	int err = bk_budget_set(i->budget, bytes);

	i->is_too_long = err == BK_E_TOO_BIG;
	return err;
}

/* What stands in the first message of an offer in pieces is for receivers that know no pieces. So many entries will
 * take that much at least: what has no room now need not come first. */
static int begin(struct bk_intake *i, const struct bk_file_msg *msg)
{
	const size_t each = i->each + sizeof(struct bk_file_entry) + PATH_LEAST;
	int err;

	i->entries = msg->entries;
	if (!msg->entries)
		return BK_E_MALFORMED;
	if (msg->entries > BK_FILE_LIST_LEN_MAX)
		return BK_E_TOO_BIG;
	err = charge(i, (uint64_t)msg->entries * each);
	bk_budget_done(i->budget); /* whoever only says so holds nothing */
	return err < 0 ? err : BK_E_AGAIN;
}

int bk_intake_read(struct bk_intake *i, const struct bk_file_msg *msg, const struct bk_buf *content)
{
	int err;

	if (msg->type == BK_FILE_OFFER && msg->more)
		return begin(i, msg);
	err = bk_file_offer_decode(bk_buf_head(content), content->len, i->list);
	if (err >= 0)
		err = charge(i, bk_file_list_size(i->list) + i->list->len * i->each);
	if (err < 0)
		return err;
	if (i->entries && (i->list->len > i->entries || (!msg->more && i->list->len < i->entries)))
		return BK_E_MALFORMED;
	if (msg->more)
		return BK_E_AGAIN;
	return bk_file_list_find_stray(i->list) ? BK_E_UNSAFE_PATH : 0;
}
